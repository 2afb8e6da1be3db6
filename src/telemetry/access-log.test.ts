import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { type AccessRecord, accessLogLine } from './access-log.ts';
import {
  type AccessLogCertificate,
  AccessLogFields,
  accessLogFields,
  type AccessLogPeer,
} from './access-log-fields.ts';

const byDefault = new AccessLogFields();
const accessLogClient = (peer: AccessLogPeer): string => byDefault.describePeer(peer);
const plainPeer = { remoteAddress: '203.0.113.9', serverName: 'a.test', policy: 'gateway' };
const anonymous: AccessLogPeer = { ...plainPeer, verdict: undefined, identity: undefined };

function certificate(subject: string, sans: AccessLogCertificate['sans'] = []): AccessLogCertificate {
  return { subject, issuer: 'CN=ca', serial: '0a', sha256: 'ab'.repeat(32), notAfter: 0, sans };
}

function peer(subject: string, uris: string[] = []): AccessLogPeer {
  const sans = uris.map((value) => ({ type: 'URI', value }));
  return {
    ...plainPeer,
    verdict: { version: 'TLSv1.3', resumed: true, cipher: 'TLS_AES_128_GCM_SHA256', group: 'X25519' },
    identity: { leaf: certificate(subject, sans) },
  };
}

const plain: AccessRecord = {
  time: 0,
  requestId: 'id-1',
  client: accessLogClient(anonymous),
  method: 'GET',
  host: 'a.test',
  target: '/a?token=secret',
  version: 20,
  status: 200,
  grpcStatus: undefined,
  code: '',
  rule: '',
  detail: '',
  route: 'r',
  backend: 'b:1',
  backendCertificate: '',
  durationMs: 1.23456,
  receivedBytes: 0,
  sentBytes: 12,
};

function parsed(record: AccessRecord): Record<string, unknown> {
  return JSON.parse(accessLogLine(record, 'T')) as Record<string, unknown>;
}

test('A line says who asked for what, what came of it and how long it took; never the query', () => {
  assert.deepEqual(parsed(plain), {
    time: 'T',
    requestId: 'id-1',
    remote: '203.0.113.9',
    method: 'GET',
    host: 'a.test',
    path: '/a',
    protocol: 'HTTP/2.0',
    status: 200,
    route: 'r',
    backend: 'b:1',
    durationMs: 1.235,
    bytesIn: 0,
    bytesOut: 12,
  });
});

test('A certificate that passed is named with its session; a fault with its code, and with the rule where one denied', () => {
  const record = {
    ...plain,
    client: accessLogClient(peer('CN=alice', ['spiffe://a/b'])),
    status: 403,
    code: 'policy_denied',
    rule: 'clientCert.allow: URI prefix "spiffe://a/c"',
    detail: 'the certificate carries URI:spiffe://a/b',
    route: '',
  };
  const { tls, client, code, rule, detail, route } = parsed(record);
  assert.deepEqual(tls, { version: 'TLSv1.3', resumed: true });
  assert.deepEqual(client, { subject: 'CN=alice', sha256: 'ab'.repeat(32), uris: ['spiffe://a/b'] });
  assert.deepEqual([code, rule, detail, route], ['policy_denied', record.rule, record.detail, undefined]);
  assert.equal(parsed(plain)['detail'], undefined);
});

test('A subject with newlines, quotes and braces stays one value of one line', () => {
  const subject = 'CN=x"},"status":200}\n{"forged":true}\r\u0000\u202e\ud800';
  const line = accessLogLine({ ...plain, client: accessLogClient(peer(subject)) }, 'T');
  assert.equal(line.indexOf('\n'), line.length - 1);
  assert.equal((JSON.parse(line) as { client: { subject: string } }).client.subject, subject);
});

test('No line is longer than one atomic write, none is other than ASCII, all are JSON', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 3000 }),
    fc.constantFrom('\u0000'.repeat(5000), '"'.repeat(5000), 'a'.repeat(5000)),
  );
  const record = fc.record({
    subject: text,
    uri: text,
    requestId: text,
    method: text,
    host: text,
    target: text,
    code: text,
    rule: text,
    route: text,
    backend: text,
  });
  fc.assert(
    fc.property(record, ({ subject, uri, ...rest }) => {
      const client = accessLogClient(peer(subject, [uri, uri, uri]));
      const numbers = {
        durationMs: 1e12 + 0.123,
        receivedBytes: Number.MAX_SAFE_INTEGER,
        sentBytes: Number.MAX_SAFE_INTEGER,
      };
      const line = accessLogLine({ ...plain, ...rest, ...numbers, client }, '2026-01-02T03:04:05.006Z');
      assert.ok(line.length <= 4096, String(line.length));
      assert.match(line, /^[\x20-\x7e]*\n$/);
      JSON.parse(line);
    }),
    { numRuns: 200 },
  );
  const worst = '\u0000'.repeat(5000);
  const client = accessLogClient({
    ...peer(worst, [worst, worst]),
    remoteAddress: worst,
    verdict: { version: worst, resumed: false, cipher: worst },
  });
  const all = {
    requestId: worst,
    method: worst,
    host: worst,
    target: worst,
    code: worst,
    rule: worst,
    route: worst,
    backend: worst,
    client,
  };
  const length = accessLogLine(
    { ...plain, ...all, durationMs: 1e15, receivedBytes: 1e15, sentBytes: 1e15 },
    'x'.repeat(24),
  ).length;
  assert.ok(length <= 4096, String(length));
});

/** Parsed parts of a line. */
function described(
  fields: AccessLogFields,
  of: AccessLogPeer,
  backend?: AccessLogCertificate,
): Record<string, unknown> {
  return JSON.parse(`{${fields.describePeer(of)}${fields.describeBackend(backend)}}`) as Record<string, unknown>;
}

test('What is asked for is said of the connection and of the certificates on both sides, and nothing else', () => {
  const uris = Array.from({ length: 5 }, (_, i) => `spiffe://a/${i}`);
  const sans = [...uris.map((value) => ({ type: 'URI', value })), { type: 'DNS', value: 'c.test' }];
  const client = { ...peer('CN=alice'), identity: { leaf: certificate('CN=alice', sans) } };
  const backend = certificate('CN=backend');
  const names = { issuer: 'CN=ca', serial: '0a', sha256: 'ab'.repeat(32), notAfter: '1970-01-01T00:00:00.000Z' };
  assert.deepEqual(described(new AccessLogFields(accessLogFields), client, backend), {
    remote: '203.0.113.9',
    tls: {
      version: 'TLSv1.3',
      resumed: true,
      cipher: 'TLS_AES_128_GCM_SHA256',
      group: 'X25519',
      serverName: 'a.test',
      policy: 'gateway',
    },
    client: { subject: 'CN=alice', ...names, uris, dns: ['c.test'] },
    backendCertificate: { subject: 'CN=backend', ...names },
  });
  const few = new AccessLogFields(['tls.group', 'client.dns', 'backendCertificate.serial']);
  const remote = '203.0.113.9';
  const expected = {
    remote,
    tls: { group: 'X25519' },
    client: { dns: ['c.test'] },
    backendCertificate: { serial: '0a' },
  };
  assert.deepEqual(described(few, client, backend), expected);
  assert.deepEqual(described(new AccessLogFields([]), client, backend), { remote });
  assert.deepEqual(described(few, anonymous, undefined), { remote });
});

test('Of more names than fit in a line the first are written, and how many are not', () => {
  const many = Array.from({ length: 200 }, (_, i) => `spiffe://example.org/workload-${i}`);
  const { client } = described(byDefault, peer('CN=alice', many)) as {
    client: { uris: string[]; urisOmitted: number };
  };
  assert.ok(client.uris.length > 20);
  assert.deepEqual(client.uris, many.slice(0, client.uris.length));
  assert.equal(client.uris.length + client.urisOmitted, 200);
});

test('A line with everything that can be asked for is one atomic write, however long the names are', () => {
  const worst = '\u0000'.repeat(5000);
  const sans = ['URI', 'DNS'].flatMap((type) => Array.from({ length: 99 }, () => ({ type, value: worst })));
  for (const name of [worst, 'x'.repeat(5000)]) {
    const leaf = { ...certificate(name, sans), issuer: name, serial: 'f'.repeat(5000) };
    const verdict = { version: name, resumed: false, cipher: name, group: name };
    const fields = new AccessLogFields(accessLogFields);
    const client = fields.describePeer({
      remoteAddress: name,
      serverName: name,
      policy: name,
      verdict,
      identity: { leaf },
    });
    const backendCertificate = fields.describeBackend(leaf);
    const texts = {
      requestId: name,
      method: name,
      host: name,
      target: name,
      code: name,
      rule: name,
      route: name,
      backend: name,
    };
    const numbers = { durationMs: 1e15, receivedBytes: 1e15, sentBytes: 1e15 };
    const line = accessLogLine({ ...plain, ...texts, ...numbers, client, backendCertificate }, 'x'.repeat(24));
    assert.ok(line.length <= 4096, String(line.length));
    JSON.parse(line);
  }
});

describe('what filters add to a line', () => {
  const lineWith = (noted: readonly (readonly [string, string])[]): string =>
    accessLogLine({ ...plain, noted }, '2026-01-01T00:00:00.000Z');

  it('stands under noted, escaped like the rest', () => {
    const line = lineWith([
      ['user-agent', 'a"\u0007\u202e'],
      ['query.page', '2'],
    ]);
    const { noted } = JSON.parse(line) as { readonly noted: object };
    assert.deepEqual(noted, { 'user-agent': 'a"\u0007\u202e', 'query.page': '2' });
    assert.match(line, /^[\x20-\x7e]+\n$/);
  });

  it('ends where the line would not be one write any more', () => {
    const many = Array.from({ length: 64 }, (_, at) => [`name-${at}`, 'x'.repeat(500)] as const);
    const line = lineWith(many);
    assert.ok(line.length <= 4_096);
    assert.ok(Object.keys((JSON.parse(line) as { readonly noted: object }).noted).length > 10);
  });
});
