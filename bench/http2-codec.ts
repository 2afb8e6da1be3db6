// What the HTTP/2 codec costs by itself, in ns per message: `node bench/http2-codec.ts`. Best of many short rounds, because
// the machine is shared. A request through the gateway is two heads read and two written. The blocks are nghttp2's, and for
// responses those of nginx: every field inserted, none referred to.
import { FieldBlock, FieldNames } from '../src/http/field.ts';
import { ParseError } from '../src/http/parse-error.ts';
import { FrameOutput } from '../src/http2/frame-output.ts';
import { FrameReader } from '../src/http2/frame-reader.ts';
import { encodeRequest, encodeResponse } from '../src/http2/header-blocks.ts';
import { readRequest, readResponse } from '../src/http2/header-list.ts';
import { HpackContext } from '../src/http2/hpack-context.ts';
import { HpackDecoder } from '../src/http2/hpack-decoder.ts';
import { HpackEncoder } from '../src/http2/hpack-encoder.ts';
import { Http2Error } from '../src/http2/http2-error.ts';
import { Malformed } from '../src/http2/message-head.ts';
import { PagePool } from '../src/http2/page-pool.ts';
import { frame, FrameLog } from '../test/support/http2-frames.ts';
import { blocksOfNode, type Lines } from '../test/support/node-http2.ts';

const rounds = 200;
const perRound = 1000;
/** Different requests, so that their paths do not repeat in a row. */
const paths = 500;

const context = new HpackContext(new FieldNames());
const limits = { listBytes: 32_768, fieldCount: 128 };
const options = { pathBytes: 8192, connectProtocol: false };
const identity = new FieldBlock([
  ['X-Forwarded-Client-Cert', `Hash=${'0'.repeat(64)};Subject="CN=client";URI=spiffe://a/b`],
  ['X-Request-Id', '0123456789abcdef'],
]);

function request(path: string): Lines {
  return [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', 'api.example.com'],
    [':path', path],
    ['user-agent', 'h2load nghttp2/1.52.0'],
    ['accept', '*/*'],
  ];
}

const browser = (path: string): Lines => [
  ...request(path),
  ['accept-language', 'en-US,en;q=0.5'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['authorization', `Bearer ${'abcdefghij'.repeat(10)}`],
  ['cookie', 'session=0123456789abcdef0123456789abcdef'],
  ['traceparent', `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`],
];

function response(length: number): Lines {
  return [
    [':status', '200'],
    ['server', 'nginx/1.22.1'],
    ['date', 'Sat, 21 Nov 2026 06:43:40 GMT'],
    ['content-type', 'application/json'],
    ['content-length', String(length)],
    ['last-modified', 'Sat, 21 Nov 2026 06:43:40 GMT'],
    ['etag', '"6543-1234"'],
    ['accept-ranges', 'bytes'],
  ];
}

/** Literals that are inserted, whatever the table holds, as nginx writes them (but for its Huffman codes). */
function inserted(lines: Lines): Buffer {
  const indexes = new Map([
    ['server', 54],
    ['date', 33],
    ['content-type', 31],
    ['content-length', 28],
    ['last-modified', 44],
  ]);
  const parts = lines.map(([name, value]) => {
    if (name === ':status') return '\x88';
    const index = indexes.get(name);
    return (index === undefined ? `\x40${sized(name)}` : String.fromCharCode(0x40 + index)) + sized(value);
  });
  return Buffer.from(parts.join(''), 'latin1');
}

function sized(text: string): string {
  return String.fromCharCode(text.length) + text;
}

function measure(what: string, bytes: number, act: (at: number) => unknown): void {
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < perRound; i++) act(i);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / perRound);
  }
  console.log(`${what.padEnd(64)}${bytes.toFixed(0).padStart(5)} B${best.toFixed(0).padStart(7)} ns`);
}

function decodeWith(decoder: HpackDecoder, block: Buffer) {
  const headers = decoder.decode(block, 0, block.length);
  if (headers instanceof Http2Error) throw new Error(headers.toString());
  return headers;
}

function headOf(decoder: HpackDecoder, block: Buffer) {
  const head = readRequest(decodeWith(decoder, block), true, options);
  if (head instanceof Malformed || head instanceof ParseError) throw new Error(JSON.stringify(head));
  return head;
}

/** `blocks` in turns; after the first, so that the tables are filled. */
function measureRequests(what: string, blocks: readonly Buffer[]): void {
  const decoder = new HpackDecoder(context, limits);
  const encoder = new HpackEncoder();
  const extra = [identity];
  for (const block of blocks) decodeWith(decoder, block);
  const steady = blocks.slice(-paths);
  const bytes = steady.reduce((sum, block) => sum + block.length, 0) / steady.length;
  const next = (at: number): Buffer => steady[at % steady.length] ?? Buffer.alloc(0);
  measure(`decode: ${what}`, bytes, (at) => decodeWith(decoder, next(at)));
  measure(`decode and read: ${what}`, bytes, (at) => headOf(decoder, next(at)));
  let written = 0;
  measure(`decode, read and encode with 2 fields of ours: ${what}`, bytes, (at) => {
    const { method, target, authority, fields } = headOf(decoder, next(at));
    encodeRequest(encoder, { method, target, authority, fields, extra, bodyLength: 0, acceptsTrailers: false });
    written = encoder.length;
  });
  console.log(`  (${written} B encoded)`);
}

function measureResponses(what: string, blocks: readonly Buffer[]): void {
  const decoder = new HpackDecoder(context, limits);
  const encoder = new HpackEncoder();
  for (const block of blocks) decodeWith(decoder, block);
  const steady = blocks.slice(-paths);
  const bytes = steady.reduce((sum, block) => sum + block.length, 0) / steady.length;
  const next = (at: number): Buffer => steady[at % steady.length] ?? Buffer.alloc(0);
  measure(`decode: ${what}`, bytes, (at) => decodeWith(decoder, next(at)));
  let written = 0;
  measure(`decode, read and encode: ${what}`, bytes, (at) => {
    const head = readResponse(decodeWith(decoder, next(at)), false, 'GET');
    if (head instanceof Malformed) throw new Error(head.reason);
    encodeResponse(encoder, head, FieldBlock.empty, head.bodyLength, { value: '' });
    written = encoder.length;
  });
  console.log(`  (${written} B encoded)`);
}

const repeat = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

measureRequests('the same request, 6 fields', await blocksOfNode(repeat(10, () => request('/api'))));
measureRequests(
  '500 paths, 6 fields',
  await blocksOfNode(repeat(paths + 5, (at) => request(`/api/v1/things/${at}?page=${at}`))),
);
measureRequests(
  '500 paths, 11 fields',
  await blocksOfNode(repeat(paths + 5, (at) => browser(`/api/v1/things/${at}?page=${at}`))),
);
measureResponses(
  'the same response, all inserted, 8 fields',
  repeat(10, () => inserted(response(107))),
);
measureResponses(
  '500 lengths, all inserted, 8 fields',
  repeat(paths, (at) => inserted(response(at))),
);

const log = new FrameLog();
const quiet = Object.assign(log, {
  onData: () => undefined,
  onHeaders: () => undefined,
  onWindowUpdate: () => undefined,
});
const reader = new FrameReader('client', quiet);
reader.push(frame(4, 0, 0));
const answer = Buffer.concat(
  repeat(8, (at) => Buffer.concat([frame(1, 4, 2 * at + 1, 'x'.repeat(20)), frame(0, 1, 2 * at + 1, 'x'.repeat(107))])),
);
measure('read 8 answers in one piece, HEADERS and DATA of 107 bytes', answer.length, () => reader.push(answer));
const output = new FrameOutput(new PagePool());
const block = Buffer.alloc(20);
const body = Buffer.alloc(107);
measure('write 8 answers, HEADERS and DATA of 107 bytes, and take them', answer.length, () => {
  for (let stream = 1; stream < 17; stream += 2) {
    output.headers(stream, block, block.length, false);
    output.data(stream, body, 0, body.length, true);
  }
  const parts = output.take();
  output.settle();
  return parts;
});
