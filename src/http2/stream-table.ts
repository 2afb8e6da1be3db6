// The open streams of a connection by their numbers. Every request adds one and deletes one: a Map would do that by making new
// tables, and keep alive what old ones held (base/slot-set.ts).
import type { Http2Stream } from './stream.ts';

const leastSlots = 8;

export class StreamTable {
  size = 0;
  /** A power of two of them, half of them empty at least. A stream stands at its place, or behind it with none empty between. */
  #slots: (Http2Stream | undefined)[] = emptySlots(leastSlots);

  get(id: number): Http2Stream | undefined {
    return this.#slots[this.#find(id)];
  }

  /** None with its number may be in it. */
  add(stream: Http2Stream): void {
    if (2 * (this.size + 1) > this.#slots.length) this.#grow();
    this.#slots[this.#find(stream.id)] = stream;
    this.size += 1;
  }

  /** False where there is none with that number. */
  delete(id: number): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let gap = this.#find(id);
    if (slots[gap] === undefined) return false;
    this.size -= 1;
    // Those behind it close up, as far as none gets in front of its place.
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const next = slots[at];
      if (next === undefined) break;
      const away = (at - placeOf(next.id, mask)) & mask;
      if (away < ((at - gap) & mask)) continue;
      slots[gap] = next;
      gap = at;
    }
    slots[gap] = undefined;
    return true;
  }

  /** Those of now, in no order. */
  list(): readonly Http2Stream[] {
    return this.#slots.filter((stream) => stream !== undefined);
  }

  /** Where the stream stands, or would. */
  #find(id: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = placeOf(id, mask);
    for (let found = slots[at]; found !== undefined && found.id !== id; found = slots[at]) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = emptySlots(2 * before.length);
    for (const stream of before) if (stream !== undefined) this.#slots[this.#find(stream.id)] = stream;
  }
}

/** Numbers of one side are all odd. */
function placeOf(id: number, mask: number): number {
  return (id >>> 1) & mask;
}

function emptySlots(count: number): (Http2Stream | undefined)[] {
  return Array.from({ length: count });
}
