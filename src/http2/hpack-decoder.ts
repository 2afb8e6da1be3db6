// Decodes the header blocks of one direction of a connection (RFC 7541). Every block must be decoded, in order, whatever
// becomes of its stream. A list above a limit is decoded to its end but not kept, so that the connection can live on.
import { DecodedHeaders } from './decoded-headers.ts';
import { DynamicTable } from './dynamic-table.ts';
import { ErrorCode, initialHeaderTableSize } from './frame.ts';
import { type HeaderField, headerField } from './header-field.ts';
import type { HpackContext } from './hpack-context.ts';
import { connectionError, type Http2Error } from './http2-error.ts';
import { RepeatCache } from './repeat-cache.ts';
import { firstDynamicIndex } from './static-table.ts';

export type HeaderLimits = {
  /** Of a header list as SETTINGS_MAX_HEADER_LIST_SIZE counts it: names, values, and 32 for each field. */
  readonly listBytes: number;
  /** Fields of a list, pseudo-header fields and single cookies included. */
  readonly fieldCount: number;
};

/** An integer of five octets, 2^28 and more, is nobody's length or index. */
const greatestShift = 21;
/** The smallest size on the way, then the final one (RFC 7541 section 4.2). */
const maxSizeUpdates = 2;
/** A list so many times above a limit is not even decoded to its end: nobody means it, and it costs more than it cost to send. */
const greatestExcess = 4;
/** What no integer is. */
const illegalInteger = -1;
/** Of the blocks that came before, by connection. */
const keptBlocks = 32;
const longestBlock = 512;
const blockWords = 8;
/** For a block that refers to nothing in the dynamic table. */
const anyVersion = -1;
const noFields: readonly HeaderField[] = [];

/**
 * A block that came before. What refers to nothing in the dynamic table means the same whatever that holds, if only what it
 * inserts is inserted again: some servers send all their responses that way. Anything else means the same as long as the
 * table is in the same version.
 */
type KeptBlock = {
  readonly headers: DecodedHeaders;
  readonly inserts: readonly HeaderField[];
  readonly version: number;
};

export class HpackDecoder {
  readonly #context: HpackContext;
  readonly #limits: HeaderLimits;
  readonly #table = new DynamicTable(initialHeaderTableSize);
  readonly #blocks = new RepeatCache<KeptBlock>(keptBlocks, longestBlock, blockWords);
  #maxTableBytes = initialHeaderTableSize;
  /** The peer has acknowledged a smaller table and must say so before anything else. */
  #awaitsUpdate = false;
  #at = 0;
  /**
   * About the block that is being decoded: whether it refers to the dynamic table, or resizes it; whether it has a field that
   * never came before; and what it inserts.
   */
  #isTied = false;
  #isNew = false;
  #inserts: HeaderField[] | undefined;

  constructor(context: HpackContext, limits: HeaderLimits) {
    this.#context = context;
    this.#limits = limits;
  }

  /** Bytes of the dynamic table in use. */
  get tableBytes(): number {
    return this.#table.bytes;
  }

  /** The peer has acknowledged our SETTINGS_HEADER_TABLE_SIZE. */
  limitTable(maxBytes: number): void {
    this.#maxTableBytes = maxBytes;
    this.#awaitsUpdate = this.#table.maxBytes > maxBytes;
  }

  /** The list of the block in `bytes` from `start` to `end`, shared with other blocks that are the same. */
  decode(bytes: Buffer, start: number, end: number): DecodedHeaders | Http2Error {
    const table = this.#table;
    const kept = this.#blocks.find(bytes, start, end);
    if (kept !== undefined && (kept.version === anyVersion || kept.version === table.version) && !this.#awaitsUpdate) {
      const { inserts } = kept;
      for (let i = 0; i < inserts.length; i++) table.insert(inserts[i] as HeaderField);
      return kept.headers;
    }
    const { version } = table;
    this.#isTied = this.#awaitsUpdate;
    this.#isNew = false;
    this.#inserts = undefined;
    const headers = new DecodedHeaders();
    const error = this.#decodeBlock(bytes, start, end, headers);
    if (error !== undefined) return connectionError(ErrorCode.compressionError, error);
    if (this.#at < end) return connectionError(ErrorCode.enhanceYourCalm, headers.excess);
    const inserts = this.#inserts ?? noFields;
    this.#inserts = undefined;
    // A block with a new field, a path mostly, is none that repeats.
    if (this.#isNew) return headers;
    if (!this.#isTied) this.#blocks.add(bytes, start, end, { headers, inserts, version: anyVersion });
    else if (table.version === version) this.#blocks.add(bytes, start, end, { headers, inserts, version });
    return headers;
  }

  /** Stops before the end where there is far too much. Gives what is wrong with the compression. */
  #decodeBlock(bytes: Buffer, start: number, end: number, headers: DecodedHeaders): string | undefined {
    this.#at = start;
    if (start < end || this.#awaitsUpdate) {
      const error = this.#readSizeUpdates(bytes, end);
      if (error !== undefined) return error;
    }
    const { listBytes, fieldCount } = this.#limits;
    while (
      this.#at < end &&
      headers.bytes <= greatestExcess * listBytes &&
      headers.count <= greatestExcess * fieldCount
    ) {
      const first = bytes[this.#at] as number;
      const field = first >= 0x80 ? this.#readIndexed(bytes, end) : this.#readLiteral(bytes, end, first);
      if (typeof field === 'string') return field;
      headers.count++;
      headers.bytes += field.bytes;
      if (headers.bytes > listBytes) headers.excess = `more than ${listBytes} bytes of fields`;
      else if (headers.count > fieldCount) headers.excess = `more than ${fieldCount} fields`;
      else headers.fields.push(field);
    }
    return undefined;
  }

  #readSizeUpdates(bytes: Buffer, end: number): string | undefined {
    for (let updates = 0; this.#at < end && isSizeUpdate(bytes[this.#at] as number); updates++) {
      const size = this.#readInteger(bytes, end, 0x1f);
      if (size === illegalInteger || updates === maxSizeUpdates) return 'an illegal update of the table size';
      if (size > this.#maxTableBytes) return 'a table size above the limit';
      this.#table.resize(size);
      this.#isTied = true;
      this.#awaitsUpdate = false;
    }
    return this.#awaitsUpdate ? 'no update of the table size after a smaller limit' : undefined;
  }

  #readIndexed(bytes: Buffer, end: number): HeaderField | string {
    const index = this.#readInteger(bytes, end, 0x7f);
    return this.#lookUp(index) ?? 'an index of nothing';
  }

  #readLiteral(bytes: Buffer, end: number, first: number): HeaderField | string {
    if (isSizeUpdate(first)) return 'an update of the table size within a block';
    const start = this.#at;
    const isInserted = first >= 0x40;
    const isSensitive = (first & 0xf0) === 0x10;
    const index = this.#readInteger(bytes, end, isInserted ? 0x3f : 0x0f);
    const behindIndex = this.#at;
    if (index === 0) this.#skipString(bytes, end);
    this.#skipString(bytes, end);
    if (this.#at > end) return 'a string that is cut off';
    const { literals } = this.#context;
    // A name by a dynamic index is another one tomorrow; a secret is shared with nobody.
    const mayKeep = index < firstDynamicIndex && !isSensitive && this.#at - start <= literals.longest;
    let field = mayKeep ? literals.find(bytes, start, this.#at) : undefined;
    if (field === undefined) {
      this.#at = behindIndex;
      const made = this.#makeField(bytes, end, index, isSensitive);
      if (typeof made === 'string') return made;
      if (mayKeep) {
        this.#isNew = true;
        literals.add(bytes, start, this.#at, made);
      }
      field = made;
    }
    if (isInserted) {
      this.#table.insert(field);
      (this.#inserts ??= []).push(field);
    }
    return field;
  }

  #makeField(bytes: Buffer, end: number, index: number, isSensitive: boolean): HeaderField | string {
    const name = index === 0 ? this.#readString(bytes, end) : this.#lookUp(index)?.name;
    if (name === undefined) return index === 0 ? 'an illegal name' : 'an index of nothing';
    const value = this.#readString(bytes, end);
    return value === undefined ? 'an illegal value' : headerField(this.#context.names, name, value, isSensitive);
  }

  #lookUp(index: number): HeaderField | undefined {
    if (index < firstDynamicIndex) return this.#context.staticFields[index];
    this.#isTied = true;
    return this.#table.at(index - firstDynamicIndex);
  }

  /** An integer behind a prefix of the bits in `mask` (section 5.1); `illegalInteger` where there is none. */
  #readInteger(bytes: Buffer, end: number, mask: number): number {
    if (this.#at >= end) return illegalInteger;
    let value = (bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= greatestShift; shift += 7) {
      if (this.#at >= end) return illegalInteger;
      const octet = bytes[this.#at++] as number;
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    return illegalInteger;
  }

  /** Behind the end where there is no string, or not all of it. */
  #skipString(bytes: Buffer, end: number): void {
    const length = this.#readInteger(bytes, end, 0x7f);
    this.#at = length === illegalInteger ? end + 1 : this.#at + length;
  }

  /** A string that is whole: see `#skipString`. Undefined where its code is none. */
  #readString(bytes: Buffer, end: number): string | undefined {
    const isCompressed = (bytes[this.#at] as number) >= 0x80;
    const length = this.#readInteger(bytes, end, 0x7f);
    const start = this.#at;
    this.#at = start + length;
    return isCompressed
      ? this.#context.huffman.decode(bytes, start, this.#at)
      : bytes.toString('latin1', start, this.#at);
  }
}

/** Whether a representation that begins so is an update of the table size (section 6.3). */
function isSizeUpdate(first: number): boolean {
  return (first & 0xe0) === 0x20;
}
