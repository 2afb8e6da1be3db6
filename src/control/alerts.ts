// The alerts over time: what needs a person, since when, and what ended lately. Kept in memory: when something began is told by
// what it is about wherever that is known, so that a new control process says the same.
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { dayMs } from '../base/clock.ts';
import type { Evidence } from './evidence.ts';
import { type Assessment, assess, type Need } from './needs.ts';
import { timeOf } from './times.ts';

const time = z.iso.datetime();

export const alertSchema = z.strictObject({
  id: z.string().describe('The same as long as it lasts, and when it comes again.'),
  severity: z
    .enum(['failing', 'degraded', 'due'])
    .describe(
      'failing: somebody is cut off or refused now, or something runs that nobody declared. degraded: something is hidden or without effect. due: soon.',
    ),
  kind: z.enum([
    'expiry',
    'relation',
    'service',
    'client',
    'reload',
    'store',
    'revocation',
    'workers',
    'gateway',
    'drift',
  ]),
  code: z.string().describe('Of the fault table; of a refused configuration or a store, theirs.'),
  sentence: z.string(),
  consequence: z.string(),
  help: z.string(),
  since: time,
  lastSeenAt: time,
  endedAt: time.nullable(),
  object: z.strictObject({ kind: z.string(), id: z.string() }).nullable(),
});
export type Alert = z.output<typeof alertSchema>;

export type AlertState = Pick<Assessment, 'relations'> & {
  /** Worst first. */
  readonly active: readonly Alert[];
  /** Last ended first, of the last day. */
  readonly ended: readonly Alert[];
};

const maxEnded = 500;
const keptMs = 1_000;

export class Alerts {
  readonly #clock: Pick<Clock, 'now'>;
  #active = new Map<string, Alert>();
  #ended: Alert[] = [];
  #last: { readonly at: number; readonly state: AlertState } | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** By what is known now; asked again within a second, what was found then: a thousand relations are a tenth of a second. */
  look(seen: Evidence): AlertState {
    const asked = this.#clock.now();
    const last = this.#last;
    if (last !== undefined && asked >= last.at && asked - last.at < keptMs) return last.state;
    const { needs, relations } = assess(seen);
    const now = this.#clock.now();
    const before = this.#active;
    const active = new Map(needs.map((need) => [need.id, showNeed(need, before.get(need.id), now)]));
    for (const [id, alert] of before) if (!active.has(id)) this.#ended.unshift({ ...alert, endedAt: timeOf(now) });
    this.#ended = this.#ended
      .filter(({ id, endedAt }) => !active.has(id) && Date.parse(endedAt ?? '') > now - dayMs)
      .slice(0, maxEnded);
    this.#active = active;
    const state = { active: [...active.values()], ended: this.#ended, relations };
    this.#last = { at: now, state };
    return state;
  }
}

function showNeed(need: Need, before: Alert | undefined, now: number): Alert {
  // What is noticed when somebody looks began when it was noticed first.
  const since = Math.min(need.since, before === undefined ? now : Date.parse(before.since));
  return { ...need, since: timeOf(since), lastSeenAt: timeOf(now), endedAt: null };
}
