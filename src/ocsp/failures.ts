// Why there is no (newer) answer about a certificate, by certificate and by where it may be asked: another policy may have
// a responder that works. Bounded; an entry goes when an answer comes.
import type { Clock } from '../base/clock.ts';
import type { OcspSettings } from '../trust/revocation.ts';
import type { FetchProblem } from './fetch.ts';
import type { OcspProblem } from './response.ts';

export type OcspFailure = {
  readonly problem: OcspProblem | FetchProblem | 'no_responder' | 'not_allowed' | 'busy' | 'down';
  /** One sentence, fit for a log. */
  readonly detail: string;
};

export type OcspFailed = {
  readonly failure: OcspFailure;
  /** Clock.monotonic() of the last one. */
  readonly at: number;
  /** In a row. */
  readonly count: number;
};

const maxFailures = 4096;
const maxCount = 16;

export class OcspFailures {
  readonly #clock: Clock;
  readonly #failures = new Map<string, OcspFailed>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(key: string, settings: OcspSettings): OcspFailed | undefined {
    return this.#failures.size === 0 ? undefined : this.#failures.get(fullKey(key, settings));
  }

  add(key: string, settings: OcspSettings, failure: OcspFailure): void {
    const full = fullKey(key, settings);
    const count = Math.min(maxCount, (this.#failures.get(full)?.count ?? 0) + 1);
    this.#failures.delete(full);
    this.#failures.set(full, { failure, at: this.#clock.monotonic(), count });
    if (this.#failures.size <= maxFailures) return;
    for (const oldest of this.#failures.keys()) {
      this.#failures.delete(oldest);
      return;
    }
  }

  delete(key: string, settings: OcspSettings): void {
    this.#failures.delete(fullKey(key, settings));
  }
}

function fullKey(key: string, { responder, allowedHosts }: OcspSettings): string {
  return `${key} ${responder ?? allowedHosts.join()}`;
}
