// Reads the payloads of the frames that are collected before they are read: all but DATA and header blocks (RFC 9113
// sections 6.3 to 6.9). Checks lengths, streams and values, and tells the handler.
import {
  ErrorCode,
  FrameFlag,
  FrameType,
  greatestMaxFrameSize,
  greatestWindowSize,
  initialMaxFrameSize,
  type Setting,
  SettingId,
} from './frame.ts';
import type { FrameHandler } from './frame-handler.ts';
import { connectionError, frameSizeError, type Http2Error, protocolError, streamError } from './http2-error.ts';

/** Whose frames are read: what a `server` receives from its client, or a `client` from its server. */
export type Role = 'server' | 'client';

/** Reads the frame whose payload stands in `bytes` from `start` to `end`; gives the rule that it breaks, if any. */
export function readControlFrame(
  handler: FrameHandler,
  role: Role,
  type: number,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
): Http2Error | undefined {
  switch (type) {
    case FrameType.windowUpdate:
      return readWindowUpdate(handler, streamId, bytes, start, end);
    case FrameType.ping:
      if (streamId !== 0) return protocolError('PING on a stream', streamId);
      if (end - start !== 8) return frameSizeError('PING of other than 8 bytes');
      handler.onPing(bytes.subarray(start, end), (flags & FrameFlag.ack) !== 0);
      return undefined;
    case FrameType.settings:
      return readSettings(handler, role, flags, streamId, bytes, start, end);
    case FrameType.rstStream:
      if (streamId === 0) return protocolError('RST_STREAM on stream 0');
      if (end - start !== 4) return frameSizeError('RST_STREAM of other than 4 bytes', streamId);
      handler.onReset(streamId, readUint32(bytes, start));
      return undefined;
    case FrameType.priority:
      return readPriority(handler, streamId, bytes, start, end);
    default:
      return readGoAway(handler, streamId, bytes, start, end);
  }
}

function readWindowUpdate(
  handler: FrameHandler,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
): Http2Error | undefined {
  if (end - start !== 4) return frameSizeError('WINDOW_UPDATE of other than 4 bytes', streamId);
  const increment = readUint31(bytes, start);
  if (increment === 0) {
    if (streamId === 0) return protocolError('WINDOW_UPDATE by 0');
    return streamError(ErrorCode.protocolError, streamId, 'WINDOW_UPDATE by 0');
  }
  handler.onWindowUpdate(streamId, increment);
  return undefined;
}

function readPriority(
  handler: FrameHandler,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
): Http2Error | undefined {
  if (streamId === 0) return protocolError('PRIORITY on stream 0');
  if (end - start !== 5) {
    return streamError(ErrorCode.frameSizeError, streamId, 'PRIORITY of other than 5 bytes');
  }
  if (readUint31(bytes, start) === streamId) {
    return streamError(ErrorCode.protocolError, streamId, 'a stream that depends on itself');
  }
  handler.onPriority(streamId);
  return undefined;
}

function readGoAway(
  handler: FrameHandler,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
): Http2Error | undefined {
  if (streamId !== 0) return protocolError('GOAWAY on a stream', streamId);
  if (end - start < 8) return frameSizeError('GOAWAY of less than 8 bytes');
  handler.onGoAway(readUint31(bytes, start), readUint32(bytes, start + 4), bytes.subarray(start + 8, end));
  return undefined;
}

function readSettings(
  handler: FrameHandler,
  role: Role,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
): Http2Error | undefined {
  if (streamId !== 0) return protocolError('SETTINGS on a stream', streamId);
  if ((flags & FrameFlag.ack) !== 0) {
    if (end !== start) return frameSizeError('an acknowledgement of SETTINGS with a payload');
    handler.onSettingsAck();
    return undefined;
  }
  if ((end - start) % 6 !== 0) return frameSizeError('SETTINGS of a length that is no multiple of 6');
  const settings: Setting[] = [];
  for (let at = start; at < end; at += 6) {
    const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    const value = readUint32(bytes, at + 2);
    const error = checkSetting(role, id, value);
    if (error !== undefined) return error;
    settings.push([id, value]);
  }
  handler.onSettings(settings);
  return undefined;
}

/** Section 6.5.2; RFC 8441 section 3 for the last. */
function checkSetting(role: Role, id: number, value: number): Http2Error | undefined {
  switch (id) {
    case SettingId.enablePush:
      // A server that says 1 is wrong whatever a client said before (section 8.4).
      if (value > 1 || (value === 1 && role === 'client')) return protocolError('an illegal SETTINGS_ENABLE_PUSH');
      return undefined;
    case SettingId.initialWindowSize:
      if (value <= greatestWindowSize) return undefined;
      return connectionError(ErrorCode.flowControlError, 'SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1');
    case SettingId.maxFrameSize:
      if (value >= initialMaxFrameSize && value <= greatestMaxFrameSize) return undefined;
      return protocolError('an illegal SETTINGS_MAX_FRAME_SIZE');
    case SettingId.enableConnectProtocol:
      return value > 1 ? protocolError('an illegal SETTINGS_ENABLE_CONNECT_PROTOCOL') : undefined;
    default:
      return undefined;
  }
}

/** The bytes must be there. */
export function readUint31(bytes: Buffer, at: number): number {
  return readUint32(bytes, at) & 0x7fff_ffff;
}

function readUint32(bytes: Buffer, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}
