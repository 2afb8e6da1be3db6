// A change of the configuration, as every screen makes one: planned first; where nobody who was seen lately would be refused it is
// made at once, else it is shown who, and made when he has typed how many. What is wrong comes back at its field either way.
import { type ReactNode, useState } from 'react';
import type { Answer, Asked, Reply } from '../api/client.ts';
import type { Operations } from '../api/operations.ts';
import { type Acting, type ActOptions, useAct } from '../api/queries.ts';
import { ConfirmDialog } from './dialog.tsx';
import { AccessConsequences, ClientConsequences, countCutOff, type Plan, Warnings } from './plan.tsx';
import { sayPending } from './say-pending.ts';
import { plural } from './time.ts';

/** Operations that take `dryRun`. */
export type GuardedId = {
  [I in keyof Operations]: Operations[I]['query'] extends { dryRun?: 'true' | 'false' } ? I : never;
}[keyof Operations];

/** What a change is answered with. */
export type Changed = Answer<'applyConfig'>;

export type Guarded<I extends GuardedId> = Omit<Acting<I>, 'reply'> & {
  /** Belongs into the page. */
  readonly dialog: ReactNode;
};

export type GuardedOptions<I extends GuardedId> = ActOptions<I> & {
  /** Of the dialog: `Change the CA bundle partners?` */
  readonly title: string;
  /** Of its button. */
  readonly act: string;
};

export function useGuardedAct<I extends GuardedId>(id: I, options: GuardedOptions<I>): Guarded<I> {
  const { title, act, ...rest } = options;
  const plan = useAct(id, { outdates: [] });
  const made = useAct(id, rest);
  const [asked, setAsked] = useState<{ readonly asked: Asked<I>; readonly plan: Plan }>();
  const make = async (what: Asked<I>): Promise<Reply<Answer<I>> | undefined> => {
    const reply = await made.run(what);
    setAsked(undefined);
    if (reply !== undefined) sayPending(reply.body);
    return reply;
  };
  const run = async (what: Asked<I>): Promise<Reply<Answer<I>> | undefined> => {
    made.reset();
    plan.reset();
    const query = { ...what.query, dryRun: 'true' };
    const planned = await plan.run({ ...what, query } as Asked<I>);
    if (planned === undefined) return undefined;
    const shown = planned.body as Plan;
    // What is not usable is told as the change itself tells it: at its fields.
    if (!shown.usable || countCutOff(shown) === 0) return make(what);
    setAsked({ asked: what, plan: shown });
    return undefined;
  };
  const dialog = asked !== undefined && (
    <CutOffDialog
      title={title}
      act={act}
      plan={asked.plan}
      isRunning={made.isRunning}
      onConfirm={() => void make(asked.asked)}
      onClose={() => setAsked(undefined)}
    />
  );
  return {
    run,
    isRunning: plan.isRunning || made.isRunning,
    problem: plan.problem ?? made.problem,
    reset: () => {
      plan.reset();
      made.reset();
    },
    dialog,
  };
}

export type CutOffProps = {
  readonly title: string;
  readonly act: string;
  readonly plan: Pick<Plan, 'clients' | 'access' | 'warnings'>;
  readonly isRunning?: boolean;
  readonly problem?: Error | null;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
};

/** Who would be refused, and what has to be typed for it. */
export function CutOffDialog({ title, act, plan, ...rest }: CutOffProps) {
  const count = countCutOff(plan);
  return (
    <ConfirmDialog title={title} act={act} phrase={count === 0 ? undefined : cutOffPhrase(count)} {...rest}>
      <ClientConsequences clients={plan.clients} />
      <AccessConsequences access={plan.access} />
      <Warnings warnings={plan.warnings} />
    </ConfirmDialog>
  );
}

/** `refuse 2 clients` */
export function cutOffPhrase(count: number): string {
  return `refuse ${plural(count, 'client')}`;
}
