// Failed handshakes in groups: who counts as one peer, what is bounded, and that nothing is lost without being counted.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type HandshakeRecord, type LeafRecord } from '../downstream/handshake-record.ts';
import { FailureTally, maxFailureGroups } from './failure-tally.ts';

const leaf = (subject: string, sha256 = 'aa'): LeafRecord => ({
  subject,
  issuer: 'CN=ca',
  serial: '01',
  sha256,
  sans: [],
  sansTotal: 0,
  notBefore: '2026-01-01T00:00:00.000Z',
  notAfter: '2026-02-01T00:00:00.000Z',
});

const record = (over: Partial<HandshakeRecord>): HandshakeRecord => ({
  time: 1,
  remoteAddress: '10.0.0.7',
  remotePort: 40000,
  localPort: 8443,
  serverName: 'api.test',
  offered: ['TLSv1.3'],
  negotiated: 'TLSv1.3',
  policy: 'gateway',
  code: 'expired',
  raw: '',
  detail: 'it expired',
  leaf: leaf('CN=alice'),
  help: 'renew it',
  ...over,
});

it('a renewed certificate is the same client, another reason or another subject is not; the newest is the example', () => {
  let changes = 0;
  const tally = new FailureTally(() => changes++);
  tally.noteClient(record({}));
  tally.noteClient(record({ time: 5, leaf: leaf('CN=alice', 'bb'), remoteAddress: '10.0.0.8' }));
  tally.noteClient(record({ code: 'revoked' }));
  tally.noteClient(record({ leaf: leaf('CN=bob') }));
  tally.noteClient(record({ code: 'no_client_cert', leaf: undefined, remoteAddress: '2001:db8::1' }));
  tally.noteClient(record({ code: 'no_client_cert', leaf: undefined, remoteAddress: '2001:db8::2' }));
  const { groups = [], dropped } = tally.report() ?? {};
  assert.deepEqual(
    groups.map(({ code, count, firstAt, lastAt, sample }) => [code, count, firstAt, lastAt, sample.remoteAddress]),
    [
      ['expired', 2, 1, 5, '10.0.0.8'],
      ['revoked', 1, 1, 1, '10.0.0.7'],
      ['expired', 1, 1, 1, '10.0.0.7'],
      ['no_client_cert', 2, 1, 1, '2001:db8::2'],
    ],
  );
  assert.match(
    groups[0]?.sample.sentence ?? '',
    /^handshake refused: expired: it expired \("CN=alice", serial 01, from 10/,
  );
  assert.deepEqual([dropped, changes], [0, 1]);
  assert.equal(tally.report(), undefined);
  tally.noteClient(record({}));
  assert.equal(changes, 2, 'the next report begins anew');
});

it('a backend is a group for each reason, and its words are escaped', () => {
  const tally = new FailureTally(() => {});
  const fault = {
    code: 'untrusted_issuer' as const,
    help: 'h',
    detail: 'CN=\u202Eevil\n',
    raw: 'r',
    address: 'b:1',
    isHandshake: true,
  };
  tally.noteBackend(fault, 3);
  tally.noteBackend(fault, 4);
  tally.noteBackend({ ...fault, code: 'refused', isHandshake: false }, 5);
  const { groups = [] } = tally.report() ?? {};
  assert.deepEqual(
    groups.map(({ side, code, count }) => [side, code, count]),
    [
      ['backend', 'untrusted_issuer', 2],
      ['backend', 'refused', 1],
    ],
  );
  assert.equal(groups[0]?.sample.detail, String.raw`CN=\u{202e}evil\x0a`);
});

it('kinds are bounded, and what finds no room is counted', () => {
  const tally = new FailureTally(() => {});
  for (let i = 0; i < maxFailureGroups + 10; i++) tally.noteClient(record({ leaf: leaf(`CN=${i}`) }));
  tally.noteClient(record({ leaf: leaf('CN=0') }));
  const { groups = [], dropped } = tally.report() ?? {};
  assert.deepEqual([groups.length, dropped, groups[0]?.count], [maxFailureGroups, 10, 2]);
});
