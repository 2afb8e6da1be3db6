// New objects as one revision: planned, and made on the very revision that they were planned on, so that a name that somebody else took
// meanwhile is never overwritten.
import { useState } from 'react';
import type { Body } from '../../api/client.ts';
import type { JsonObject } from '../../api/merge-patch.ts';
import { type FieldError, Problem } from '../../api/problem.ts';
import { useAct } from '../../api/queries.ts';
import { sayPending } from '../../parts/say-pending.ts';

export type NewObject = { readonly kind: 'services' | 'caBundles'; readonly id: string; readonly value: JsonObject };
export type NewObjects = readonly NewObject[];

export type Make = {
  /** True where a gateway would take them. */
  plan(objects: NewObjects): Promise<boolean>;
  /** True where they are made. */
  make(objects: NewObjects, onMade: () => void): Promise<boolean>;
  readonly isRunning: boolean;
  readonly problem: Error | null;
};

export function useMake(): Make {
  const planning = useAct('planConfig', { outdates: [] });
  const applying = useAct('applyConfig');
  const [refusal, setRefusal] = useState<Error | null>(null);
  const planOn = async (objects: NewObjects): Promise<number | undefined> => {
    setRefusal(null);
    applying.reset();
    const planned = await planning.run({ body: { changes: changesOf(objects) } });
    if (planned === undefined) return undefined;
    const { parent, usable, errors, changes } = planned.body;
    const taken = objects.flatMap(({ kind, id }, at): FieldError[] =>
      changes.some((one) => one.kind === kind && one.id === id && one.change === 'changed')
        ? [{ pointer: `/changes/${at}/id`, code: 'duplicate', detail: 'There is one of this name already.' }]
        : [],
    );
    const wrong = [...taken, ...errors];
    if (usable && taken.length === 0) return parent;
    setRefusal(
      new Problem({
        title: 'not valid',
        status: 422,
        code: 'invalid',
        detail: 'A gateway would not take it.',
        errors: wrong,
      }),
    );
    return undefined;
  };
  return {
    plan: async (objects) => (await planOn(objects)) !== undefined,
    make: async (objects, onMade) => {
      const parent = await planOn(objects);
      if (parent === undefined) return false;
      const reply = await applying.run({ body: { parent, changes: changesOf(objects) } });
      if (reply === undefined) return false;
      onMade();
      sayPending(reply.body);
      return true;
    },
    isRunning: planning.isRunning || applying.isRunning,
    problem: refusal ?? planning.problem ?? applying.problem,
  };
}

function changesOf(objects: NewObjects): Body<'planConfig'>['changes'] {
  return objects.map(({ kind, id, value }) => ({
    kind,
    id,
    operation: 'put' as const,
    // Undefined members are none in JSON.
    value: value as Extract<Body<'planConfig'>['changes'][number], { operation: 'put' }>['value'],
  }));
}
