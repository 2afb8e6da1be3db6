// A strict, bounded reader of DER (X.690): positions over one buffer, nothing is copied until asked for. Knows tags and
// lengths and the few primitive values that certificates use; what they mean is the business of facts-reader.ts.
// Single-byte tags and definite, minimal lengths only. Every violation is Fault('malformed_cert'), nothing else escapes.
import { Fault } from '../base/fault.ts';
import { derTag } from './der-tag.ts';

export { derTag };

const maxObjectIdBytes = 64;

/** One element: its tag byte, where its header starts, where its content starts, where it ends (exclusive). */
export type DerElement = {
  readonly tag: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
};

export function malformed(detail: string): Fault {
  return new Fault('malformed_cert', 'client', { detail });
}

/** Bytes that a length may have: 3 are 16 MB, over every limit for a certificate. */
const maxLengthBytes = 3;

/** Walks the elements between two positions of a buffer. `lengthBytes`: see maxLengthBytes; a CRL may need 4. */
export class DerCursor {
  readonly der: Buffer;
  readonly end: number;
  #at: number;
  readonly #lengthBytes: number;

  constructor(der: Buffer, start = 0, end = der.length, lengthBytes = maxLengthBytes) {
    this.der = der;
    this.#at = start;
    this.end = end;
    this.#lengthBytes = lengthBytes;
  }

  get done(): boolean {
    return this.#at === this.end;
  }

  /** The tag of the next element; -1 at the end. */
  get tag(): number {
    return this.#at < this.end ? (this.der[this.#at] ?? -1) : -1;
  }

  /** The next element, of any tag. */
  next(what: string): DerElement {
    const { der, end } = this;
    const start = this.#at;
    if (end - start < 2) throw malformed(`${what}: ends where an element is due`);
    const tag = der[start] as number;
    if ((tag & 0x1f) === 0x1f) throw malformed(`${what}: multi-byte tag`);
    let length = der[start + 1] as number;
    let content = start + 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      // 0 is BER's indefinite form.
      if (count === 0 || count > this.#lengthBytes) throw malformed(`${what}: length is not definite, or far too long`);
      if (end - content < count) throw malformed(`${what}: truncated length`);
      length = 0;
      for (let index = 0; index < count; index += 1) length = length * 256 + (der[content + index] as number);
      if (length < 0x80 || (count > 1 && length < 2 ** (8 * (count - 1))))
        throw malformed(`${what}: length not minimal`);
      content += count;
    }
    if (length > end - content) throw malformed(`${what}: truncated`);
    this.#at = content + length;
    return { tag, start, content, end: this.#at };
  }

  /** The next element, which must have this tag. */
  expect(tag: number, what: string): DerElement {
    if (this.tag !== tag)
      throw malformed(`${what}: expected tag ${hexByte(tag)}, found ${this.tag < 0 ? 'the end' : hexByte(this.tag)}`);
    return this.next(what);
  }

  /** A cursor over the content of the next element, which must have this tag. */
  enter(tag: number, what: string): DerCursor {
    const element = this.expect(tag, what);
    return new DerCursor(this.der, element.content, element.end, this.#lengthBytes);
  }

  /** A cursor over the content of an element read before. */
  inside(element: DerElement): DerCursor {
    return new DerCursor(this.der, element.content, element.end, this.#lengthBytes);
  }

  /** Refuses whatever still follows. */
  finish(what: string): void {
    if (!this.done) throw malformed(`${what}: bytes after its end`);
  }
}

/** Dotted text of an OBJECT IDENTIFIER's content. */
export function readObjectId(der: Buffer, start: number, end: number): string {
  if (end <= start || end - start > maxObjectIdBytes) throw malformed('object identifier: empty or too long');
  const arcs: string[] = [];
  let value = 0n;
  let small = 0;
  let fresh = true;
  for (let at = start; at < end; at += 1) {
    const byte = der[at] as number;
    if (fresh && byte === 0x80) throw malformed('object identifier: arc not minimal');
    // Numbers while they are exact, BigInt beyond (UUID arcs under 2.25 are 128 bits wide).
    if (small >= 0 && small < 2 ** 45) small = small * 128 + (byte & 0x7f);
    else {
      value = (small >= 0 ? BigInt(small) : value) * 128n + BigInt(byte & 0x7f);
      small = -1;
    }
    fresh = byte < 0x80;
    if (!fresh) continue;
    arcs.push(
      ...(arcs.length === 0 ? firstArcs(small >= 0 ? BigInt(small) : value) : [String(small >= 0 ? small : value)]),
    );
    small = 0;
  }
  if (!fresh) throw malformed('object identifier: truncated');
  return arcs.join('.');
}

function firstArcs(value: bigint): [string, string] {
  const root = value < 80n ? value / 40n : 2n;
  return [String(root), String(value - root * 40n)];
}

/** UTCTime or GeneralizedTime in the one form that RFC 5280 section 4.1.2.5 allows; milliseconds since the epoch. */
export function readTime(der: Buffer, element: DerElement, what: string): number {
  const text = der.toString('latin1', element.content, element.end);
  const isUtc = element.tag === derTag.utcTime;
  if (!isUtc && element.tag !== derTag.generalizedTime) throw malformed(`${what}: not a time`);
  if (!(isUtc ? /^\d{12}Z$/ : /^\d{14}Z$/).test(text)) throw malformed(`${what}: time not in the form of RFC 5280`);
  const at = isUtc ? 2 : 4;
  const short = Number(text.slice(0, at));
  const year = isUtc ? (short >= 50 ? 1900 + short : 2000 + short) : short;
  const [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map((skip) =>
    Number(text.slice(at + skip, at + skip + 2)),
  );
  const date = new Date(0);
  date.setUTCFullYear(year, (month as number) - 1, day);
  date.setUTCHours(hour as number, minute, second);
  // Date rolls 31 February over to March: a time that does not print as it was read was never a time.
  const printed = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  if (printed.slice(isUtc ? 2 : 0) !== text) throw malformed(`${what}: no such time`);
  return date.getTime();
}

/** Refuses an INTEGER whose content is empty or carries superfluous leading bytes. */
export function checkInteger(der: Buffer, element: DerElement, what: string): void {
  const first = der[element.content] as number;
  const second = der[element.content + 1] as number;
  const length = element.end - element.content;
  if (length === 0) throw malformed(`${what}: empty integer`);
  if (length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw malformed(`${what}: integer not minimal`);
  }
}

function hexByte(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
