// nghttp2, by way of node:http2, as the judge of our HTTP/2 codec: what its client writes, and what its server makes of bytes
// that we wrote. Over streams in memory; never on the data path.
import { once } from 'node:events';
import http2 from 'node:http2';
import { duplexPair } from 'node:stream';
import type { FrameHandler } from '../../src/http2/frame-handler.ts';
import { FrameOutput } from '../../src/http2/frame-output.ts';
import { FrameReader } from '../../src/http2/frame-reader.ts';
import { PagePool } from '../../src/http2/page-pool.ts';
import { FrameLog } from './http2-frames.ts';

export type Lines = readonly (readonly [name: string, value: string])[];

/** The header blocks that Node's client makes of requests, one after the other on one connection. */
export async function blocksOfNode(requests: readonly Lines[]): Promise<Buffer[]> {
  const [ours, theirs] = duplexPair();
  const output = new FrameOutput(new PagePool());
  const blocks: Buffer[] = [];
  // `:status: 200`, from the static table.
  const ok = Buffer.from([0x88]);
  const handler: FrameHandler = Object.assign(new FrameLog(), {
    onHeaders(streamId: number, bytes: Buffer, start: number, end: number): void {
      blocks.push(Buffer.from(bytes.subarray(start, end)));
      output.headers(streamId, ok, 1, true);
    },
  });
  const reader = new FrameReader('server', handler);
  ours.on('data', (chunk: Buffer) => {
    reader.push(chunk);
    for (const part of output.take()) ours.write(part);
  });
  output.settings([]);
  for (const part of output.take()) ours.write(part);
  const session = http2.connect('http://a.test', { createConnection: () => theirs });
  try {
    for (const lines of requests) {
      const stream = session.request(lines.flat(), { endStream: true });
      stream.resume();
      await once(stream, 'close');
    }
  } finally {
    session.destroy();
    ours.destroy();
  }
  return blocks;
}

/** What Node's server says of a connection: the header lists of the streams that it accepted, then how it ended. */
export type NodeVerdict = {
  readonly lists: [name: string, value: string][][];
  /** Codes of RST_STREAM frames that it sent, and of GOAWAY. */
  readonly resets: number[];
  readonly goAway: number | undefined;
  /** It gave the connection up without a GOAWAY. */
  readonly isBroken: boolean;
};

/** Gives `bytes`, the preface with them, to Node's server. Ends when it has answered a PING behind them, or closed. */
export async function judgeByNode(bytes: readonly Buffer[], settings: http2.Settings = {}): Promise<NodeVerdict> {
  const [ours, theirs] = duplexPair();
  const lists: [string, string][][] = [];
  const resets: number[] = [];
  let goAway: number | undefined;
  let isBroken = false;
  const output = new FrameOutput(new PagePool());
  const over = Promise.withResolvers<undefined>();
  const handler: FrameHandler = Object.assign(new FrameLog(), {
    onReset(_streamId: number, code: number): void {
      resets.push(code);
    },
    onGoAway(_lastStreamId: number, code: number): void {
      goAway = code;
      over.resolve(undefined);
    },
    onPing(_opaque: Buffer, isAck: boolean): void {
      if (isAck) over.resolve(undefined);
    },
  });
  const reader = new FrameReader('client', handler);
  const server = http2.createServer({ settings });
  server.on('stream', (stream, _headers, _flags, raw: string[]) => {
    lists.push(raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as [string, string]] : [])));
    stream.on('error', () => undefined);
    stream.resume();
  });
  server.on('sessionError', () => {
    isBroken = goAway === undefined;
  });
  ours.on('data', (chunk: Buffer) => reader.push(chunk));
  ours.on('error', () => undefined);
  server.on('session', (session) => session.on('close', () => over.resolve(undefined)));
  server.emit('connection', theirs);
  for (const part of bytes) ours.write(part);
  output.ping(Buffer.alloc(8), false);
  for (const part of output.take()) ours.write(part);
  await over.promise;
  ours.destroy();
  theirs.destroy();
  return { lists, resets, goAway, isBroken };
}
