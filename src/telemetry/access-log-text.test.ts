import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessTextLine } from './access-log-text.ts';

const line = {
  time: '2026-01-02T03:04:05.006Z',
  requestId: 'id-1',
  remote: '192.0.2.1',
  tls: { version: 'TLSv1.3', resumed: false },
  client: { subject: 'CN=alice,O=Acme, Inc.', uris: ['spiffe://a/b', 'x y'] },
  method: 'GET',
  host: 'a.test:8443',
  path: '/a',
  status: 200,
  durationMs: 1.5,
  bytesIn: 0,
};

test('a line for people says the same in one line: what came of what, then who', () => {
  assert.equal(
    accessTextLine(`${JSON.stringify(line)}\n`, false),
    '2026-01-02T03:04:05.006Z 200 GET a.test:8443/a 1.5ms requestId=id-1 remote=192.0.2.1 tls.version=TLSv1.3 tls.resumed=false client.subject="CN=alice,O=Acme, Inc." client.uris=spiffe://a/b,"x y" bytesIn=0\n',
  );
});

test('no value can look like another field, end the line or move a cursor', () => {
  const hostile = { ...line, path: '/a status=500', host: '\u001b[2K', client: { subject: '"\n route=admin\u202e' } };
  const text = accessTextLine(JSON.stringify(hostile), false);
  assert.match(text, /^[\x20-\x7e]+\n$/);
  assert.ok(text.includes('GET "\\u001b[2K""/a status=500" 1.5ms'), text);
  assert.ok(text.includes('client.subject="\\"\\n route=admin\\u202e"'), text);
});

test('on a terminal the status has the colour of its kind', () => {
  for (const [status, sgr] of [
    [200, '32'],
    [308, '32'],
    [404, '33'],
    [502, '31'],
    [0, '31'],
  ] as const)
    assert.ok(accessTextLine(JSON.stringify({ ...line, status }), true).includes(`\u001b[${sgr}m${status}\u001b[0m`));
});
