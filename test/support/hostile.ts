// Byte strings that no honest client sends, from a seed: the same seed gives the same strings. What a server may do with
// them is the test's to say.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';

export type HostileString = {
  readonly name: string;
  readonly bytes: Buffer;
  /** Sent in pieces of this many bytes, one per turn of the event loop; 0 = at once. */
  readonly piece: number;
};

export type Random = {
  /** 0 ≤ n < `below`, whole. */
  below(below: number): number;
  bytes(length: number): Buffer;
  pick<T>(from: readonly T[]): T;
};

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
    pick: (from) => from[below(from.length)] as never,
  };
}

/** A real ClientHello, as this machine's OpenSSL writes it. */
export async function captureClientHello(servername: string): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const client = connect({ host: '127.0.0.1', port, servername });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  client.destroy();
  server.close();
  return hello;
}

/** The path that must never arrive at a backend. */
export const smuggledPath = '/smuggled';

const smuggled = `GET ${smuggledPath} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const post = 'POST / HTTP/1.1\r\nHost: localhost\r\n';

/** Messages with two readings: whoever passes one of them on serves the request that stands in its body. */
const ambiguous: readonly string[] = [
  `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${smuggled}`,
  `${post}Content-Length: 0\r\nContent-Length: 44\r\n\r\n${smuggled}`,
  `${post}Content-Length: 0, 44\r\n\r\n${smuggled}`,
  `${post}Content-Length: +0\r\n\r\n${smuggled}`,
  `${post}Content-Length: 0x0\r\n\r\n${smuggled}`,
  `${post}Content-Length: 18446744073709551616\r\n\r\n${smuggled}`,
  `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
  `${post}Transfer-Encoding: identity\r\n\r\n${smuggled}`,
  `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  `${post}Transfer-Encoding:\u000bchunked\r\n\r\n0\r\n\r\n${smuggled}`,
  `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`,
  `${post} Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  `${post}X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  `${post}X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  `${post}X: \u0000\r\n\r\n${smuggled}`,
  `${post}Transfer-Encoding: chunked\r\n\r\n0x1\r\n0\r\n${smuggled}`,
  `${post}Transfer-Encoding: chunked\r\n\r\n-1\r\n${smuggled}`,
  `${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n${smuggled}`,
  `${post}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n${smuggled}`,
  `${post}Transfer-Encoding: chunked\r\n\r\n0\n\n${smuggled}`,
  `${post}Host: other.test\r\n\r\n${smuggled}`,
  `GET / HTTP/1.1\r\n\r\n${smuggled}`,
  `GET / HTTP/1.1 \r\nHost: localhost\r\n\r\n${smuggled}`,
  `GET /\r\n\r\n${smuggled}`,
  `GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`,
  `GET / HTTP/2.0\r\nHost: localhost\r\n\r\n${smuggled}`,
  `GET /\u007f HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`,
  `G\u0000T / HTTP/1.1\r\nHost: localhost\r\n\r\n${smuggled}`,
  `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`,
];

type Maker = (random: Random, hello: Buffer) => { bytes: Buffer; piece?: number };

const makers: Readonly<Record<string, Maker>> = {
  'random bytes': (random) => ({ bytes: random.bytes(1 + random.below(4000)), piece: random.pick([0, 0, 7]) }),
  'a truncated ClientHello': (random, hello) => ({ bytes: hello.subarray(0, 1 + random.below(hello.length - 1)) }),
  'a mutated ClientHello': (random, hello) => {
    const bytes = Buffer.from(hello);
    for (let n = 1 + random.below(8); n > 0; n--) bytes[random.below(bytes.length)] = random.below(256);
    return { bytes };
  },
  'a TLS record of the wrong length': (random, hello) => {
    const bytes = Buffer.from(hello);
    bytes.writeUInt16BE(random.pick([0, 1, 3, 16_384, 16_385, 65_535]), 3);
    return { bytes: Buffer.concat([bytes, random.bytes(random.below(200))]) };
  },
  'TLS records of any type': (random) => {
    const records = Array.from({ length: 1 + random.below(5) }, () => {
      const body = random.bytes(random.below(80));
      const head = Buffer.from([random.pick([20, 21, 22, 23, 24, 0, 255]), 3, random.below(5), 0, body.length]);
      return Buffer.concat([head, body]);
    });
    return { bytes: Buffer.concat(records) };
  },
  'a ClientHello and garbage behind it': (random, hello) => ({
    bytes: Buffer.concat([hello, random.bytes(1 + random.below(500))]),
  }),
  'the preface of HTTP/2': (random) => ({
    bytes: Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), random.bytes(random.below(100))]),
    piece: random.pick([0, 1]),
  }),
  'a message with two readings': (random) => ({
    bytes: Buffer.from(random.pick(ambiguous), 'latin1'),
    piece: random.pick([0, 0, 1, 5]),
  }),
  'a head without end': (random) => {
    const kind = random.below(4);
    const long = 'x'.repeat(30_000 + random.below(60_000));
    if (kind === 0) return { bytes: Buffer.from(`GET /${long} HTTP/1.1\r\nHost: localhost\r\n\r\n`) };
    if (kind === 1) return { bytes: Buffer.from(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${long}\r\n\r\n`) };
    if (kind === 2)
      return { bytes: Buffer.from(`GET / HTTP/1.1\r\nHost: localhost\r\n${'a: b\r\n'.repeat(5000)}\r\n`) };
    return { bytes: Buffer.from(`${long}${long}`) };
  },
  'a slow drip that stops': (random, hello) => {
    const text = Buffer.from(`${post}__proto__: x\r\nContent-Length: 100\r\n\r\nabc`);
    const whole = random.pick([text, hello.subarray(0, 300)]);
    return { bytes: whole.subarray(0, 1 + random.below(whole.length)), piece: 1 };
  },
};

/** `count` strings, of all kinds in turn. */
export function hostileStrings(seed: number, count: number, hello: Buffer): HostileString[] {
  const random = randomFrom(seed);
  const kinds = Object.entries(makers);
  return Array.from({ length: count }, (_, n) => {
    const [kind, make] = kinds[n % kinds.length] as [string, Maker];
    const { bytes, piece = 0 } = make(random, hello);
    return { name: `#${n}: ${kind}`, bytes, piece };
  });
}
