// Which generation is active in this worker: what connections, requests and timers ask anew each time. generations.ts builds
// the next one and puts it here.
import type { Generation } from './generation.ts';

export class ActiveGeneration {
  #generation: Generation | undefined;

  /** undefined before the first one. */
  find(): Generation | undefined {
    return this.#generation;
  }

  /** Throws before the first one. */
  get(): Generation {
    if (this.#generation === undefined) throw new Error('no generation was committed');
    return this.#generation;
  }

  /** In one assignment; returns the one before. */
  replace(next: Generation): Generation | undefined {
    const before = this.#generation;
    this.#generation = next;
    return before;
  }
}
