// The minutes of the last hour as bars: what was answered, what we or a backend refused, and handshakes that did not come about.
import type { Answer } from '../../api/client.ts';
import type { Bar, Share } from '../../parts/charts.tsx';

type Minute = Answer<'getOverview'>['traffic'][number];

export const shares: readonly Share[] = [
  { name: 'answered', tone: 'ok' },
  { name: 'failed or refused', tone: 'bad' },
  { name: 'handshakes refused', tone: 'due' },
];

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);

/** Verdicts other than that it passed. */
function refusedHandshakes({ handshakes }: Minute): Readonly<Record<string, number>> {
  const { ok: _ok, accepted: _accepted, ...refused } = handshakes;
  return refused;
}

export function barsOf(traffic: readonly Minute[]): Bar[] {
  return traffic.map((minute) => {
    const faults = sum(minute.faults);
    return {
      label: `${minute.at.slice(11, 16)} UTC`,
      values: [Math.max(0, sum(minute.requests) - faults), faults, sum(refusedHandshakes(minute))],
    };
  });
}

export type Reason = { readonly code: string; readonly count: number };

/** Codes of what failed or was refused, the most frequent first. */
export function reasonsOf(traffic: readonly Minute[]): Reason[] {
  const counts = new Map<string, number>();
  for (const minute of traffic)
    for (const [code, count] of [...Object.entries(minute.faults), ...Object.entries(refusedHandshakes(minute))])
      counts.set(code, (counts.get(code) ?? 0) + count);
  return [...counts]
    .map(([code, count]) => ({ code, count }))
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => b.count - a.count);
}
