import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../base/clock.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { HandshakeLog, type HandshakeLogLine } from './handshake-log.ts';
import { type HandshakeRecord, makeHandshakeRecord } from './handshake-record.ts';

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
