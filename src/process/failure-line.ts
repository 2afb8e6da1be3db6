// Failed handshakes on their way from the workers to the control process: one report under way at a time, the next one when it has
// the last. What comes meanwhile, or while there is no control process, is added up within bounds; what finds no room is counted.
import { type FailureGroup, type FailureReport, maxFailureGroups } from '../gateway/failure-tally.ts';

/** Of all workers, while a report is under way or nobody takes one. */
const maxGroups = 4 * maxFailureGroups;

export type FailureTaker = { sendFailures(report: FailureReport): void };

export class FailureLine {
  readonly #onDropped: (count: number) => void;
  #pending = new Map<string, FailureGroup>();
  #dropped = 0;
  /** Failures that were sent and are not taken yet. */
  #underWay = 0;
  #isFree = false;
  #taker: FailureTaker | undefined;

  /** `onDropped`: failures that are told nowhere but in the log and the metrics. */
  constructor(onDropped: (count: number) => void) {
    this.#onDropped = onDropped;
  }

  take({ groups, dropped }: FailureReport): void {
    for (const group of groups) this.#add(group);
    this.#lose(dropped);
    this.#send();
  }

  /** A control process that will say when it can take the first. Undefined: it is gone, and what was under way perhaps with it. */
  connect(taker: FailureTaker | undefined): void {
    this.#taker = taker;
    this.#lose(this.#underWay);
    this.#underWay = 0;
    this.#isFree = false;
  }

  /** It is ready, or has the last report. */
  taken(): void {
    this.#underWay = 0;
    this.#isFree = true;
    this.#send();
  }

  #add(group: FailureGroup): void {
    const known = this.#pending.get(group.key);
    if (known === undefined && this.#pending.size >= maxGroups) return this.#lose(group.count);
    if (known === undefined) return void this.#pending.set(group.key, group);
    const newer = group.lastAt >= known.lastAt ? group : known;
    this.#pending.set(group.key, {
      ...newer,
      count: known.count + group.count,
      firstAt: Math.min(known.firstAt, group.firstAt),
    });
  }

  #lose(count: number): void {
    if (count === 0) return;
    this.#dropped += count;
    this.#onDropped(count);
  }

  #send(): void {
    if (!this.#isFree || this.#taker === undefined || (this.#pending.size === 0 && this.#dropped === 0)) return;
    const report = { groups: [...this.#pending.values()], dropped: this.#dropped };
    this.#pending = new Map();
    this.#dropped = 0;
    this.#isFree = false;
    this.#underWay = report.groups.reduce((sum, { count }) => sum + count, 0);
    this.#taker.sendFailures(report);
  }
}
