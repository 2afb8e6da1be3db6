// Reads the frames in what a peer sends, however it is cut into pieces (RFC 9113 sections 3.4, 4 and 6). DATA is handed on as
// it comes, without a copy; any other frame is read where it lies whole in one piece, else collected first, within
// `maxFrameSize`. Knows single frames and header blocks, not the state of streams.
import { type Role, readControlFrame, readUint31 } from './control-frames.ts';
import { connectionPreface, FrameFlag, frameHeaderBytes, FrameType, initialMaxFrameSize } from './frame.ts';
import type { FrameHandler } from './frame-handler.ts';
import { HeaderBlock, type HeaderBlockLimits } from './header-block.ts';
import { frameSizeError, type Http2Error, protocolError } from './http2-error.ts';

export type FrameReaderOptions = HeaderBlockLimits & {
  /** Our SETTINGS_MAX_FRAME_SIZE: longer frames are refused. */
  readonly maxFrameSize: number;
};

export const defaultFrameReaderOptions: FrameReaderOptions = {
  maxFrameSize: initialMaxFrameSize,
  blockBytes: 65_536,
  continuations: 8,
};

/** What is collected of a frame grows from this. */
const leastCollected = 64;
const nothing = Buffer.alloc(0);
const preface = Buffer.from(connectionPreface, 'latin1');

export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #role: Role;
  readonly #options: FrameReaderOptions;
  #isStopped = false;
  /** Bytes of the preface that came; its length for a client, who receives none. */
  #prefaceAt: number;
  #hasSettings = false;
  #block: HeaderBlock | undefined;
  /** A frame, or the header of one, that has not come whole: its first bytes, how many they are, and have to be. */
  #partial: Buffer | undefined;
  #filled = 0;
  #needed = 0;
  /** The DATA frame that is coming in: bytes of data that are missing, padding behind them, and what was not yet counted. */
  #dataStream = 0;
  #dataLeft = 0;
  #dataPadding = 0;
  #dataUncounted = 0;
  #dataEnds = false;
  /** Bytes of no interest that are still to come: padding, payloads of unknown frames. */
  #skip = 0;

  constructor(role: Role, handler: FrameHandler, options: FrameReaderOptions = defaultFrameReaderOptions) {
    this.#role = role;
    this.#handler = handler;
    this.#options = options;
    this.#prefaceAt = role === 'server' ? 0 : preface.length;
  }

  /** Between two frames: nothing of a further frame or header block has come. */
  get isBetweenFrames(): boolean {
    return this.#skip === 0 && this.#dataLeft === 0 && this.#partial === undefined && this.#block === undefined;
  }

  /** Nothing more is told, not even of what was pushed before. */
  stop(): void {
    this.#isStopped = true;
    this.#partial = undefined;
    this.#block = undefined;
  }

  /** Reads what came. Pieces of DATA that the handler is given are views of `bytes`. */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && !this.#isStopped) {
      if (this.#dataLeft > 0) at = this.#continueData(bytes, at);
      else if (this.#skip > 0) at = this.#skipBytes(bytes, at);
      else if (this.#partial !== undefined) at = this.#collect(this.#partial, bytes, at);
      else if (this.#prefaceAt < preface.length) at = this.#readPreface(bytes, at);
      else at = this.#readFrame(bytes, at);
    }
  }

  #readPreface(bytes: Buffer, at: number): number {
    while (at < bytes.length && this.#prefaceAt < preface.length) {
      if (bytes[at] !== preface[this.#prefaceAt]) {
        this.#fail(protocolError('not the connection preface of HTTP/2'));
        break;
      }
      at++;
      this.#prefaceAt++;
    }
    return at;
  }

  /** Reads the frame that begins at `at`, or keeps what is there of it; the position behind what was read. */
  #readFrame(bytes: Buffer, at: number): number {
    const available = bytes.length - at;
    if (available < frameHeaderBytes) return this.#keep(bytes, at, frameHeaderBytes);
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    const streamId = readUint31(bytes, at + 5);
    const error = this.#checkHeader(length, type, flags, streamId);
    if (error !== undefined) return this.#fail(error);
    const start = at + frameHeaderBytes;
    if (type === FrameType.data) {
      // The length of the padding is needed with the header, to count what the frame takes of the windows.
      const isPadded = (flags & FrameFlag.padded) !== 0;
      if (isPadded && length > 0 && available === frameHeaderBytes) return this.#keep(bytes, at, frameHeaderBytes + 1);
      return this.#beginData(streamId, flags, length, isPadded ? bytes[start] : undefined, start);
    }
    if (type > FrameType.continuation) {
      this.#skip = length;
      this.#handler.onUnknown(type);
      return start;
    }
    if (available < frameHeaderBytes + length) return this.#keep(bytes, at, frameHeaderBytes + length);
    this.#readPayload(type, flags, streamId, bytes, start, start + length);
    return start + length;
  }

  /** What can be said of a frame by its header alone. Has no effect: it may be asked twice for one frame. */
  #checkHeader(length: number, type: number, flags: number, streamId: number): Http2Error | undefined {
    if (length > this.#options.maxFrameSize) {
      return frameSizeError(`a frame of more than ${this.#options.maxFrameSize} bytes`, streamId);
    }
    if (!this.#hasSettings && (type !== FrameType.settings || (flags & FrameFlag.ack) !== 0)) {
      return protocolError('the first frame is not SETTINGS');
    }
    const block = this.#block;
    if (block !== undefined) {
      if (type === FrameType.continuation && streamId === block.streamId) return undefined;
      return protocolError('a header block that is not continued', block.streamId);
    }
    if (type === FrameType.continuation) return protocolError('CONTINUATION without HEADERS', streamId);
    // A client cannot push, and a server is told not to (section 8.4).
    if (type === FrameType.pushPromise) return protocolError('PUSH_PROMISE', streamId);
    if (type > FrameType.headers || streamId % 2 === 1) return undefined;
    return protocolError(streamId === 0 ? 'DATA or HEADERS on stream 0' : 'DATA or HEADERS on a stream of the server');
  }

  #readPayload(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    let error: Http2Error | undefined;
    if (type === FrameType.headers) error = this.#readHeaders(flags, streamId, bytes, start, end);
    else if (type === FrameType.continuation) error = this.#readContinuation(flags, bytes, start, end);
    else {
      this.#hasSettings = true;
      error = readControlFrame(this.#handler, this.#role, type, flags, streamId, bytes, start, end);
    }
    if (error !== undefined) this.#fail(error);
  }

  #readHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): Http2Error | undefined {
    const isPadded = (flags & FrameFlag.padded) !== 0;
    const hasPriority = (flags & FrameFlag.priority) !== 0;
    if (end - start < (isPadded ? 1 : 0) + (hasPriority ? 5 : 0)) return frameSizeError('HEADERS too short', streamId);
    const padding = isPadded ? (bytes[start] as number) : 0;
    let from = isPadded ? start + 1 : start;
    if (hasPriority) {
      // The block would still have to be decoded, so this is of the whole connection where RFC 7540 section 5.3.1 had the stream.
      if (readUint31(bytes, from) === streamId) return protocolError('a stream that depends on itself', streamId);
      from += 5;
    }
    const to = end - padding;
    if (to < from) return protocolError('padding as long as the frame', streamId);
    const endStream = (flags & FrameFlag.endStream) !== 0;
    if ((flags & FrameFlag.endHeaders) !== 0) {
      this.#handler.onHeaders(streamId, bytes, from, to, endStream);
      return undefined;
    }
    this.#block = new HeaderBlock(streamId, endStream, this.#options);
    return this.#block.add(bytes, from, to);
  }

  #readContinuation(flags: number, bytes: Buffer, start: number, end: number): Http2Error | undefined {
    const block = this.#block;
    if (block === undefined) return protocolError('CONTINUATION without HEADERS');
    const error = block.add(bytes, start, end);
    if (error !== undefined || (flags & FrameFlag.endHeaders) === 0) return error;
    this.#block = undefined;
    this.#handler.onHeaders(block.streamId, block.bytes, 0, block.length, block.endStream);
    return undefined;
  }

  /** `padding`: the octet that says its length, where there is one. `at`: where the frame begins. */
  #beginData(streamId: number, flags: number, length: number, padding: number | undefined, start: number): number {
    const isPadded = (flags & FrameFlag.padded) !== 0;
    if (isPadded && length === 0) return this.#fail(frameSizeError('padded DATA without a length of it', streamId));
    const overhead = isPadded ? 1 + (padding ?? 0) : 0;
    if (overhead > length) return this.#fail(protocolError('padding as long as the frame', streamId));
    const left = length - overhead;
    const endStream = (flags & FrameFlag.endStream) !== 0;
    if (left === 0) {
      this.#skip = padding ?? 0;
      this.#handler.onData(streamId, nothing, length, endStream);
    } else {
      this.#dataStream = streamId;
      this.#dataLeft = left;
      this.#dataPadding = padding ?? 0;
      this.#dataUncounted = overhead;
      this.#dataEnds = endStream;
    }
    return isPadded ? start + 1 : start;
  }

  #continueData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#dataLeft);
    const piece = at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end);
    const flowLength = piece.length + this.#dataUncounted;
    this.#dataLeft -= piece.length;
    this.#dataUncounted = 0;
    if (this.#dataLeft === 0) this.#skip = this.#dataPadding;
    this.#handler.onData(this.#dataStream, piece, flowLength, this.#dataEnds && this.#dataLeft === 0);
    return end;
  }

  #skipBytes(bytes: Buffer, at: number): number {
    const skipped = Math.min(this.#skip, bytes.length - at);
    this.#skip -= skipped;
    return at + skipped;
  }

  /** Keeps the rest of `bytes` until `needed` bytes of the frame are there. */
  #keep(bytes: Buffer, at: number, needed: number): number {
    this.#filled = bytes.length - at;
    this.#needed = needed;
    // Grows with what comes: a header that announces much costs no memory yet.
    this.#partial = Buffer.allocUnsafe(Math.min(needed, Math.max(leastCollected, 2 * this.#filled)));
    bytes.copy(this.#partial, 0, at);
    return bytes.length;
  }

  #collect(partial: Buffer, bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#needed - this.#filled);
    const filled = this.#filled + end - at;
    let target = partial;
    if (filled > target.length) {
      target = Buffer.allocUnsafe(Math.min(this.#needed, Math.max(filled, 2 * target.length)));
      partial.copy(target, 0, 0, this.#filled);
      this.#partial = target;
    }
    bytes.copy(target, this.#filled, at, end);
    this.#filled = filled;
    if (filled === this.#needed) {
      this.#partial = undefined;
      this.#readFrame(target.subarray(0, filled), 0);
    }
    return end;
  }

  /** The position to go on from, of which there is none. */
  #fail(error: Http2Error): number {
    if (error.scope === 'connection') this.stop();
    this.#handler.onError(error);
    return 0;
  }
}
