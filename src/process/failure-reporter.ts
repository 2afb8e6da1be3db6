// A worker's side of the failed handshakes: keeps them for a moment, then tells the primary, one message at a time.
import type { Clock } from '../base/clock.ts';
import { FailureTally } from '../gateway/failure-tally.ts';
import type { FromWorker } from './messages.ts';

const reportAfterMs = 1_000;

export class FailureReporter {
  readonly tally: FailureTally;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #say: (message: FromWorker) => void;

  constructor(clock: Pick<Clock, 'after'>, say: (message: FromWorker) => void) {
    this.#clock = clock;
    this.#say = say;
    this.tally = new FailureTally(() => this.#clock.after(reportAfterMs, () => this.report()));
  }

  report(): void {
    const report = this.tally.report();
    if (report !== undefined) this.#say({ kind: 'failures', report });
  }
}
