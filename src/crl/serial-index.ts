// The revoked serials of one CRL as flat bytes that cross threads and processes and are searched as they are: sorted serials
// of one width, then the dates, then the reasons. A million entries are some 21 MB and cost the garbage collector nothing.
import type { CrlEntries } from './entries.ts';

const magic = 0x43524c31;
const headerBytes = 12;

/** `reason`: CRLReason of RFC 5280 section 5.3.1. */
export type Revocation = { readonly revokedAt: number; readonly reason: number };

/** The index of a CRL's entries; `der` is what their positions mean. */
export function buildCrlIndex(der: Buffer, entries: CrlEntries): Uint8Array {
  const { count, serialAt, serialBytes, revokedAt, reasons } = entries;
  let width = 1;
  for (let row = 0; row < count; row++) width = Math.max(width, serialBytes[row] as number);
  const keys = new Uint8Array(count * width);
  for (let row = 0; row < count; row++) {
    const at = serialAt[row] as number;
    const length = serialBytes[row] as number;
    const to = row * width;
    // Sign extension keeps 0x80 (negative) and 0x0080 apart.
    if ((der[at] as number) >= 0x80) keys.fill(0xff, to, to + width - length);
    keys.set(der.subarray(at, at + length), to + width - length);
  }
  const order = sortRows(keys, count, width);
  const index = new Uint8Array(headerBytes + count * (width + 5));
  const view = new DataView(index.buffer);
  view.setUint32(0, magic);
  view.setUint32(4, count);
  view.setUint32(8, width);
  const datesAt = headerBytes + count * width;
  const reasonsAt = datesAt + count * 4;
  for (let place = 0; place < count; place++) {
    const row = order[place] as number;
    index.set(keys.subarray(row * width, row * width + width), headerBytes + place * width);
    view.setUint32(datesAt + place * 4, revokedAt[row] as number);
    index[reasonsAt + place] = reasons[row] as number;
  }
  return index;
}

/** Rows in the order of their keys: by one byte column after the other, last one first. */
function sortRows(keys: Uint8Array, count: number, width: number): Uint32Array {
  let order = Uint32Array.from({ length: count }, (_, row) => row);
  let next = new Uint32Array(count);
  const starts = new Uint32Array(256);
  for (let column = width - 1; column >= 0; column--) {
    starts.fill(0);
    for (let row = 0; row < count; row++) starts[keys[row * width + column] as number]! += 1;
    if (starts.includes(count)) continue;
    let sum = 0;
    for (let value = 0; value < 256; value++) {
      const size = starts[value] as number;
      starts[value] = sum;
      sum += size;
    }
    for (let place = 0; place < count; place++) {
      const row = order[place] as number;
      const value = keys[row * width + column] as number;
      next[starts[value] as number] = row;
      starts[value]! += 1;
    }
    [order, next] = [next, order];
  }
  return order;
}

export class CrlIndex {
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #width: number;
  /** The serial that is looked for, so that a lookup allocates nothing. */
  readonly #key: Uint8Array;

  /** Throws RangeError where the bytes are no index. */
  constructor(bytes: Uint8Array) {
    if (bytes.length < headerBytes) throw new RangeError('not an index of a CRL');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.count = view.getUint32(4);
    this.#width = view.getUint32(8);
    if (view.getUint32(0) !== magic || bytes.length !== headerBytes + this.count * (this.#width + 5))
      throw new RangeError('not an index of a CRL');
    this.#bytes = bytes;
    this.#key = new Uint8Array(this.#width);
  }

  /** `serial` as in CertificateFacts. undefined where it is not listed. */
  find(serial: string): Revocation | undefined {
    if (!this.#setKey(serial)) return undefined;
    const key = this.#key;
    const bytes = this.#bytes;
    const width = this.#width;
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = headerBytes + middle * width;
      let column = 0;
      while (column < width && key[column] === bytes[at + column]) column++;
      if (column === width) return this.#rowAt(middle);
      if ((key[column] as number) < (bytes[at + column] as number)) high = middle - 1;
      else low = middle + 1;
    }
    return undefined;
  }

  /** The first serials in order, hexadecimal as in CertificateFacts. */
  first(limit: number): string[] {
    const serials: string[] = [];
    for (let row = 0; row < Math.min(limit, this.count); row++) {
      const at = headerBytes + row * this.#width;
      serials.push(readSerial(this.#bytes.subarray(at, at + this.#width)));
    }
    return serials;
  }

  #rowAt(row: number): Revocation {
    const datesAt = headerBytes + this.count * this.#width;
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    const reason = this.#bytes[datesAt + this.count * 4 + row] as number;
    return { revokedAt: view.getUint32(datesAt + row * 4) * 1000, reason };
  }

  /** False where the serial is longer than any in here. */
  #setKey(serial: string): boolean {
    const negative = serial.startsWith('-');
    const hex = negative ? complement(serial.slice(1)) : serial;
    const length = hex.length >>> 1;
    const key = this.#key;
    const free = this.#width - length;
    if (free < 0) return false;
    key.fill(negative ? 0xff : 0, 0, free);
    for (let at = 0; at < length; at++) {
      key[free + at] = (digitOf(hex.charCodeAt(at * 2)) << 4) | digitOf(hex.charCodeAt(at * 2 + 1));
    }
    // Without room for its sign it is none of ours: a positive 0x80.. would look like a negative one, and the other way round.
    return free > 0 || (key[0] as number) >= 0x80 === negative;
  }
}

/** Two's complement of a magnitude, as many bytes. */
function complement(hex: string): string {
  const bits = BigInt(hex.length * 4);
  return ((1n << bits) - BigInt(`0x${hex}`)).toString(16).padStart(hex.length, '0');
}

/** Two's complement, with superfluous leading bytes or without, as CertificateFacts has it. */
export function readSerial(key: Uint8Array): string {
  const hex = Buffer.from(key).toString('hex');
  if ((key[0] as number) < 0x80) return hex.replace(/^(?:00)+(?=..)/, '');
  const text = ((1n << BigInt(key.length * 8)) - BigInt(`0x${hex}`)).toString(16);
  return `-${text.length % 2 === 0 ? text : `0${text}`}`;
}

function digitOf(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57;
}
