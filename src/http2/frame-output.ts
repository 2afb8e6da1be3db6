// Writes frames (RFC 9113 section 6) one behind the other until somebody takes them all: what one turn of the event loop
// brings for a connection is one write, one pass through TLS. Knows how frames look, not when they may be sent.
import {
  connectionPreface,
  FrameFlag,
  frameHeaderBytes,
  FrameType,
  initialMaxFrameSize,
  type Setting,
} from './frame.ts';
import type { Page, PagePool } from './page-pool.ts';

/** Up to this size a loop copies faster than a call. */
const loopBytes = 48;
/** Debug data of GOAWAY is for a log, and a log line is short. */
const maxDebugLength = 256;

export class FrameOutput {
  /** SETTINGS_MAX_FRAME_SIZE of the peer. Longer DATA is sent in several frames, a longer header block is continued. */
  maxFrameSize = initialMaxFrameSize;
  readonly #pages: PagePool;
  readonly #keptFrom: number;
  #page: Page | undefined;
  /** Where in the page the part begins that is not in `#parts` yet. */
  #start = 0;
  #parts: Buffer[] = [];
  /** The pages that `#parts` lie in, one for each part that lies in one. */
  #lenders: Page[] = [];
  /** The lenders of what was taken and not settled, oldest first. */
  readonly #underWay: Page[][] = [];
  #length = 0;

  /**
   * `keptFrom`: DATA of at least this many bytes is not copied but kept, so the caller must leave it alone. Infinity: all DATA
   * is copied, and needs to be valid during the call only.
   */
  constructor(pages: PagePool, keptFrom = Infinity) {
    this.#pages = pages;
    this.#keptFrom = keptFrom;
  }

  /** Bytes that wait to be taken. */
  get length(): number {
    return this.#length;
  }

  /** Everything that was written since the last time, for one write. Call `settle` when the socket has taken it. */
  take(): Buffer[] {
    this.#seal();
    if (this.#page !== undefined) this.#pages.give(this.#page);
    this.#page = undefined;
    const parts = this.#parts;
    this.#underWay.push(this.#lenders);
    this.#parts = [];
    this.#lenders = [];
    this.#length = 0;
    return parts;
  }

  /** The socket has no more use for what was taken first. */
  settle(): void {
    const lenders = this.#underWay.shift();
    if (lenders === undefined) return;
    for (const page of lenders) this.#pages.settle(page);
  }

  /** Drops what was not taken: the connection is gone. */
  discard(): void {
    this.take();
    const lenders = this.#underWay.pop();
    for (const page of lenders ?? []) this.#pages.settle(page);
  }

  /** What a client begins with (section 3.4). SETTINGS must follow. */
  preface(): void {
    this.#text(connectionPreface);
  }

  settings(settings: readonly Setting[]): void {
    this.#header(6 * settings.length, FrameType.settings, 0, 0);
    for (const [id, value] of settings) {
      const page = this.#room(6);
      page.bytes[page.fill] = id >>> 8;
      page.bytes[page.fill + 1] = id;
      writeUint32(page.bytes, page.fill + 2, value);
      this.#advance(page, 6);
    }
  }

  settingsAck(): void {
    this.#header(0, FrameType.settings, FrameFlag.ack, 0);
  }

  /** `block`: its first `length` bytes are the header block, copied. More than fits into a frame is continued. */
  headers(streamId: number, block: Buffer, length: number, endStream: boolean): void {
    const max = this.maxFrameSize;
    const flags = endStream ? FrameFlag.endStream : 0;
    if (length <= max) {
      this.#header(length, FrameType.headers, flags | FrameFlag.endHeaders, streamId);
      this.#copy(block, 0, length);
      return;
    }
    this.#header(max, FrameType.headers, flags, streamId);
    this.#copy(block, 0, max);
    for (let at = max; at < length; at += max) {
      const end = Math.min(at + max, length);
      this.#header(end - at, FrameType.continuation, end === length ? FrameFlag.endHeaders : 0, streamId);
      this.#copy(block, at, end);
    }
  }

  /** DATA from `start` to `end` of `bytes`, in as many frames as it takes: one, without data, where both are the same. */
  data(streamId: number, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    let at = start;
    do {
      const to = Math.min(at + this.maxFrameSize, end);
      this.#header(to - at, FrameType.data, endStream && to === end ? FrameFlag.endStream : 0, streamId);
      if (to - at < this.#keptFrom) this.#copy(bytes, at, to);
      else this.#keep(bytes, at, to);
      at = to;
    } while (at < end);
  }

  reset(streamId: number, code: number): void {
    this.#header(4, FrameType.rstStream, 0, streamId);
    this.#uint32(code);
  }

  /** `opaque`: eight bytes, copied. */
  ping(opaque: Buffer, isAck: boolean): void {
    this.#header(8, FrameType.ping, isAck ? FrameFlag.ack : 0, 0);
    this.#copy(opaque, 0, 8);
  }

  /** `debug`: latin1 for the peer's log. */
  goAway(lastStreamId: number, code: number, debug = ''): void {
    const text = debug.slice(0, maxDebugLength);
    this.#header(8 + text.length, FrameType.goAway, 0, 0);
    this.#uint32(lastStreamId);
    this.#uint32(code);
    if (text !== '') this.#text(text);
  }

  /** `streamId` 0: the window of the connection. */
  windowUpdate(streamId: number, increment: number): void {
    this.#header(4, FrameType.windowUpdate, 0, streamId);
    this.#uint32(increment);
  }

  #header(length: number, type: number, flags: number, streamId: number): void {
    const page = this.#room(frameHeaderBytes);
    const { bytes, fill } = page;
    bytes[fill] = length >>> 16;
    bytes[fill + 1] = length >>> 8;
    bytes[fill + 2] = length;
    bytes[fill + 3] = type;
    bytes[fill + 4] = flags;
    writeUint32(bytes, fill + 5, streamId);
    this.#advance(page, frameHeaderBytes);
  }

  #uint32(value: number): void {
    const page = this.#room(4);
    writeUint32(page.bytes, page.fill, value);
    this.#advance(page, 4);
  }

  /** Short: it has to fit into a page. */
  #text(text: string): void {
    const page = this.#room(text.length);
    this.#advance(page, page.bytes.write(text, page.fill, 'latin1'));
  }

  #copy(source: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      const page = this.#room(1);
      const { bytes, fill } = page;
      const length = Math.min(end - at, bytes.length - fill);
      if (length > loopBytes) source.copy(bytes, fill, at, at + length);
      else for (let i = 0; i < length; i++) bytes[fill + i] = source[at + i] as number;
      this.#advance(page, length);
      at += length;
    }
  }

  #keep(source: Buffer, start: number, end: number): void {
    this.#seal();
    this.#parts.push(start === 0 && end === source.length ? source : source.subarray(start, end));
    this.#length += end - start;
  }

  #advance(page: Page, length: number): void {
    page.fill += length;
    this.#length += length;
  }

  /** The page with room for so many bytes in one piece. */
  #room(length: number): Page {
    const page = this.#page;
    if (page !== undefined && page.bytes.length - page.fill >= length) return page;
    if (page !== undefined) {
      this.#seal();
      this.#pages.give(page);
    }
    const next = this.#pages.take();
    this.#page = next;
    this.#start = next.fill;
    return next;
  }

  /** Makes a part of what the page got since the last one. */
  #seal(): void {
    const page = this.#page;
    if (page === undefined || page.fill === this.#start) return;
    this.#parts.push(page.bytes.subarray(this.#start, page.fill));
    this.#lenders.push(page);
    page.underWay++;
    this.#start = page.fill;
  }
}

function writeUint32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
