// What a hostile client does while a good one is measured (fairness.ts): bounded in rate and number, so that it takes about half a
// core of the gateway that is attacked and the figures tell of the gateway, not of the generator.

/** `full` and `refused` shake hands, with a good certificate and with a stranger's; `half` stops after its ClientHello. */
type Shake = { readonly kind: 'full' | 'refused' | 'half'; readonly perSecond: number; readonly addresses: number };

/** As many connections that send their ClientHello at the same moment and stop, so many times a second. */
type Burst = { readonly kind: 'burst'; readonly connections: number; readonly bursts: number };

/** HTTP/1.1 connections that send `head`, then `drip` again and again, and read what comes only where `reads` says. */
type Slow = {
  readonly kind: 'slow';
  readonly connections: number;
  readonly head: string;
  readonly drip: string;
  readonly dripMs: number;
  readonly reads: boolean;
};

/** One body without an end, as fast as `megabytesPerSecond`. */
type Huge = { readonly kind: 'upload' | 'download'; readonly megabytesPerSecond: number };

/** HTTP/2 on as many connections as `connections`; a new one where the gateway ends one. */
type Http2 = {
  readonly kind: 'resets' | 'late resets' | 'continuations' | 'windows' | 'pings';
  readonly connections: number;
  readonly perSecond: number;
};

export type Flood = { readonly name: string } & (Shake | Burst | Slow | Huge | Http2);

const slow = { kind: 'slow', dripMs: 1000, reads: false, drip: '' } as const;
const asks = (what: string, more = ''): string => `${what} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

export const floods: readonly Flood[] = [
  { name: 'full handshakes, one address', kind: 'full', perSecond: 400, addresses: 1 },
  { name: 'full handshakes, 64 addresses', kind: 'full', perSecond: 400, addresses: 64 },
  { name: 'refused certificates', kind: 'refused', perSecond: 400, addresses: 1 },
  { name: 'handshakes that stop', kind: 'half', perSecond: 800, addresses: 1 },
  { name: '200 ClientHellos at once', kind: 'burst', connections: 200, bursts: 2 },
  {
    name: 'bodies of 1 byte/s',
    ...slow,
    connections: 620,
    head: asks('POST /', 'Content-Length: 100000\r\n'),
    drip: 'x',
  },
  { name: 'unanswered requests', ...slow, connections: 620, head: asks('GET /never') },
  { name: 'answers of 10 MB read slowly', ...slow, connections: 200, head: asks('GET /large'), reads: true },
  {
    name: 'a body in chunks of 1 byte',
    ...slow,
    connections: 1,
    head: asks('POST /', 'Transfer-Encoding: chunked\r\n'),
    drip: '1\r\nx\r\n'.repeat(2_000),
    dripMs: 1,
  },
  { name: 'one upload', kind: 'upload', megabytesPerSecond: 250 },
  { name: 'one download', kind: 'download', megabytesPerSecond: 250 },
  { name: 'HTTP/2 resets', kind: 'resets', connections: 4, perSecond: 4_000 },
  { name: 'HTTP/2 late resets', kind: 'late resets', connections: 4, perSecond: 4_000 },
  { name: 'HTTP/2 CONTINUATION', kind: 'continuations', connections: 4, perSecond: 20_000 },
  { name: 'HTTP/2 windows of 1 byte', kind: 'windows', connections: 4, perSecond: 20_000 },
  { name: 'HTTP/2 PING', kind: 'pings', connections: 4, perSecond: 20_000 },
];

export type FloodJob = {
  readonly flood: Flood;
  readonly port: number;
  /** PEM; of the stranger where certificates are to be refused. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
};

export type FloodReport = {
  /** What was done of the kind: handshakes, frames, pieces of bodies. */
  readonly done: number;
  readonly failed: number;
};
