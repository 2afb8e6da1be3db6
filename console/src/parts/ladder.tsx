// A handshake step by step, and where it broke: one component for probes, test requests and live failures, in the words of
// `explain handshake` and of the log.
import type { ReactNode } from 'react';
import { CopyButton } from './copy.tsx';
import { Hostile } from './hostile.tsx';
import css from './ladder.module.css';

export type LadderFailure = {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
  /** Of OpenSSL, Node or errno; '' where there is none. */
  readonly raw?: string;
};

export type LadderStep = {
  /** As the API says it (`own`), or any words. */
  readonly step: string;
  readonly status: 'ok' | 'failed' | 'unknown' | 'notReached';
  /** May hold what a peer said. */
  readonly text: string;
  readonly notes?: readonly string[];
  readonly failure?: LadderFailure | null | undefined;
};

export type LadderProps = {
  readonly label: string;
  readonly steps: readonly LadderStep[];
  /** Steps that would have come after the one that broke. */
  readonly missing?: readonly string[];
  /** Beside "Copy as text": what can be done about it. */
  readonly actions?: ReactNode;
};

export const stepWords: Readonly<Record<string, string>> = {
  dns: 'DNS',
  tcp: 'TCP connect',
  tls: 'Version and cipher',
  certificate: 'Their certificate',
  chain: 'Their chain',
  name: 'Their name',
  client_auth: 'Client authentication',
  own: 'Our certificate',
  answer: 'First response byte',
};

const signs = { ok: '✓', failed: '✕', unknown: '?', notReached: '' } as const;
const said = { ok: 'passed', failed: 'failed', unknown: 'not known', notReached: 'not reached' } as const;

export function Ladder({ label, steps, missing = [], actions }: LadderProps) {
  const all: readonly LadderStep[] = [
    ...steps,
    ...missing.map((step): LadderStep => ({ step, status: 'notReached', text: 'not reached' })),
  ];
  const failure = steps.find(({ status }) => status === 'failed')?.failure;
  return (
    <>
      <ol className={css['ladder']} aria-label={label}>
        {all.map(({ step, status, text, notes = [] }, at) => (
          <li key={step} className={css[status]}>
            <span className={css['number']}>{at + 1}</span>
            <b className={css['name']}>
              <span className={css['sign']} aria-hidden="true">
                {signs[status]}
              </span>
              {stepWords[step] ?? step}
              <span className="visually-hidden">, {said[status]}</span>
            </b>
            <span className={css['text']}>
              <Hostile text={text} max={600} />
              {notes.map((note) => (
                <small key={note}>
                  <Hostile text={note} max={400} />
                </small>
              ))}
            </span>
          </li>
        ))}
      </ol>
      {(failure !== undefined && failure !== null) || actions !== undefined ? (
        <dl className={css['fix']}>
          {failure !== undefined && failure !== null && (
            <>
              <dt>Cause</dt>
              <dd>
                <Hostile text={failure.cause} max={1000} />
              </dd>
              <dt>What to do</dt>
              <dd>{failure.remedy}</dd>
              <dt>Code</dt>
              <dd className="mono">
                {failure.code}
                {failure.raw !== undefined && failure.raw !== '' && ` (${failure.raw})`}
              </dd>
            </>
          )}
          <dt className="visually-hidden">Next</dt>
          <dd className={css['actions']}>
            {actions}
            <CopyButton text={ladderText(label, steps)}>Copy as text</CopyButton>
          </dd>
        </dl>
      ) : null}
    </>
  );
}

/** As `explain handshake` prints it. */
export function ladderText(label: string, steps: readonly LadderStep[]): string {
  const words = { ok: 'ok     ', failed: 'FAILED ', unknown: 'unknown', notReached: '-      ' };
  const lines = steps.flatMap(({ step, status, text, notes = [], failure }) => [
    `  ${words[status]} ${(stepWords[step] ?? step).padEnd(22)} ${text}`,
    ...notes.map((note) => `  ${' '.repeat(31)}${note}`),
    ...(failure
      ? [
          `          cause:  ${failure.cause}`,
          `          remedy: ${failure.remedy}`,
          `          code:   ${failure.code}${failure.raw ? ` (${failure.raw})` : ''}`,
        ]
      : []),
  ]);
  return [label, ...lines, ''].join('\n');
}
