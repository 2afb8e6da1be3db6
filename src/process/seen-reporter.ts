// A worker's side of the record of seen clients: keeps them for a few seconds, then tells the primary.
import type { Clock } from '../base/clock.ts';
import type { VerifiedClient } from '../downstream/dependencies.ts';
import { SeenClients } from '../inventory/seen-clients.ts';
import type { FromWorker } from './messages.ts';

const reportAfterMs = 5_000;

export class SeenReporter {
  readonly #clock: Clock;
  readonly #say: (message: FromWorker) => void;
  readonly #seen: SeenClients;
  #waiting = false;

  constructor(clock: Clock, say: (message: FromWorker) => void) {
    this.#clock = clock;
    this.#say = say;
    this.#seen = new SeenClients(() => this.#schedule());
  }

  note(verified: VerifiedClient): void {
    this.#seen.note(verified, this.#clock.now());
  }

  /** Tells what is new; `id` of the question, 0 where nobody asked. */
  report(id = 0): void {
    const report = this.#seen.report();
    if (report !== undefined || id !== 0) this.#say({ kind: 'seen', id, report });
  }

  forget(keys: readonly string[]): void {
    this.#seen.forget(keys);
  }

  #schedule(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#clock.after(reportAfterMs, () => {
      this.#waiting = false;
      this.report();
    });
  }
}
