// Header blocks that came before, and what they said: peers repeat themselves, and comparing a block costs a fraction of
// decoding it. A block that refers to nothing in the dynamic table means the same whatever the table holds, if only what it
// inserts is inserted again (some servers send all their responses that way); any other means the same as long as the table
// is unchanged. A block is kept when it comes the second time in a row, so that blocks which never repeat displace none.
import type { DecodedHeaders } from './decoded-headers.ts';
import type { HeaderField } from './header-field.ts';

const slotCount = 32;
/** Longer blocks are not kept. */
const longest = 512;
/** How many of its bytes choose the slot of a block. */
const samples = 16;

export type CachedBlock = {
  readonly headers: DecodedHeaders;
  /** Inserted into the dynamic table, in this order. */
  readonly inserts: readonly HeaderField[];
};

type Slot = CachedBlock & {
  readonly bytes: Buffer;
  /** The version of the table that it belongs to; `anyVersion` where it refers to no entry. */
  readonly version: number;
};

/** For a block without references to the dynamic table. */
export const anyVersion = -1;

const noBlock: readonly HeaderField[] = [];

export class BlockCache {
  readonly #slots: (Slot | undefined)[] = Array.from({ length: slotCount });
  /** The fingerprint of the block that was missed last, by slot. */
  readonly #missed = new Uint32Array(slotCount);
  /** Of the block that `find` looked for last. */
  #fingerprint = 0;

  /** What the block said, where the table is in `version`. */
  find(bytes: Buffer, start: number, end: number, version: number): CachedBlock | undefined {
    if (end - start > longest) return undefined;
    this.#fingerprint = fingerprint(bytes, start, end);
    const slot = this.#slots[this.#fingerprint % slotCount];
    if (slot === undefined || (slot.version !== version && slot.version !== anyVersion)) return undefined;
    return isSame(slot.bytes, bytes, start, end) ? slot : undefined;
  }

  /** Keeps the block that `find` did not find just before, if it is worth it. */
  add(
    bytes: Buffer,
    start: number,
    end: number,
    version: number,
    headers: DecodedHeaders,
    inserts: readonly HeaderField[] = noBlock,
  ): void {
    if (end - start > longest) return;
    const mark = this.#fingerprint;
    const at = mark % slotCount;
    if (this.#missed[at] === mark) {
      this.#slots[at] = { bytes: Buffer.from(bytes.subarray(start, end)), version, headers, inserts };
    } else this.#missed[at] = mark;
  }
}

/** A number that depends on the length and on some of the bytes. */
function fingerprint(bytes: Buffer, start: number, end: number): number {
  const step = Math.ceil((end - start) / samples);
  let mark = end - start;
  for (let at = end - 1; at >= start; at -= step) mark = (Math.imul(mark, 31) + (bytes[at] as number)) | 0;
  return mark >>> 0;
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const { length } = known;
  if (length !== end - start) return false;
  // From behind: what differs between messages is seldom at the beginning.
  for (let at = length - 1; at >= 0; at--) if (known[at] !== bytes[start + at]) return false;
  return true;
}
