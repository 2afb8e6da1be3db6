// Limits of the HTTP codecs, with the defaults that the configuration starts from. Bytes and milliseconds.

export type HttpLimits = {
  /** Request or status line, without CRLF. */
  readonly startLineBytes: number;
  /** Whole head: start line and header section. */
  readonly headBytes: number;
  readonly fieldCount: number;
  /** Chunk-size line with its extensions, without CRLF. */
  readonly chunkLineBytes: number;
  readonly trailerBytes: number;
  readonly trailerCount: number;
};

export const defaultHttpLimits: HttpLimits = {
  startLineBytes: 8192,
  headBytes: 32_768,
  fieldCount: 128,
  chunkLineBytes: 256,
  trailerBytes: 8192,
  trailerCount: 32,
};

/** How long a client may take; 0 means no limit. */
export type ServerTimeouts = {
  /** From the first byte of a request (or the accepted connection) to the end of its head. */
  readonly headMs: number;
  /** Between two pieces of a request body, and for the client to take some of the answer. */
  readonly stallMs: number;
  /** Bytes a second of a request body, until it is answered, in each `rateMs`; 0 = none. Not while we do not read it. */
  readonly minRequestRate: number;
  /** Bytes a second that the client takes of what waits for it, after `rateMs`; 0 = none. Never while nothing waits. */
  readonly minResponseRate: number;
  /** See the two rates. */
  readonly rateMs: number;
  /** Kept-alive connection without a request. */
  readonly idleMs: number;
  /** From the first byte of a request to the end of its body. */
  readonly requestMs: number;
  /** After our last byte, for the client to close, before we do. */
  readonly lingerMs: number;
};

/** What no key changes: a head has to come within the first, and a client has to close within the second, after our last byte. */
export const maxHeadMs = 10_000;
export const lingerMs = 2_000;

/** Silence on a connection of either side after which TCP asks whether the peer is still there: streams of events are silent for hours. */
export const keepAliveAfterMs = 30_000;
