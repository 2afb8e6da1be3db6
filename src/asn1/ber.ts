// A bounded reader of BER (X.690) for what is not always DER: PKCS #12 files. The whole is read into a tree at once; indefinite
// lengths and strings in pieces are understood. Certificates and everything that is signed as DER are read by der.ts, which is strict.
// Every violation is Fault('malformed_cert'), nothing else escapes.
import { malformed } from './der.ts';

export type BerNode = {
  /** The tag byte, its constructed bit (0x20) included. */
  readonly tag: number;
  /** With its header, and its end where that is written. */
  readonly raw: Buffer;
  /** Of what is primitive; empty otherwise. */
  readonly content: Buffer;
  /** Of what is constructed; none otherwise. */
  readonly children: readonly BerNode[];
};

export type BerLimits = { readonly depth: number; readonly nodes: number };

const defaultLimits: BerLimits = { depth: 32, nodes: 50_000 };
const constructed = 0x20;

/** The one element that the bytes are, from the first to the last. */
export function readBer(bytes: Buffer, limits: BerLimits = defaultLimits): BerNode {
  const reader = new BerReader(bytes, limits);
  const node = reader.element(0, bytes.length, 0);
  if (node.raw.length !== bytes.length) throw malformed('bytes after the end of the element');
  return node;
}

/** What an OCTET STRING holds, be it in one piece or in several; an implicit tag may stand in place of its own. */
export function octetsOf(node: BerNode): Buffer {
  if ((node.tag & constructed) === 0) return node.content;
  return Buffer.concat(node.children.map(octetsOf));
}

class BerReader {
  readonly #bytes: Buffer;
  readonly #limits: BerLimits;
  #nodes = 0;

  constructor(bytes: Buffer, limits: BerLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  /** The element that begins at `start` and may not go beyond `limit`. */
  element(start: number, limit: number, depth: number): BerNode {
    if (depth > this.#limits.depth) throw malformed('nested too deeply');
    if ((this.#nodes += 1) > this.#limits.nodes) throw malformed('too many elements');
    const [tag, first] = [this.#bytes[start], this.#bytes[start + 1]];
    if (tag === undefined || first === undefined || start + 2 > limit) throw malformed('ends where an element is due');
    if ((tag & 0x1f) === 0x1f) throw malformed('multi-byte tag');
    const isConstructed = (tag & constructed) !== 0;
    if (first === 0x80) {
      if (!isConstructed) throw malformed('a primitive element without a length');
      return this.#indefinite(tag, start, limit, depth);
    }
    const { length, content } = this.#length(first, start, limit);
    const end = content + length;
    if (end > limit) throw malformed('truncated');
    const raw = this.#bytes.subarray(start, end);
    if (!isConstructed) return { tag, raw, content: this.#bytes.subarray(content, end), children: [] };
    const children: BerNode[] = [];
    for (let at = content; at < end; ) {
      const child = this.element(at, end, depth + 1);
      children.push(child);
      at += child.raw.length;
    }
    return { tag, raw, content: none, children };
  }

  #length(first: number, start: number, limit: number): { length: number; content: number } {
    const content = start + 2;
    if (first < 0x80) return { length: first, content };
    const count = first & 0x7f;
    if (count > 4 || content + count > limit) throw malformed('length is far too long');
    return { length: this.#bytes.readUIntBE(content, count), content: content + count };
  }

  #indefinite(tag: number, start: number, limit: number, depth: number): BerNode {
    const children: BerNode[] = [];
    for (let at = start + 2; ; ) {
      if (at + 2 > limit) throw malformed('ends before its end is written');
      if (this.#bytes[at] === 0 && this.#bytes[at + 1] === 0)
        return { tag, raw: this.#bytes.subarray(start, at + 2), content: none, children };
      const child = this.element(at, limit, depth + 1);
      children.push(child);
      at += child.raw.length;
    }
  }
}

const none = Buffer.alloc(0);
