// What needs somebody beside what one look at configuration and state shows (needs.ts): renewals that fail, a surge of refusals, a control
// process that does not last, an audit that is overdue, a store that this process cannot use.
import type { Need } from '../alerts/need.ts';
import { dayMs } from '../base/clock.ts';
import { isoSeconds } from '../certs/expiry.ts';
import type { StoreProblem } from '../store/store-problem.ts';
import type { Evidence } from './evidence.ts';
import { helpOfCode, titleOfCode } from './seen-failure.ts';
import type { TrafficMinute } from './traffic.ts';

const minuteMs = 60_000;
/** Two minutes are a surge from so many on … */
const minSurge = 50;
/** … and where it is so many times what is usual. */
const surgeFactor = 5;
const surgeMinutes = 2;
/** Ends of the control process that are more than bad luck, in so long a time. */
const minEnds = 3;
const endsMs = 15 * minuteMs;
/** A quarter. */
export const auditEveryMs = 92 * dayMs;
export const auditSubject = 'trust-audit';

export function findFailingSources({ status, now }: Evidence): Need[] {
  return status.sources.flatMap(({ label, wants, delivered, problem }): Need[] => {
    if (problem === null) return [];
    const what = wants === 'pair' ? 'certificate' : 'CAs';
    const hasEnded = delivered !== null && now > delivered.notAfter;
    return [
      {
        id: `renewal:${label}`,
        severity: delivered === null || hasEnded ? 'failing' : 'degraded',
        kind: 'renewal',
        code: 'renewal_failed',
        sentence:
          delivered === null
            ? `${label} has delivered no ${what} yet: ${problem.message}`
            : `${label} could not renew its ${what}: ${problem.message}`,
        consequence:
          delivered === null
            ? 'Whatever needs it is served by a stand-in, or refused.'
            : `What was delivered last ${hasEnded ? 'expired' : 'is good until'} ${isoSeconds(delivered.notAfter)}.`,
        help: problem.hint === '' ? 'See the log of the gateway.' : problem.hint,
        since: problem.at,
        object: null,
      },
    ];
  });
}

/** By reason: the last two minutes against what was usual in the hour before. */
export function findSurges(traffic: readonly TrafficMinute[]): Need[] {
  const recent = traffic.slice(-surgeMinutes);
  const before = traffic.slice(0, -surgeMinutes);
  const codes = new Set(recent.flatMap(({ handshakes }) => Object.keys(handshakes)));
  codes.delete('ok');
  return [...codes].flatMap((code): Need[] => {
    const count = recent.reduce((sum, { handshakes }) => sum + (handshakes[code] ?? 0), 0);
    const usual = medianOf(before.map(({ handshakes }) => handshakes[code] ?? 0)) * surgeMinutes;
    if (count < minSurge || count < surgeFactor * usual) return [];
    return [
      {
        id: `surge:${code}`,
        severity: 'degraded',
        kind: 'surge',
        code,
        sentence: `A surge of refused handshakes: ${titleOfCode(code, 'client')}, at least ${roundDown(count)} within two minutes`,
        consequence: 'Clients that worked may be cut off, or somebody tries what is not let in.',
        help: `${helpOfCode(code, 'client')} The failed handshakes show who it is.`.trim(),
        since: recent[0]?.at ?? 0,
        object: null,
      },
    ];
  });
}

/** So that the sentence does not change with each look. */
function roundDown(count: number): number {
  const unit = 10 ** Math.max(1, Math.floor(Math.log10(count)));
  return Math.floor(count / unit) * unit;
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

export function findRestarts({ status, now }: Evidence): Need[] {
  const ends = status.control.endedAt.filter((at) => at > now - endsMs);
  if (ends.length < minEnds) return [];
  return [
    {
      id: 'control',
      severity: 'degraded',
      kind: 'control',
      code: 'restarting',
      sentence: 'The control process ended several times within a quarter of an hour',
      consequence: 'Console, API and alerts come and go; traffic is not concerned.',
      help: 'See the log of the gateway for how it ended: memory, a signal, an error to report.',
      since: ends[0] ?? now,
      object: { kind: 'gateways', id: 'this' },
    },
  ];
}

/** `auditedAt`: of the last review of trust, or when there first was something to review; undefined: not known. */
export function findOverdueAudit({ view, now }: Evidence, auditedAt: number | undefined): Need[] {
  const asks = view.policies.some(({ clientCertificate }) => clientCertificate !== 'off');
  if (!asks || auditedAt === undefined || now - auditedAt < auditEveryMs) return [];
  return [
    {
      id: 'audit',
      severity: 'due',
      kind: 'audit',
      code: 'overdue',
      sentence: `The quarterly review of who is trusted is overdue since ${isoSeconds(auditedAt + auditEveryMs)}`,
      consequence: 'CAs that nobody needs any more go on being believed.',
      help: 'Run `countersign trust audit`, decide what to keep, and record the review.',
      since: auditedAt + auditEveryMs,
      object: null,
    },
  ];
}

/** Where the gateway itself can read it (needs.ts tells of that), and the control process cannot write. */
export function findOwnStoreTrouble(
  { status: { store, revision } }: Evidence,
  trouble: { readonly problem: StoreProblem; readonly since: number } | undefined,
): Need[] {
  if (trouble === undefined || (store !== null && (!store.up || store.problem !== null))) return [];
  const { problem, since } = trouble;
  return [
    {
      id: 'store',
      severity: 'degraded',
      kind: 'store',
      code: problem.code,
      sentence: `The control process cannot use the store: ${problem.message}`,
      consequence: `Revision ${revision} goes on being served; nothing can be changed, and nobody can log in.`,
      help: problem.help,
      since,
      object: { kind: 'gateways', id: 'this' },
    },
  ];
}
