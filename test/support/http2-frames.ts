// Frames of HTTP/2 made by hand, right or wrong, and what a FrameReader says of them as lines of text: the codec must not be
// the judge of itself.
import type { FrameHandler } from '../../src/http2/frame-handler.ts';
import { FrameReader, type FrameReaderOptions } from '../../src/http2/frame-reader.ts';
import { nameOfErrorCode } from '../../src/http2/frame.ts';
import type { Http2Error } from '../../src/http2/http2-error.ts';

/** A frame as it stands on the wire; `length` where the header is to lie. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer | string = '',
  length?: number,
): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const header = Buffer.alloc(9);
  header.writeUIntBE(length ?? bytes.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, bytes]);
}

/** A number as four octets of latin1 text. */
export function uint32(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('latin1');
}

/** One parameter of SETTINGS. */
export function setting(id: number, value: number): string {
  return String.fromCharCode(id >>> 8, id & 255) + uint32(value);
}

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const emptySettings = frame(4, 0, 0);

/** Keeps what it is told, one line for each call. DATA as text. */
export class FrameLog implements FrameHandler {
  readonly lines: string[] = [];

  onData(streamId: number, bytes: Buffer, flowLength: number, endStream: boolean): void {
    this.lines.push(`DATA ${streamId} ${JSON.stringify(bytes.toString('latin1'))} ${flowLength}${end(endStream)}`);
  }

  onHeaders(streamId: number, bytes: Buffer, start: number, to: number, endStream: boolean): void {
    this.lines.push(`HEADERS ${streamId} ${bytes.toString('latin1', start, to)}${end(endStream)}`);
  }

  onPriority(streamId: number): void {
    this.lines.push(`PRIORITY ${streamId}`);
  }

  onReset(streamId: number, code: number): void {
    this.lines.push(`RST_STREAM ${streamId} ${nameOfErrorCode(code)}`);
  }

  onSettings(settings: readonly (readonly [number, number])[]): void {
    this.lines.push(`SETTINGS ${settings.map(([id, value]) => `${id}=${value}`).join(' ')}`.trim());
  }

  onSettingsAck(): void {
    this.lines.push('SETTINGS ack');
  }

  onPing(opaque: Buffer, isAck: boolean): void {
    this.lines.push(`PING ${opaque.toString('latin1')}${isAck ? ' ack' : ''}`);
  }

  onGoAway(lastStreamId: number, code: number, debug: Buffer): void {
    this.lines.push(`GOAWAY ${lastStreamId} ${nameOfErrorCode(code)} ${debug.toString('latin1')}`.trim());
  }

  onWindowUpdate(streamId: number, increment: number): void {
    this.lines.push(`WINDOW_UPDATE ${streamId} ${increment}`);
  }

  onUnknown(type: number): void {
    this.lines.push(`unknown ${type}`);
  }

  onError(error: Http2Error): void {
    this.lines.push(`${error.scope} error ${error.toString()}`);
  }
}

function end(endStream: boolean): string {
  return endStream ? ' end' : '';
}

/** What is said of `pieces`, pushed one after the other; after SETTINGS, whose line is left out. */
export function readFrames(
  role: 'server' | 'client',
  pieces: readonly Buffer[],
  options?: FrameReaderOptions,
): string[] {
  const log = new FrameLog();
  const reader = new FrameReader(role, log, options);
  if (role === 'server') reader.push(preface);
  reader.push(emptySettings);
  log.lines.length = 0;
  for (const piece of pieces) reader.push(piece);
  return log.lines;
}
