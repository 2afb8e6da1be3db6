// What the HTTP/2 socket tests share: a peer that writes frames by hand, right or wrong, and reads what comes with a reader of its
// own (but for HPACK, which is compared with nghttp2 elsewhere); a server whose handler is a test's own; a backend of frames.
import { once } from 'node:events';
import net from 'node:net';
import { Deadlines } from '../../src/base/deadline.ts';
import type { Fault } from '../../src/base/fault.ts';
import { DateField } from '../../src/http/date-field.ts';
import type { Exchange } from '../../src/http/exchange.ts';
import { defaultHttpLimits, type HttpLimits, type ServerTimeouts } from '../../src/http/limits.ts';
import { TurnEnd } from '../../src/http/turn-end.ts';
import type { WriteBudget } from '../../src/http/write-budget.ts';
import { nameOfErrorCode } from '../../src/http2/frame.ts';
import { HpackContext } from '../../src/http2/hpack-context.ts';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { Http2ServerConnection } from '../../src/http2/server.ts';
import { Http2Shared } from '../../src/http2/shared.ts';
import { emptySettings, frame, preface, uint32 } from '../support/http2-frames.ts';
import { serverTimeouts } from '../support/server-timeouts.ts';
import { Feed } from '../support/wait-for.ts';
import { HandClock, names } from './http1-harness.ts';

export const Type = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const endStream = 1;
export const endHeaders = 4;

/** A frame that came; `text` says what it is in a line. */
export type Frame = {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
  readonly text: string;
};

export type Line = readonly [name: string, value: string];

/** Literal fields that are never in a table. */
export function block(lines: readonly Line[]): string {
  const string = (text: string): string =>
    text.length < 127
      ? String.fromCharCode(text.length) + text
      : String.fromCharCode(127) + varint(text.length - 127) + text;
  return lines.map(([name, value]) => `\0${string(name)}${string(value)}`).join('');
}

function varint(value: number): string {
  return value < 128 ? String.fromCharCode(value) : String.fromCharCode(128 | (value & 127)) + varint(value >> 7);
}

export function requestLines(method = 'GET', path = '/', more: readonly Line[] = []): Line[] {
  return [[':method', method], [':scheme', 'https'], [':authority', 'a.test'], [':path', path], ...more];
}

/** A whole request in one frame. */
export function request(stream: number, path = '/', more: readonly Line[] = []): Buffer {
  return headers(stream, requestLines('GET', path, more), endStream);
}

export function headers(stream: number, lines: readonly Line[], flags = 0): Buffer {
  return frame(Type.headers, endHeaders | flags, stream, block(lines));
}

export function data(stream: number, text: string | Buffer, flags = 0): Buffer {
  return frame(Type.data, flags, stream, text);
}

export const reset = (stream: number, code = 8): Buffer => frame(Type.reset, 0, stream, uint32(code));
export const windowUpdate = (stream: number, by: number): Buffer => frame(Type.windowUpdate, 0, stream, uint32(by));
export const ping = (opaque = 'opaque!!', flags = 0): Buffer => frame(Type.ping, flags, 0, opaque);
export const goAway = (last: number, code = 0): Buffer => frame(Type.goAway, 0, 0, uint32(last) + uint32(code));

/** Makes frames of bytes, and lines of frames. */
export class FrameSplitter {
  readonly #decoder = new HpackDecoder(new HpackContext(names), { listBytes: 1_000_000, fieldCount: 10_000 });
  #pending = Buffer.alloc(0);
  /** Of the preface. */
  #left: number;

  /** `role`: of whoever reads. */
  constructor(role: 'client' | 'server') {
    this.#left = role === 'server' ? preface.length : 0;
  }

  /** The frames that are whole with these bytes. */
  add(bytes: Buffer): Frame[] {
    const frames: Frame[] = [];
    let pending = Buffer.concat([this.#pending, bytes]);
    const skipped = Math.min(this.#left, pending.length);
    this.#left -= skipped;
    pending = pending.subarray(skipped);
    while (pending.length >= 9 && pending.length >= 9 + pending.readUIntBE(0, 3)) {
      const end = 9 + pending.readUIntBE(0, 3);
      const [type = 0, flags = 0, stream] = [pending[3], pending[4], pending.readUInt32BE(5)];
      const payload = pending.subarray(9, end);
      frames.push({ type, flags, stream, payload, text: this.#describe(type, flags, stream, payload) });
      pending = pending.subarray(end);
    }
    this.#pending = pending;
    return frames;
  }

  #describe(type: number, flags: number, stream: number, payload: Buffer): string {
    const end = (flags & endStream) === 0 ? '' : ' end';
    switch (type) {
      case Type.data:
        return `DATA ${stream} ${payload.length > 40 ? payload.length : payload.toString('latin1')}${end}`;
      case Type.headers:
        return `HEADERS ${stream} ${this.#fields(payload)}${end}`;
      case Type.reset:
        return `RST_STREAM ${stream} ${nameOfErrorCode(payload.readUInt32BE(0))}`;
      case Type.ping:
        return `PING${end === '' ? '' : ' ack'} ${payload.toString('latin1')}`;
      case Type.goAway:
        return `GOAWAY ${payload.readUInt32BE(0)} ${nameOfErrorCode(payload.readUInt32BE(4))} ${payload.toString('latin1', 8)}`.trim();
      case Type.windowUpdate:
        return `WINDOW_UPDATE ${stream} ${payload.readUInt32BE(0)}`;
      case Type.settings:
        return `SETTINGS${end === '' ? '' : ' ack'}`;
      default:
        return `frame ${type}`;
    }
  }

  #fields(payload: Buffer): string {
    const list = this.#decoder.decode(payload, 0, payload.length);
    if (!('fields' in list)) throw new Error(`undecodable: ${list.toString()}`);
    const shown = list.fields.filter(({ name }) => name !== 'date' && name !== 'server');
    return shown.map(({ name, value }) => (name === ':status' ? value : `${name}=${value}`)).join(' ');
  }
}

/** The other side of a connection, by hand. Acknowledges SETTINGS and PING unless it is told not to. */
export class FramePeer {
  readonly socket: net.Socket;
  readonly frames = new Feed<Frame>('frames');
  isAnswering = true;

  constructor(socket: net.Socket, role: 'client' | 'server') {
    this.socket = socket;
    const splitter = new FrameSplitter(role);
    socket.on('data', (bytes: Buffer) => {
      for (const one of splitter.add(bytes)) this.#take(one);
    });
    socket.on('error', () => undefined);
    socket.on('end', () => this.frames.end('the connection ended'));
    socket.on('close', () => this.frames.end('the connection closed'));
  }

  send(...parts: readonly Buffer[]): this {
    this.socket.write(Buffer.concat(parts));
    return this;
  }

  /** The first frame from `from` on whose text is, or begins with, `text`. */
  until(text: string, from = 0): Promise<Frame> {
    return this.frames.waitFor((one) => one.text.startsWith(text), { what: text, from });
  }

  /** What was said of streams, or of one: no SETTINGS, windows, PING. */
  lines(stream?: number): string[] {
    const about = this.frames.items.filter(({ type }) => type !== Type.settings && type !== Type.windowUpdate);
    return about.filter((one) => stream === undefined || one.stream === stream).map(({ text }) => text);
  }

  /** The bodies that came on a stream, joined. */
  body(stream: number): string {
    const pieces = this.frames.items.filter((one) => one.type === Type.data && one.stream === stream);
    return Buffer.concat(pieces.map(({ payload }) => payload)).toString('latin1');
  }

  #take(one: Frame): void {
    if (this.isAnswering && (one.flags & 1) === 0) {
      if (one.type === Type.settings) this.send(frame(Type.settings, 1, 0));
      if (one.type === Type.ping) this.send(frame(Type.ping, 1, 0, one.payload));
    }
    this.frames.push(one);
  }
}

export type ServerSettings = {
  readonly onRequest: (exchange: Exchange) => void;
  readonly onUseless?: () => boolean;
  readonly limits?: Partial<HttpLimits>;
  readonly timeouts?: Partial<ServerTimeouts>;
  readonly budget?: WriteBudget;
  readonly maxConcurrentStreams?: number;
};

/** A listening codec server on loopback, over plain TCP, and clients of frames for it. */
export async function serve(settings: ServerSettings) {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  const badRequests: Fault[] = [];
  const connections: Http2ServerConnection[] = [];
  const sockets = new Set<net.Socket>();
  const closed = new Feed<Http2ServerConnection>('closed connections');
  const options = {
    names,
    limits: { ...defaultHttpLimits, ...settings.limits },
    timeouts: { ...serverTimeouts, ...settings.timeouts },
    deadlines,
    clock,
    date: new DateField(clock),
    turn: new TurnEnd(),
    http2: new Http2Shared(names),
    maxConcurrentStreams: settings.maxConcurrentStreams ?? 100,
    ...(settings.budget === undefined ? {} : { budget: settings.budget }),
  };
  const { onRequest, onUseless = (): boolean => true } = settings;
  const handler = { onRequest, onUseless, onBadRequest: (fault: Fault) => void badRequests.push(fault) };
  const owner = { onClosed: (one: unknown) => closed.push(one as Http2ServerConnection) };
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    connections.push(new Http2ServerConnection(socket, options, handler, owner));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as net.AddressInfo;
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  };
  const connect = async (): Promise<FramePeer> => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    socket.setNoDelay(true);
    sockets.add(socket);
    return new FramePeer(socket, 'client');
  };
  return {
    port,
    clock,
    deadlines,
    badRequests,
    connections,
    closed,
    sockets,
    connect,
    /** A client whose preface and SETTINGS (`payload`) are out. */
    async open(payload = ''): Promise<FramePeer> {
      const peer = await connect();
      return peer.send(preface, payload === '' ? emptySettings : frame(Type.settings, 0, 0, payload));
    },
    [Symbol.dispose]: close,
  };
}
