import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chunkedBody } from '../http/exchange.ts';
import { FieldNames, type Fields } from '../http/field.ts';
import { ParseError } from '../http/parse-error.ts';
import { DecodedHeaders } from './decoded-headers.ts';
import { headerField } from './header-field.ts';
import { readRequest, readResponse, readTrailers } from './header-list.ts';
import { type Http2RequestHead, Malformed } from './message-head.ts';

const names = new FieldNames();
const options = { pathBytes: 100, connectProtocol: true };

/** A list of lines such as `:method GET`. */
function list(...lines: string[]): DecodedHeaders {
  const headers = new DecodedHeaders();
  for (const line of lines) {
    const space = line.indexOf(' ', 1);
    const field = headerField(names, line.slice(0, space), line.slice(space + 1));
    headers.fields.push(field);
    headers.count++;
    headers.bytes += field.bytes;
  }
  return headers;
}

const pseudo = [':method GET', ':scheme https', ':authority a.test', ':path /'];
const connect = [':method CONNECT', ':protocol websocket', ':scheme https', ':authority a.test', ':path /chat'];

function read(lines: readonly string[], endStream = true): Http2RequestHead {
  const head = readRequest(list(...lines), endStream, options);
  if (head instanceof Malformed) assert.fail(head.reason);
  if (head instanceof ParseError) assert.fail(head.detail);
  return head;
}

function linesOf(fields: Fields): string[] {
  return fields.names.map((name, at) => `${name.raw} ${fields.values[at]}`);
}

describe('a request', () => {
  it('gives method, target, authority and fields', () => {
    const head = read([
      ':path /a?b=c',
      ':method PATCH',
      ':authority a.test:8443',
      ':scheme http',
      'x-one 1',
      'x-two ',
      'x-one \xe4',
    ]);
    assert.deepEqual(
      [
        head.method,
        head.target,
        head.authority,
        head.version,
        head.bodyLength,
        head.upgrade,
        head.acceptsTrailers,
        head.expectContinue,
      ],
      ['PATCH', '/a?b=c', 'a.test:8443', 20, 0, '', false, false],
    );
    assert.deepEqual(linesOf(head.fields), ['x-one 1', 'x-two ', 'x-one \xe4']);
  });

  it('has a body where its head does not end the stream, of the length that it announces', () => {
    assert.equal(read(pseudo, false).bodyLength, chunkedBody);
    assert.equal(read([...pseudo, 'content-length 12'], false).bodyLength, 12);
    assert.equal(read([...pseudo, 'content-length 0'], true).bodyLength, 0);
    const both = list(...pseudo);
    assert.notEqual(readRequest(both, true, options), readRequest(both, false, options));
    assert.equal(readRequest(both, true, options), readRequest(both, true, options));
  });

  it('joins the crumbs of cookies where the first stood', () => {
    const head = read([...pseudo, 'cookie a=b', 'x-y z', 'cookie c=d', 'cookie e=f']);
    assert.deepEqual(linesOf(head.fields), ['cookie a=b; c=d; e=f', 'x-y z']);
  });

  it('keeps fields of one hop and of framing to itself', () => {
    const head = read(
      [
        ...pseudo,
        'te trailers',
        'host A.test',
        'proxy-authorization x',
        'keep_alive 5',
        'trailer x',
        'x-y z',
        'expect 100-Continue',
      ],
      false,
    );
    assert.deepEqual(linesOf(head.fields), ['x-y z']);
    assert.deepEqual([head.acceptsTrailers, head.expectContinue, head.authority], [true, true, 'a.test']);
    assert.equal(read([...pseudo, 'expect 100-continue'], true).expectContinue, false);
  });

  it('takes its authority from host where that stands alone', () => {
    assert.equal(read([':method GET', ':scheme https', ':path /', 'host b.test']).authority, 'b.test');
  });

  it('may be OPTIONS for everything, or an extended CONNECT', () => {
    assert.equal(read([':method OPTIONS', ':scheme https', ':authority a.test', ':path *']).target, '*');
    const head = read(connect, false);
    assert.deepEqual(
      [head.method, head.protocol, head.upgrade, head.target],
      ['GET', 'websocket', 'websocket', '/chat'],
    );
    const off = readRequest(list(...connect), false, { ...options, connectProtocol: false });
    assert.ok(off instanceof Malformed);
  });

  const without = (name: string): string[] => pseudo.filter((line) => !line.startsWith(`:${name} `));
  const malformed: [why: string, lines: string[]][] = [
    ['no :method', without('method')],
    ['no :scheme', without('scheme')],
    ['no :path', without('path')],
    ['an empty :path', [...without('path'), ':path ']],
    ['two of :method', [...pseudo, ':method GET']],
    ['two of :path', [...pseudo, ':path /']],
    ['a pseudo-header field of responses', [...pseudo, ':status 200']],
    ['an unknown pseudo-header field', [...pseudo, ':x y']],
    ['a pseudo-header field behind others', [...without('path'), 'x y', ':path /']],
    [':protocol without CONNECT', [...pseudo, ':protocol websocket']],
    ['an extended CONNECT without :authority', connect.filter((line) => !line.startsWith(':auth'))],
    ['an extended CONNECT without :path', connect.filter((line) => !line.startsWith(':path'))],
    ['CONNECT with :path', [':method CONNECT', ':authority a.test:443', ':path /']],
    ['CONNECT without :authority', [':method CONNECT']],
    ['a host that is another', [...pseudo, 'host b.test']],
    ['two hosts', [...pseudo, 'host a.test', 'host a.test']],
    ['a name with upper-case letters', [...pseudo, 'X-y z']],
    ['an empty name', [...pseudo, ' z']],
    ['a name that is not a token', [...pseudo, 'x(y z']],
    ['a name with a colon', [...pseudo, 'x:y z']],
    ['a name with a line break', [...pseudo, 'x\r\ny z']],
    ['CR in a value', [...pseudo, 'x y\rz']],
    ['LF in a value', [...pseudo, 'x y\nz']],
    ['NUL in a value', [...pseudo, 'x y\0z']],
    ['DEL in a value', [...pseudo, 'x y\x7f']],
    ['a blank before a value', [...pseudo, 'x  y']],
    ['a tab behind a value', [...pseudo, 'x y\t']],
    ['connection', [...pseudo, 'connection close']],
    ['keep-alive', [...pseudo, 'keep-alive 5']],
    ['proxy-connection', [...pseudo, 'proxy-connection close']],
    ['transfer-encoding', [...pseudo, 'transfer-encoding chunked']],
    ['upgrade', [...pseudo, 'upgrade h2c']],
    ['te other than trailers', [...pseudo, 'te gzip']],
    ['what some read as transfer-encoding', [...pseudo, 'transfer_encoding chunked']],
    ['a content-length that is no number', [...pseudo, 'content-length 5, 5']],
    ['two of content-length', [...pseudo, 'content-length 0', 'content-length 0']],
    ['a content-length without content', [...pseudo, 'content-length 1']],
  ];
  for (const [why, lines] of malformed) {
    it(`is malformed with ${why}`, () => {
      const result = readRequest(list(...lines), true, options);
      assert.ok(result instanceof Malformed, JSON.stringify(result));
    });
  }

  const answered: [why: string, code: string, lines: string[]][] = [
    ['no authority', 'bad_request', without('authority')],
    ['an illegal host', 'bad_request', [...without('authority'), 'host u@a']],
    ['userinfo', 'bad_request', [...without('authority'), ':authority u@a.test']],
    ['a scheme that is not HTTP', 'bad_request', [...without('scheme'), ':scheme ftp']],
    ['a fragment', 'bad_request', [...without('path'), ':path /a#b']],
    ['a relative path', 'bad_request', [...without('path'), ':path a']],
    ['a blank in the path', 'bad_request', [...without('path'), ':path /a b']],
    ['a line break in the path', 'bad_request', [...without('path'), ':path /a\r\nx: y']],
    ['a byte over 127 in the path', 'bad_request', [...without('path'), ':path /\xe4']],
    ['* with GET', 'bad_request', [...without('path'), ':path *']],
    ['a method that is not a token', 'bad_request', [...without('method'), ':method G(T']],
    ['a long path', 'uri_too_long', [...without('path'), `:path /${'a'.repeat(100)}`]],
    ['CONNECT', 'method_unsupported', [':method CONNECT', ':authority a.test:443']],
    ['another expectation', 'expectation_failed', [...pseudo, 'expect x']],
    ['two expectations', 'expectation_failed', [...pseudo, 'expect 100-continue', 'expect 100-continue']],
  ];
  for (const [why, code, lines] of answered) {
    it(`is answered with ${code} for ${why}`, () => {
      const result = readRequest(list(...lines), true, options);
      assert.equal(result instanceof ParseError && result.code, code, JSON.stringify(result));
    });
  }

  it('is answered with headers_too_large above the limits', () => {
    const headers = list(...pseudo);
    headers.excess = 'more than 3 fields';
    const result = readRequest(headers, true, options);
    assert.equal(result instanceof ParseError && result.code, 'headers_too_large');
    assert.ok(
      !(readRequest(list(...without('path'), `:path /${'a'.repeat(99)}`), true, options) instanceof ParseError),
    );
  });
});

describe('a response', () => {
  function response(lines: string[], endStream = false, method = 'GET') {
    return readResponse(list(...lines), endStream, method);
  }

  it('gives status, fields and the length of its body', () => {
    const head = response([':status 200', 'server x', 'content-length 5', 'te trailers', 'host a']);
    assert.ok(!(head instanceof Malformed));
    assert.deepEqual(
      [head.status, head.reason, linesOf(head.fields), head.bodyLength, head.announcedLength],
      [200, '', ['server x'], 5, -1],
    );
    const cases: [lines: string[], endStream: boolean, method: string, bodyLength: number, announcedLength: number][] =
      [
        [[':status 200'], false, 'GET', chunkedBody, -1],
        [[':status 200'], true, 'GET', 0, -1],
        [[':status 200', 'content-length 5'], true, 'HEAD', 0, 5],
        [[':status 304', 'content-length 5'], true, 'GET', 0, 5],
        [[':status 204'], false, 'GET', 0, -1],
        [[':status 103'], false, 'GET', 0, -1],
      ];
    for (const [lines, endStream, method, bodyLength, announcedLength] of cases) {
      const other = response(lines, endStream, method);
      assert.ok(!(other instanceof Malformed));
      assert.deepEqual([other.bodyLength, other.announcedLength], [bodyLength, announcedLength], lines.join());
    }
  });

  const malformed: [why: string, lines: string[], endStream?: boolean][] = [
    ['no :status', ['server x']],
    ['two of :status', [':status 200', ':status 200']],
    ['a status of two digits', [':status 20']],
    ['a status of four digits', [':status 2000']],
    ['a status below 100', [':status 099']],
    ['a status that is no number', [':status ok ']],
    ['101', [':status 101']],
    ['a pseudo-header field of requests', [':status 200', ':path /']],
    ['an interim status that ends the stream', [':status 100'], true],
    ['a content-length without content', [':status 200', 'content-length 1'], true],
    ['transfer-encoding', [':status 200', 'transfer-encoding chunked']],
    ['a line break in a value', [':status 200', 'x a\r\nb: c']],
  ];
  for (const [why, lines, endStream] of malformed) {
    it(`is malformed with ${why}`, () => {
      assert.ok(response(lines, endStream) instanceof Malformed);
    });
  }
});

describe('trailers', () => {
  const limits = { trailerBytes: 200, trailerCount: 2 };

  it('go on, but for those that come too late', () => {
    const fields = readTrailers(list('grpc-status 0', 'authorization x'), limits);
    assert.ok(!(fields instanceof Malformed));
    assert.deepEqual(linesOf(fields), ['grpc-status 0']);
    const claims = readTrailers(list('x-forwarded-client-cert x', 'x_forwarded_for y'), limits);
    assert.ok(!(claims instanceof Malformed));
    assert.deepEqual(linesOf(claims), []);
  });

  it('are malformed with pseudo-header fields, framing, or too much', () => {
    for (const lines of [
      [':status 200'],
      [':path /'],
      ['content-length 0'],
      ['host a'],
      ['connection close'],
      ['X-y z'],
      ['a b', 'c d', 'e f'],
      [`a ${'b'.repeat(168)}`],
    ]) {
      assert.ok(readTrailers(list(...lines), limits) instanceof Malformed, lines.join());
    }
    assert.ok(!(readTrailers(list(`a ${'b'.repeat(167)}`), limits) instanceof Malformed));
  });
});
