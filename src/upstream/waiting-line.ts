// Requests that wait for a connection of one pool, in order, each with a deadline. A line of bounded length; waiters that
// were cancelled stay in it until they are met, so that cancelling is one assignment.
import type { Deadlines, Late } from '../base/deadline.ts';
import type { CallWaiter } from './call-waiter.ts';

class Place implements Late {
  deadline: number;
  readonly waiter: CallWaiter;
  readonly fresh: boolean;
  readonly #line: WaitingLine;

  constructor(line: WaitingLine, waiter: CallWaiter, fresh: boolean, deadline: number) {
    this.#line = line;
    this.waiter = waiter;
    this.fresh = fresh;
    this.deadline = deadline;
  }

  onLate(): void {
    this.#line.drop(this);
  }
}

export class WaitingLine {
  readonly #deadlines: Deadlines;
  readonly #limit: number;
  readonly #onLate: (waiter: CallWaiter) => void;
  readonly #places: Place[] = [];

  /** `onLate` is called for waiters whose deadline passed, after they left the line. */
  constructor(deadlines: Deadlines, limit: number, onLate: (waiter: CallWaiter) => void) {
    this.#deadlines = deadlines;
    this.#limit = limit;
    this.#onLate = onLate;
  }

  get length(): number {
    return this.#places.length;
  }

  /** False where the line is full. `deadline` in Clock.monotonic() milliseconds. */
  join(waiter: CallWaiter, fresh: boolean, deadline: number): boolean {
    if (this.#places.length >= this.#limit) this.#forgetCancelled();
    if (this.#places.length >= this.#limit) return false;
    const place = new Place(this, waiter, fresh, deadline);
    this.#places.push(place);
    this.#deadlines.add(place);
    return true;
  }

  /** Takes the first one that still waits and would take a `reused` connection, or a new one, out of the line. */
  next(reused: boolean): CallWaiter | undefined {
    for (let i = 0; i < this.#places.length; ) {
      const place = this.#places[i];
      if (place === undefined || (place.fresh && reused && !place.waiter.cancelled)) {
        i += 1;
        continue;
      }
      this.#leave(i, place);
      if (!place.waiter.cancelled) return place.waiter;
    }
    return undefined;
  }

  drop(place: Place): void {
    const at = this.#places.indexOf(place);
    if (at === -1) return;
    this.#leave(at, place);
    if (!place.waiter.cancelled) this.#onLate(place.waiter);
  }

  #forgetCancelled(): void {
    for (let i = this.#places.length - 1; i >= 0; i -= 1) {
      const place = this.#places[i];
      if (place?.waiter.cancelled === true) this.#leave(i, place);
    }
  }

  #leave(at: number, place: Place): void {
    this.#places.splice(at, 1);
    this.#deadlines.delete(place);
  }
}
