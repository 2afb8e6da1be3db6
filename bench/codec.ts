// What the HTTP/1.1 codec costs by itself, in ns per message: `node bench/codec.ts`. Best of several rounds, because the
// machine is shared. The cost of a request through the gateway is two heads read and two written.
import { FieldBlock, FieldNames } from '../src/http/field.ts';
import { defaultHttpLimits } from '../src/http/limits.ts';
import { ChunkedReader } from '../src/http1/chunked.ts';
import { scanHead } from '../src/http1/head-scan.ts';
import { requestHeadText, responseHeadText } from '../src/http1/head-text.ts';
import { ParseError } from '../src/http/parse-error.ts';
import { parseRequestHead } from '../src/http1/request-head.ts';
import { parseResponseHead } from '../src/http1/response-head.ts';

const names = new FieldNames();
const limits = defaultHttpLimits;

function message(...lines: string[]): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

const small = message('GET /api HTTP/1.1', 'Host: api.example.com', 'Connection: keep-alive');
const browser = message(
  'GET /api/v1/things/42?full=true&page=3 HTTP/1.1',
  'Host: api.example.com',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'Accept: application/json, text/plain;q=0.9, */*;q=0.8',
  'Accept-Language: en-US,en;q=0.5',
  'Accept-Encoding: gzip, deflate, br',
  `Authorization: Bearer ${'abcdefghij'.repeat(10)}`,
  'Cookie: a=b; session=0123456789abcdef',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'Connection: keep-alive',
);
const response = message(
  'HTTP/1.1 200 OK',
  'Server: nginx/1.22.1',
  'Date: Sat, 21 Nov 2026 06:43:40 GMT',
  'Content-Type: application/json',
  'Content-Length: 107',
  'Last-Modified: Sat, 21 Nov 2026 06:43:40 GMT',
  'Connection: keep-alive',
  'ETag: "6543-1234"',
  'Accept-Ranges: bytes',
);
const chunks = Buffer.from('400\r\n'.concat('x'.repeat(1024), '\r\n').repeat(16).concat('0\r\n\r\n'), 'latin1');
const identity = new FieldBlock([
  ['X-Forwarded-Client-Cert', `Hash=${'0'.repeat(64)};Subject="CN=client";URI=spiffe://a/b`],
]);
const body = 'x'.repeat(107);
const out = Buffer.allocUnsafe(4096);

function readRequest(bytes: Buffer) {
  const head = parseRequestHead(bytes, 0, scanHead(bytes, 0, bytes.length), names, limits);
  if (head instanceof ParseError) throw new Error(head.detail);
  return head;
}

function readResponse() {
  const head = parseResponseHead(response, 0, scanHead(response, 0, response.length), names, limits, 'GET');
  if (head instanceof ParseError) throw new Error(head.detail);
  return head;
}

/** Writing into a buffer stands for the copy that the socket makes: it flattens the string. */
function forward(bytes: Buffer): number {
  const { method, target, authority, fields, bodyLength } = readRequest(bytes);
  const text = requestHeadText({
    method,
    target,
    authority,
    fields,
    bodyLength,
    extra: [identity],
    acceptsTrailers: false,
  });
  return out.write(text ?? '', 0, 'latin1');
}

const chunkedReader = new ChunkedReader(names, limits);

function readChunks(): number {
  chunkedReader.reset();
  let at = 0;
  while (!chunkedReader.done) at = chunkedReader.read(chunks, at);
  return at;
}

function measure(what: string, act: () => unknown): void {
  const runs = 50_000;
  let best = Infinity;
  for (let round = 0; round < 7; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < runs; i++) act();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / runs);
  }
  console.log(`${what.padEnd(56)}${best.toFixed(0).padStart(7)} ns`);
}

measure(`scan a head of ${browser.length} bytes`, () => scanHead(browser, 0, browser.length));
measure(`read a request head, ${small.length} bytes, 2 fields`, () => readRequest(small));
measure(`read a request head, ${browser.length} bytes, 9 fields`, () => readRequest(browser));
measure(`read a response head, ${response.length} bytes, 8 fields`, readResponse);
measure('read and write a request head, 2 fields', () => forward(small));
measure('read and write a request head, 9 fields', () => forward(browser));
measure('read and write a response head with a body of 107 bytes', () => {
  const text = responseHeadText(readResponse(), FieldBlock.empty, { announced: 107, connection: '' }, '');
  return out.write(text + body, 0, 'latin1');
});
measure('read a chunked body of 16 chunks of 1 KiB', readChunks);
