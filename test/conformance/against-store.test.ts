// `check --against store` and `trust audit --against store` are over the clients of all gateways on the store, whatever it is kept in:
// they name who came to any of them, with where, and nobody else; and say where the whole of it cannot be had.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import { reviewToCsv, showReview, type ShownReview } from '../../src/audit/review-file.ts';
import { reviewTrust } from '../../src/audit/trust-review.ts';
import { dayMs, systemClock } from '../../src/base/clock.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import { mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { trustCommand } from '../../src/cli/trust.ts';
import type { SeenIdentity, TrustRecordContents } from '../../src/inventory/record-format.ts';
import { loadGateway } from '../../src/loading/load.ts';
import { openSourceToLook } from '../../src/loading/open-source.ts';
import { openingKeyPath, writeOpeningKeys } from '../../src/store/opening-key.ts';
import { makeSealKey } from '../../src/store/seal.ts';
import { type Checked, runCheck, runHere } from '../support/cli.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { openSharingBench, type SharingBench } from '../support/sharing-bench.ts';

const now = Date.now();
let own: TestCa;
let partners: TestCa;
let idle: TestCa;
let ofA: TrustRecordContents;
let ofB: TrustRecordContents;

before(async () => {
  [own, partners, idle] = await Promise.all([
    mintCa({ cn: 'own' }),
    mintCa({ cn: 'partners' }),
    mintCa({ cn: 'idle, as "it" says' }),
  ]);
  const outsiders = await mintCa({ cn: 'outsiders' });
  const [alice, both] = [await seen(own, 'alice'), await seen(own, 'both')];
  ofA = record([alice, both], [own]);
  const mallory = { code: 'untrusted_issuer', lastAccepted: null, anchor: null, accepted: 0, refused: 1 } as const;
  ofB = record(
    [await seen(partners, 'bob'), both, { ...(await seen(outsiders, 'mallory')), ...mallory }],
    [partners, own],
  );
});

async function seen(ca: TestCa, cn: string): Promise<SeenIdentity> {
  const { der } = await ca.issue({ kind: 'client', cn });
  const { subject, issuer, serial, sha256, notAfter } = readFacts(der);
  return {
    policy: 'gateway',
    sha256,
    subject,
    issuer,
    serial,
    sans: [],
    notAfter,
    serverNames: ['a.test'],
    anchor: readFacts(ca.der).sha256,
    firstSeen: now - dayMs,
    lastSeen: now - 60_000,
    lastAccepted: now - 60_000,
    accepted: 1,
    refused: 0,
    code: 'ok',
    detail: '',
    version: 'TLSv1.3',
    leaf: der.toString('base64'),
    above: [],
  };
}

function record(identities: SeenIdentity[], anchors: readonly TestCa[]): TrustRecordContents {
  return {
    version: 1,
    since: now - 200 * dayMs,
    written: now,
    anchors: anchors.map(({ der }) => {
      const { sha256, subject, notAfter } = readFacts(der);
      return { policy: 'gateway', sha256, subject, notAfter, handshakes: 2, firstSeen: now - dayMs, lastSeen: now };
    }),
    anonymous: [],
    intermediates: {},
    identities,
  };
}

type Stage = { readonly bench: SharingBench; readonly config: string; readonly without: string };

/** Two gateways have shared whom they saw; `without`: the partners' CA is taken away. */
async function open(t: TestContext, database?: string): Promise<Stage> {
  const bench = await openSharingBench(database);
  t.after(async () => bench[Symbol.asyncDispose]());
  const { dir } = bench;
  const server = await own.issue({ kind: 'server', sans: ['a.test'] });
  dir.write('edge.crt', server.chainPem);
  dir.write('edge.key', server.keyPem);
  for (const [name, ca] of Object.entries({ own, partners, idle })) dir.write(`${name}.crt`, ca.certPem);
  const config = dir.write('gateway.yml', configText(bench.url, ['own', 'partners', 'idle']));
  const without = dir.write('without.yml', configText(bench.url, ['own', 'idle']));
  await bench.member('a', () => ofA).sharing.clients.share();
  await bench.member('b', () => ofB).sharing.clients.share();
  return { bench, config, without };
}

function configText(store: string | undefined, bundles: readonly string[]): string {
  return `gateway:
${store === undefined ? '' : `  store: {url: ${JSON.stringify(store)}}\n`}  caBundles: [${bundles.map((id) => `{id: ${id}, ca: ${id}.crt}`).join(', ')}]
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {caBundles: [${bundles.join(', ')}], required: true}
`;
}

const check = async (config: string, ...more: string[]): Promise<Checked> =>
  runCheck(['--config', config, '--against', 'store', ...more]);
const audit = async (config: string, ...more: string[]): Promise<Checked> =>
  runHere(trustCommand, ['audit', '--config', config, '--against', 'store', ...more]);

type Report = {
  readonly against: { readonly refused: readonly { readonly subject: string; readonly gateways: readonly string[] }[] };
};

async function namesThoseOfAll({ bench, config, without }: Stage): Promise<void> {
  const kept = await check(config);
  assert.equal(kept.code, 0, kept.stdout + kept.stderr);
  assert.match(kept.stdout, /^0 of 4 identities that were seen would be locked out$/m);

  const broken = await check(without);
  assert.equal(broken.code, 3, broken.stdout + broken.stderr);
  assert.match(broken.stdout, /^would be refused, were let in: 1\n {2}CN=bob\n.*\n.* \(at b\), /m);
  assert.match(broken.stdout, /^1 of 4 identities/m);
  assert.doesNotMatch(broken.stdout, /alice|both|mallory/);
  const { against } = JSON.parse((await check(without, '--json')).stdout) as Report;
  assert.deepEqual(
    against.refused.map(({ subject, gateways }) => [subject, gateways]),
    [['CN=bob', ['b']]],
  );

  // What the API says of the same: its question is put to a gateway, which merges what it has read by itself.
  const settings = { env: {}, strict: false, clock: systemClock };
  const { loaded } = await loadGateway(await openSourceToLook(config, settings), settings);
  const merged = await bench.member('c').sharing.clients.merged();
  assert.ok(loaded && merged);
  const shown = await audit(config, '--json');
  assert.equal(shown.code, 0, shown.stderr);
  const review = JSON.parse(shown.stdout) as ShownReview;
  const ofApi = showReview(reviewTrust(loaded, merged, { now: Date.parse(review.at), staleDays: 90 }));
  assert.deepEqual(review, JSON.parse(JSON.stringify(ofApi)));
  const used = (id: string): unknown => {
    const [anchor] = review.stores.find((store) => store.id === id)?.anchors ?? [];
    return [
      anchor?.usedAt.map(({ gateway }) => gateway),
      anchor?.identities.map(({ name }) => name).toSorted(),
      anchor?.findings.map(({ code }) => code),
    ];
  };
  assert.deepEqual(used('own'), [['a', 'b'], ['CN=alice', 'CN=both'], []]);
  assert.deepEqual(used('partners'), [['b'], ['CN=bob'], []]);
  assert.deepEqual(used('idle'), [[], [], ['stale']]);

  const csv = await audit(config, '--csv');
  assert.equal(csv.stdout, reviewToCsv(ofApi));
  assert.equal(csv.stdout.split('\r\n').length, 5);
  const table = await audit(config);
  assert.match(table.stdout, /CN=idle.* {2}STALE\n/);
  assert.match(table.stdout, /^over the clients of a, b$/m);
}

describe('--against store, kept in a file', () => {
  it('names the clients of all gateways, and is the document of the API', async (t) => {
    await namesThoseOfAll(await open(t));
  });

  it('judges by the CAs that the store holds beside the file', async (t) => {
    const { bench, without } = await open(t);
    const change = { kind: 'caBundles', id: 'stored', put: { ca: partners.certPem } } as const;
    await bench.store.revisions.append({ actor: 'user:alice', parent: 0, changes: [change] });
    const { stdout, stderr } = await audit(without, '--json');
    assert.match(stdout, /"id": "stored"/, stderr);
  });

  it('says why it cannot: no configuration, no store in it, nobody seen', async (t) => {
    const { bench, config } = await open(t);
    const alone = await runHere(trustCommand, ['audit', '--against', 'store', '--csv']);
    assert.deepEqual([alone.code, alone.stdout], [1, '']);
    assert.match(alone.stderr, /--config/);
    const plain = bench.dir.write('plain.yml', configText(undefined, ['own', 'idle']));
    for (const run of [await check(plain), await audit(plain, '--csv')]) {
      assert.equal(run.code, 1);
      assert.match(run.stderr, /^--against store: .*plain\.yml names no store \(gateway\.store\.url\)$/m);
    }
    assert.match((await audit(config, '--csv', '--json')).stderr, /either/);
    const ofOne = await runHere(trustCommand, ['audit', '--config', config, '--csv']);
    assert.deepEqual([ofOne.code, ofOne.stdout], [1, '']);
    for (const { key } of (await bench.store.records.list('seen', { limit: 100 })).items)
      await bench.store.records.remove('seen', key);
    for (const run of [await check(config), await audit(config, '--json')]) {
      assert.equal(run.code, 1);
      assert.match(run.stderr, /no gateway has put the clients that it saw there/);
    }
  });

  it('says why it cannot: no opening key, another one, no store there', async (t) => {
    const { bench, config } = await open(t);
    const store = bench.dir.file('store.db');
    rmSync(openingKeyPath(store));
    for (const run of [await check(config), await audit(config, '--json')]) {
      assert.equal(run.code, 1);
      assert.match(run.stderr, /^--against store: the opening key is not there.*\n {2}Give the file with the opening/m);
    }
    writeOpeningKeys(openingKeyPath(store), [makeSealKey()], true);
    for (const run of [await check(config), await audit(config, '--json')]) {
      assert.equal(run.code, 1);
      assert.match(run.stdout + run.stderr, /the store is sealed with .*, and that key is not here/);
    }
    await bench.store.close();
    rmSync(store);
    for (const run of [await check(config), await audit(config, '--json')]) {
      assert.equal(run.code, 1);
      assert.match(run.stdout + run.stderr, /store/);
      assert.doesNotMatch(run.stdout, /"stores"|would be locked out/);
    }
  });

  it('counts what it refuses, and does not say then that nobody would be locked out', async (t) => {
    const { bench, config } = await open(t);
    const { records } = bench.store;
    const put = { kind: 'seen', gateway: 'b', lastsMs: dayMs } as const;
    await records.put({ ...put, key: 'ofanotherkey.bmFtZQ', bytes: Buffer.from('sealed otherwise') });
    const left = await check(config);
    assert.equal(left.code, 0, left.stderr);
    assert.match(left.stderr, /^warning: 1 record of the store left out: of another opening key/m);
    const [first] = (await records.list('seen')).items.filter(({ key }) => !key.startsWith('ofanotherkey'));
    assert.ok(first);
    await records.put({ ...put, key: first.key, bytes: Buffer.from('forged') });
    const forged = await check(config);
    assert.equal(forged.code, 1);
    assert.match(forged.stderr, /^warning: 1 record of the store refused: /m);
    const audited = await audit(config, '--csv');
    assert.equal(audited.code, 1);
    assert.match(audited.stderr, /^warning: 1 record of the store refused: /m);
    assert.match(audited.stdout, /^bundle,own,/m);
  });
});

describe('--against store, kept in PostgreSQL', () => {
  let postgres: Postgres;
  before(async () => {
    postgres = await startPostgres();
  });
  after(async () => postgres[Symbol.asyncDispose]());

  it('names the clients of all gateways, and is the document of the API', async (t) => {
    const { bench, config, without } = await open(t, await postgres.createDatabase());
    await namesThoseOfAll({ bench, config, without });
  });

  it('says so where the database is away', async (t) => {
    const { bench, config } = await open(t, await postgres.createDatabase());
    await bench.store.close();
    await postgres.stop();
    t.after(async () => postgres.start());
    for (const run of [await check(config), await audit(config, '--csv')]) {
      assert.equal(run.code, 1);
      assert.match(run.stdout + run.stderr, /ECONNREFUSED|unreachable|cannot be reached/);
      assert.doesNotMatch(run.stdout, /would be locked out|bundle,own/);
      assert.ok(!(run.stdout + run.stderr).includes(postgres.password));
    }
  });
});
