// Who was seen at one gateway is known at each: merged with where, bounded, and never from a record that nobody with the opening
// key has written.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { it, type TestContext } from 'node:test';
import type { SeenIdentity, TrustRecordContents } from '../../src/inventory/record-format.ts';
import { maxSharedIdentities } from '../../src/sharing/shared-clients.ts';
import { openSharingBench, type SharingBench } from '../support/sharing-bench.ts';

const now = Date.now();
const dayMs = 86_400_000;

function seen(name: string, over: Partial<SeenIdentity> = {}): SeenIdentity {
  return {
    policy: 'gateway',
    sha256: createHash('sha256').update(name).digest('hex'),
    subject: `CN=${name}`,
    issuer: 'CN=clients',
    serial: '01',
    sans: [],
    notAfter: now + dayMs,
    serverNames: ['a.test'],
    anchor: 'a'.repeat(64),
    firstSeen: now - 1_000,
    lastSeen: now,
    lastAccepted: now,
    accepted: 1,
    refused: 0,
    code: 'ok',
    detail: '',
    version: 'TLSv1.3',
    leaf: 'AAAA',
    above: [],
    ...over,
  };
}

function record(identities: readonly SeenIdentity[], since = now - dayMs): TrustRecordContents {
  const anchor = { policy: 'gateway', sha256: 'a'.repeat(64), subject: 'CN=clients', notAfter: now };
  return {
    version: 1,
    since,
    written: now,
    anchors: [{ ...anchor, handshakes: 3, firstSeen: now - 5, lastSeen: now }],
    anonymous: [],
    intermediates: {},
    identities: [...identities],
  };
}

async function open(t: TestContext): Promise<SharingBench> {
  const bench = await openSharingBench();
  t.after(async () => bench[Symbol.asyncDispose]());
  return bench;
}

it('a client of one gateway is named at another, with where it was seen', async (t) => {
  const bench = await open(t);
  const a = bench.member('a', () => record([seen('alice'), seen('both', { lastSeen: now - 9, code: 'ok' })]));
  const b = bench.member('b', () => record([seen('both', { code: 'expired', refused: 2, accepted: 0 })]));
  await a.sharing.clients.share();
  await b.sharing.clients.share();
  const c = bench.member('c');
  const merged = await c.sharing.clients.merged();
  assert.ok(merged);
  assert.deepEqual(
    merged.gateways.map(({ name }) => name),
    ['a', 'b'],
  );
  const found = new Map(merged.contents.identities.map((one) => [one.subject, one]));
  const where = (name: string): string[] => merged.seenAt(seen(name)).map(({ gateway }) => gateway);
  assert.deepEqual([where('alice'), where('both')], [['a'], ['a', 'b']]);
  // What its last handshake said, wherever it was; counts of both.
  assert.deepEqual([found.get('CN=both')?.code, found.get('CN=both')?.refused], ['expired', 2]);
  assert.equal(merged.contents.anchors[0]?.handshakes, 6);
  assert.deepEqual(
    merged.vouchedAt({ policy: 'gateway', sha256: 'a'.repeat(64) }).map(({ gateway }) => gateway),
    ['a', 'b'],
  );
});

it('what did not change is not written again', async (t) => {
  const bench = await open(t);
  let clients = [seen('alice')];
  const a = bench.member('a', () => record(clients));
  await a.sharing.clients.share();
  const versions = async (): Promise<number[]> =>
    (await bench.store.records.list('seen')).items.map(({ version }) => version);
  const before = await versions();
  clients = [seen('alice', { accepted: 2 })];
  await a.sharing.clients.share();
  assert.deepEqual(await versions(), before);
  clients = [seen('alice', { code: 'revoked' })];
  await a.sharing.clients.share();
  assert.deepEqual(
    (await versions()).toSorted((a, b) => a - b),
    [1, 2],
  );
});

it('a gateway that starts again does not forget what its former run saw', async (t) => {
  const bench = await open(t);
  const first = bench.member('a', () => record([seen('alice')]));
  await first.sharing.clients.share();
  first.connect(false);
  const again = bench.member('a', () => record([seen('bob')], now));
  await again.sharing.clients.share();
  const merged = await bench.member('c').sharing.clients.merged();
  assert.deepEqual(merged?.contents.identities.map(({ subject }) => subject).toSorted(), ['CN=alice', 'CN=bob']);
  assert.equal(merged?.contents.since, now - dayMs);
});

it('of a gateway with very many clients the latest are shared, and few of those that were never let in', async (t) => {
  const bench = await open(t);
  const many = Array.from({ length: 2 * maxSharedIdentities }, (_, i) =>
    seen(`c${i}`, i % 2 === 0 ? { lastAccepted: null, code: 'untrusted_issuer' } : { lastSeen: now - i }),
  );
  await bench.member('a', () => record(many)).sharing.clients.share();
  const merged = await bench.member('c').sharing.clients.merged();
  assert.equal(merged?.contents.identities.length, maxSharedIdentities);
  const strangers = merged?.contents.identities.filter(({ lastAccepted }) => lastAccepted === null);
  assert.equal(strangers?.length, maxSharedIdentities / 5);
});

it('records that were forged, changed or moved are refused, once, and the others count', async (t) => {
  const bench = await open(t);
  await bench.member('a', () => record([seen('alice'), seen('bob')])).sharing.clients.share();
  const { items } = await bench.store.records.list('seen');
  const [first, second] = items;
  assert.ok(first && second && items.length === 3);
  const put = async (key: string, bytes: Uint8Array): Promise<unknown> =>
    bench.store.records.put({ kind: 'seen', key, gateway: 'a', bytes, lastsMs: dayMs });
  await put(first.key, randomBytes(100));
  // A good one in the place of another.
  await put(second.key, first.bytes);
  const c = bench.member('c');
  const merged = await c.sharing.clients.merged();
  assert.ok((merged?.contents.identities.length ?? 0) <= 1);
  await c.sharing.clients.merged();
  const told = c.lines.filter(({ code }) => code === 'shared_record_refused');
  assert.equal(told.length, 2);
});

it('without the store each knows its own, and what it read last', async (t) => {
  const bench = await open(t);
  await bench.member('a', () => record([seen('alice')])).sharing.clients.share();
  const c = bench.member('c', () => record([seen('carol')]));
  assert.equal((await c.sharing.clients.merged())?.contents.identities.length, 2);
  await bench.store.close();
  assert.equal((await c.sharing.clients.merged())?.contents.identities.length, 2);
  const d = bench.member('d', () => record([seen('dave')]));
  assert.deepEqual(
    (await d.sharing.clients.merged())?.gateways.map(({ name }) => name),
    ['d'],
  );
});
