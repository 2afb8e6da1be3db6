// Handshakes that failed, as they come: written to the store in groups, kept for a while as events that can be told again, and
// passed on to whoever listens. A store that cannot be written to holds up what comes next, nothing else: the primary adds it up.
import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { FailureGroup, FailureReport } from '../gateway/failure-tally.ts';
import type { JsonObject } from '../store/canonical-json.ts';
import type { HandshakeFailure, HandshakeFailures } from '../store/handshake-failures.ts';
import { maxFailureSampleBytes } from '../store/limits.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Logger } from '../telemetry/logger.ts';

export type FeedEvent = {
  /** Of this process and in order: `4f0c9d2e-17`. */
  readonly id: string;
  readonly failure: HandshakeFailure;
};

/** What there is after an event; `missed`: some of what came after it is not here any more, or it is of another process. */
export type Replay = { readonly events: readonly FeedEvent[]; readonly missed: boolean };

export type FeedOptions = {
  readonly gateway: string;
  readonly failures: Pick<HandshakeFailures, 'record'>;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Logger;
};

const maxEvents = 512;
const retryMs = 2_000;
/** Of a sample, so that the store takes it. */
const maxSampleBytes = maxFailureSampleBytes - 512;

export class HandshakeFeed {
  readonly #options: FeedOptions;
  readonly #run = randomBytes(4).toString('hex');
  readonly #events: FeedEvent[] = [];
  readonly #listeners = new Set<(event: FeedEvent) => void>();
  #last = 0;
  /** Failures that the list does not have: more kinds at once than are told apart. */
  #dropped = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Resolves when the store has them. Never rejects. */
  async take({ groups, dropped }: FailureReport): Promise<void> {
    this.#dropped += dropped;
    const failures = groups.map((group) => toFailure(group, this.#options.gateway));
    for (const failure of failures) this.#tell(failure);
    await this.#record(failures);
  }

  /** `after`: the event that somebody saw last; undefined: only what comes from now on. */
  replay(after: string | undefined): Replay {
    if (after === undefined) return { events: [], missed: false };
    const [, run, seq] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(after) ?? [];
    const seen = Number(seq);
    if (run !== this.#run || seen > this.#last) return { events: [...this.#events], missed: true };
    const first = this.#last - this.#events.length;
    return { events: this.#events.slice(Math.max(0, seen - first)), missed: seen < first };
  }

  /** The last event so far, to go on after it. */
  get position(): string {
    return `${this.#run}-${this.#last}`;
  }

  /** Returns what ends it. `listener` must not throw. */
  listen(listener: (event: FeedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(failure: HandshakeFailure): void {
    this.#last += 1;
    const event = { id: this.position, failure };
    this.#events.push(event);
    if (this.#events.length > maxEvents) this.#events.shift();
    for (const listener of this.#listeners) listener(event);
  }

  async #record(failures: readonly HandshakeFailure[]): Promise<void> {
    const { failures: store, clock, log } = this.#options;
    for (let tried = 0; ; tried++) {
      try {
        if (failures.length > 0) await store.record(failures);
        return;
      } catch (error) {
        const isOurs = !(error instanceof StoreProblem) || error.code === 'invalid';
        if (isOurs || tried === 0)
          log.warn(
            error instanceof StoreProblem ? { code: error.code, hint: error.help } : { err: error },
            'failed handshakes could not be written to the store',
          );
        // What is wrong with them does not get better.
        if (isOurs) return;
        await new Promise<void>((resolve) => clock.after(retryMs, resolve));
      }
    }
  }
}

function toFailure(
  { side, code, key, count, firstAt, lastAt, sample }: FailureGroup,
  gateway: string,
): HandshakeFailure {
  const peer = hash('sha256', `${gateway}\n${key}`).slice(0, 24);
  return { gateway, side, code, peer, count, firstAt, lastAt, sample: fit(sample) };
}

/** Letters may have four bytes each: of the longest the tail is not needed. */
function fit(sample: FailureGroup['sample']): JsonObject {
  for (const max of [600, 120, 30]) {
    const text = JSON.stringify(sample, (_, value: unknown) =>
      typeof value === 'string' && value.length > max ? `${value.slice(0, max)}…` : value,
    );
    if (Buffer.byteLength(text) <= maxSampleBytes) return JSON.parse(text) as JsonObject;
  }
  return { sentence: sample.sentence.slice(0, 200), detail: '', help: sample.help, raw: '' };
}
