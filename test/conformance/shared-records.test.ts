// What gateways fetch for each other through the store, and what becomes of records that somebody wrote there: each is proven, or it
// is as if it were not there.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, it, type TestContext } from 'node:test';
import { mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { type CrlGroupSpec, makeSourceSpec } from '../../src/crl/wanted.ts';
import { keyOf } from '../../src/sharing/sealed-records.ts';
import { recordLimits } from '../../src/store/limits.ts';
import type { SharedRecord } from '../../src/store/records.ts';
import { makeSealKey, Opener } from '../../src/store/seal.ts';
import { type CrlServer, failing, serving, startCrlServer } from '../support/crl-server.ts';
import { type Member, openSharingBench, type SharingBench } from '../support/sharing-bench.ts';
import { eventually } from '../support/wait-for.ts';

let ca: TestCa;
before(async () => {
  ca = await mintCa({ cn: 'clients' });
});

const place = { file: 'x', line: 1, col: 1 };
const hourMs = 3_600_000;

type Stage = { readonly bench: SharingBench; readonly server: CrlServer; readonly group: CrlGroupSpec };

async function open(t: TestContext): Promise<Stage> {
  const bench = await openSharingBench();
  const server = await startCrlServer(serving(ca.issueCrl({ number: 5 }), '"5"'));
  t.after(async () => {
    await bench[Symbol.asyncDispose]();
    server[Symbol.dispose]();
  });
  const source = makeSourceSpec({ place, url: server.url }, [ca.der], 'clients');
  return { bench, server, group: { key: 'g', sources: [source], refreshMs: hourMs, uses: [], refuseStale: [] } };
}

/** As a start reads it. */
async function load({ crls }: Member, group: CrlGroupSpec): Promise<(string | undefined)[]> {
  await crls.prepare([group]);
  await crls.adopt([group]);
  return numbers({ crls });
}

const numbers = ({ crls }: Pick<Member, 'crls'>): (string | undefined)[] =>
  crls.groups().flatMap((group) => group.crls.map(({ facts }) => facts.number));

async function isKept({ bench }: Stage): Promise<void> {
  await eventually(async () => (await bench.store.records.list('crl')).items.length === 1, {
    what: 'what is shared',
  });
  await eventually(async () => (await bench.store.records.list('lease')).items.length === 0, {
    what: 'what is shared',
  });
}

/** As it was, in place of whatever is there. */
async function putAgain({ store }: SharingBench, { kind, key, gateway, bytes }: SharedRecord): Promise<void> {
  assert.equal((await store.records.put({ kind, key, gateway, bytes, lastsMs: hourMs })).outcome, 'put');
}

const refusals = ({ lines }: Member): readonly unknown[] =>
  lines.filter(({ code }) => code === 'shared_record_refused').map(({ why }) => why);

describe('a CRL of a URL', () => {
  it('is fetched by one gateway and verified by each', async (t) => {
    const stage = await open(t);
    const { bench, server, group } = stage;
    assert.deepEqual(await load(bench.member('a'), group), ['05']);
    await isKept(stage);
    server.answer = failing;
    for (const name of ['b', 'c']) assert.deepEqual(await load(bench.member(name), group), ['05']);
    assert.equal(server.asked.length, 1);
    // Somebody who asked for it now gets nothing of others, and others what he got.
    server.answer = serving(ca.issueCrl({ number: 6 }), '"6"');
    const d = bench.member('d');
    assert.deepEqual(await load(d, group), ['05']);
    d.crls.refreshUrls();
    await eventually(() => numbers(d)[0] === '06', { what: 'what is shared' });
    await eventually(async () => (await load(bench.member('e'), group))[0] === '06', {
      what: 'what is shared',
    });
    assert.deepEqual(server.asked.items, ['', '"5"']);
  });

  it('is fetched once by gateways that begin at the same moment', async (t) => {
    const { bench, server, group } = await open(t);
    const all = ['a', 'b', 'c', 'd'].map((name) => bench.member(name));
    const loaded = await Promise.all(all.map(async (member) => load(member, group)));
    assert.deepEqual(
      loaded,
      all.map(() => ['05']),
    );
    assert.equal(server.asked.length, 1);
  });

  it('that was kept before `control` was there is given to the others when it is', async (t) => {
    const stage = await open(t);
    const a = stage.bench.member('a');
    a.connect(false);
    assert.deepEqual(await load(a, stage.group), ['05']);
    a.connect(true);
    await isKept(stage);
    assert.deepEqual(await load(stage.bench.member('b'), stage.group), ['05']);
    assert.equal(stage.server.asked.length, 1);
  });

  it('is fetched by each where nobody can write to the store, or read it', async (t) => {
    const { bench, server, group } = await open(t);
    for (const name of ['a', 'b']) {
      const member = bench.member(name);
      member.connect(false);
      assert.deepEqual(await load(member, group), ['05']);
    }
    assert.equal(server.asked.length, 2);
    const c = bench.member('c');
    await bench.store.close();
    assert.deepEqual(await load(c, group), ['05']);
    assert.equal(server.asked.length, 3);
  });

  it('is fetched by another when who holds the lease does not come back', async (t) => {
    const stage = await open(t);
    const { bench, server, group } = stage;
    const a = bench.member('a');
    const wish = { kind: 'crl', name: server.url, after: 0, maxAgeMs: hourMs } as const;
    // It dies here.
    assert.equal((await a.sharing.fetches.begin(wish)).turn, 'own');
    assert.equal((await bench.store.records.list('lease')).items.length, 1);
    const others = await Promise.all(['b', 'c'].map(async (name) => load(bench.member(name), group)));
    assert.deepEqual(others, [['05'], ['05']]);
    assert.equal(server.asked.length, 1);
  });

  it('that is too large for a record each fetches itself, at once', async (t) => {
    const stage = await open(t);
    const { bench, server, group } = stage;
    const revoked = Array.from({ length: 30_000 }, (_, i) => ({
      serial: '7'.repeat(24) + (0x1000_0000 + i).toString(16),
    }));
    const large = ca.issueCrl({ number: 7, revoked });
    assert.ok(large.length > recordLimits.crl.maxBytes);
    server.answer = serving(large, '"7"');
    assert.deepEqual(await load(bench.member('a'), group), ['07']);
    await isKept(stage);
    assert.deepEqual(await load(bench.member('b'), group), ['07']);
    assert.equal(server.asked.length, 2);
  });
});

describe('a record of a CRL', () => {
  type Forgery = (bench: SharingBench, good: Uint8Array, url: string) => Uint8Array;
  const purpose = (opener: Opener, url: string, content: Buffer): Buffer => {
    const name = keyOf({ publicParts: () => [] }, 'crl', url);
    return opener.sealOwn(`shared crl ${name}`, content);
  };
  const forgeries: readonly (readonly [string, Forgery])[] = [
    ['of random bytes', (_bench, good) => randomBytes(good.length)],
    ['that is empty', () => new Uint8Array()],
    ['that was changed by a bit', (_bench, good) => good.map((byte, at) => (at === good.length - 1 ? byte ^ 1 : byte))],
    ['sealed with another key', (_bench, _good, url) => purpose(new Opener([makeSealKey()]), url, Buffer.from('x'))],
    ['that was sealed for another URL', (bench) => purpose(bench.opener, 'http://other.test/', Buffer.from('x'))],
    ['as large as may be', () => randomBytes(recordLimits.crl.maxBytes)],
  ];
  for (const [what, forge] of forgeries)
    it(`${what} is refused, told once, and the server is asked`, async (t) => {
      const stage = await open(t);
      const { bench, server, group } = stage;
      await load(bench.member('a'), group);
      await isKept(stage);
      const [good] = (await bench.store.records.list('crl')).items;
      assert.ok(good);
      const { kind, key } = good;
      const bytes = forge(bench, good.bytes, server.url);
      await bench.store.records.put({ kind, key, gateway: 'a', bytes, lastsMs: hourMs });
      const b = bench.member('b');
      assert.deepEqual(await load(b, group), ['05']);
      assert.equal(server.asked.length, 2);
      assert.equal(refusals(b).length, 1);
      assert.match(String(refusals(b)[0]), /was not sealed with this opening key/);
      // It gave the others a good one in its place.
      await isKept(stage);
      const c = bench.member('c');
      await eventually(async () => (await load(c, group))[0] === '05', { what: 'what is shared' });
      assert.deepEqual(refusals(c), []);
    });

  it('with an older CRL than the one in force is refused, whoever put it there, and the server is asked', async (t) => {
    const stage = await open(t);
    const { bench, server, group } = stage;
    const b = bench.member('b');
    assert.deepEqual(await load(b, group), ['05']);
    await isKept(stage);
    // A gateway whose network shows it an old one: it has the opening key.
    const a = bench.member('a');
    const wish = { kind: 'crl', name: server.url, after: Infinity, maxAgeMs: hourMs } as const;
    const turn = await a.sharing.fetches.begin(wish);
    assert.ok(turn.turn === 'own');
    turn.keep({ bytes: ca.issueCrl({ number: 4 }), fetchedAt: Date.now() });
    await isKept(stage);
    const [feed] = b.crls.groups();
    assert.equal(feed?.crls.length, 1);
    await b.crls.refreshDue();
    assert.deepEqual(numbers(b), ['05']);
    assert.deepEqual(refusals(b), ['it is older than the CRL in force here']);
    assert.equal(server.asked.length, 2);
    // And one that another CA has signed is refused by who reads it.
    const stranger = await mintCa({ cn: 'clients' });
    const next = await a.sharing.fetches.begin(wish);
    assert.ok(next.turn === 'own');
    next.keep({ bytes: stranger.issueCrl({ number: 9 }), fetchedAt: Date.now() });
    await isKept(stage);
    const c = bench.member('c');
    assert.deepEqual(await load(c, group), ['05']);
    assert.equal(refusals(c).length, 1);
  });

  it('that is no good again and again keeps nobody from asking the server, nor from taking a good one later', async (t) => {
    const stage = await open(t);
    const { bench, server } = stage;
    const [a, b] = [bench.member('a'), bench.member('b')];
    const wish = { kind: 'crl', name: server.url, after: 0, maxAgeMs: hourMs } as const;
    const give = async ({ sharing }: Member): Promise<void> => {
      const turn = await sharing.fetches.begin({ ...wish, after: Infinity });
      assert.ok(turn.turn === 'own');
      turn.keep({ bytes: ca.issueCrl({ number: 5 }), fetchedAt: Date.now() });
      await isKept(stage);
    };
    await give(a);
    const [record] = (await bench.store.records.list('crl')).items;
    assert.ok(record);
    for (let n = 0; n < 3; n++) {
      const turn = await b.sharing.fetches.begin(wish);
      assert.ok(turn.turn === 'kept', String(n));
      turn.refuse('it is no good');
      await putAgain(bench, record);
    }
    const turn = await b.sharing.fetches.begin(wish);
    assert.ok(turn.turn === 'own');
    turn.release();
    await give(b);
    await give(a);
    assert.equal((await b.sharing.fetches.begin(wish)).turn, 'kept');
  });

  it('that is old is nothing: it cannot be put there again to hide a newer one', async (t) => {
    const stage = await open(t);
    const { bench, server, group } = stage;
    await load(bench.member('a'), group);
    await isKept(stage);
    const [old] = (await bench.store.records.list('crl')).items;
    assert.ok(old);
    server.answer = serving(ca.issueCrl({ number: 6 }), '"6"');
    const b = bench.member('b');
    await load(b, group);
    b.crls.refreshUrls();
    await eventually(() => numbers(b)[0] === '06', { what: 'what is shared' });
    await isKept(stage);
    await putAgain(bench, old);
    await b.crls.refreshDue();
    assert.deepEqual(numbers(b), ['06']);
  });
});
