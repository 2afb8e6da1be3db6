import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chunkedBody } from '../http/exchange.ts';
import { FieldNames } from '../http/field.ts';
import { defaultHttpLimits } from '../http/limits.ts';
import { ParseError } from '../http/parse-error.ts';
import { illegalHead, scanHead } from './head-scan.ts';
import { type Http1RequestHead, parseRequestHead } from './request-head.ts';

const names = new FieldNames();

/** Lines of a head, the empty one left out. A single string is taken as it is. */
function read(lines: readonly string[] | string, limits = defaultHttpLimits): Http1RequestHead | ParseError {
  const text = typeof lines === 'string' ? lines : `${lines.join('\r\n')}\r\n\r\n`;
  const bytes = Buffer.from(text, 'latin1');
  const end = scanHead(bytes, 0, bytes.length);
  if (end === illegalHead) return new ParseError('bad_request', 'illegal octet');
  assert.equal(end, bytes.length, 'the head is complete');
  return parseRequestHead(bytes, 0, end, names, limits);
}

function accepted(lines: readonly string[] | string): Http1RequestHead {
  const head = read(lines);
  if (head instanceof ParseError) assert.fail(`refused: ${head.detail}`);
  return head;
}

function fieldsOf(head: Http1RequestHead): string[] {
  return head.fields.names.map((name, i) => `${name.raw}=${head.fields.values[i]}`);
}

const line = 'GET / HTTP/1.1';
const host = 'Host: a.test';

describe('a PROXY header where a request should be', () => {
  it('is told from other nonsense, for it says what is wrong with the setup', () => {
    for (const stray of ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2', 'PROXY UNKNOWN', 'PROXY TCP6 ::1 ::1 1 2']) {
      const head = read([stray, 'GET / HTTP/1.1', host]);
      assert.ok(head instanceof ParseError, stray);
      assert.equal(head.code, 'untrusted_proxy');
    }
    const nonsense = read(['PROXYTCP4 192.0.2.1 192.0.2.2 1 2', host]);
    assert.equal(nonsense instanceof ParseError && nonsense.code, 'bad_request');
    assert.equal(accepted(['PROXY / HTTP/1.1', host]).method, 'PROXY', 'a method may have any name');
  });
});

describe('a request head', () => {
  it('drops what a server that takes other characters for - would read as a field of this hop', () => {
    const head = accepted([line, host, 'Keep_Alive: x', 'Proxy.Authorization: y', 'Http2~Settings: z', 'X_Other: y']);
    assert.deepEqual([fieldsOf(head), head.bodyLength], [['X_Other=y'], 0]);
  });

  for (const separator of "!#$%&'*+.^_`|~") {
    it(`is refused where ${separator} for - would make framing of a field, and only there`, () => {
      for (const name of [`Transfer${separator}encodinG`, `CONTENT${separator}length`]) {
        const head = read([line, host, `${name}: 5`]);
        assert.ok(head instanceof ParseError, name);
        assert.equal(head.code, 'bad_request');
        assert.equal(head.detail, `${name} is read as another field by some servers`);
      }
      const others = [
        `Transfer${separator}${separator}Encoding`,
        `TransferEncoding${separator}`,
        `Content${separator}Size`,
      ];
      assert.equal(fieldsOf(accepted([line, host, ...others.map((name) => `${name}: 5`)])).length, 3);
    });
  }

  it('gives method, target, authority, version and fields as they were sent', () => {
    const head = accepted([
      'PATCH /a/b?c=d&e=%20 HTTP/1.1',
      'hOsT: a.test:8443',
      'X-One:  1 \t',
      'x-two:',
      'X-One: \xe4',
    ]);
    assert.equal(head.method, 'PATCH');
    assert.equal(head.target, '/a/b?c=d&e=%20');
    assert.equal(head.authority, 'a.test:8443');
    assert.equal(head.version, 11);
    assert.equal(head.bodyLength, 0);
    assert.deepEqual(fieldsOf(head), ['X-One=1', 'x-two=', 'X-One=\xe4']);
  });

  it('keeps the order of its fields and names such as __proto__', () => {
    const head = accepted([line, host, '__proto__: a', 'constructor: b', 'A: 1', 'B: 2', 'A: 3']);
    assert.deepEqual(fieldsOf(head), ['__proto__=a', 'constructor=b', 'A=1', 'B=2', 'A=3']);
  });

  it('knows the forms of a target', () => {
    assert.equal(accepted(['OPTIONS * HTTP/1.1', host]).target, '*');
    const absolute = accepted(['GET http://b.test:81/x?y HTTP/1.1', host]);
    assert.deepEqual([absolute.target, absolute.authority], ['/x?y', 'b.test:81']);
    assert.equal(accepted(['GET HTTPS://b.test HTTP/1.1', host]).target, '/');
    assert.equal(accepted(['GET http://b.test?q HTTP/1.1', host]).target, '/?q');
    assert.equal(accepted(['OPTIONS http://b.test HTTP/1.1', host]).target, '*');
    assert.equal(accepted(['GET //evil.test/x HTTP/1.1', host]).target, '//evil.test/x');
  });

  it('accepts hosts that are names, addresses and literals, with a port', () => {
    for (const value of ['a', 'a.test.', 'a_b.test', '192.0.2.1:80', '[::1]', '[2001:db8::1]:8443', 'A.TEST:65535']) {
      assert.equal(accepted([line, `Host: ${value}`]).authority, value);
    }
  });

  it('refuses every other host', () => {
    const bad = [
      '',
      'a b',
      'a,b',
      'a, b',
      'u@a',
      'u:p@a',
      'a:',
      'a:x',
      'a:65536',
      'a:80:80',
      '[::1',
      '::1',
      '[g::1]',
      '[1.2.3.4]',
    ];
    for (const value of [
      ...bad,
      'a/b',
      'a?b',
      'a#b',
      'a\\b',
      'a%00',
      '\xe4.test',
      '*',
      '"a"',
      'a\tb',
      '[::1]a',
      '[fe80::1%25eth0]',
    ]) {
      assert.ok(read([line, `Host: ${value}`]) instanceof ParseError, JSON.stringify(value));
    }
  });

  it('wants exactly one Host from HTTP/1.1, and at most one from HTTP/1.0', () => {
    assert.ok(read([line]) instanceof ParseError);
    assert.ok(read([line, host, host]) instanceof ParseError);
    assert.ok(read(['GET http://a.test/ HTTP/1.1']) instanceof ParseError);
    assert.ok(read(['GET http://a.test/ HTTP/1.1', 'Host: a b']) instanceof ParseError);
    assert.equal(accepted(['GET / HTTP/1.0']).authority, '');
    assert.ok(read(['GET / HTTP/1.0', host, host]) instanceof ParseError);
  });

  const refused: [why: string, code: string, lines: readonly string[] | string][] = [
    ['a missing version', 'bad_request', ['GET /', host]],
    ['two spaces', 'bad_request', ['GET  / HTTP/1.1', host]],
    ['a trailing space', 'bad_request', ['GET / HTTP/1.1 ', host]],
    ['a leading space', 'bad_request', [' GET / HTTP/1.1', host]],
    ['a tab as separator', 'bad_request', ['GET\t/ HTTP/1.1', host]],
    ['a space in the target', 'bad_request', ['GET /a b HTTP/1.1', host]],
    ['a tab in the target', 'bad_request', ['GET /a\tb HTTP/1.1', host]],
    ['a fragment', 'bad_request', ['GET /a#b HTTP/1.1', host]],
    ['a byte over 127 in the target', 'bad_request', ['GET /\xe4 HTTP/1.1', host]],
    ['a relative target', 'bad_request', ['GET a HTTP/1.1', host]],
    ['an empty target', 'bad_request', ['GET  HTTP/1.1', host]],
    ['an asterisk without OPTIONS', 'bad_request', ['GET * HTTP/1.1', host]],
    ['a scheme that is not HTTP', 'bad_request', ['GET ftp://a.test/ HTTP/1.1', host]],
    ['userinfo in the target', 'bad_request', ['GET http://u@a.test/ HTTP/1.1', host]],
    ['an empty authority in the target', 'bad_request', ['GET http:///x HTTP/1.1', host]],
    ['a method that is not a token', 'bad_request', ['G(T / HTTP/1.1', host]],
    ['CONNECT', 'method_unsupported', ['CONNECT a.test:443 HTTP/1.1', host]],
    ['HTTP/2.0', 'http_version', ['PRI * HTTP/2.0']],
    ['HTTP/1.2', 'http_version', ['GET / HTTP/1.2', host]],
    ['HTTP/0.9', 'http_version', ['GET / HTTP/0.9', host]],
    ['a lower-case protocol', 'bad_request', ['GET / http/1.1', host]],
    ['a protocol with more digits', 'bad_request', ['GET / HTTP/1.10', host]],
    ['a folded line', 'bad_request', [line, host, 'X: a', ' b']],
    ['a folded line with a tab', 'bad_request', [line, host, 'X: a', '\tb: c']],
    ['a blank before the first field', 'bad_request', [line, ` ${host}`]],
    ['a blank before the colon', 'bad_request', [line, host, 'X : a']],
    ['a blank before the colon of a framing field', 'bad_request', [line, host, 'Content-Length : 5']],
    ['an empty name', 'bad_request', [line, host, ': a']],
    ['no colon', 'bad_request', [line, host, 'X']],
    ['a name that is not a token', 'bad_request', [line, host, 'X@Y: a']],
    ['a name with a byte over 127', 'bad_request', [line, host, 'X\xe4: a']],
    ['NUL', 'bad_request', [line, host, 'X: a\0b']],
    ['a bell', 'bad_request', [line, host, 'X: \x07']],
    ['DEL', 'bad_request', [line, host, 'X: \x7f']],
    ['a bare CR in a value', 'bad_request', [line, host, 'X: a\rTransfer-Encoding: chunked']],
    ['a bare LF in a value', 'bad_request', [line, host, 'X: a\nTransfer-Encoding: chunked']],
    ['a bare LF after the request line', 'bad_request', `${line}\n${host}\r\n\r\n`],
    ['lines that end with LF only', 'bad_request', `${line}\n${host}\n\n`],
    ['CR CR LF', 'bad_request', `${line}\r\r\n${host}\r\n\r\n`],
    ['an unknown expectation', 'expectation_failed', [line, host, 'Expect: 200-ok']],
    ['two expectations', 'expectation_failed', [line, host, 'Expect: 100-continue', 'Expect: x']],
    ['a Connection that is not a list of tokens', 'bad_request', [line, host, 'Connection: a b']],
  ];
  for (const [why, code, lines] of refused) {
    it(`is refused for ${why}`, () => {
      const result = read(lines);
      assert.ok(result instanceof ParseError, `accepted: ${JSON.stringify(result)}`);
      assert.equal(result.code, code);
    });
  }

  it('is refused above its limits, not at them', () => {
    const limits = { ...defaultHttpLimits, startLineBytes: 20, fieldCount: 2 };
    assert.ok(!(read([`GET /${'a'.repeat(6)} HTTP/1.1`, host], limits) instanceof ParseError));
    const long = read([`GET /${'a'.repeat(7)} HTTP/1.1`, host], limits);
    assert.equal(long instanceof ParseError && long.code, 'uri_too_long');
    assert.ok(!(read([line, host, 'a: 1'], limits) instanceof ParseError));
    const many = read([line, host, 'a: 1', 'b: 2'], limits);
    assert.equal(many instanceof ParseError && many.code, 'headers_too_large');
  });
});

describe('the framing of a request', () => {
  const post = 'POST / HTTP/1.1';

  it('is a length, chunked, or nothing', () => {
    assert.equal(accepted([post, host]).bodyLength, 0);
    assert.equal(accepted([post, host, 'Content-Length: 0']).bodyLength, 0);
    assert.equal(accepted([post, host, 'Content-Length: 007']).bodyLength, 7);
    assert.equal(accepted([post, host, 'content-length:9007199254740991']).bodyLength, Number.MAX_SAFE_INTEGER);
    assert.equal(accepted([post, host, 'Transfer-Encoding: chunked']).bodyLength, chunkedBody);
    assert.equal(accepted([post, host, 'TRANSFER-ENCODING:\tChUnKeD ']).bodyLength, chunkedBody);
  });

  const lengths = [
    '',
    '+5',
    '-5',
    '5 5',
    '5,5',
    '5, 5',
    '0x5',
    '5.0',
    '5e1',
    '٥',
    '9007199254740992',
    '99999999999999999999',
    '5;',
    'five',
  ];
  for (const value of lengths) {
    it(`is refused for Content-Length ${JSON.stringify(value)}`, () => {
      const result = read([post, host, `Content-Length: ${Buffer.from(value).toString('latin1')}`]);
      assert.equal(result instanceof ParseError && result.code, 'bad_request');
    });
  }

  const codings: [value: string, code: string][] = [
    ['', 'bad_request'],
    ['chunked, chunked', 'bad_request'],
    ['chunked, gzip', 'bad_request'],
    ['chunked,', 'bad_request'],
    ['gzip, chunked', 'unknown_transfer_coding'],
    ['gzip', 'unknown_transfer_coding'],
    ['identity', 'unknown_transfer_coding'],
    ['xchunked', 'unknown_transfer_coding'],
    ['chunked;q=1', 'unknown_transfer_coding'],
    ['"chunked"', 'unknown_transfer_coding'],
    [',chunked', 'unknown_transfer_coding'],
    ['chunked\x0b', 'bad_request'],
    ['chunke\xf8', 'unknown_transfer_coding'],
  ];
  for (const [value, code] of codings) {
    it(`is refused for Transfer-Encoding ${JSON.stringify(value)}`, () => {
      const result = read([post, host, `Transfer-Encoding: ${value}`]);
      assert.equal(result instanceof ParseError && result.code, code);
    });
  }

  const ambiguous: [why: string, lines: string[]][] = [
    ['two lengths that differ', ['Content-Length: 5', 'Content-Length: 6']],
    ['two lengths that agree', ['Content-Length: 5', 'Content-Length: 5']],
    ['length and chunked', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['chunked and length', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
    ['zero length and chunked', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
    ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
    ['identity and chunked', ['Transfer-Encoding: identity', 'Transfer-Encoding: chunked']],
    ['length and a coding nobody knows', ['Content-Length: 5', 'Transfer-Encoding: xyz']],
  ];
  for (const [why, lines] of ambiguous) {
    it(`is refused for ${why}`, () => {
      const result = read([post, host, ...lines]);
      assert.equal(result instanceof ParseError && result.code, 'bad_request');
    });
  }

  it('is refused for a transfer coding in HTTP/1.0', () => {
    const result = read(['POST / HTTP/1.0', host, 'Transfer-Encoding: chunked']);
    assert.equal(result instanceof ParseError && result.code, 'bad_request');
  });
});

describe('the connection fields of a request', () => {
  it('say whether the connection stays open', () => {
    assert.equal(accepted([line, host]).keepAlive, true);
    assert.equal(accepted([line, host, 'Connection: close']).keepAlive, false);
    assert.equal(accepted([line, host, 'Connection: keep-alive, Close']).keepAlive, false);
    assert.equal(accepted(['GET / HTTP/1.0', host]).keepAlive, false);
    assert.equal(accepted(['GET / HTTP/1.0', host, 'Connection: Keep-Alive']).keepAlive, true);
    assert.equal(accepted(['GET / HTTP/1.0', host, 'Connection: keep-alive', 'Connection: close']).keepAlive, false);
  });

  it('are taken out, with what they nominate', () => {
    const head = accepted([
      line,
      host,
      'Connection: X-Hop, close',
      'X-Hop: 1',
      'Keep-Alive: 5',
      'Proxy-Connection: x',
      'TE: trailers',
      'Trailer: X',
      'HTTP2-Settings: x',
      'Proxy-Authorization: x',
      'Upgrade: h2c',
      'X-Stays: 1',
    ]);
    assert.deepEqual(fieldsOf(head), ['X-Stays=1']);
    assert.equal(head.acceptsTrailers, true);
  });

  it('cannot nominate what says who the client is, in any spelling', () => {
    const said = [
      'X-Remote-User',
      'remote.user',
      'L5d~Client-Id',
      'X_AUTH_REQUEST_USER',
      'X-HTTP-Method-Override',
      'Content.Type',
    ];
    const head = accepted([
      line,
      host,
      `Connection: ${said.join(', ')}, X.Mine`,
      ...said.map((name) => `${name}: a`),
      'X.Mine: b',
    ]);
    assert.deepEqual(
      head.fields.names.map(({ raw }) => raw),
      said,
    );
  });

  it('cannot nominate what is meant for the origin', () => {
    const head = accepted([
      'POST / HTTP/1.1',
      host,
      'Content-Length: 3',
      'Connection: Host, Content-Length, Authorization, cookie, X-Forwarded-For, X_Forwarded_Client_Cert',
      'Authorization: a',
      'Cookie: b',
      'X-Forwarded-For: c',
      'X_Forwarded_Client_Cert: d',
    ]);
    assert.equal(head.authority, 'a.test');
    assert.equal(head.bodyLength, 3);
    assert.equal(fieldsOf(head).length, 4);
  });

  it('name the protocols of an upgrade, but never h2c', () => {
    assert.equal(accepted([line, host, 'Connection: Upgrade', 'Upgrade: WebSocket']).upgrade, 'websocket');
    assert.equal(accepted([line, host, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c']).upgrade, '');
    assert.equal(accepted([line, host, 'Upgrade: websocket']).upgrade, '');
    assert.equal(accepted(['GET / HTTP/1.0', host, 'Connection: Upgrade', 'Upgrade: websocket']).upgrade, '');
  });

  it('ask for 100 Continue only where there is a body and HTTP/1.1', () => {
    assert.equal(accepted(['PUT / HTTP/1.1', host, 'Content-Length: 1', 'Expect: 100-Continue']).expectContinue, true);
    assert.equal(accepted(['PUT / HTTP/1.1', host, 'Expect: 100-continue']).expectContinue, false);
    assert.equal(accepted(['PUT / HTTP/1.0', host, 'Content-Length: 1', 'Expect: 100-continue']).expectContinue, false);
  });
});
