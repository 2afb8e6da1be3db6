import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldNames } from '../http/field.ts';
import { defaultHttpLimits } from '../http/limits.ts';
import { ChunkedReader } from './chunked.ts';

const names = new FieldNames();

/** What a body decodes to, fed in pieces of `step` bytes: data, trailers and unread rest, or the code of its error. */
function decode(text: string, step = text.length, limits = defaultHttpLimits): string {
  const reader = new ChunkedReader(names, limits);
  const bytes = Buffer.from(text, 'latin1');
  let data = '';
  let used = 0;
  while (used < bytes.length && !reader.done && reader.error === undefined) {
    const piece = bytes.subarray(used, used + step);
    const next = reader.read(piece, 0);
    used += next;
    data += reader.data?.toString('latin1') ?? '';
  }
  if (reader.error !== undefined) return `refused ${reader.error.code}`;
  if (!reader.done) return `incomplete ${data}`;
  const trailers = reader.trailers?.names.map((name, i) => `${name.raw}=${reader.trailers?.values[i]}`) ?? [];
  return `${data}|${trailers.join('&')}|${bytes.toString('latin1', used)}`;
}

const bodies: [what: string, text: string, result: string][] = [
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello||'],
  ['several chunks and what follows', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET', 'hello world||GET'],
  ['nothing', '0\r\n\r\n', '||'],
  [
    'hex digits of both cases and leading zeros',
    '00a\r\n0123456789\r\n0A\r\n0123456789\r\n000\r\n\r\n',
    '01234567890123456789||',
  ],
  ['data with CR and LF in it', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n||'],
  ['extensions', '5;a\r\nhello\r\n1;b="c;\\"\xe4";d=e\r\n!\r\n0;x\r\n\r\n', 'hello!||'],
  ['trailers', '0\r\nX-Sum: 1\r\nX-Two:2 \r\n\r\n', '|X-Sum=1&X-Two=2|'],
  [
    'trailers that would rewrite the head',
    '0\r\nAuthorization: a\r\nX_Forwarded_Client_Cert: b\r\nCookie: c\r\nX.Remote.User: e\r\nTransfer.Encoding: f\r\nContent+Type: g\r\nX-Ok: d\r\n\r\n',
    '|X-Ok=d|',
  ],
];

const refused: [what: string, text: string][] = [
  ['an empty size', '\r\n\r\n'],
  ['a size that is not hex', 'g\r\n'],
  ['a sign', '+5\r\nhello\r\n'],
  ['a negative size', '-1\r\n'],
  ['0x', '0x5\r\nhello\r\n'],
  ['a blank before the size', ' 5\r\nhello\r\n'],
  ['a blank after the size', '5 \r\nhello\r\n'],
  ['an underscore', '1_0\r\n'],
  ['a size that overflows', 'fffffffffffffffff\r\n'],
  ['a size beyond any use', '10000000000000\r\n'],
  ['LF after the size', '5\nhello\r\n0\r\n\r\n'],
  ['CR after the size', '5\rhello\r\n0\r\n\r\n'],
  ['LF after the data', '5\r\nhello\n0\r\n\r\n'],
  ['CR after the data', '5\r\nhello\r0\r\n\r\n'],
  ['data longer than the size', '5\r\nhelloo\r\n0\r\n\r\n'],
  ['LF in an extension', '5;a\nb\r\nhello\r\n'],
  ['CR in an extension', '5;a\rb\r\nhello\r\n'],
  ['NUL in an extension', '5;a\0\r\nhello\r\n'],
  ['an open quote in an extension', '5;a="\r\nhello\r\n'],
  ['blanks before an extension', '5 ;a\r\nhello\r\n'],
  ['blanks within an extension', '5;a = b\r\nhello\r\n'],
  ['an extension without a name', '5;\r\nhello\r\n'],
  ['an extension that is no token', '5;a b\r\nhello\r\n'],
  ['LF that ends the trailers', '0\r\n\n'],
  ['LF within the trailers', '0\r\nX: a\nY: b\r\n\r\n'],
  ['CR in a trailer', '0\r\nX: a\rb\r\n\r\n'],
  ['a folded trailer', '0\r\nX: a\r\n b\r\n\r\n'],
  ['a trailer without a colon', '0\r\nGET / HTTP/1.1\r\n\r\n'],
  ['Content-Length as a trailer', '0\r\nContent-Length: 5\r\n\r\n'],
  ['Transfer-Encoding as a trailer', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['Host as a trailer', '0\r\nHost: b.test\r\n\r\n'],
  ['Connection as a trailer', '0\r\nConnection: x\r\n\r\n'],
];

describe('a chunked body', () => {
  for (const [what, text, result] of bodies) {
    it(`is read: ${what}`, () => {
      assert.equal(decode(text), result);
    });
  }

  for (const [what, text] of refused) {
    it(`is refused for ${what}`, () => {
      assert.equal(decode(text), 'refused bad_request');
    });
  }

  it('gives the same result however it is cut', () => {
    for (const [what, text, result] of bodies) {
      for (const step of [1, 2, 3, 5]) {
        // What follows the body is only seen where it came in the same piece.
        assert.equal(
          decode(text, step).split('|').slice(0, 2).join('|'),
          result.split('|').slice(0, 2).join('|'),
          `${what} by ${step}`,
        );
      }
    }
    for (const [what, text] of refused) {
      for (const step of [1, 2, 3, 5]) assert.equal(decode(text, step), 'refused bad_request', `${what} by ${step}`);
    }
  });

  it('gives views into the bytes it is fed, not copies', () => {
    const reader = new ChunkedReader(names, defaultHttpLimits);
    const bytes = Buffer.from('5\r\nhello\r\n0\r\n\r\n');
    reader.read(bytes, 0);
    assert.equal(reader.data?.buffer, bytes.buffer);
  });

  it('is refused above the limits of its lines, extensions and trailers', () => {
    const limits = { ...defaultHttpLimits, chunkLineBytes: 16, trailerBytes: 40, trailerCount: 2 };
    assert.equal(decode(`1;${'a'.repeat(14)}\r\nx\r\n0\r\n\r\n`, 99, limits), 'x||');
    assert.equal(decode(`1;${'a'.repeat(15)}\r\nx\r\n0\r\n\r\n`, 99, limits), 'refused bad_request');
    assert.equal(decode(`1;${'a'.repeat(300)}`, 7, limits), 'refused bad_request');
    assert.equal(decode('0\r\na: 1\r\nb: 2\r\n\r\n', 99, limits), '|a=1&b=2|');
    assert.equal(decode('0\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n', 99, limits), 'refused headers_too_large');
    assert.equal(
      decode(`0\r\na: ${'1'.repeat(30)}\r\nb: ${'1'.repeat(30)}\r\n\r\n`, 99, limits),
      'refused headers_too_large',
    );
    assert.equal(decode(`1;${'a'.repeat(250)}\r\nx\r\n`.repeat(100)), 'refused bad_request');
  });

  it('is ready for the next body after reset', () => {
    const reader = new ChunkedReader(names, defaultHttpLimits);
    reader.read(Buffer.from('zz\r\n'), 0);
    assert.ok(reader.error);
    reader.reset();
    const bytes = Buffer.from('0\r\n\r\n');
    assert.equal(reader.read(bytes, 0), 5);
    assert.ok(reader.done);
  });
});

it('small chunks come as one piece, a large one as its own, and what was handed out before is never touched', () => {
  const reader = new ChunkedReader(names, defaultHttpLimits);
  const large = 'L'.repeat(5_000);
  const bytes = Buffer.from(
    `1\r\na\r\n1\r\nb\r\n1388\r\n${large}\r\n14\r\n${'c'.repeat(20)}\r\n1\r\nd\r\n0\r\n\r\nGET`,
  );
  const pieces: Buffer[] = [];
  let at = 0;
  while (!reader.done) {
    at = reader.read(bytes, at);
    if (reader.data !== undefined) pieces.push(reader.data);
  }
  assert.deepEqual(pieces.map(String), ['ab', `${large}${'c'.repeat(20)}d`]);
  assert.equal(bytes.toString('latin1', at), 'GET');
});

it('what came before an illegal chunk is handed out beside the error', () => {
  const reader = new ChunkedReader(names, defaultHttpLimits);
  reader.read(Buffer.from('1\r\na\r\n1\r\nb\r\nzz\r\n'), 0);
  assert.equal(String(reader.data), 'ab');
  assert.equal(reader.error?.code, 'bad_request');
});
