// A rule of HTTP/2 that the peer broke (RFC 9113 section 5.4), as a value: the readers hand it on instead of throwing, so
// hostile bytes cost no stack trace.
import { ErrorCode, nameOfErrorCode } from './frame.ts';

export class Http2Error {
  /** The code for RST_STREAM or GOAWAY. */
  readonly code: ErrorCode;
  /** Whether the stream has to be reset, or the whole connection given up (GOAWAY, then close). */
  readonly scope: 'connection' | 'stream';
  /** The stream it is about; 0 where it is about the connection as such. */
  readonly streamId: number;
  /** A few words for the log: which rule. Safe to send as debug data. */
  readonly reason: string;

  constructor(code: ErrorCode, scope: 'connection' | 'stream', streamId: number, reason: string) {
    this.code = code;
    this.scope = scope;
    this.streamId = streamId;
    this.reason = reason;
  }

  toString(): string {
    const where = this.scope === 'stream' ? ` on stream ${this.streamId}` : '';
    return `${nameOfErrorCode(this.code)}${where}: ${this.reason}`;
  }
}

export function connectionError(code: ErrorCode, reason: string, streamId = 0): Http2Error {
  return new Http2Error(code, 'connection', streamId, reason);
}

export function streamError(code: ErrorCode, streamId: number, reason: string): Http2Error {
  return new Http2Error(code, 'stream', streamId, reason);
}

/** What most broken rules are. */
export function protocolError(reason: string, streamId = 0): Http2Error {
  return connectionError(ErrorCode.protocolError, reason, streamId);
}

export function frameSizeError(reason: string, streamId = 0): Http2Error {
  return connectionError(ErrorCode.frameSizeError, reason, streamId);
}
