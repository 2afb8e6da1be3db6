// Requests that switch protocols, in every pairing of HTTP versions, without a gateway process: a client over mutual TLS at the real
// edge, the whole flow, a backend over mutual TLS. Node's own http, http2 and tls are the peers; what they say is the test's.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import tls from 'node:tls';
import type { BackendHttp2 } from '../../src/config/gateway-config.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { Feed } from '../support/wait-for.ts';
import { openFlowSetup } from './flow-setup.ts';

export type Version = 'h1' | 'h2';

/** A tunnel as the backend has it. */
export type BackendSide = {
  readonly stream: Duplex;
  /** What was asked, `METHOD path` with the protocol behind it. */
  readonly asked: string;
  /** By lower-case name; pseudo-header fields too. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Bytes that came with the request, before anything was answered. */
  readonly early: Buffer;
  /** 1 for the first connection that the backend accepted, and so on. */
  readonly connection: number;
  /** Resets the connection below. */
  reset(): void;
};

export type BackendKind = {
  readonly version: Version;
  /** HTTP/2 says that it takes extended CONNECT; default true. */
  readonly announces?: boolean;
  /** HTTP/2 that speaks HTTP/1.1 too. */
  readonly both?: boolean;
  /** Instead of agreeing: writes what it likes (HTTP/1.1), or answers with the status. */
  readonly answer?: string;
  readonly status?: number;
  /** Takes upgrades of HTTP/1.1 instead. */
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, early: Buffer) => void;
};

const eventStream = { 'content-type': 'text/event-stream; charset=utf-8' };

/** A backend that agrees to whatever is asked for, and answers other requests with `METHOD path`. */
async function startTunnelBackend(pki: Pki, kind: BackendKind) {
  const tunnels = new Feed<BackendSide>('tunnels');
  const material = {
    cert: pki.backend.chainPem,
    key: pki.backend.keyPem,
    ca: pki.internal.certPem,
    requestCert: true,
    rejectUnauthorized: true,
  };
  const streams = new Feed<Writable>('event streams');
  const sockets = new Map<tls.TLSSocket, number>();
  const raw = new Map<number | undefined, Socket>();
  const reset = (port: number | undefined) => (): void => void raw.get(port)?.resetAndDestroy();
  const closed = new Feed<number>('closed connections');
  const server =
    kind.version === 'h1'
      ? https.createServer({ ...material, ALPNProtocols: ['http/1.1'] })
      : http2.createSecureServer({
          ...material,
          allowHTTP1: kind.both === true,
          settings: { enableConnectProtocol: kind.announces !== false },
        });
  server.on('connection', (socket: Socket) => raw.set(socket.remotePort, socket));
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    sockets.set(socket, sockets.size + 1);
    socket.on('error', () => undefined);
    socket.on('close', () => closed.push(sockets.get(socket) ?? 0));
  });
  server.on('upgrade', (request: IncomingMessage, socket: tls.TLSSocket, early: Buffer) => {
    if (kind.onUpgrade !== undefined) return kind.onUpgrade(request, socket, early);
    const { method, url, headers } = request;
    const asked = `${method} ${url} ${headers.upgrade}`;
    const connection = sockets.get(socket) ?? 0;
    const side = { stream: socket, asked, fields: headers, early, connection, reset: reset(socket.remotePort) };
    socket.allowHalfOpen = true;
    socket.on('error', () => undefined);
    const answer = kind.answer ?? switching(String(headers.upgrade), String(headers['sec-websocket-key']));
    socket.write(answer, 'latin1');
    if (!answer.startsWith('HTTP/1.1 101')) socket.end();
    tunnels.push(side);
  });
  if (kind.version === 'h1')
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/events') {
        response.writeHead(200, eventStream).flushHeaders();
        streams.push(response);
      } else response.end(`${request.method} ${request.url}`);
    });
  else
    server.on('stream', (stream: http2.ServerHttp2Stream, fields: http2.IncomingHttpHeaders) => {
      const asked = `${fields[':method']} ${fields[':path']}`;
      stream.on('error', () => undefined);
      if (fields[':protocol'] === undefined) {
        stream.respond({ ':status': 200, ...(fields[':path'] === '/events' && eventStream) });
        if (fields[':path'] === '/events') streams.push(stream);
        else stream.end(asked);
        return;
      }
      stream.respond({ ':status': kind.status ?? 200, 'x-backend': 'h2' });
      if (kind.status !== undefined) stream.end('refused');
      const { remotePort } = (stream.session as http2.Http2Session).socket;
      const connection = [...sockets].find(([socket]) => socket.remotePort === remotePort)?.[1] ?? 0;
      const protocol = fields[':protocol'];
      const early = Buffer.alloc(0);
      tunnels.push({ stream, asked: `${asked} ${protocol}`, fields, early, connection, reset: reset(remotePort) });
    });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = (): void => {
    for (const socket of sockets.keys()) socket.destroy();
    server.close();
  };
  return { port, tunnels, streams, closed, connections: () => sockets.size, stop };
}

function switching(protocol: string, key: string): string {
  const accept = acceptByHand(key);
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${protocol}\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Backend: h1\r\n\r\n`;
}

/** RFC 6455 section 4.2.2, by hand: the code under test must not judge itself. */
export function acceptByHand(key: string): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

export type TunnelSetupOptions = {
  readonly backend: BackendKind;
  /** Of the backend's TLS settings; default `on` for HTTP/2 alone, else `auto`. */
  readonly http2?: BackendHttp2;
  readonly upgrades?: readonly string[];
  readonly tunnelMs?: number;
  readonly idleMs?: number;
  /** Clients without ALPN may begin with HTTP/2; default true. */
  readonly priorKnowledge?: boolean;
  /** Whether clients need a certificate; default true. */
  readonly required?: boolean;
  /** Of somebody who removes it; default one of its own. */
  readonly pki?: Pki;
};

export type TunnelSetup = Awaited<ReturnType<typeof openTunnelSetup>>;

export async function openTunnelSetup(options: TunnelSetupOptions) {
  const { backend: kind, http2: mode, upgrades, tunnelMs, idleMs, priorKnowledge = true, required = true } = options;
  const pki = options.pki ?? (await openPki());
  const backend = await startTunnelBackend(pki, kind);
  const alone = kind.version === 'h2' && kind.both !== true;
  const flow = await openFlowSetup(pki, {
    priorKnowledge,
    required,
    http2: mode ?? (alone ? 'on' : 'auto'),
    routes: [
      {
        path: '/',
        port: backend.port,
        ...(upgrades && { upgrades }),
        timeouts: { ...(tunnelMs !== undefined && { tunnelMs }), ...(idleMs !== undefined && { idleMs }) },
      },
    ],
  });
  const close = (): void => {
    flow.close();
    backend.stop();
    if (options.pki === undefined) pki.remove();
  };
  return { ...flow, pki, backend, close };
}

/** A tunnel, or an answer, as the client has it. */
export type ClientSide = {
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly stream: Duplex;
  /** How the connection below ends. */
  readonly connection: { readonly closed: boolean };
  /** Resets the connection below. */
  reset(): void;
  destroy(): void;
};

export type Asking = {
  readonly path?: string;
  readonly protocol?: string;
  readonly host?: string;
  readonly fields?: Readonly<Record<string, string>>;
  /** Sent right behind the head, before any answer. */
  readonly early?: Buffer | string;
  readonly key?: string;
};

export const sampleKey = 'dGhlIHNhbXBsZSBub25jZQ==';

/** TLS to the edge as alice. `alpn` undefined: nothing is offered. */
export function dialEdge(
  { edge, pki }: TunnelSetup,
  alpn: string | undefined,
): { socket: tls.TLSSocket; reset: () => void } {
  const below = connect(edge.port, '127.0.0.1');
  below.allowHalfOpen = true;
  below.on('error', () => undefined);
  const socket = tls.connect({
    socket: below,
    servername: 'localhost',
    ca: pki.servers.certPem,
    cert: pki.alice.chainPem,
    key: pki.alice.keyPem,
    ...(alpn !== undefined && { ALPNProtocols: [alpn] }),
  });
  // As Node's server has it: the option of tls.connect does not reach the socket.
  socket.allowHalfOpen = true;
  socket.on('error', () => undefined);
  return { socket, reset: () => void below.resetAndDestroy() };
}

/** Asks for a tunnel and resolves with the head of the answer. */
export async function ask(setup: TunnelSetup, version: Version, asking: Asking = {}): Promise<ClientSide> {
  return version === 'h1' ? askHttp1(setup, asking) : askHttp2(setup, asking);
}

async function askHttp1(setup: TunnelSetup, asking: Asking): Promise<ClientSide> {
  const {
    path = '/chat',
    protocol = 'websocket',
    host = 'localhost',
    fields = {},
    early = '',
    key = sampleKey,
  } = asking;
  const { socket, reset } = dialEdge(setup, 'http/1.1');
  const lines = Object.entries({
    Host: host,
    Connection: 'keep-alive, Upgrade',
    Upgrade: protocol,
    ...(key === '' ? {} : { 'Sec-WebSocket-Key': key }),
    'Sec-WebSocket-Version': '13',
    ...fields,
  });
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  socket.write(early);
  let text = '';
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) text += chunk.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end !== -1) {
      const [line = '', ...rest] = text.slice(0, end).split('\r\n');
      const pairs = rest.map((field) => [
        field.slice(0, field.indexOf(':')).toLowerCase(),
        field.slice(field.indexOf(':') + 2),
      ]);
      if (end + 4 < text.length) socket.unshift(Buffer.from(text.slice(end + 4), 'latin1'));
      const status = Number(line.split(' ')[1]);
      return {
        status,
        fields: Object.fromEntries(pairs),
        stream: socket,
        connection: socket,
        reset,
        destroy: () => socket.destroy(),
      };
    }
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) throw new Error(`closed before an answer: ${text}`);
      await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
    }
  }
}

async function askHttp2(setup: TunnelSetup, asking: Asking): Promise<ClientSide> {
  const { path = '/chat', protocol = 'websocket', host = 'localhost', fields = {}, early = '' } = asking;
  const { socket, reset } = dialEdge(setup, 'h2');
  const session = http2.connect(`https://${host}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  if (session.remoteSettings.enableConnectProtocol !== true) await once(session, 'remoteSettings');
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': protocol,
    ':scheme': 'https',
    ':path': path,
    ':authority': host,
    'sec-websocket-version': '13',
    ...fields,
  });
  stream.on('error', () => undefined);
  if (early.length > 0) stream.write(early);
  const [received] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  const pairs = Object.entries(received).map(([name, value]) => [name, String(value)]);
  const destroy = (): void => {
    stream.close(http2.constants.NGHTTP2_CANCEL);
    session.destroy();
  };
  const status = Number(received[':status']);
  return { status, fields: Object.fromEntries(pairs), stream, connection: socket, reset, destroy };
}

/** GET of an event stream; resolves with the head of the answer. */
export async function askEvents(setup: TunnelSetup, version: Version): Promise<Duplex> {
  if (version === 'h1') {
    const { socket } = dialEdge(setup, 'http/1.1');
    socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let head = '';
    while (!head.endsWith('\r\n\r\n')) head += (await readBytes(socket, 1)).toString('latin1');
    return socket;
  }
  const { socket } = dialEdge(setup, 'h2');
  const stream = http2.connect('https://localhost', { createConnection: () => socket }).request({ ':path': '/events' });
  await once(stream, 'response');
  return stream;
}

/** Everything until the end of a direction, or of the stream. */
export async function readAll(stream: Duplex): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<undefined>();
  stream.on('end', resolve).on('close', resolve);
  stream.on('data', (piece: Buffer) => pieces.push(piece)).resume();
  if (stream.readableEnded || stream.closed) resolve(undefined);
  await promise;
  return Buffer.concat(pieces);
}

/** The next `length` bytes; the stream stands still behind them. */
export async function readBytes(stream: Duplex, length: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const pieces: Buffer[] = [];
  let left = length;
  const take = (piece: Buffer): void => {
    pieces.push(piece.subarray(0, left));
    const rest = piece.subarray(left);
    left -= piece.length - rest.length;
    if (left > 0) return;
    stop();
    if (rest.length > 0) stream.unshift(rest);
    resolve(Buffer.concat(pieces));
  };
  const tooEarly = (): void => {
    stop();
    reject(new Error(`ended ${left} bytes too early`));
  };
  const stop = (): void => {
    stream.pause();
    stream.off('data', take).off('end', tooEarly).off('close', tooEarly);
  };
  stream.on('data', take).on('end', tooEarly).on('close', tooEarly);
  stream.resume();
  return promise;
}
