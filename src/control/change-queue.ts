// Changes one after the other: each is planned on what the one before left, and answered when a gateway has it.
import { Turns } from '../base/turns.ts';
import { ApiProblem } from './api-problem.ts';

/** Each may take the time of a load. */
const maxWaiting = 8;

export class ChangeQueue {
  readonly #turns = new Turns();
  #open = 0;

  /** Throws `too_many` at once where too many wait. */
  async take<T>(act: () => Promise<T>): Promise<T> {
    if (this.#open >= maxWaiting)
      throw new ApiProblem('too_many', 'Other changes wait to be applied: try again in a moment.', {
        fields: { 'retry-after': '2' },
      });
    this.#open++;
    try {
      return await this.#turns.take(act);
    } finally {
      this.#open--;
    }
  }
}
