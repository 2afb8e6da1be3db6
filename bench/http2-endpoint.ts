// One end of an HTTP/2 connection that does little: frames and header blocks by our own codec, windows so large that nobody
// waits for them, one write for what one read brought. What comes of a message is for the client and the backend made of it.
import type { TLSSocket } from 'node:tls';
import { FieldNames } from '../src/http/field.ts';
import { initialWindowSize, nameOfErrorCode, type Setting, SettingId } from '../src/http2/frame.ts';
import type { FrameHandler } from '../src/http2/frame-handler.ts';
import { FrameOutput } from '../src/http2/frame-output.ts';
import { FrameReader } from '../src/http2/frame-reader.ts';
import { HpackContext } from '../src/http2/hpack-context.ts';
import { HpackDecoder } from '../src/http2/hpack-decoder.ts';
import { HpackEncoder } from '../src/http2/hpack-encoder.ts';
import { Http2Error } from '../src/http2/http2-error.ts';
import { PagePool } from '../src/http2/page-pool.ts';

const WINDOW_BYTES = 16 << 20;

const context = new HpackContext(new FieldNames());
const pages = new PagePool();

export type Line = readonly [name: string, value: string];

/**
 * Sends DATA without regard to windows: 128 messages of 100 bytes at a time are less than the smallest initial window, which
 * every gateway opens again before it is half used up. One that does not would end the connection, which is counted.
 */
export abstract class Http2Endpoint implements FrameHandler {
  protected readonly output = new FrameOutput(pages);
  readonly #socket: TLSSocket;
  readonly #reader: FrameReader;
  readonly #encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder(context, { listBytes: 65_536, fieldCount: 128 });
  #uncredited = 0;

  constructor(role: 'client' | 'server', socket: TLSSocket) {
    this.#socket = socket;
    this.#reader = new FrameReader(role, this);
    if (role === 'client') this.output.preface();
    this.output.settings([
      [SettingId.initialWindowSize, WINDOW_BYTES],
      ...(role === 'client' ? [[SettingId.enablePush, 0] as const] : []),
    ]);
    this.output.windowUpdate(0, WINDOW_BYTES - initialWindowSize);
  }

  /** Fields of a header block, with values as they came. */
  protected abstract onMessage(
    streamId: number,
    fields: readonly { name: string; value: string }[],
    ends: boolean,
  ): void;
  protected abstract onBody(streamId: number, bytes: number, ends: boolean): void;
  protected abstract fail(reason: string): void;

  /** Reads what came, and sends what that led to. */
  read(chunk: Buffer): void {
    this.#reader.push(chunk);
    this.flush();
  }

  flush(): void {
    if (this.output.length === 0 || !this.#socket.writable) return;
    const bytes = Buffer.concat(this.output.take());
    this.output.settle();
    this.#socket.write(bytes);
  }

  protected headers(streamId: number, lines: readonly Line[], endStream: boolean): void {
    const encoder = this.#encoder;
    encoder.begin();
    for (const [name, value] of lines) encoder.field(name, value);
    this.output.headers(streamId, encoder.block, encoder.length, endStream);
  }

  onHeaders(streamId: number, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const headers = this.#decoder.decode(bytes, start, end);
    if (headers instanceof Http2Error) this.fail(headers.toString());
    else this.onMessage(streamId, headers.fields, endStream);
  }

  onData(streamId: number, bytes: Buffer, flowLength: number, endStream: boolean): void {
    this.#uncredited += flowLength;
    if (this.#uncredited > WINDOW_BYTES / 2) {
      this.output.windowUpdate(0, this.#uncredited);
      this.#uncredited = 0;
    }
    this.onBody(streamId, bytes.length, endStream);
  }

  onSettings(settings: readonly Setting[]): void {
    for (const [id, value] of settings) if (id === SettingId.headerTableSize) this.#encoder.limitTable(value);
    this.output.settingsAck();
  }

  onPing(opaque: Buffer, isAck: boolean): void {
    if (!isAck) this.output.ping(opaque, true);
  }

  onReset(_streamId: number, code: number): void {
    this.fail(`stream reset: ${nameOfErrorCode(code)}`);
  }

  onGoAway(_last: number, code: number, debug: Buffer): void {
    this.fail(`GOAWAY: ${nameOfErrorCode(code)} ${debug.toString('latin1')}`.trim());
  }

  onError(error: Http2Error): void {
    this.fail(error.toString());
  }

  onSettingsAck(): void {}
  onWindowUpdate(): void {}
  onPriority(): void {}
  onUnknown(): void {}
}
