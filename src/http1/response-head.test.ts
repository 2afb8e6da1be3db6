import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chunkedBody, untilClose } from '../http/exchange.ts';
import { FieldNames } from '../http/field.ts';
import { defaultHttpLimits } from '../http/limits.ts';
import { ParseError } from '../http/parse-error.ts';
import { illegalHead, scanHead } from './head-scan.ts';
import { type Http1ResponseHead, parseResponseHead } from './response-head.ts';

const names = new FieldNames();

function read(lines: readonly string[], method = 'GET'): Http1ResponseHead | ParseError {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const end = scanHead(bytes, 0, bytes.length);
  if (end === illegalHead) return new ParseError('backend_protocol', 'illegal octet');
  assert.equal(end, bytes.length, 'the head is complete');
  return parseResponseHead(bytes, 0, end, names, defaultHttpLimits, method);
}

function accepted(lines: readonly string[], method?: string): Http1ResponseHead {
  const head = read(lines, method);
  if (head instanceof ParseError) assert.fail(`refused: ${head.detail}`);
  return head;
}

const ok = 'HTTP/1.1 200 OK';

describe('a response head', () => {
  it('gives status, reason and fields', () => {
    const head = accepted([
      'HTTP/1.1 404 Not \xe4 Found',
      'Server: x',
      'Connection: close, x-hop',
      'X-Hop: 1',
      'Content-Length: 5',
    ]);
    assert.deepEqual([head.status, head.reason, head.bodyLength, head.keepAlive], [404, 'Not \xe4 Found', 5, false]);
    assert.deepEqual(
      head.fields.names.map((name) => name.raw),
      ['Server'],
    );
  });

  it('loses what others would read as framing, and is framed without it', () => {
    const head = accepted([ok, 'Content_Length: 9', 'Transfer.Encoding: chunked', 'Content-Length: 5', 'X_Y: 1']);
    assert.deepEqual([head.bodyLength, head.fields.names.map((name) => name.raw)], [5, ['X_Y']]);
  });

  it('may have no reason, with or without the space', () => {
    assert.equal(accepted(['HTTP/1.1 200 ', 'Content-Length: 0']).reason, '');
    assert.equal(accepted(['HTTP/1.1 200', 'Content-Length: 0']).reason, '');
    assert.equal(accepted(['HTTP/1.1 999 x', 'Content-Length: 0']).status, 999);
  });

  it('says how the body ends and whether another request may follow', () => {
    const cases: [lines: string[], length: number, keepAlive: boolean][] = [
      [[ok, 'Content-Length: 7'], 7, true],
      [[ok, 'Transfer-Encoding: chunked'], chunkedBody, true],
      [[ok], untilClose, false],
      [['HTTP/1.0 200 OK', 'Content-Length: 7'], 7, false],
      [['HTTP/1.0 200 OK', 'Content-Length: 7', 'Connection: keep-alive'], 7, true],
      [['HTTP/1.0 200 OK'], untilClose, false],
      [['HTTP/1.1 204 No Content'], 0, true],
      [['HTTP/1.1 204 No Content', 'Content-Length: 0'], 0, true],
      [['HTTP/1.1 204 No Content', 'Content-Length: 5'], 0, false],
      [['HTTP/1.1 204 No Content', 'Transfer-Encoding: chunked'], 0, false],
      [['HTTP/1.1 103 Early Hints', 'Link: x'], 0, true],
      [['HTTP/1.1 103 Early Hints', 'Content-Length: 5'], 0, false],
    ];
    for (const [lines, length, keepAlive] of cases) {
      const head = accepted(lines);
      assert.deepEqual([head.bodyLength, head.keepAlive], [length, keepAlive], lines.join(' | '));
    }
  });

  it('has no body for HEAD and 304, but keeps the length that it announces', () => {
    const head = accepted([ok, 'Content-Length: 1234'], 'HEAD');
    assert.deepEqual([head.bodyLength, head.announcedLength, head.keepAlive], [0, 1234, true]);
    const unmodified = accepted(['HTTP/1.1 304 Not Modified', 'Content-Length: 9']);
    assert.deepEqual([unmodified.bodyLength, unmodified.announcedLength], [0, 9]);
    const chunked = accepted([ok, 'Transfer-Encoding: chunked'], 'HEAD');
    assert.deepEqual([chunked.bodyLength, chunked.announcedLength, chunked.keepAlive], [0, -1, true]);
    assert.equal(accepted(['HTTP/1.1 304 Not Modified']).keepAlive, true);
  });

  const refused: [why: string, lines: string[]][] = [
    ['a status of two digits', ['HTTP/1.1 20 OK']],
    ['a status of four digits', ['HTTP/1.1 2000 OK']],
    ['a status below 100', ['HTTP/1.1 099 OK']],
    ['a status that is not a number', ['HTTP/1.1 2x0 OK']],
    ['two spaces', ['HTTP/1.1  200 OK']],
    ['another protocol', ['HTTP/2 200 OK']],
    ['lower case', ['http/1.1 200 OK']],
    ['something else altogether', ['220 mail.test ESMTP']],
    ['length and chunked', [ok, 'Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['two lengths', [ok, 'Content-Length: 5', 'Content-Length: 5']],
    ['a list of lengths', [ok, 'Content-Length: 5, 5']],
    ['a negative length', [ok, 'Content-Length: -1']],
    ['another transfer coding', [ok, 'Transfer-Encoding: gzip, chunked']],
    ['chunked in HTTP/1.0', ['HTTP/1.0 200 OK', 'Transfer-Encoding: chunked']],
    ['chunked twice', [ok, 'Transfer-Encoding: chunked, chunked']],
    ['a folded line', [ok, 'X: a', ' b']],
    ['a blank before the colon', [ok, 'Content-Length : 5']],
    ['a bare LF', [ok, 'X: a\nSet-Cookie: b']],
    ['a bare CR', [ok, 'X: a\rb']],
    ['NUL', [ok, 'X: \0']],
  ];
  for (const [why, lines] of refused) {
    it(`is refused for ${why}`, () => {
      const result = read(lines);
      assert.equal(result instanceof ParseError && result.code, 'backend_protocol');
    });
  }

  it('is refused for ambiguous framing even where no body follows', () => {
    assert.ok(read([ok, 'Content-Length: 5', 'Transfer-Encoding: chunked'], 'HEAD') instanceof ParseError);
    assert.ok(read(['HTTP/1.1 304 x', 'Content-Length: x']) instanceof ParseError);
  });
});
