// The HTTP/2 codec beside nghttp2 (by way of node:http2): the same header lists both ways, the same errors for the same bytes.
// Where the two differ, the table says why; a difference that is not in the table fails, and so does an entry that no longer
// differs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FieldNames } from '../../src/http/field.ts';
import type { DecodedHeaders } from '../../src/http2/decoded-headers.ts';
import { FrameReader } from '../../src/http2/frame-reader.ts';
import { readRequest } from '../../src/http2/header-list.ts';
import { HpackContext } from '../../src/http2/hpack-context.ts';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../src/http2/hpack-encoder.ts';
import { Http2Error } from '../../src/http2/http2-error.ts';
import { Malformed } from '../../src/http2/message-head.ts';
import { frame, FrameLog, preface, setting, uint32 } from '../support/http2-frames.ts';
import { blocksOfNode, judgeByNode, type Lines } from '../support/node-http2.ts';

const context = new HpackContext(new FieldNames());
const limits = { listBytes: 65_535, fieldCount: 128 };

function decoded(decoder: HpackDecoder, block: Buffer): DecodedHeaders {
  const headers = decoder.decode(block, 0, block.length);
  if (headers instanceof Http2Error) assert.fail(headers.toString());
  return headers;
}

const name = fc.oneof(
  fc.constantFrom('server', 'date', 'x-a', 'accept', 'via', 'user-agent', 'content-type', 'etag', 'link'),
  fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/),
);
const value = fc.oneof(
  fc.constantFrom('', '1', 'text/html', 'gzip, deflate'),
  fc.stringMatching(/^(?:[!-~](?:[ -~]{0,60}[!-~])?)?$/),
  fc.stringMatching(/^[!-~\xa0-\xff]{1,200}$/),
);
const requestLines: fc.Arbitrary<Lines> = fc
  .tuple(
    fc.stringMatching(/^\/[a-z0-9/%?&=._~-]{0,80}$/),
    fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 12 }),
  )
  .map(([path, fields]) => [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', 'a.test'],
    [':path', path],
    ...fields,
  ]);

/** The same lists in every run, many and different ones. */
const lists = fc.sample(requestLines, { numRuns: 150, seed: 7541 });
/** So that tables and caches have something to repeat. */
const repeated = lists.flatMap((lines, at) => [lines, ...(at % 3 === 0 ? [lines, lists[at >> 1] ?? lines] : [])]);

describe('header lists', () => {
  it('that nghttp2 encodes are what we decode', async () => {
    const ascii = repeated.filter((lines) => lines.every(([, text]) => /^[ -~]*$/.test(text)));
    const blocks = await blocksOfNode(ascii);
    assert.equal(blocks.length, ascii.length);
    const decoder = new HpackDecoder(context, limits);
    for (const [at, block] of blocks.entries()) {
      const got = decoded(decoder, block).fields.map((field) => [field.name, field.value]);
      assert.deepEqual(got, ascii[at]);
    }
  });

  it('that we encode are what nghttp2 decodes', async () => {
    const encoder = new HpackEncoder();
    const frames = repeated.map((lines, at) => {
      encoder.begin();
      for (const [key, text] of lines) encoder.field(key, text);
      return frame(1, 5, 2 * at + 1, Buffer.from(encoder.block.subarray(0, encoder.length)));
    });
    const verdict = await judgeByNode([preface, frame(4, 0, 0), ...frames]);
    assert.deepEqual([verdict.goAway, verdict.resets], [undefined, []]);
    assert.deepEqual(
      verdict.lists.map((list) => list.length),
      repeated.map((list) => list.length),
    );
    for (const [at, list] of verdict.lists.entries()) {
      assert.deepEqual(list, repeated[at]);
    }
  });
});

/** What our codec says, as far as it goes: it knows single streams only. */
function judgeByUs(bytes: Buffer): { accepted: number; resets: number[]; goAway: number | undefined } {
  const verdict: { accepted: number; resets: number[]; goAway: number | undefined } = {
    accepted: 0,
    resets: [],
    goAway: undefined,
  };
  const decoder = new HpackDecoder(context, limits);
  const log = new FrameLog();
  const fail = ({ scope, code }: Http2Error): void => {
    if (scope === 'stream') verdict.resets.push(code);
    else verdict.goAway = code;
  };
  log.onError = fail;
  log.onHeaders = (_streamId, block, start, end, endStream) => {
    const headers = decoder.decode(block, start, end);
    if (headers instanceof Http2Error) {
      reader.stop();
      fail(headers);
      return;
    }
    const head = readRequest(headers, endStream, { pathBytes: 8192, connectProtocol: false });
    // What is to be answered with a status (a ParseError) is a request as well, in the eyes of nghttp2.
    if (head instanceof Malformed) verdict.resets.push(1);
    else verdict.accepted++;
  };
  const reader = new FrameReader('server', log);
  reader.push(bytes);
  return verdict;
}

function verdictOf(accepted: number, resets: readonly number[], goAway: number | undefined): string {
  if (goAway !== undefined && goAway !== 0) return `GOAWAY ${goAway}`;
  return resets.length > 0 ? `RST_STREAM ${resets.join()}` : `${accepted} accepted`;
}

/** A header block without tables. */
function block(...lines: string[]): Buffer {
  const encoder = new HpackEncoder();
  encoder.limitTable(0);
  encoder.begin();
  for (const line of lines) {
    const space = line.indexOf(' ', 1);
    encoder.field(line.slice(0, space), line.slice(space + 1));
  }
  return Buffer.from(encoder.block.subarray(0, encoder.length));
}

const get = [':method GET', ':scheme https', ':authority a.test', ':path /'];
const request = (...lines: string[]): Buffer => frame(1, 5, 1, block(...get, ...lines));
const other = (...lines: string[]): Buffer => frame(1, 5, 1, block(...lines));
const literal = (text: string): string => String.fromCharCode(text.length) + text;
/** A field whose name our encoder would make lower-case. */
const raw = (key: string, text: string): Buffer =>
  frame(1, 5, 1, Buffer.concat([block(...get), Buffer.from(`\0${literal(key)}${literal(text)}`, 'latin1')]));

/** Both say the same of these. */
const agreed: [what: string, frames: Buffer[]][] = [
  ['a request', [request()]],
  ['a request with fields', [request('x-a b', 'cookie a=b', 'cookie c=d', 'te trailers')]],
  ['OPTIONS *', [other(':method OPTIONS', ':scheme https', ':authority a.test', ':path *')]],
  ['a request in CONTINUATION', [frame(1, 1, 1, block(...get)), frame(9, 4, 1)]],
  ['no :path', [other(...get.slice(0, 3))]],
  ['an empty :path', [other(...get.slice(0, 3), ':path ')]],
  ['no :method', [other(...get.slice(1))]],
  ['two of :path', [other(...get, ':path /')]],
  [':status', [request(':status 200')]],
  ['an unknown pseudo-header field', [request(':x y')]],
  ['a pseudo-header field behind others', [request('x y', ':method GET')]],
  ['connection', [request('connection close')]],
  ['transfer-encoding', [request('transfer-encoding chunked')]],
  ['keep-alive', [request('keep-alive 5')]],
  ['proxy-connection', [request('proxy-connection close')]],
  ['upgrade', [request('upgrade h2c')]],
  ['te: gzip', [request('te gzip')]],
  ['an upper-case name', [raw('X-Y', 'z')]],
  ['a content-length that is no number', [request('content-length x')]],
  ['two of content-length', [request('content-length 0', 'content-length 0')]],
  ['a content-length without content', [request('content-length 5')]],
  ['two hosts', [request('host a.test', 'host a.test')]],
  [':protocol', [request(':protocol websocket')]],
  ['an index of nothing', [frame(1, 5, 1, Buffer.from('be', 'hex'))]],
  ['index 0', [frame(1, 5, 1, Buffer.from('80', 'hex'))]],
  ['a string that is cut off', [frame(1, 5, 1, Buffer.from('000361', 'hex'))]],
  ['EOS', [frame(1, 5, 1, Buffer.from('0084ffffffff0161', 'hex'))]],
  ['a table that is too large', [frame(1, 5, 1, Buffer.from('3fe21f', 'hex'))]],
  ['an update of the table size behind a field', [frame(1, 5, 1, Buffer.from('8220', 'hex'))]],
  ['DATA on stream 0', [frame(0, 0, 0, 'x')]],
  ['DATA on a stream of the server', [frame(0, 0, 2, 'x')]],
  ['HEADERS on stream 0', [frame(1, 5, 0, block(...get))]],
  ['HEADERS on a stream of the server', [frame(1, 5, 2, block(...get))]],
  ['HEADERS with too much padding', [frame(1, 0x0d, 1, '\x04abc')]],
  ['CONTINUATION alone', [frame(9, 4, 1)]],
  ['CONTINUATION of another stream', [frame(1, 0, 1), frame(9, 4, 3)]],
  ['PING within a header block', [frame(1, 0, 1), frame(6, 0, 0, '12345678')]],
  ['an unknown frame within a header block', [frame(1, 0, 1), frame(77, 0, 1)]],
  ['an unknown frame', [frame(77, 0xff, 1, 'x'), request()]],
  ['RST_STREAM on stream 0', [frame(3, 0, 0, uint32(0))]],
  ['RST_STREAM of 3 bytes', [frame(3, 0, 1, 'abc')]],
  ['SETTINGS on a stream', [frame(4, 0, 1)]],
  ['SETTINGS of 5 bytes', [frame(4, 0, 0, '12345')]],
  ['an acknowledgement with settings', [frame(4, 1, 0, setting(1, 0))]],
  ['ENABLE_PUSH 2', [frame(4, 0, 0, setting(2, 2))]],
  ['INITIAL_WINDOW_SIZE 2^31', [frame(4, 0, 0, setting(4, 2 ** 31))]],
  ['MAX_FRAME_SIZE 100', [frame(4, 0, 0, setting(5, 100))]],
  ['PUSH_PROMISE', [frame(5, 4, 1, uint32(2))]],
  ['PING on a stream', [frame(6, 0, 1, '12345678')]],
  ['PING of 7 bytes', [frame(6, 0, 0, '1234567')]],
  ['GOAWAY on a stream', [frame(7, 0, 1, uint32(0) + uint32(0))]],
  ['GOAWAY of 7 bytes', [frame(7, 0, 0, '1234567')]],
  ['WINDOW_UPDATE of 3 bytes', [frame(8, 0, 0, 'abc')]],
  ['WINDOW_UPDATE by 0', [frame(8, 0, 0, uint32(0))]],
  ['a frame of 16385 bytes', [frame(0, 0, 1, 'x'.repeat(16_385))]],
];

/** What we say, what nghttp2 says, and why we do. */
const dropped = 'Node drops such a field and takes the rest';
const different: [what: string, frames: Buffer[], ours: string, theirs: string, why: string][] = [
  ['an empty name', [raw('', 'z')], 'RST_STREAM 1', '1 accepted', dropped],
  ['a blank in a name', [raw('x y', 'z')], 'RST_STREAM 1', '1 accepted', dropped],
  ['a colon in a name', [raw('x:y', 'z')], 'RST_STREAM 1', '1 accepted', dropped],
  ['LF in a value', [raw('x', 'a\nb')], 'RST_STREAM 1', '1 accepted', dropped],
  ['CR in a value', [raw('x', 'a\rb')], 'RST_STREAM 1', '1 accepted', dropped],
  ['NUL in a value', [raw('x', 'a\0b')], 'RST_STREAM 1', '1 accepted', dropped],
  ['a blank before a value', [raw('x', ' a')], 'RST_STREAM 1', '1 accepted', dropped],
  ['a tab behind a value', [raw('x', 'a\t')], 'RST_STREAM 1', '1 accepted', dropped],
  [
    'PRIORITY on stream 0',
    [frame(2, 0, 0, '\0\0\0\x03\x10')],
    'GOAWAY 1',
    '0 accepted',
    'nghttp2 does not look at priorities any more',
  ],
  [
    'three updates of the table size',
    [frame(1, 5, 1, Buffer.from('202020828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex'))],
    'GOAWAY 9',
    '1 accepted',
    'RFC 7541 section 4.2 knows two, and nghttp2 does not count',
  ],
];

/** See the last of these. */
function beginsWithThreeUpdates(block: Buffer): boolean {
  let at = 0;
  for (let updates = 0; updates < 3; updates += 1) {
    const first = block[at] ?? 0;
    if ((first & 0xe0) !== 0x20) return false;
    at += 1;
    if ((first & 0x1f) !== 0x1f) continue;
    while (((block[at] ?? 0) & 0x80) !== 0) at += 1;
    at += 1;
  }
  return true;
}

async function compare(frames: readonly Buffer[]): Promise<[ours: string, theirs: string]> {
  const start = frame(4, 0, 0);
  const { accepted, resets, goAway } = judgeByUs(Buffer.concat([preface, start, ...frames]));
  const theirs = await judgeByNode([preface, start, ...frames]);
  const ours = verdictOf(accepted, resets, goAway);
  // Node closes the connection where nghttp2 calls an error fatal, and says no code then.
  if (theirs.isBroken) return [ours.replace(/^GOAWAY.*/, 'closed'), 'closed'];
  return [ours, verdictOf(theirs.lists.length, theirs.resets, theirs.goAway)];
}

/** Octets of header blocks, most of them right as far as they go. */
const anyBlock = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '82',
        '86',
        '84',
        'be',
        'bf',
        '80',
        'c5',
        '20',
        '3fe11f',
        '3fe21f',
        '418cf1e3c2e5f23a6ba0ab90f4ff',
      ),
      fc.constantFrom(
        '400161016200',
        '5f0161',
        '0f2f0161',
        '1001610162',
        '7e0163',
        '0084ffffffff',
        'ff8001',
        '007f8001',
      ),
      fc.constantFrom('41881ca7d4b7b3e6d5', '4183f1e3c2', '5885aec3771a4b', '588caec3771a4bf4a523f2b0e62c'),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'hex'));

describe('our codec and nghttp2', () => {
  it('take the same blocks for compressed ones', async () => {
    await fc.assert(
      fc.asyncProperty(anyBlock, async (bytes) => {
        fc.pre(!beginsWithThreeUpdates(bytes));
        const [ours, theirs] = await compare([frame(1, 5, 1, bytes)]);
        assert.equal(ours === 'GOAWAY 9', theirs === 'GOAWAY 9');
      }),
      { numRuns: 150 },
    );
  });

  for (const [what, frames] of agreed) {
    it(`say the same of ${what}`, async () => {
      const [ours, theirs] = await compare(frames);
      assert.equal(ours, theirs);
    });
  }

  for (const [what, frames, ours, theirs, why] of different) {
    it(`differ about ${what}: ${why}`, async () => {
      assert.deepEqual(await compare(frames), [ours, theirs]);
    });
  }
});
