// Properties of the HTTP/2 codec under random and nearly right bytes: it never throws, cuts never matter, memory is bounded,
// and what one side writes the other reads.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { chunkedBody } from '../../src/http/exchange.ts';
import { FieldBlock, FieldNames, Fields } from '../../src/http/field.ts';
import { ParseError } from '../../src/http/parse-error.ts';
import type { DecodedHeaders } from '../../src/http2/decoded-headers.ts';
import { FrameOutput } from '../../src/http2/frame-output.ts';
import { FrameReader } from '../../src/http2/frame-reader.ts';
import { encodeRequest, encodeResponse, encodeTrailers } from '../../src/http2/header-blocks.ts';
import { readRequest, readResponse, readTrailers } from '../../src/http2/header-list.ts';
import { HpackContext } from '../../src/http2/hpack-context.ts';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../src/http2/hpack-encoder.ts';
import { Http2Error } from '../../src/http2/http2-error.ts';
import { Malformed } from '../../src/http2/message-head.ts';
import { PagePool } from '../../src/http2/page-pool.ts';
import { frame, FrameLog, preface, setting, uint32 } from '../support/http2-frames.ts';

const names = new FieldNames();
const context = new HpackContext(names);
const limits = { listBytes: 2000, fieldCount: 20 };
const roomy = { listBytes: 100_000, fieldCount: 1000 };
const requestOptions = { pathBytes: 500, connectProtocol: true };
const trailerLimits = { trailerBytes: 500, trailerCount: 8 };

const octets = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
const flags = fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 12, 0x20, 0x2d), fc.nat(255));
const streamId = fc.oneof(fc.constantFrom(0, 1, 2, 3, 0x7fffffff), fc.nat(0xffffffff));

/** Frames that are right, nearly right, or anything. */
const anyFrame = fc.oneof(
  fc.tuple(fc.nat(10), flags, streamId, octets(40)).map(([type, flag, id, payload]) => frame(type, flag, id, payload)),
  fc
    .tuple(fc.nat(10), flags, fc.constantFrom(0, 1, 3), fc.nat(20_000))
    .map(([type, flag, id, length]) => frame(type, flag, id, '', length)),
  fc.tuple(flags, octets(60)).map(([flag, block]) => frame(1, flag, 1, block)),
  fc.tuple(flags, octets(20)).map(([flag, block]) => frame(9, flag, 1, block)),
  fc.tuple(flags, octets(60)).map(([flag, data]) => frame(0, flag, 1, data)),
  fc.tuple(fc.nat(9), fc.nat(0xffffffff)).map(([id, value]) => frame(4, 0, 0, setting(id, value))),
  fc.nat(0xffffffff).map((increment) => frame(8, 0, 1, uint32(increment))),
  fc.constantFrom(
    frame(4, 1, 0),
    frame(6, 0, 0, '12345678'),
    frame(3, 0, 1, uint32(8)),
    frame(2, 0, 3, '\0\0\0\x01\x10'),
  ),
);
const streams = fc
  .tuple(
    fc.boolean(),
    fc.array(anyFrame, { maxLength: 12 }),
    fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
  )
  .map(([startsWell, frames, edits]) => {
    const bytes = Buffer.concat([preface, startsWell ? frame(4, 0, 0) : Buffer.alloc(0), ...frames]);
    for (const [at, octet] of edits) if (startsWell && at + 33 < bytes.length) bytes[at + 33] = octet;
    return bytes;
  });
const cuts = fc.array(fc.nat(600), { maxLength: 12 });

/** What a reader tells of bytes that come in pieces which end at `ends`; pieces of one DATA frame joined. */
function tell(bytes: Buffer, ends: readonly number[]): { lines: string[]; isBetweenFrames: boolean } {
  const log = new FrameLog();
  let waiting: { streamId: number; text: string; flow: number } | undefined;
  const flush = (endStream: boolean): void => {
    if (waiting === undefined) return;
    const { streamId: id, text, flow } = waiting;
    waiting = undefined;
    FrameLog.prototype.onData.call(log, id, Buffer.from(text, 'latin1'), flow, endStream);
  };
  log.onData = (id, piece, flow, endStream) => {
    // Nothing else comes between the pieces of a frame, so what follows on a stream may be joined as well.
    if (waiting !== undefined && waiting.streamId !== id) flush(false);
    waiting = {
      streamId: id,
      text: (waiting?.text ?? '') + piece.toString('latin1'),
      flow: (waiting?.flow ?? 0) + flow,
    };
    if (endStream) flush(true);
  };
  const other = new Proxy(log, {
    get: (target, key: keyof FrameLog) => {
      if (key !== 'onData' && key !== 'lines') flush(false);
      const member: unknown = target[key];
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const reader = new FrameReader('server', other, { maxFrameSize: 16_384, blockBytes: 200, continuations: 3 });
  let from = 0;
  for (const end of [...ends.filter((at) => at < bytes.length).toSorted((a, b) => a - b), bytes.length]) {
    reader.push(bytes.subarray(from, end));
    from = end;
  }
  const { isBetweenFrames } = reader;
  flush(false);
  return { lines: log.lines, isBetweenFrames };
}

describe('a FrameReader under random bytes', () => {
  it('tells the same however the bytes are cut, and never throws', () => {
    fc.assert(
      fc.property(streams, cuts, (bytes, ends) => {
        const whole = tell(bytes, []);
        assert.deepEqual(tell(bytes, ends), whole);
        assert.deepEqual(
          tell(
            bytes,
            Array.from({ length: bytes.length }, (_, at) => at),
          ),
          whole,
        );
      }),
      { numRuns: 1500 },
    );
  });

  it('never throws on noise', () => {
    fc.assert(
      fc.property(octets(200), (bytes) => {
        tell(bytes, []);
        tell(Buffer.concat([preface, frame(4, 0, 0), bytes]), []);
      }),
      { numRuns: 1500 },
    );
  });
});

/** Representations of fields, most of them right. */
const representation = fc.oneof(
  fc.nat(255).map((octet) => Buffer.from([octet])),
  fc.integer({ min: 0x80, max: 0xc4 }).map((octet) => Buffer.from([octet])),
  fc
    .tuple(fc.constantFrom(0x00, 0x10, 0x40), octets(12), octets(40), fc.boolean())
    .map(([first, name, value, isCompressed]) =>
      Buffer.concat([
        Buffer.from([first, name.length]),
        name,
        Buffer.from([value.length | (isCompressed ? 0x80 : 0)]),
        value,
      ]),
    ),
  fc
    .tuple(fc.constantFrom(0x01, 0x04, 0x0f, 0x41, 0x58, 0x7e), fc.stringMatching(/^[a-z0-9/ -]{0,40}$/))
    .map(([first, value]) => Buffer.concat([Buffer.from([first, value.length]), Buffer.from(value)])),
  fc
    .tuple(fc.stringMatching(/^[a-z-]{1,12}$/), fc.stringMatching(/^[!-~]{0,30}$/))
    .map(([name, value]) =>
      Buffer.concat([
        Buffer.from([0x40, name.length]),
        Buffer.from(name),
        Buffer.from([value.length]),
        Buffer.from(value),
      ]),
    ),
);
const block = fc.array(representation, { maxLength: 12 }).map((parts) => Buffer.concat(parts));

function assertClean(headers: DecodedHeaders): void {
  const request = readRequest(headers, true, requestOptions);
  if (!(request instanceof Malformed) && !(request instanceof ParseError)) {
    assert.match(request.target, /^(?:\*|\/[!"$-~]*)$/);
    assert.ok(request.bodyLength === 0 && request.authority !== '');
    assertCleanFields(request.fields);
  }
  const response = readResponse(headers, false, 'GET');
  if (!(response instanceof Malformed)) {
    assert.ok(response.status >= 100 && response.status <= 999 && response.status !== 101);
    assert.ok(response.bodyLength >= chunkedBody && Number.isSafeInteger(response.bodyLength));
    assertCleanFields(response.fields);
  }
  const trailers = readTrailers(headers, trailerLimits);
  if (!(trailers instanceof Malformed)) assertCleanFields(trailers);
}

function assertCleanFields(fields: Fields): void {
  for (const { raw } of fields.names) assert.match(raw, /^[!#$%&'*+\-.^_`|~0-9a-z]+$/);
  assert.doesNotMatch(fields.values.join(''), /[\0-\x08\x0a-\x1f\x7f]/);
  for (const value of fields.values) assert.equal(value, value.replace(/^[ \t]+|[ \t]+$/g, ''));
}

describe('an HpackDecoder under random blocks', () => {
  it('never throws, keeps within its limits, and gives lists that make clean messages or none', () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 6 }), (blocks) => {
        const decoder = new HpackDecoder(context, limits);
        for (const bytes of blocks) {
          const headers = decoder.decode(bytes, 0, bytes.length);
          assert.ok(decoder.tableBytes <= 4096);
          if (headers instanceof Http2Error) return;
          const kept = headers.fields.reduce((sum, field) => sum + field.bytes, 0);
          assert.ok(kept <= limits.listBytes && headers.fields.length <= limits.fieldCount);
          assert.equal(headers.excess === '', headers.fields.length === headers.count);
          assertClean(headers);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('says the same of a block whether it knows it or not', () => {
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(2), { maxLength: 14 }),
        (blocks, order) => {
          // One decoder meets its blocks again and again; the other is never given the same bytes twice.
          const seasoned = new HpackDecoder(context, limits);
          const fresh = new HpackDecoder(new HpackContext(names), roomy);
          for (const [count, at] of order.entries()) {
            const bytes = blocks[at % blocks.length] ?? Buffer.alloc(0);
            // An update of the table size would not stand at the beginning any more.
            fc.pre(((bytes[0] ?? 0) & 0xe0) !== 0x20);
            const known = seasoned.decode(bytes, 0, bytes.length);
            // A field that is not inserted makes the bytes new and changes nothing else.
            const unlike = Buffer.concat([
              Buffer.from([0x10, 2]),
              Buffer.from(`${count + 10}`),
              Buffer.from([0]),
              bytes,
            ]);
            const other = fresh.decode(unlike, 0, unlike.length);
            assert.equal(known instanceof Http2Error, other instanceof Http2Error);
            if (known instanceof Http2Error || other instanceof Http2Error) return;
            const listOf = (headers: DecodedHeaders): string[] =>
              headers.fields.map(({ name, value }) => `${name}: ${value}`);
            assert.deepEqual(listOf(known), listOf(other).slice(1, 1 + known.fields.length));
            assert.equal(known.count, other.count - 1);
            assert.equal(seasoned.tableBytes, fresh.tableBytes);
          }
        },
      ),
      { numRuns: 1500 },
    );
  });
});

const word = fc.stringMatching(/^[a-z0-9-]{1,12}$/);
const fieldValue = fc.stringMatching(/^(?:[!-~\xa0-\xff](?:[ -~\xa0-\xff]{0,20}[!-~\xa0-\xff])?)?$/);
const pairs = fc.array(
  fc.tuple(
    word.map((name) => `x-${name}`),
    fieldValue,
    fc.boolean(),
  ),
  { maxLength: 10 },
);

function toFields(list: readonly (readonly [string, string, boolean])[]): Fields {
  const fields = new Fields();
  for (const [raw, value, isSensitive] of list) {
    const name = names.find(raw, isSensitive);
    if (name !== undefined) fields.push(name, value);
  }
  return fields;
}

function toTriples(fields: Fields): [string, string | undefined, boolean][] {
  return fields.names.map((name, at) => [name.raw, fields.values[at], name.neverIndexed]);
}

describe('what the codec of HTTP/2 writes', () => {
  function decode(encoder: HpackEncoder, decoder: HpackDecoder): DecodedHeaders {
    const headers = decoder.decode(encoder.block, 0, encoder.length);
    if (headers instanceof Http2Error) assert.fail(headers.toString());
    assert.equal(encoder.tableBytes, decoder.tableBytes);
    return headers;
  }

  it('is what it reads: messages, one after the other, with tables of any size', () => {
    const size = fc.option(fc.constantFrom(0, 64, 200, 4096, 65_536), { nil: undefined, freq: 4 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(pairs, word, fc.constantFrom(0, 7, chunkedBody), size), { maxLength: 8 }),
        (messages) => {
          const encoder = new HpackEncoder();
          const decoder = new HpackDecoder(context, roomy);
          for (const [list, path, bodyLength, tableSize] of messages) {
            if (tableSize !== undefined) encoder.limitTable(tableSize);
            const request = {
              method: 'PUT',
              target: `/${path}`,
              authority: 'a.test',
              fields: toFields(list),
              extra: [new FieldBlock([['Q-Ours', 'yes']])],
              bodyLength,
              acceptsTrailers: true,
            };
            assert.ok(encodeRequest(encoder, request));
            const head = readRequest(decode(encoder, decoder), bodyLength === 0, requestOptions);
            if (head instanceof Malformed) assert.fail(head.reason);
            if (head instanceof ParseError) assert.fail(head.detail);
            assert.deepEqual(
              [head.method, head.target, head.authority, head.bodyLength, head.acceptsTrailers],
              ['PUT', `/${path}`, 'a.test', bodyLength, true],
            );
            assert.deepEqual(toTriples(head.fields), [...list, ['q-ours', 'yes', false]]);
            const answer = { status: 200, reason: '', fields: toFields(list), bodyLength, announcedLength: -1 };
            encodeResponse(encoder, answer, FieldBlock.empty, bodyLength, { value: 'now' });
            const response = readResponse(decode(encoder, decoder), bodyLength === 0, 'GET');
            if (response instanceof Malformed) assert.fail(response.reason);
            assert.deepEqual([response.status, response.bodyLength], [200, bodyLength]);
            assert.deepEqual(toTriples(response.fields), [...list, ['date', 'now', false]]);
            encodeTrailers(encoder, toFields(list));
            const trailers = readTrailers(decode(encoder, decoder), { trailerBytes: 5000, trailerCount: 100 });
            if (trailers instanceof Malformed) assert.fail(trailers.reason);
            assert.ok(trailers.length <= list.length);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is what it reads: frames, in whatever sizes', () => {
    const piece = fc.tuple(fc.constantFrom(1, 3, 0x7fffffff), octets(300), fc.boolean());
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 10 }),
        fc.integer({ min: 1, max: 100 }),
        cuts,
        fc.constantFrom(0, 50, Infinity),
        (pieces, size, ends, keptFrom) => {
          const output = new FrameOutput(new PagePool(), keptFrom);
          output.preface();
          output.settings([]);
          output.maxFrameSize = size;
          for (const [id, bytes, endStream] of pieces) {
            output.headers(id, bytes, bytes.length, endStream);
            output.data(id, bytes, 0, bytes.length, endStream);
          }
          const bytes = Buffer.concat(output.take());
          const log = new FrameLog();
          const got = new Map<number, { headers: string[]; data: string; ends: number }>();
          const of = (id: number) => got.get(id) ?? got.set(id, { headers: [], data: '', ends: 0 }).get(id);
          log.onHeaders = (id, block_, start, end) => void of(id)?.headers.push(block_.toString('latin1', start, end));
          log.onData = (id, data, _flow, endStream) => {
            const stream = of(id);
            if (stream === undefined) return;
            stream.data += data.toString('latin1');
            if (endStream) stream.ends++;
          };
          const reader = new FrameReader('server', log, { maxFrameSize: 16_384, blockBytes: 1000, continuations: 300 });
          let from = 0;
          for (const end of [...ends.filter((at) => at < bytes.length).toSorted((a, b) => a - b), bytes.length]) {
            reader.push(bytes.subarray(from, end));
            from = end;
          }
          assert.deepEqual(log.lines, ['SETTINGS']);
          assert.equal(reader.isBetweenFrames, true);
          for (const [id, stream] of got) {
            const sent = pieces.filter(([other]) => other === id);
            assert.deepEqual(
              stream.headers,
              sent.map(([, data]) => data.toString('latin1')),
            );
            assert.equal(stream.data, sent.map(([, data]) => data.toString('latin1')).join(''));
            assert.equal(stream.ends, sent.filter(([, , endStream]) => endStream).length);
          }
          assert.equal(got.size, new Set(pieces.map(([id]) => id)).size);
        },
      ),
      { numRuns: 300 },
    );
  });
});
