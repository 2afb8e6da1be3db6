// What came before in the same bytes, and what it meant: peers repeat themselves, and comparing bytes costs a fraction of
// decoding them. Something is kept when it comes the second time, so that what never repeats displaces nothing.

/** How many bytes at the end, where messages differ most, and how many before them choose a slot. */
const tail = 8;
const samples = 8;

type Kept<T> = { readonly bytes: Buffer; readonly value: T };

export class RepeatCache<T> {
  readonly #slots: (Kept<T> | undefined)[];
  /** The fingerprint of what was missed last, by slot. */
  readonly #missed: Uint32Array;
  readonly #longest: number;
  /** Of what `find` looked for last. */
  #mark = 0;

  /** `longest`: bytes of the longest thing that is kept. */
  constructor(slots: number, longest: number) {
    this.#slots = Array.from({ length: slots });
    this.#missed = new Uint32Array(slots);
    this.#longest = longest;
  }

  /** What the bytes from `start` to `end` meant; undefined where that is not known. */
  find(bytes: Buffer, start: number, end: number): T | undefined {
    if (end - start > this.#longest) return undefined;
    this.#mark = fingerprint(bytes, start, end);
    const kept = this.#slots[this.#mark % this.#slots.length];
    return kept !== undefined && isSame(kept.bytes, bytes, start, end) ? kept.value : undefined;
  }

  /** Notes what the bytes mean that `find` was asked for last. */
  add(bytes: Buffer, start: number, end: number, value: T): void {
    if (end - start > this.#longest) return;
    const at = this.#mark % this.#slots.length;
    if (this.#missed[at] === this.#mark) {
      this.#slots[at] = { bytes: Buffer.from(bytes.subarray(start, end)), value };
    } else this.#missed[at] = this.#mark;
  }
}

/** A number that depends on the length and on some of the bytes. */
function fingerprint(bytes: Buffer, start: number, end: number): number {
  const middle = Math.max(start, end - tail);
  let mark = end - start;
  for (let at = middle; at < end; at++) mark = (Math.imul(mark, 31) + (bytes[at] as number)) | 0;
  const step = 1 + Math.trunc((middle - start) / samples);
  for (let at = start; at < middle; at += step) mark = (Math.imul(mark, 31) + (bytes[at] as number)) | 0;
  return mark >>> 0;
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const { length } = known;
  if (length !== end - start) return false;
  // From behind: what differs between messages is seldom at the beginning.
  for (let at = length - 1; at >= 0; at--) if (known[at] !== bytes[start + at]) return false;
  return true;
}
