// A probe of a service: each of its addresses, step by step as its route reaches it. Green is what answered: a connection, even a whole
// handshake, is no success before the first byte of an answer.
import type { ReactNode } from 'react';
import type { Answer, Body } from '../../api/client.ts';
import { type Acting, useAct } from '../../api/queries.ts';
import { Hostile } from '../../parts/hostile.tsx';
import { Ladder, type LadderFailure, type LadderStep } from '../../parts/ladder.tsx';
import { Panel } from '../../parts/page.tsx';
import { Tag } from '../../parts/tag.tsx';
import css from './probe.module.css';

export type ProbedBackend = Answer<'probeService'>['backends'][number];
type Unsaved = Body<'probeUnsavedService'>;
/** One that is saved, or one that is not, with what it needs. */
export type Asked = string | Unsaved;
export type Probe = Pick<Acting<'probeService'>, 'isRunning' | 'problem'> & {
  readonly run: (asked: Asked) => Promise<readonly ProbedBackend[] | undefined>;
  readonly reset: () => void;
  readonly found: readonly ProbedBackend[] | undefined;
};

export function useProbe(): Probe {
  const saved = useAct('probeService', { outdates: ['getService', 'listServices'] });
  const unsaved = useAct('probeUnsavedService', { outdates: [] });
  const reset = (): void => {
    saved.reset();
    unsaved.reset();
  };
  return {
    run: async (asked) => {
      reset();
      const reply = await (typeof asked === 'string'
        ? saved.run({ params: { id: asked } })
        : unsaved.run({ body: asked }));
      return reply?.body.backends;
    },
    isRunning: saved.isRunning || unsaved.isRunning,
    problem: saved.problem ?? unsaved.problem,
    reset,
    found: (saved.reply ?? unsaved.reply)?.body.backends,
  };
}

export function ProbeResult({
  probe,
  title,
  note,
  actions,
}: {
  readonly probe: Probe;
  readonly title: string;
  readonly note?: ReactNode;
  readonly actions?: ReactNode;
}) {
  if (probe.isRunning)
    return (
      <Panel title={title} padded>
        <p role="status">Connecting …</p>
      </Panel>
    );
  if (probe.found === undefined) return null;
  return (
    <>
      {probe.found.map((one) => (
        <Panel
          key={`${one.route} ${one.backend}`}
          title={
            <>
              <Hostile text={one.backend} /> <Lamp of={one} />
            </>
          }
          label={`Probe of ${one.backend}`}
        >
          {!answers(one) && note !== undefined && <p className={css['note']}>{note}</p>}
          <Ladder label={`Probe of ${one.backend}`} steps={stepsOf(one)} missing={missingOf(one)} actions={actions} />
        </Panel>
      ))}
    </>
  );
}

/** The first byte of an answer came. */
export function answers(one: ProbedBackend): boolean {
  return one.ok && stepsOf(one).some(({ step, status }) => step === 'answer' && status === 'ok');
}

function Lamp({ of }: { readonly of: ProbedBackend }) {
  if (answers(of)) return <Tag tone="ok">answers</Tag>;
  return of.ok ? <Tag tone="due">no answer yet</Tag> : <Tag tone="bad">failed</Tag>;
}

const order = ['dns', 'tcp', 'tls', 'certificate', 'chain', 'name', 'client_auth', 'own', 'answer'] as const;

type Told = { readonly steps?: readonly LadderStep[]; readonly failure: LadderFailure | null };

function stepsOf(one: ProbedBackend): readonly LadderStep[] {
  return (one as unknown as Told).steps ?? [];
}

function missingOf(one: ProbedBackend): readonly string[] {
  const reached = new Set(stepsOf(one).map(({ step }) => step));
  return order.filter((step) => !reached.has(step));
}
