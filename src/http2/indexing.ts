// Which fields an HPACK encoder puts into the peer's dynamic table (RFC 7541 section 7.1). Secrets never: on a connection
// that carries the calls of several clients, the size of a block would tell one of them whether it guessed another's. What
// is different in every message neither: it would drive out what repeats.

export const Indexing = {
  /** Goes into the table when its values turn out to repeat. */
  adaptive: 0,
  /** Is sent as it is. */
  none: 1,
  /** Is sent as it is, and nobody on the way may index it either. */
  never: 2,
} as const;
export type Indexing = (typeof Indexing)[keyof typeof Indexing];

const secrets = [
  // It may hold a secret in its query; and whether its sender forbade to index it is not kept for pseudo-header fields.
  ':path',
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-auth-token',
  'x-csrf-token',
  // Who the client is: ours to say, and none of the other clients' business.
  'x-forwarded-client-cert',
  'client-cert',
  'client-cert-chain',
];

const unique = [
  'age',
  'content-disposition',
  'content-length',
  'content-range',
  'etag',
  'expires',
  'grpc-timeout',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'range',
  'referer',
  'traceparent',
  'x-request-id',
];

/** By lower-case name; `adaptive` where a name is not there. */
export const indexingOf: ReadonlyMap<string, Indexing> = new Map([
  ...secrets.map((name) => [name, Indexing.never] as const),
  ...unique.map((name) => [name, Indexing.none] as const),
]);
