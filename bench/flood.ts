// One flood, in a process of its own with the least claim to its core: what it does is in floods.ts. Told over IPC what to do, and
// by 'stop' to say how much it did.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { captureClientHello } from '../test/support/client-hello.ts';
import { emptySettings, frame, preface, setting, uint32 } from '../test/support/http2-frames.ts';
import type { Flood, FloodJob, FloodReport } from './floods.ts';

/** Handshakes that stop are held so long as there are no more of them than this. */
const MOST_HELD = 1_500;
/** What one tick makes up for, where the process had to wait for its core. */
const MOST_AT_ONCE = 12;
const TICK_MS = 2;

let done = 0;
let failed = 0;

class Attacker {
  readonly #job: FloodJob;
  readonly #context: SecureContext;
  readonly #held: Socket[] = [];
  #made = 0;

  constructor(job: FloodJob) {
    this.#job = job;
    const { ca, cert, key } = job;
    this.#context = createSecureContext({ ca, cert, key, ecdhCurve: 'X25519' });
  }

  async run(): Promise<void> {
    const { flood } = this.#job;
    if (flood.kind === 'half') {
      const hello = await captureClientHello('localhost');
      this.#pace(flood.perSecond, () => this.#stopAfter(hello, flood.addresses));
    } else if (flood.kind === 'full' || flood.kind === 'refused') {
      this.#pace(flood.perSecond, () => this.#shake(flood.addresses));
    } else if (flood.kind === 'burst') await this.#burst(flood);
    else if (flood.kind === 'slow') await this.#beSlow(flood);
    else if (flood.kind === 'upload') this.#upload(flood.megabytesPerSecond);
    else if (flood.kind === 'download') this.#download(flood.megabytesPerSecond);
    else if ('connections' in flood) for (let one = 0; one < flood.connections; one += 1) this.#speakHttp2(flood);
  }

  /** `act` so many times a second. What could not be done in time is left out: a flood that was late does not come all at once. */
  #pace(perSecond: number, act: () => void): void {
    let due = 0;
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      due = Math.min(due + ((now - last) * perSecond) / 1000, Math.max(MOST_AT_ONCE, (perSecond * TICK_MS * 4) / 1000));
      last = now;
      for (; due >= 1; due -= 1) act();
    }, TICK_MS);
  }

  #address(addresses: number): string {
    return `127.0.1.${1 + (this.#made++ % addresses)}`;
  }

  #open(addresses = 1, alpn: readonly string[] = ['http/1.1']): TLSSocket {
    const raw = connectTcp({ host: '127.0.0.1', port: this.#job.port, localAddress: this.#address(addresses) });
    const socket = connect({
      socket: raw,
      servername: 'localhost',
      secureContext: this.#context,
      ALPNProtocols: [...alpn],
    });
    raw.on('error', () => socket.destroy());
    socket.on('error', () => socket.destroy());
    return socket;
  }

  #shake(addresses: number): void {
    const socket = this.#open(addresses);
    let isMade = false;
    socket.once('session', () => {
      isMade = true;
      done += 1;
      socket.destroy();
    });
    socket.once('close', () => {
      if (isMade) return;
      if (this.#job.flood.kind === 'refused') done += 1;
      else failed += 1;
    });
  }

  #stopAfter(hello: Buffer, addresses: number): void {
    const socket = connectTcp({ host: '127.0.0.1', port: this.#job.port, localAddress: this.#address(addresses) });
    socket.on('error', () => (failed += 1));
    socket.on('connect', () => socket.write(hello));
    socket.once('data', () => (done += 1));
    this.#held.push(socket);
    if (this.#held.length > MOST_HELD) this.#held.shift()?.destroy();
  }

  async #burst({ connections, bursts }: Extract<Flood, { kind: 'burst' }>): Promise<void> {
    const hello = await captureClientHello('localhost');
    for (;;) {
      const next = new Promise((resolve) => setTimeout(resolve, 1000 / bursts));
      const sockets = Array.from({ length: connections }, () => {
        const to = { host: '127.0.0.1', port: this.#job.port, localAddress: this.#address(1) };
        return connectTcp(to).on('error', () => (failed += 1));
      });
      await Promise.all(sockets.map((socket) => once(socket, 'connect').catch(() => {})));
      for (const socket of sockets) {
        socket.once('data', () => (done += 1));
        socket.write(hello);
      }
      await next;
      for (const socket of sockets) socket.destroy();
    }
  }

  async #beSlow({ connections, head, drip, dripMs, reads }: Extract<Flood, { kind: 'slow' }>): Promise<void> {
    const sockets: TLSSocket[] = [];
    if (drip !== '' || reads)
      setInterval(() => {
        for (const socket of sockets) {
          if (socket.destroyed) continue;
          if (reads) socket.read(16_384);
          if (drip !== '' && !socket.writableNeedDrain) socket.write(drip);
          done += 1;
        }
      }, dripMs);
    while (sockets.length < connections) {
      const socket = this.#open();
      await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => {});
      socket.once('close', () => (failed += 1));
      socket.pause();
      if (!socket.destroyed) socket.write(head);
      sockets.push(socket);
    }
  }

  #upload(megabytesPerSecond: number): void {
    const socket = this.#open();
    socket.resume();
    socket.write(`POST /sink HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${2 ** 46}\r\n\r\n`);
    const piece = Buffer.alloc(65_536, 'countersign ');
    this.#pace(megabytesPerSecond * 16, () => {
      if (socket.writableNeedDrain || socket.destroyed) return;
      socket.write(piece);
      done += 1;
    });
    socket.on('close', () => (failed += 1));
  }

  #download(megabytesPerSecond: number): void {
    const socket = this.#open();
    socket.write('GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let room = 0;
    socket.on('data', (bytes: Buffer) => {
      room -= bytes.length;
      done += bytes.length / 65_536;
      if (room <= 0) socket.pause();
    });
    this.#pace(megabytesPerSecond * 16, () => {
      room += 65_536;
      if (room > 0) socket.resume();
    });
    socket.on('close', () => (failed += 1));
  }

  /** One connection, and the next one when the gateway has ended it. */
  #speakHttp2(flood: Extract<Flood, { connections: number; perSecond: number }>): void {
    const socket = this.#open(1, ['h2']);
    const isGame = flood.kind === 'windows';
    socket.resume();
    socket.write(preface);
    socket.write(isGame ? frame(4, 0, 0, setting(4, 1)) : emptySettings);
    const frames = new Frames();
    if (isGame) socket.write(frames.requests(50, '/large'));
    const perTick = (flood.perSecond / flood.connections / 1000) * TICK_MS;
    const timer = setInterval(() => {
      if (socket.writableNeedDrain || socket.destroyed) return;
      socket.write(frames.next(flood.kind, perTick));
      done += perTick;
    }, TICK_MS);
    socket.on('close', () => {
      clearInterval(timer);
      failed += 1;
      setTimeout(() => this.#speakHttp2(flood), 10);
    });
  }
}

/** Frames of one connection. The field lines are written without a table, so that none depends on what came before. */
class Frames {
  #stream = -1;
  #isOpen = false;
  #turn = 0;
  /** To be reset a tick later, when the gateway has sent them on. */
  readonly #asked: number[] = [];

  static #head(path: string): string {
    const plain = (name: string, value: string): string =>
      `\0${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`;
    return `\x82\x87${plain(':path', path)}${plain(':authority', 'localhost')}`;
  }

  requests(count: number, path: string): Buffer {
    const head = Frames.#head(path);
    return Buffer.concat(Array.from({ length: count }, () => frame(1, 5, (this.#stream += 2), head)));
  }

  next(kind: string, count: number): Buffer {
    const made: Buffer[] = this.#asked.splice(0).map(reset);
    for (let at = 0; at < count; at += 1) made.push(this.#one(kind));
    return Buffer.concat(made);
  }

  #one(kind: string): Buffer {
    if (kind === 'pings') return frame(6, 0, 0, 'abcdefgh');
    if (kind === 'windows') return frame(8, 0, 1 + 2 * (this.#turn++ % 50), uint32(1));
    if (kind === 'resets') {
      const asked = this.requests(1, '/never');
      return Buffer.concat([asked, reset(this.#stream)]);
    }
    if (kind === 'late resets') {
      this.#asked.push(this.#stream + 2);
      return this.requests(1, '/never');
    }
    if (this.#isOpen) return frame(9, 0, this.#stream, '\0\x01x\x01y');
    this.#isOpen = true;
    return frame(1, 1, (this.#stream += 2), Frames.#head('/'));
  }
}

const reset = (stream: number): Buffer => frame(3, 0, stream, uint32(8));

process.on('message', (message: FloodJob | 'stop') => {
  if (message === 'stop') {
    const report: FloodReport = { done: Math.round(done), failed };
    process.send?.(report, () => process.exit());
  } else void new Attacker(message).run();
});
process.on('disconnect', () => process.exit());
