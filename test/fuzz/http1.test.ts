// Properties of the HTTP/1.1 codec under random and nearly right bytes: it never throws, cuts never matter, and what one
// side writes the other reads.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { chunkedBody } from '../../src/http/exchange.ts';
import { FieldBlock, FieldNames, Fields } from '../../src/http/field.ts';
import { defaultHttpLimits } from '../../src/http/limits.ts';
import { ChunkedReader } from '../../src/http1/chunked.ts';
import { illegalHead, resumeAt, scanHead } from '../../src/http1/head-scan.ts';
import { requestHeadText, responseHeadText } from '../../src/http1/head-text.ts';
import { ParseError } from '../../src/http/parse-error.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { parseResponseHead } from '../../src/http1/response-head.ts';

const names = new FieldNames();
const limits = defaultHttpLimits;

/** Fragments that messages and attacks are made of. */
const fragment = fc.constantFrom(
  'GET ',
  'POST ',
  '/',
  '/a?b',
  'http://a/',
  '*',
  ' HTTP/1.1',
  ' HTTP/1.0',
  '\r\n',
  '\r',
  '\n',
  ' ',
  '\t',
  ':',
  'Host: a',
  'Host: a\r\n',
  'Content-Length: 5',
  'Content-Length: ',
  '5',
  ',',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding',
  'chunked',
  'Connection: ',
  'close',
  'X-Y: z\r\n',
  '\0',
  '\x7f',
  '\xe4',
  ';',
  '=',
  '"',
  'a',
  '0',
  'f',
  '5\r\nhello\r\n',
  '0\r\n\r\n',
  '\r\n\r\n',
  'HTTP/1.1 200 OK\r\n',
  '__proto__: x\r\n',
);
const nearly = fc.array(fragment, { maxLength: 24 }).map((parts) => parts.join(''));
const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const bytes = fc.oneof(nearly, noise).map((text) => Buffer.from(text, 'latin1'));

/** Where a head ends, fed in pieces that end at `cuts`. */
function scanInPieces(buffer: Buffer, cuts: readonly number[]): number {
  let from = 0;
  for (const cut of [...cuts.filter((at) => at < buffer.length).toSorted((a, b) => a - b), buffer.length]) {
    const result = scanHead(buffer, from, cut);
    if (result >= 0 || result === illegalHead) return result;
    from = resumeAt(result);
  }
  return -2 - from;
}

/** What a chunked body gives, fed in pieces of `step`. */
function decode(buffer: Buffer, step: number): string {
  const reader = new ChunkedReader(names, limits);
  const data: Buffer[] = [];
  let used = 0;
  while (used < buffer.length && !reader.done && reader.error === undefined) {
    used += reader.read(buffer.subarray(used, used + step), 0);
    if (reader.data !== undefined) data.push(reader.data);
  }
  const trailers = JSON.stringify([reader.trailers?.names.map((name) => name.raw), reader.trailers?.values]);
  // What was delivered before an error depends on the cuts, the error does not.
  if (reader.error !== undefined) return `refused ${reader.error.code}`;
  return `${reader.done} ${Buffer.concat(data).toString('latin1')} ${trailers}`;
}

const word = fc.stringMatching(/^[A-Za-z0-9-]{1,12}$/);
const fieldValue = fc.stringMatching(/^(?:[!-~\xa0-\xff](?:[ -~\xa0-\xff]{0,20}[!-~\xa0-\xff])?)?$/);
const pairs = fc.array(
  fc.tuple(
    word.map((name) => `X-${name}`),
    fieldValue,
  ),
  { maxLength: 10 },
);

function toFields(list: readonly (readonly [string, string])[]): Fields {
  const fields = new Fields();
  for (const [raw, value] of list) {
    const name = names.find(raw);
    if (name !== undefined) fields.push(name, value);
  }
  return fields;
}

function toPairs(fields: Fields): [string | undefined, string | undefined][] {
  return fields.names.map((name, i) => [name.raw, fields.values[i]]);
}

describe('the codec under random bytes', () => {
  it('never throws on a head, and refuses or gives a clean value', () => {
    fc.assert(
      fc.property(bytes, (buffer) => {
        const end = scanHead(buffer, 0, buffer.length);
        if (end < 0) return;
        const request = parseRequestHead(buffer, 0, end, names, limits);
        if (!(request instanceof ParseError)) {
          assert.match(request.target, /^(?:\*|\/[!"$-~]*)$/);
          assert.doesNotMatch(request.fields.values.join(''), /[\r\n\0]/);
          assert.ok(request.bodyLength >= chunkedBody && Number.isSafeInteger(request.bodyLength));
        }
        parseResponseHead(buffer, 0, end, names, limits, 'GET');
      }),
      { numRuns: 2000 },
    );
  });

  it('finds the same end of a head however the bytes are cut', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(200), { maxLength: 8 }), (buffer, cuts) => {
        const whole = scanHead(buffer, 0, buffer.length);
        const cut = scanInPieces(buffer, cuts);
        assert.equal(cut, whole);
      }),
      { numRuns: 2000 },
    );
  });

  it('reads the same chunked body however the bytes are cut', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 9 }), (buffer, step) => {
        // A reader moves small chunks together where they lie: each gets bytes of its own.
        assert.equal(decode(Buffer.from(buffer), step), decode(Buffer.from(buffer), buffer.length));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what the codec writes', () => {
  it('is what it reads: requests', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('GET', 'PUT', 'X-A'),
        word,
        pairs,
        fc.constantFrom(0, 7, chunkedBody),
        fc.boolean(),
        (method, path, list, bodyLength, acceptsTrailers) => {
          const block = new FieldBlock([['Q-Ours', 'yes']]);
          const text = requestHeadText({
            method,
            target: `/${path}`,
            authority: 'a.test',
            fields: toFields(list),
            extra: [block],
            bodyLength,
            acceptsTrailers,
          });
          const buffer = Buffer.from(text ?? '', 'latin1');
          const head = parseRequestHead(buffer, 0, scanHead(buffer, 0, buffer.length), names, limits);
          if (head instanceof ParseError) assert.fail(head.detail);
          assert.deepEqual(
            [head.method, head.target, head.authority, head.bodyLength, head.acceptsTrailers],
            [method, `/${path}`, 'a.test', bodyLength, acceptsTrailers],
          );
          assert.deepEqual(toPairs(head.fields), [...list, ['Q-Ours', 'yes']]);
        },
      ),
    );
  });

  it('is what it reads: responses', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 999 }), fieldValue, pairs, (status, reason, list) => {
        const head = { status, reason, fields: toFields(list), bodyLength: 5, announcedLength: -1 };
        const buffer = Buffer.from(
          responseHeadText(head, FieldBlock.empty, { announced: 5, connection: 'close' }, ''),
          'latin1',
        );
        const read = parseResponseHead(buffer, 0, scanHead(buffer, 0, buffer.length), names, limits, 'GET');
        if (read instanceof ParseError) assert.fail(read.detail);
        assert.deepEqual([read.status, read.keepAlive, toPairs(read.fields)], [status, false, list]);
      }),
    );
  });

  it('is refused where a method, target or authority could break out of its line', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (target, authority) => {
        const text = requestHeadText({
          method: 'GET',
          target,
          authority,
          fields: new Fields(),
          extra: [],
          bodyLength: 0,
          acceptsTrailers: false,
        });
        if (text === undefined) return;
        assert.equal(text.split('\r\n').length, 4);
        assert.equal(text.split('\r\n')[0]?.split(' ').length, 3);
      }),
    );
  });
});
