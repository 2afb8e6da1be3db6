// Which lines of the log are worth writing: the first of each kind, and of each variant of it (the sentence, say) up to a limit; the
// rest of a minute are counted and told with the next one. What a stranger can cause must not fill a log, and what is new must
// not go untold because something like it was told before. Bounded.
import type { Clock } from '../base/clock.ts';

const quietMs = 60_000;
const maxKinds = 10_000;
const maxVariants = 8;

type Known = { until: number; suppressed: number; variants: Set<string> };

export class QuietLines {
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many lines of the kind were kept back since the last one; undefined where this one is kept back too. */
  admit(kind: string, variant = ''): number | undefined {
    const now = this.#clock.monotonic();
    const name = nameVariant(variant);
    const known = this.#kinds.get(kind);
    if (known !== undefined && known.until > now) {
      if (known.variants.has(name) || known.variants.size >= maxVariants) {
        known.suppressed++;
        return undefined;
      }
      known.variants.add(name);
      return take(known);
    }
    if (this.#kinds.size >= maxKinds) this.#kinds.clear();
    this.#kinds.set(kind, { until: now + quietMs, suppressed: 0, variants: new Set([name]) });
    return known?.suppressed ?? 0;
  }

  /** From now on everything is new. */
  reset(): void {
    this.#kinds.clear();
  }
}

function take(known: Known): number {
  const { suppressed } = known;
  known.suppressed = 0;
  return suppressed;
}

/** Times, ports and counts do not make another reason. */
function nameVariant(text: string): string {
  return text.slice(0, 300).replace(/\d+/g, '#');
}
