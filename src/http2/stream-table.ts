// The open streams of a connection by their numbers. Every request adds one and deletes one: a Map would do that by making new
// tables, and keep alive what old ones held (base/slot-set.ts).
import type { Http2Stream } from './stream.ts';

const leastBits = 3;

export class StreamTable {
  size = 0;
  /** There are two to the power of these. */
  #bits = leastBits;
  /** Half of them are empty at least. A stream stands at its place, or behind it with none empty between. */
  #slots: (Http2Stream | undefined)[] = emptySlots(leastBits);

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
      const away = (at - placeOf(next.id, this.#bits)) & mask;
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
    let at = placeOf(id, this.#bits);
    for (let found = slots[at]; found !== undefined && found.id !== id; found = slots[at]) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const before = this.#slots;
    this.#bits += 1;
    this.#slots = emptySlots(this.#bits);
    for (const stream of before) if (stream !== undefined) this.#slots[this.#find(stream.id)] = stream;
  }
}

/** Fibonacci hashing: numbers in a row come to lie apart, so that hardly one has to close up where another leaves. */
function placeOf(id: number, bits: number): number {
  return Math.imul(id, 0x9e37_79b1) >>> (32 - bits);
}

function emptySlots(bits: number): (Http2Stream | undefined)[] {
  return Array.from({ length: 1 << bits });
}
