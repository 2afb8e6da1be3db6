// The OCSP answers of one worker, each already proven. Bounded; revocations have room of their own, so that no flood of
// other certificates makes us forget one. An older answer never takes the place of a newer one (incident 13).
import type { OcspAnswer } from './response.ts';

export type KnownAnswer = {
  readonly answer: OcspAnswer;
  /** Clock.monotonic() when a responder said so last. */
  readonly receivedAt: number;
};

const defaultMaxAnswers = 16_384;

export class OcspCache {
  readonly #maxAnswers: number;
  readonly #revoked = new Map<string, KnownAnswer>();
  readonly #others = new Map<string, KnownAnswer>();

  /** As many revocations and as many others. */
  constructor(maxAnswers = defaultMaxAnswers) {
    this.#maxAnswers = maxAnswers;
  }

  get size(): number {
    return this.#revoked.size + this.#others.size;
  }

  find(key: string): KnownAnswer | undefined {
    return this.#revoked.get(key) ?? this.#others.get(key);
  }

  /** Keeps an answer, unless what is known speaks louder. Returns what counts from now on. */
  put(key: string, answer: OcspAnswer, receivedAt: number): KnownAnswer {
    const before = this.find(key);
    const kept = before === undefined ? answer : choose(before.answer, answer);
    // That an older answer was still given says that a good one stands; of a revocation it says nothing new.
    const heard = before !== undefined && kept !== answer && answer.status !== kept.status;
    const known = { answer: kept, receivedAt: heard ? before.receivedAt : receivedAt };
    this.#revoked.delete(key);
    this.#others.delete(key);
    const map = kept.status === 'revoked' ? this.#revoked : this.#others;
    map.set(key, known);
    if (map.size > this.#maxAnswers) {
      for (const oldest of map.keys()) {
        map.delete(oldest);
        break;
      }
    }
    return known;
  }
}

function choose(before: OcspAnswer, after: OcspAnswer): OcspAnswer {
  if (after.thisUpdate < before.thisUpdate) return before;
  if (before.status !== 'revoked' || after.status === 'revoked') return after;
  // Only a newer `good` lifts a revocation (certificateHold); not knowing a certificate does not.
  return after.status === 'good' && after.thisUpdate > before.thisUpdate ? after : before;
}
