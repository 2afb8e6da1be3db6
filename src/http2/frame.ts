// What the frames of HTTP/2 are called (RFC 9113 sections 6 and 7, RFC 8441 section 3): types, flags, settings, error codes.

/** Bytes of a frame header: length (3), type, flags, stream (4). */
export const frameHeaderBytes = 9;
/** SETTINGS_MAX_FRAME_SIZE that everybody starts with, and the least that can be asked for. */
export const initialMaxFrameSize = 16_384;
export const greatestMaxFrameSize = 16_777_215;
/** Flow-control window that a connection, and each stream until SETTINGS says otherwise, starts with. */
export const initialWindowSize = 65_535;
/** The largest flow-control window, and the largest increment of one. */
export const greatestWindowSize = 0x7fff_ffff;
/** SETTINGS_HEADER_TABLE_SIZE that everybody starts with. */
export const initialHeaderTableSize = 4096;
export const greatestStreamId = 0x7fff_ffff;

/** What a client sends before its first frame (section 3.4). */
export const connectionPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const FrameFlag = {
  /** DATA and HEADERS: the last of its stream. */
  endStream: 0x01,
  /** SETTINGS and PING: an acknowledgement. */
  ack: 0x01,
  endHeaders: 0x04,
  padded: 0x08,
  priority: 0x20,
} as const;

export const SettingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

/** One parameter of a SETTINGS frame; ids that are not in `SettingId` are to be ignored. */
export type Setting = readonly [id: number, value: number];

export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** In the order of the codes. */
const errorNames: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** The name of an error code as the RFC writes it, for logs; `0x…` for one that has none. */
export function isKnownErrorCode(code: number): boolean {
  return errorNames[code] !== undefined;
}

export function nameOfErrorCode(code: number): string {
  return errorNames[code] ?? `0x${code.toString(16)}`;
}
