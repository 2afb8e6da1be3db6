// One TLS connection that a test keeps open and speaks HTTP/1.1 on by hand: what arrives is a feed, how it ends a fact.
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { CertFiles } from './pki.ts';
import { Feed } from './wait-for.ts';

export type KeptOptions = {
  readonly port: number;
  readonly servername?: string;
  /** PEM. */
  readonly ca?: string;
  readonly as?: CertFiles;
  readonly tls?: Pick<ConnectionOptions, 'minVersion' | 'maxVersion'>;
  /** Plain TCP. */
  readonly plain?: true;
};

export type KeptConnection = {
  readonly socket: Socket | TLSSocket;
  /** Everything that was received so far, latin1. */
  text(): string;
  /** Sends a GET and waits for its answer's end (Content-Length or chunked); the answer as text. */
  get(path?: string): Promise<string>;
  send(bytes: string | Uint8Array): void;
  /** Waits until `pattern` has come since the last send; what came since. */
  waitFor(pattern: RegExp): Promise<string>;
  /** 'end' where the other side closed in order, else the error's code. */
  readonly ended: Promise<string>;
  [Symbol.dispose](): void;
};

/** Resolves once connected (TLS: the handshake is done from our point of view). */
export async function keepConnection(options: KeptOptions): Promise<KeptConnection> {
  const { port, servername = 'localhost', ca, as, tls } = options;
  const credentials = as === undefined ? {} : { cert: as.chainPem, key: as.keyPem };
  const socket =
    options.plain === true
      ? connectTcp(port, '127.0.0.1')
      : connectTls({ host: '127.0.0.1', port, servername, ca, ...credentials, ...tls });
  const pieces = new Feed<string>('connection');
  let all = '';
  let since = 0;
  let ending: string | undefined;
  socket.setEncoding('latin1');
  socket.on('data', (piece: string) => {
    all += piece;
    pieces.push(piece);
  });
  const ended = new Promise<string>((resolve) => {
    const end = (how: string): void => {
      ending ??= how;
      pieces.end(ending);
      resolve(ending);
    };
    socket.on('end', () => end('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on('close', () => end('close'));
  });
  await new Promise<void>((resolve) => {
    socket.once(options.plain === true ? 'connect' : 'secureConnect', resolve);
    socket.once('close', () => resolve());
  });
  const send = (bytes: string | Uint8Array): void => {
    since = all.length;
    socket.write(bytes);
  };
  const waitFor = async (pattern: RegExp): Promise<string> => {
    const fits = (): boolean => pattern.test(all.slice(since));
    if (!fits()) await pieces.waitFor(fits, { from: pieces.length, what: String(pattern) });
    return all.slice(since);
  };
  return {
    socket,
    text: () => all,
    send,
    waitFor,
    async get(path = '/') {
      send(`GET ${path} HTTP/1.1\r\nHost: ${servername}\r\n\r\n`);
      const head = await waitFor(/\r\n\r\n/);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      if (length === undefined) return waitFor(/\r\n0\r\n\r\n/);
      return waitFor(new RegExp(`\\r\\n\\r\\n[^]{${length}}`));
    },
    ended,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
