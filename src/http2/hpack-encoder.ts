// Encodes the header blocks of one direction of a connection (RFC 7541), without Huffman codes: they would save the link a
// quarter of what the dynamic table leaves, and cost more than everything else here.
import { EncoderName, notThere } from './encoder-name.ts';
import { initialHeaderTableSize } from './frame.ts';
import { Indexing, indexingOf } from './indexing.ts';
import { entryOverhead, firstDynamicIndex } from './static-table.ts';

/** Names that are remembered; what comes later is sent as it is. */
const maxNames = 256;
/** Larger entries than a quarter of the table would drive out too much. */
const greatestShare = 4;
/** Up to this length a loop writes a string faster than a call. */
const loopLength = 12;
/** Octets of two integers, at most. */
const integerRoom = 12;
const noSizeUpdate = -1;
const noNames: ReadonlySet<string> = new Set();

/** What blocks are written into: grows to the longest of them. */
export class BlockMemory {
  bytes = Buffer.allocUnsafeSlow(1024);
}

type Inserted = { readonly name: EncoderName; readonly value: string; readonly bytes: number };

export class HpackEncoder {
  length = 0;
  readonly #memory: BlockMemory;
  readonly #names = new Map<string, EncoderName>();
  readonly #neverIndexed: ReadonlySet<string>;
  /** What the peer's table holds, oldest first, from `#oldest` on: the entry of insertion n stands at n - `#dropped`. */
  #entries: Inserted[] = [];
  #oldest = 0;
  #dropped = 0;
  #tableBytes = 0;
  #maxTableBytes = initialHeaderTableSize;
  /** The smallest and the last size that the peer was not told yet. */
  #smallest = noSizeUpdate;

  /**
   * `memory`: what encoders may share that finish with one block before another of them begins one. `neverIndexed`: names,
   * lower case, of fields that are secrets here beside those that always are.
   */
  constructor(memory = new BlockMemory(), neverIndexed = noNames) {
    this.#memory = memory;
    this.#neverIndexed = neverIndexed;
  }

  /** The block that was encoded last: its first `length` octets, until `begin` of any encoder with the same memory. */
  get block(): Buffer {
    return this.#memory.bytes;
  }

  /** Bytes of the peer's dynamic table in use. */
  get tableBytes(): number {
    return this.#tableBytes;
  }

  /** Changes with every insertion: blocks that were made before mean something else. */
  get version(): number {
    return this.#dropped + this.#entries.length;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. More than the initial size is not used. */
  limitTable(maxBytes: number): void {
    const size = Math.min(maxBytes, initialHeaderTableSize);
    if (size === this.#maxTableBytes && this.#smallest === noSizeUpdate) return;
    this.#smallest = this.#smallest === noSizeUpdate ? size : Math.min(this.#smallest, size);
    this.#maxTableBytes = size;
    this.#evict(size);
  }

  /** Begins a block. */
  begin(): void {
    this.length = 0;
    if (this.#smallest === noSizeUpdate) return;
    if (this.#smallest < this.#maxTableBytes) this.#integer(0x20, 0x1f, this.#smallest);
    this.#integer(0x20, 0x1f, this.#maxTableBytes);
    this.#smallest = noSizeUpdate;
  }

  /** Adds a field. Latin1; the name in any spelling. `isSensitive`: whoever sent it forbids it to be indexed. */
  field(name: string, value: string, isSensitive = false): void {
    const known = this.#names.get(name) ?? this.#remember(name);
    const room = integerRoom + name.length + value.length;
    if (this.block.length - this.length < room) this.#grow(room);
    const fixed = isSensitive ? notThere : known.staticIndexOf(value);
    if (fixed !== notThere) this.#integer(0x80, 0x7f, fixed);
    else if (isSensitive || known.indexing === Indexing.never) this.#literal(0x10, 0x0f, known, value);
    else if (known.indexing === Indexing.none) this.#literal(0, 0x0f, known, value);
    else this.#adaptive(known, value);
  }

  #adaptive(known: EncoderName, value: string): void {
    const insertion = known.insertionOf(value);
    if (insertion !== notThere) {
      this.#integer(0x80, 0x7f, firstDynamicIndex + this.version - 1 - insertion);
      return;
    }
    const bytes = known.name.length + value.length + entryOverhead;
    if (bytes * greatestShare <= this.#maxTableBytes && known.isWorthInserting(value)) {
      this.#literal(0x40, 0x3f, known, value);
      this.#insert(known, value, bytes);
    } else this.#literal(0, 0x0f, known, value);
  }

  /** What is remembered of a name, found by every spelling in which it comes. */
  #remember(name: string): EncoderName {
    const lower = name.toLowerCase();
    const known = this.#names.get(lower) ?? new EncoderName(lower, this.#indexingOf(lower));
    if (this.#names.size < maxNames) this.#names.set(name, known).set(lower, known);
    return known;
  }

  #indexingOf(lower: string): Indexing {
    if (this.#neverIndexed.has(lower)) return Indexing.never;
    // The values of a name that cannot be remembered cannot be found again.
    return indexingOf.get(lower) ?? (this.#names.size < maxNames ? Indexing.adaptive : Indexing.none);
  }

  #insert(name: EncoderName, value: string, bytes: number): void {
    this.#evict(this.#maxTableBytes - bytes);
    name.noteInserted(value, this.version);
    this.#entries.push({ name, value, bytes });
    this.#tableBytes += bytes;
  }

  #evict(bytes: number): void {
    while (this.#tableBytes > bytes) {
      const entry = this.#entries[this.#oldest];
      if (entry === undefined) return;
      entry.name.noteEvicted(entry.value, this.#dropped + this.#oldest);
      this.#tableBytes -= entry.bytes;
      this.#oldest++;
    }
    // Moved together now and then, so that an eviction costs the same whatever the table holds.
    if (this.#oldest > 64) {
      this.#entries = this.#entries.slice(this.#oldest);
      this.#dropped += this.#oldest;
      this.#oldest = 0;
    }
  }

  #literal(first: number, mask: number, { name, staticIndex }: EncoderName, value: string): void {
    this.#integer(first, mask, staticIndex);
    if (staticIndex === 0) this.#string(name);
    this.#string(value);
  }

  /** There is room: see `field`. */
  #string(text: string): void {
    this.#integer(0, 0x7f, text.length);
    const { block, length } = this;
    if (text.length > loopLength) block.write(text, length, 'latin1');
    else for (let i = 0; i < text.length; i++) block[length + i] = text.charCodeAt(i);
    this.length = length + text.length;
  }

  /** An integer behind a prefix of the bits in `mask`, of which `first` holds the others (section 5.1). */
  #integer(first: number, mask: number, value: number): void {
    const { block } = this;
    if (value < mask) {
      block[this.length++] = first | value;
      return;
    }
    block[this.length++] = first | mask;
    let rest = value - mask;
    for (; rest > 0x7f; rest >>>= 7) block[this.length++] = rest | 0x80;
    block[this.length++] = rest;
  }

  #grow(room: number): void {
    const grown = Buffer.allocUnsafeSlow(2 * (this.block.length + room));
    this.block.copy(grown, 0, 0, this.length);
    this.#memory.bytes = grown;
  }
}
