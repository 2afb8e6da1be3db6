// What needs somebody at this gateway, since when, and what ended lately. Saved and restored as a whole, so that what began before a
// restart began before it afterwards too.
import { dayMs } from '../base/clock.ts';
import { type Alert, type Need, severityRank } from './need.ts';

const maxEnded = 500;
/** Of a saved book: the worst come first. */
const maxSaved = 300;
const maxSavedText = 400;

export class AlertBook {
  #active = new Map<string, Alert>();
  #ended: Alert[] = [];

  get active(): readonly Alert[] {
    return [...this.#active.values()];
  }

  /** Last ended first, of the last day. */
  get ended(): readonly Alert[] {
    return this.#ended;
  }

  /** What is there now. Returns what is different from before. */
  take(needs: readonly Need[], now: number): { readonly began: readonly Alert[]; readonly ended: readonly Alert[] } {
    const before = this.#active;
    this.#active = new Map(needs.map((need) => [need.id, toAlert(need, before.get(need.id), now)]));
    const ended = [...before.values()].flatMap((one) => (this.#active.has(one.id) ? [] : [{ ...one, endedAt: now }]));
    this.#ended = [...ended, ...this.#ended]
      .filter(({ id, endedAt }) => !this.#active.has(id) && (endedAt ?? 0) > now - dayMs)
      .slice(0, maxEnded);
    return { began: this.active.filter(({ id }) => !before.has(id)), ended };
  }

  /** What a later process, or another gateway, should know. */
  save(): readonly Alert[] {
    return [...this.#active.values(), ...this.#ended].slice(0, maxSaved).map(cut);
  }

  /** From a process before this one; what this one has found already counts. */
  restore(saved: readonly Alert[]): void {
    for (const one of saved) {
      const known = this.#active.get(one.id);
      if (known !== undefined && one.endedAt === null)
        this.#active.set(one.id, { ...known, since: Math.min(known.since, one.since) });
      else if (known === undefined && one.endedAt === null) this.#active.set(one.id, one);
      else if (known === undefined && one.endedAt !== null) this.#ended.push(one);
    }
  }
}

export function sortAlerts<T extends Need>(alerts: readonly T[]): T[] {
  return alerts.toSorted((a, b) => severityRank[a.severity] - severityRank[b.severity] || a.since - b.since);
}

function toAlert(need: Need, before: Alert | undefined, now: number): Alert {
  // What is noticed when somebody looks began when it was noticed first.
  const since = Math.min(need.since, before === undefined ? now : before.since);
  return { ...need, since, lastSeenAt: now, endedAt: null };
}

function cut(alert: Alert): Alert {
  const short = (text: string): string => (text.length > maxSavedText ? `${text.slice(0, maxSavedText)}…` : text);
  const { sentence, consequence, help } = alert;
  return { ...alert, sentence: short(sentence), consequence: short(consequence), help: short(help) };
}
