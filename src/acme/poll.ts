// Asking again until something is done (RFC 8555 section 7.5.1): as often as the server says, else more and more seldom, and not for ever.
import type { Clock } from '../base/clock.ts';
import { AcmeProblem } from './problem.ts';

const firstPauseMs = 250;
const mostPauseMs = 10_000;
/** Of an order or an authorization that hangs; the next attempt goes on with it. */
const patienceMs = 300_000;

export type PollOptions = {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Begins the sentence that says that it hangs. */
  readonly what: string;
};

export class Poll {
  readonly #options: PollOptions;
  readonly #until: number;
  #pauseMs = firstPauseMs;

  constructor(options: PollOptions) {
    this.#options = options;
    this.#until = options.clock.monotonic() + patienceMs;
  }

  /** Resolves when it is time to ask again. Rejects with AcmeProblem where it has taken too long. */
  async pause(retryAfterMs: number | undefined, status: string): Promise<void> {
    const { clock, signal, what } = this.#options;
    const delayMs = Math.min(retryAfterMs ?? this.#pauseMs, mostPauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, mostPauseMs);
    if (clock.monotonic() + delayMs > this.#until)
      throw new AcmeProblem('hangs', `${what} hangs: it is still ${status} after ${patienceMs / 1000} s`);
    await waitFor(delayMs, clock, signal);
  }
}

/** Rejects with the reason of the signal, at once. */
export async function waitFor(delayMs: number, clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.after(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
