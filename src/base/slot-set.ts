// A set for what comes and goes with every request. `Set` and `Map` make a new table whenever so much was deleted, and each table
// of V8 refers to the one that follows: once a dead one is old, all that were made since keep alive what they held, until the next
// major collection. Here one array stays, and holds what is in the set and nothing else.

/** What can be in one set at a time. */
export interface Slotted {
  /** Kept by the set: where it stands in it; `noSlot` where it is in none. */
  slot: number;
}

export const noSlot = -1;

export class SlotSet<T extends Slotted> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** A member stays where it is. */
  add(member: T): void {
    if (member.slot === noSlot) member.slot = this.#members.push(member) - 1;
  }

  /** False where it is not in the set. */
  delete(member: T): boolean {
    const { slot } = member;
    if (slot === noSlot) return false;
    const last = this.#members.pop();
    if (last !== undefined && last !== member) {
      last.slot = slot;
      this.#members[slot] = last;
    }
    member.slot = noSlot;
    return true;
  }

  /** `act` may add and delete. Who is deleted before its turn is left out; who is added may have to wait for the next time; one may come twice. */
  forEach(act: (member: T) => void): void {
    // Only from behind what was visited does a member move to the front.
    for (let at = this.#members.length - 1; at >= 0; at -= 1) {
      const member = this.#members[at];
      if (member !== undefined) act(member);
    }
  }

  /** Those of now, in no order. */
  list(): readonly T[] {
    return [...this.#members];
  }
}
