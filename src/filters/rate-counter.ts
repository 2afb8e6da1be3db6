// Who has taken how much of a limit: a bucket of tokens for each key, filled evenly, as the generic cell rate algorithm, for which
// one number a key is enough (ITU-T I.371 annex A). Holds so many keys and no more: where there is no room for another,
// keys that come new share buckets, so that memory is bounded and nobody gets around the limit by inventing keys.

export type RateSettings = {
  /** Tokens in a full bucket. */
  readonly capacity: number;
  /** Milliseconds until one more is there. */
  readonly intervalMs: number;
  readonly maxKeys: number;
  /** After so many refusals in a row the key is banned; 0 = never. */
  readonly banAfter: number;
  readonly banMs: number;
};

export type Taken = {
  readonly outcome: 'passed' | 'limited' | 'banned';
  /** With this refusal begins the ban of the next ones. */
  readonly beginsBan: boolean;
  /** Whole tokens that are left. */
  readonly remaining: number;
  /** Until there is a token again, or the ban is over; 0 where it passed. */
  readonly waitMs: number;
  /** Until the bucket is full again. */
  readonly fullInMs: number;
};

type Bucket = {
  /** When it is full again. */
  fullAt: number;
  /** Refusals since it was last full or banned. */
  strikes: number;
  bannedUntil: number;
};

/** Buckets that keys share for which there is no room. */
const sharedBuckets = 1024;
/** Looked at, to be forgotten, with every key that comes new. */
const sweptAtOnce = 8;

export class RateCounter {
  readonly settings: RateSettings;
  readonly #buckets = new Map<string, Bucket>();
  readonly #shared = new Map<number, Bucket>();
  readonly #seed: number;
  #sweep: Iterator<[string, Bucket]> | undefined;

  /** `seed`: which keys share a bucket, from 0 to 2^32; not to be guessed from outside. */
  constructor(settings: RateSettings, seed: number) {
    this.settings = settings;
    this.#seed = seed >>> 0;
  }

  get size(): number {
    return this.#buckets.size + this.#shared.size;
  }

  /** `now`: milliseconds of a clock that only goes forward. */
  take(key: string, now: number): Taken {
    const { intervalMs, banAfter, banMs } = this.settings;
    const bucket = this.#find(key, now);
    if (bucket.bannedUntil > now) return refusal('banned', bucket, bucket.bannedUntil - now, now);
    if (bucket.fullAt <= now) {
      bucket.fullAt = now;
      bucket.strikes = 0;
    }
    const waitMs = bucket.fullAt - now - this.#depthMs;
    // What is a rounding error of floating point is no token that lacks.
    if (waitMs > 1e-6) {
      bucket.strikes += 1;
      const beginsBan = banAfter > 0 && bucket.strikes >= banAfter;
      if (beginsBan) {
        bucket.bannedUntil = now + banMs;
        bucket.strikes = 0;
      }
      return { ...refusal('limited', bucket, waitMs, now), beginsBan };
    }
    bucket.fullAt += intervalMs;
    const remaining = this.#remaining(bucket, now);
    return { outcome: 'passed', beginsBan: false, remaining, waitMs: 0, fullInMs: bucket.fullAt - now };
  }

  /** So many were taken elsewhere. A ban elsewhere is one here. */
  add(key: string, count: number, isBan: boolean, now: number): void {
    const { capacity, intervalMs, banMs } = this.settings;
    const bucket = this.#find(key, now);
    bucket.fullAt = Math.min(Math.max(bucket.fullAt, now) + count * intervalMs, now + capacity * intervalMs);
    if (isBan) bucket.bannedUntil = Math.max(bucket.bannedUntil, now + banMs);
  }

  /** How far before it is full a bucket still has a token. */
  get #depthMs(): number {
    const { capacity, intervalMs } = this.settings;
    return (capacity - 1) * intervalMs;
  }

  #remaining({ fullAt }: Bucket, now: number): number {
    const { capacity, intervalMs } = this.settings;
    return Math.max(0, Math.floor(capacity - (fullAt - now) / intervalMs + 1e-6));
  }

  #find(key: string, now: number): Bucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    this.#forget(now);
    const fresh = { fullAt: now, strikes: 0, bannedUntil: 0 };
    if (this.#buckets.size < this.settings.maxKeys) {
      // A key that was cut from a message would keep all of it alive.
      this.#buckets.set(Buffer.from(key).toString(), fresh);
      return fresh;
    }
    const place = hash(key, this.#seed) % sharedBuckets;
    const shared = this.#shared.get(place);
    if (shared !== undefined) return shared;
    this.#shared.set(place, fresh);
    return fresh;
  }

  /** A bucket that is full says nothing: a few are looked at each time, in turns. */
  #forget(now: number): void {
    for (let i = 0; i < sweptAtOnce; i++) {
      const next = (this.#sweep ??= this.#buckets.entries()).next();
      if (next.done === true) {
        this.#sweep = undefined;
        return;
      }
      const [key, { fullAt, bannedUntil }] = next.value;
      if (fullAt <= now && bannedUntil <= now) this.#buckets.delete(key);
    }
  }
}

function refusal(outcome: 'limited' | 'banned', { fullAt }: Bucket, waitMs: number, now: number): Taken {
  return { outcome, beginsBan: false, remaining: 0, waitMs, fullInMs: Math.max(0, fullAt - now) };
}

/** FNV-1a with a seed. */
function hash(text: string, seed: number): number {
  let value = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}
