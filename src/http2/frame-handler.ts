// What a FrameReader tells of the peer's frames. Called synchronously from within `push`, in the order of the bytes, with
// everything checked that can be checked without knowing the state of streams. Must not throw and must not call `push`.
import type { Setting } from './frame.ts';
import type { Http2Error } from './http2-error.ts';

export interface FrameHandler {
  /**
   * A piece of a DATA frame as it came, a view into what was pushed. `flowLength`: what the piece takes of both windows; the
   * first piece of a frame takes all of its padding, so the sum over a frame is its length. `endStream`: with the last piece
   * of the frame. A frame without data is one empty piece, any other has no empty piece.
   */
  onData(streamId: number, bytes: Buffer, flowLength: number, endStream: boolean): void;
  /**
   * A whole header block, HEADERS and CONTINUATION joined: `bytes` from `start` to `end`, valid during the call only. It must
   * be decoded whatever becomes of the stream, or the compression of the connection is lost.
   */
  onHeaders(streamId: number, bytes: Buffer, start: number, end: number, endStream: boolean): void;
  /** Deprecated, without effect; told because it can be sent in floods. */
  onPriority(streamId: number): void;
  /** RST_STREAM. `code` may be one that nobody knows. */
  onReset(streamId: number, code: number): void;
  /** In their order, values checked (section 6.5.2). To be acknowledged. */
  onSettings(settings: readonly Setting[]): void;
  onSettingsAck(): void;
  /** `opaque`: its eight bytes, valid during the call only. */
  onPing(opaque: Buffer, isAck: boolean): void;
  /** `debug`: valid during the call only, and written by the peer. */
  onGoAway(lastStreamId: number, code: number, debug: Buffer): void;
  /** `streamId` 0: the window of the connection. `increment` is 1 to 2^31-1. */
  onWindowUpdate(streamId: number, increment: number): void;
  /** A frame of a type that nobody knows, ignored as it must be; told because it can be sent in floods. */
  onUnknown(type: number): void;
  /** A broken rule. Of scope `connection`: the reader reads no more, whatever is pushed. */
  onError(error: Http2Error): void;
}
