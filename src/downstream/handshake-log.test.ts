import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../base/clock.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { HandshakeLog, type HandshakeLogLine } from './handshake-log.ts';
import { type HandshakeRecord, makeHandshakeRecord, summarize } from './handshake-record.ts';

/** A clock whose only timer is fired by hand. */
class HandClock implements Clock {
  armed: (() => void) | undefined;

  now(): number {
    return 0;
  }

  monotonic(): number {
    return 0;
  }

  after(_delayMs: number, act: () => void): () => void {
    this.armed = act;
    return () => {
      this.armed = undefined;
    };
  }
}

const plain: Parameters<typeof makeHandshakeRecord>[0] = {
  time: 0,
  remoteAddress: '192.0.2.1',
  remotePort: 1,
  localPort: 443,
  serverName: 'a.test',
  offered: ['TLSv1.3'],
  negotiated: '',
  policy: 'p',
  code: 'no_client_cert',
  raw: '',
  detail: '',
  leaf: undefined,
};

function record(change: Partial<HandshakeRecord> = {}): HandshakeRecord {
  return { ...makeHandshakeRecord(plain), ...change };
}

function open(maxPeers?: number) {
  const clock = new HandClock();
  const lines: HandshakeLogLine[] = [];
  const overflows: number[] = [];
  const log = new HandshakeLog({
    clock,
    write: (line) => lines.push(line),
    onOverflow: (count) => overflows.push(count),
    ...(maxPeers !== undefined && { maxPeers }),
  });
  return { clock, lines, overflows, log };
}

test('the first failure of a peer is written at once, the rest are counted and summed up when the window ends', () => {
  const { clock, lines, log } = open();
  for (let port = 1; port <= 500; port += 1) log.add(record({ remotePort: port }));
  assert.deepEqual(
    lines.map(({ remotePort, repeated }) => [remotePort, repeated]),
    [[1, 0]],
  );
  clock.armed?.();
  assert.deepEqual(
    lines.map(({ remotePort, repeated }) => [remotePort, repeated]),
    [
      [1, 0],
      [500, 499],
    ],
  );
});

test('another address or another reason is another line', () => {
  const { lines, log } = open();
  log.add(record());
  log.add(record({ code: 'expired' }));
  log.add(record({ remoteAddress: '192.0.2.2' }));
  assert.equal(lines.length, 3);
});

function withLeaf(sha256: string): Partial<HandshakeRecord> {
  const leaf = { subject: `CN=${sha256}`, issuer: 'CN=ca', serial: '1', sha256, sans: [], sansTotal: 0 };
  return { code: 'expired', leaf: { ...leaf, notBefore: '', notAfter: '' } };
}

test('another certificate from the same address is another line, and so is another reason', () => {
  const { clock, lines, log } = open();
  for (const sha256 of ['a', 'b', 'a', 'c', 'a']) log.add(record(withLeaf(sha256)));
  log.add(record({ code: 'protocol_mismatch', detail: 'no version' }));
  log.add(record({ code: 'protocol_mismatch', detail: 'no ALPN' }));
  log.add(record({ code: 'unknown_sni', serverName: 'a.test' }));
  log.add(record({ code: 'unknown_sni', serverName: 'b.test' }));
  const told = (): string[] =>
    lines.map((line) => `${line.leaf?.sha256 ?? line.detail}${line.serverName} ${line.repeated}`);
  const first = [
    'aa.test 0',
    'ba.test 0',
    'ca.test 0',
    'no versiona.test 0',
    'no ALPNa.test 0',
    'a.test 0',
    'b.test 0',
  ];
  assert.deepEqual(told(), first);
  clock.armed?.();
  assert.deepEqual(told(), [...first, 'aa.test 2']);
});

test('ever new certificates from one address are bounded: those beyond are summed up with the last one named', () => {
  const { clock, lines, log } = open();
  for (let one = 0; one < 1000; one += 1) log.add(record(withLeaf(String(one))));
  assert.equal(lines.length, 16);
  clock.armed?.();
  assert.deepEqual(
    lines.slice(16).map(({ leaf, repeated }) => [leaf?.sha256, repeated]),
    [['999', 984]],
  );
});

test('after a flush, as when the rules have changed, a failure is told as if it were the first', () => {
  const { lines, log } = open();
  log.add(record());
  log.add(record());
  log.flush();
  log.add(record());
  assert.deepEqual(
    lines.map(({ repeated }) => repeated),
    [0, 1, 0],
  );
});

test('a window without repetitions ends silently, and the next one begins afresh', () => {
  const { clock, lines, log } = open();
  log.add(record());
  clock.armed?.();
  assert.equal(lines.length, 1);
  log.add(record());
  assert.equal(lines.length, 2);
});

test('a flood from ever new addresses fills neither memory nor log', () => {
  const { clock, lines, overflows, log } = open(10);
  for (let peer = 0; peer < 1000; peer += 1) log.add(record({ remoteAddress: `2001:db8::${peer.toString(16)}` }));
  assert.equal(lines.length, 10);
  clock.armed?.();
  assert.deepEqual(overflows, [990]);
  assert.equal(lines.length, 10);
});

test('what a peer chose is escaped and cut before anybody can log it', () => {
  const leaf: CertificateFacts = {
    der: Buffer.alloc(0),
    subject: 'CN=x\n2026-01-01 INFO forged\u001b[31m',
    issuer: `CN=${'y'.repeat(5000)}`,
    subjectKey: 'x',
    issuerKey: 'y',
    serial: '01',
    sha256: 'ab',
    spkiSha256: '',
    notBefore: 0,
    notAfter: 86_400_000,
    sans: Array.from({ length: 900 }, (_, index) => ({ type: 'DNS' as const, value: `${index}\r.test` })),
    extendedKeyUsage: undefined,
    isCa: false,
    subjectKeyId: undefined,
    authorityKeyId: undefined,
    key: 'EC P-256',
  };
  const made = makeHandshakeRecord({ ...plain, serverName: 'a\u0007.test', detail: 'b\u2028', leaf });
  const text = JSON.stringify(made);
  assert.match(text, /^[\x20-\x7e…]*$/);
  assert.ok(text.length < 6000, `${text.length} characters`);
  assert.equal(made.serverName, 'a\\x07.test');
  assert.equal(made.leaf?.subject, 'CN=x\\x0a2026-01-01 INFO forged\\x1b[31m');
  assert.equal(made.leaf?.sans.length, 10);
  assert.equal(made.leaf?.sansTotal, 900);
  assert.equal(made.leaf?.notAfter, '1970-01-02T00:00:00.000Z');
});

test('a summary has the cause, the subject once, the serial number and the address', () => {
  const leaf = { subject: 'CN=alice', issuer: 'CN=ca', serial: '4f', sha256: 'a', sans: [], sansTotal: 0 };
  const seen = { ...leaf, notBefore: '', notAfter: '' };
  const detail = '"CN=alice": it expired';
  assert.equal(
    summarize(record({ code: 'expired', detail, leaf: seen })),
    'handshake refused: expired: "CN=alice": it expired (serial 4f, from 192.0.2.1)',
  );
  assert.equal(
    summarize(record({ code: 'pin_mismatch', detail: 'no pin fits', leaf: seen })),
    'handshake refused: pin_mismatch: no pin fits ("CN=alice", serial 4f, from 192.0.2.1)',
  );
  assert.equal(
    summarize(record({ detail: 'the client sent no certificate' })),
    'handshake refused: no_client_cert: the client sent no certificate (from 192.0.2.1)',
  );
});

test('what to do is what this cause needs, else what its code does', () => {
  assert.equal(makeHandshakeRecord({ ...plain, remedy: 'do this' }).help, 'do this');
  assert.match(makeHandshakeRecord(plain).help, /^The client must send a certificate/);
});
