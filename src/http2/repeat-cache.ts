// What came before in the same bytes, and what it meant: peers repeat themselves, and comparing bytes costs a fraction of
// decoding them. Something is kept when it comes the second time, so that what never repeats displaces nothing.

const wordBytes = 4;

type Kept<T> = { readonly mark: number; readonly bytes: Buffer; readonly value: T };

export class RepeatCache<T> {
  readonly longest: number;
  readonly #slots: (Kept<T> | undefined)[];
  /** The fingerprint of what was missed last, by slot. */
  readonly #missed: number[];
  readonly #words: number;
  /** Of what `find` looked for last. */
  #mark = 0;

  /**
   * `slots`: a power of two. `longest`: bytes of the longest thing that is kept. `words`: how many words of four bytes, spread
   * over the whole, choose the slot: what differs between them only comes to the same slot and is kept in turns.
   */
  constructor(slots: number, longest: number, words: number) {
    this.#slots = Array.from({ length: slots });
    // An array of small numbers: a typed one would cost each connection a buffer of its own besides.
    this.#missed = Array.from({ length: slots }, () => 0);
    this.longest = longest;
    this.#words = words;
  }

  /** What the bytes from `start` to `end` meant; undefined where that is not known. */
  find(bytes: Buffer, start: number, end: number): T | undefined {
    if (end - start > this.longest) return undefined;
    const mark = fingerprint(bytes, start, end, this.#words);
    this.#mark = mark;
    const kept = this.#slots[mark & (this.#slots.length - 1)];
    return kept !== undefined && kept.mark === mark && isSame(kept.bytes, bytes, start, end) ? kept.value : undefined;
  }

  /** Notes what the bytes mean that `find` was asked for last. */
  add(bytes: Buffer, start: number, end: number, value: T): void {
    if (end - start > this.longest) return;
    const mark = this.#mark;
    const at = mark & (this.#slots.length - 1);
    if (this.#missed[at] === mark) {
      const copy = Buffer.allocUnsafeSlow(end - start);
      bytes.copy(copy, 0, start, end);
      this.#slots[at] = { mark, bytes: copy, value };
    } else this.#missed[at] = mark;
  }
}

/** A number that depends on the length and on so many words. */
function fingerprint(bytes: Buffer, start: number, end: number, words: number): number {
  let mark = end - start;
  const last = end - wordBytes;
  const step = Math.max(wordBytes, Math.trunc(mark / words));
  let at = start;
  for (; at <= last; at += step) {
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    const word = low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
    mark = Math.imul(mark ^ word, 0x9e37_79b1);
  }
  for (; at < end; at++) mark = Math.imul(mark ^ (bytes[at] as number), 0x9e37_79b1);
  // A product carries what differs upwards, and slots are chosen by the lowest bits.
  mark ^= mark >>> 16;
  return (mark ^ (mark >>> 8)) & 0x7fff_ffff;
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const { length } = known;
  if (length !== end - start) return false;
  // The fingerprints are the same, so the bytes nearly always are: no need to look for an early end.
  let different = 0;
  let at = 0;
  for (; at + 3 < length; at += wordBytes) {
    const from = start + at;
    different |=
      ((known[at] as number) ^ (bytes[from] as number)) |
      ((known[at + 1] as number) ^ (bytes[from + 1] as number)) |
      ((known[at + 2] as number) ^ (bytes[from + 2] as number)) |
      ((known[at + 3] as number) ^ (bytes[from + 3] as number));
  }
  for (; at < length; at++) different |= (known[at] as number) ^ (bytes[start + at] as number);
  return different === 0;
}
