// One HTTP/2 connection (RFC 9113), the same for both sides: frames in and out, both windows of the connection, SETTINGS, PING,
// GOAWAY, and what a peer may do of no use. Owns the socket. Which streams begin, and what their messages mean, belongs to the
// role: server.ts or client.ts.
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Fields } from '../http/field.ts';
import { AbuseBudget } from './abuse-budget.ts';
import { ConnectionWindow } from './connection-window.ts';
import { ErrorCode, initialWindowSize, type Setting } from './frame.ts';
import type { FrameHandler } from './frame-handler.ts';
import { FrameReader } from './frame-reader.ts';
import { connectionError, type Http2Error, protocolError, streamError } from './http2-error.ts';
import type { SessionMetrics } from './session-metrics.ts';
import { PeerSettings } from './peer-settings.ts';
import { RecentResets } from './recent-resets.ts';
import { type OutputListener, SessionOutput } from './session-output.ts';
import type { SessionOptions, SessionRole } from './session-role.ts';
import { Http2Stream, type StreamSession } from './stream.ts';
import { StreamTable } from './stream-table.ts';
import { WaitingStreams } from './waiting-streams.ts';

/** Of one frame; what is sent at a time is counted in such. */
const frameBytes = 16_384;
export class Http2Session implements FrameHandler, StreamSession, OutputListener {
  readonly streams = new StreamTable();
  readonly peer = new PeerSettings();
  readonly budget: AbuseBudget;
  readonly receiveWindow: number;
  /** Nothing is read any more, and nothing but GOAWAY written. */
  isClosed = false;
  sendWindow = initialWindowSize;
  readonly output: SessionOutput;
  readonly #clock: Clock;
  readonly #role: SessionRole;
  readonly #reader: FrameReader;
  readonly #metrics: SessionMetrics;
  readonly #window: ConnectionWindow;
  /** Of all streams: bytes that wait for windows of the peer, or for the socket. */
  queuedBytes = 0;
  readonly #waiting = new WaitingStreams(this);
  readonly #resets = new RecentResets();
  #touched: Http2Stream[] = [];
  #isReading = false;

  constructor(socket: Socket, options: SessionOptions, role: SessionRole) {
    // The options are not kept: an idle connection should hold no more than it needs.
    this.#clock = options.clock;
    this.#role = role;
    this.#metrics = options.shared.metrics[role.role];
    this.#metrics.connections.inc();
    this.budget = new AbuseBudget(options.clock.monotonic());
    this.receiveWindow = options.streamWindow;
    this.#window = new ConnectionWindow(options.connectionWindow, (bytes) => this.output.next.windowUpdate(0, bytes));
    this.output = new SessionOutput(socket, options.turn, options.shared.pages, this);
    this.#reader = new FrameReader(role.role, this);
    const { next } = this.output;
    if (role.role === 'client') next.preface();
    next.settings(options.settings);
    next.windowUpdate(0, options.connectionWindow - initialWindowSize);
  }

  /** Nothing of a further frame or header block has come. */
  get isBetweenFrames(): boolean {
    return this.#reader.isBetweenFrames;
  }

  /** Bytes from the socket. */
  push(bytes: Buffer): void {
    if (this.isClosed) return;
    this.#role.onRead();
    this.#isReading = true;
    this.#reader.push(bytes);
    this.#role.onReadOver();
    this.#isReading = false;
    const touched = this.#touched;
    if (touched.length === 0) return;
    this.#touched = [];
    for (const stream of touched) {
      stream.isTouched = false;
      if (!stream.isClosed && !stream.remoteEnded) stream.listener?.onStreamFlush();
    }
  }

  open(id: number): Http2Stream {
    const stream = new Http2Stream(id, this, this.peer.initialWindowSize);
    this.streams.add(stream);
    this.#metrics.opened.inc();
    this.#metrics.streams.inc();
    if (this.#isReading) this.#touch(stream);
    return stream;
  }

  /** `block`: its first `length` bytes are the header block that was encoded for this connection last. */
  sendHeaders(stream: Http2Stream, block: Buffer, length: number, endStream: boolean): void {
    if (this.isClosed || stream.isClosed) return;
    stream.isAnswered = true;
    this.output.next.headers(stream.id, block, length, endStream);
    if (endStream) {
      this.budget.answered += 1;
      stream.endWithHeaders();
    }
  }

  ping(opaque: Buffer): void {
    if (!this.isClosed) this.output.next.ping(opaque, false);
  }

  /** Says which streams may still be served, and why no others are. */
  goAway(lastStreamId: number, code: ErrorCode, reason = ''): void {
    if (this.isClosed) return;
    this.#metrics.countGoAway('sent', code);
    this.output.next.goAway(lastStreamId, code, reason);
  }

  /** Ends it for a broken rule: GOAWAY with the reason, then nothing. */
  fail(error: Http2Error): void {
    if (this.isClosed) return;
    this.goAway(this.#role.lastStreamId, error.code, error.reason);
    this.output.flush();
    this.close();
    this.#role.onBroken(error);
  }

  /** Nothing is read or written any more. Streams that are open stay so: they are the role's to tell. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#metrics.connections.dec();
    for (let left = this.streams.size; left > 0; left -= 1) this.#metrics.streams.dec();
    this.#reader.stop();
    this.output.close();
    this.#waiting.clear();
  }

  // --- StreamSession

  get isBehind(): boolean {
    return this.output.isBehind;
  }

  sendData(stream: Http2Stream, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.isClosed) return;
    this.sendWindow -= end - start;
    stream.sendWindow -= end - start;
    this.budget.dataFrames += 1 + Math.floor((end - start) / frameBytes);
    this.output.next.data(stream.id, bytes, start, end, endStream);
    if (endStream) this.budget.answered += 1;
  }

  sendTrailers(stream: Http2Stream, trailers: Fields): void {
    if (!this.isClosed) this.#role.sendTrailers(stream, trailers);
  }

  sendCredit(stream: Http2Stream, bytes: number): void {
    if (!this.isClosed) this.output.next.windowUpdate(stream.id, bytes);
  }

  sendReset(stream: Http2Stream, code: ErrorCode): void {
    this.sendResetOf(stream.id, code);
  }

  /** Resets a stream that may not even be open. */
  sendResetOf(streamId: number, code: ErrorCode): void {
    if (this.isClosed) return;
    this.#resets.add(streamId);
    this.#metrics.resets.sent.inc();
    this.output.next.reset(streamId, code);
  }

  countHeld(bytes: number): void {
    this.#window.hold(bytes);
    if (!this.isClosed) this.#window.credit();
  }

  countQueued(bytes: number): void {
    this.queuedBytes += bytes;
  }

  await(stream: Http2Stream, waits: boolean): void {
    if (waits) this.#waiting.add(stream);
    else this.#waiting.delete(stream);
  }

  forget(stream: Http2Stream): void {
    if (this.streams.delete(stream.id) && !this.isClosed) this.#metrics.streams.dec();
    this.#waiting.delete(stream);
    this.#role.onStreamClosed(stream);
  }

  // --- the peer's frames

  onData(streamId: number, bytes: Buffer, flowLength: number, endStream: boolean): void {
    if (this.isClosed) return;
    if (!this.#window.take(flowLength))
      return this.fail(connectionError(ErrorCode.flowControlError, 'more DATA than the window of the connection'));
    if (bytes.length === 0 && !endStream && !this.#glitch('empty DATA frames')) return;
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) this.#onStray(streamId, stream);
    else {
      this.#touch(stream);
      const error = stream.receive(bytes, flowLength, endStream);
      if (error !== undefined) this.onError(error);
    }
    if (!this.isClosed) this.#window.credit();
  }

  /** DATA for a stream that takes none. */
  #onStray(streamId: number, stream: Http2Stream | undefined): void {
    if (stream === undefined && this.#role.isIdle(streamId))
      return this.fail(protocolError('DATA on a stream that was never opened', streamId));
    if (this.#wasReset(streamId)) return;
    if (stream !== undefined) return this.onError(streamError(ErrorCode.streamClosed, streamId, 'DATA after its end'));
    if (this.#glitch('DATA on closed streams')) this.sendResetOf(streamId, ErrorCode.streamClosed);
  }

  /** Whether what comes on a closed stream was sent before the peer knew of our reset; where that cannot be told, it is counted. */
  #wasReset(streamId: number): boolean {
    const found = this.#resets.find(streamId);
    if (found === 'perhaps') this.#glitch('frames on closed streams');
    return found !== 'no';
  }

  onHeaders(streamId: number, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.isClosed) return;
    const stream = this.streams.get(streamId);
    if (stream !== undefined) this.#touch(stream);
    this.#role.onHeaders(streamId, stream, bytes, start, end, endStream);
  }

  /** A stream that is not taken on, so that its request can be sent again (section 8.7). */
  refuse(streamId: number): void {
    if (this.#glitch('streams beyond the limit')) this.sendResetOf(streamId, ErrorCode.refusedStream);
  }

  /** HEADERS for a stream that is over: the block was decoded, and is thrown away. */
  strayHeaders(streamId: number): void {
    if (!this.#glitch('HEADERS on closed streams') || this.#wasReset(streamId)) return;
    this.fail(connectionError(ErrorCode.streamClosed, 'HEADERS on a closed stream', streamId));
  }

  onPriority(): void {
    this.#glitch('PRIORITY frames');
  }

  onReset(streamId: number, code: number): void {
    this.#metrics.resets.received.inc();
    if (this.isClosed) return;
    const stream = this.streams.get(streamId);
    // Who has begun to be answered may end it: a stream of events has no other end.
    if (!this.#glitch('resets', stream?.isAnswered)) return;
    if (stream === undefined) {
      if (this.#role.isIdle(streamId))
        this.fail(protocolError('RST_STREAM on a stream that was never opened', streamId));
      return;
    }
    // An answer that has come whole is one, whatever the server thinks of the rest of the request.
    if (stream.remoteEnded && this.#role.role === 'client') return stream.stopSending();
    const { listener } = stream;
    stream.drop();
    listener?.onStreamReset(code, undefined);
  }

  onSettings(settings: readonly Setting[]): void {
    if (this.isClosed || !this.#glitch('SETTINGS frames')) return;
    const before = this.peer.initialWindowSize;
    this.peer.take(settings);
    this.output.next.settingsAck();
    const change = this.peer.initialWindowSize - before;
    if (change !== 0) {
      for (const stream of this.streams.list()) {
        if (!stream.widen(change))
          return this.fail(connectionError(ErrorCode.flowControlError, 'a window above 2^31-1', stream.id));
      }
    }
    this.#role.onPeerSettings(this.peer);
    if (change > 0) this.#waiting.pump();
  }

  onSettingsAck(): void {
    // Ours are in force from the beginning: they only ever allow more than the defaults, or what must not be used anyway.
    this.#glitch('acknowledgements');
  }

  onPing(opaque: Buffer, isAck: boolean): void {
    if (this.isClosed) return;
    if (!this.budget.accompany() && !this.#glitch('PING frames')) return;
    if (isAck) this.#role.onPingAck();
    else this.output.next.ping(opaque, true);
  }

  onGoAway(lastStreamId: number, code: number): void {
    if (this.isClosed) return;
    this.#metrics.countGoAway('received', code);
    this.#role.onGoAway(lastStreamId, code);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if (this.isClosed) return;
    if (!this.budget.accompany() && !this.#glitch('WINDOW_UPDATE frames')) return;
    if (streamId === 0) {
      this.sendWindow += increment;
      if (this.sendWindow > 0x7fff_ffff)
        return this.fail(connectionError(ErrorCode.flowControlError, 'a window of the connection above 2^31-1'));
      return this.#waiting.pump();
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.#role.isIdle(streamId))
        this.fail(protocolError('WINDOW_UPDATE on a stream that was never opened', streamId));
      return;
    }
    if (!stream.widen(increment))
      return this.onError(streamError(ErrorCode.flowControlError, streamId, 'a window above 2^31-1'));
    this.#waiting.pumpOne(stream);
  }

  onUnknown(): void {
    this.#glitch('frames of unknown types');
  }

  /** A rule was broken; of one stream, only that one ends. */
  onError(error: Http2Error): void {
    if (this.isClosed) return;
    if (error.scope === 'connection') return this.fail(error);
    const stream = this.streams.get(error.streamId);
    // Resets that a peer makes us send are as cheap to ask for as its own.
    if (!this.#glitch('broken streams')) return;
    if (stream === undefined && this.#role.isIdle(error.streamId))
      return this.fail(connectionError(error.code, error.reason, error.streamId));
    const listener = stream?.listener;
    if (stream === undefined) this.sendResetOf(error.streamId, error.code);
    else stream.reset(error.code);
    listener?.onStreamReset(error.code, error);
  }

  /** False where it was one too many, and the connection is over. `isEarned`: it is nothing that its client should answer for elsewhere. */
  #glitch(what: string, isEarned = false): boolean {
    if (this.isClosed) return false;
    const { budget } = this;
    if (!budget.glitch(this.#clock.monotonic())) this.#calm(what);
    else if (!isEarned && budget.isUnearned && !this.#role.mayWaste()) this.#calm(`${what}, on all its connections`);
    return !this.isClosed;
  }

  #calm(what: string): void {
    this.fail(connectionError(ErrorCode.enhanceYourCalm, `too many ${what}`));
  }

  #touch(stream: Http2Stream): void {
    if (stream.isTouched) return;
    stream.isTouched = true;
    this.#touched.push(stream);
  }

  // --- OutputListener

  onTaken(): void {
    this.#role.onTaken();
  }

  onBehind(): void {
    this.#role.onBehind(this.output.waitingBytes);
  }

  onDrain(): void {
    if (this.isClosed) return;
    this.#role.onCaughtUp();
    this.#waiting.pump();
  }
}
