// The dynamic table of an HPACK decoder (RFC 7541 section 2.3.2): fields in the order of their insertion, the newest first,
// within a number of bytes. A ring, so that neither an insertion nor an eviction moves the others.
import type { HeaderField } from './header-field.ts';

const leastSlots = 16;

export class DynamicTable {
  /** Changes with every change of what an index means. */
  version = 0;
  #maxBytes: number;
  #bytes = 0;
  /** A power of two of slots, the newest entry at `#newest`. */
  #slots: (HeaderField | undefined)[] = [];
  #newest = 0;
  #count = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The entry that came `age` insertions before the newest one; undefined where there is none. */
  at(age: number): HeaderField | undefined {
    if (age >= this.#count) return undefined;
    return this.#slots[(this.#newest - age) & (this.#slots.length - 1)];
  }

  /** Evicts what is too much for `field`, then adds it, unless it alone is too much (section 4.4). */
  insert(field: HeaderField): void {
    this.version++;
    this.#shrink(this.#maxBytes - field.bytes);
    if (field.bytes > this.#maxBytes) return;
    if (this.#count === this.#slots.length) this.#grow();
    this.#newest = (this.#newest + 1) & (this.#slots.length - 1);
    this.#slots[this.#newest] = field;
    this.#count++;
    this.#bytes += field.bytes;
  }

  resize(maxBytes: number): void {
    this.version++;
    this.#maxBytes = maxBytes;
    this.#shrink(maxBytes);
  }

  #shrink(bytes: number): void {
    const mask = this.#slots.length - 1;
    while (this.#bytes > bytes && this.#count > 0) {
      const oldest = (this.#newest - this.#count + 1) & mask;
      this.#bytes -= this.#slots[oldest]?.bytes ?? 0;
      this.#slots[oldest] = undefined;
      this.#count--;
    }
  }

  /** An entry has 32 bytes at least, so this ends: at 128 slots where nobody changes the size of the table. */
  #grow(): void {
    const length = Math.max(leastSlots, this.#slots.length * 2);
    const slots: (HeaderField | undefined)[] = Array.from({ length });
    for (let age = 0; age < this.#count; age++) slots[this.#count - 1 - age] = this.at(age);
    this.#newest = (this.#count - 1) & (length - 1);
    this.#slots = slots;
  }
}
