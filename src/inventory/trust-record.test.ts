import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.ts';
import type { SeenDelta, SeenReport } from './seen-clients.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type Issued, mintCa } from '../certs/test-ca.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { TrustRecord } from './trust-record.ts';
import { parseTrustRecord } from './record-format.ts';
import { writeTrustRecord } from './write-record.ts';
import { TrustRecordStore } from './record-store.ts';

const root = await mintCa({ cn: 'root' });
const issuing = await root.issueCa({ cn: 'issuing' });
const alice = await issuing.issue({ kind: 'client', cn: 'alice', sans: ['spiffe://example.org/alice'] });
const clients = await Promise.all(
  Array.from({ length: 30 }, async (_, n) => root.issue({ kind: 'client', cn: `c${n}` })),
);

const limits = { maxIdentities: 100, keepMs: 30 * 86_400_000 };
const anchorOf = (der: Buffer) => {
  const { sha256, subject, notAfter } = readFacts(der);
  return { sha256, subject, notAfter };
};

function deltaOf(issued: Issued, more: Partial<SeenDelta> = {}): SeenDelta {
  const { sha256 } = readFacts(issued.der);
  return {
    key: `${sha256} gateway`,
    policy: 'gateway',
    sha256,
    accepted: 1,
    refused: 0,
    firstSeen: 1000,
    lastSeen: 1000,
    lastAccepted: 1000,
    code: 'ok',
    detail: '',
    version: 'TLSv1.3',
    serverNames: ['a.test'],
    anchor: anchorOf(root.der),
    leaf: issued.der,
    ...more,
  };
}

const reportOf = (...identities: SeenDelta[]): SeenReport => ({ identities, anonymous: [] });
const textOf = (record: TrustRecord): string => [...writeTrustRecord(record.contents(), 5000)].join('');

describe('the record of seen clients', () => {
  it('adds up what several workers saw of one client, in any order', () => {
    const record = new TrustRecord(limits, 0);
    const later = { firstSeen: 3000, lastSeen: 4000, lastAccepted: null, accepted: 0, refused: 2 } as const;
    assert.deepEqual(
      record.merge(reportOf(deltaOf(alice, { ...later, code: 'revoked', serverNames: ['b.test'] }))),
      [],
    );
    assert.deepEqual([record.accepted, record.refused], [0, 1]);
    record.merge(reportOf(deltaOf(alice, { above: [issuing.der] })));
    assert.deepEqual([record.accepted, record.refused], [1, 0]);
    const [seen] = record.contents().identities;
    assert.deepEqual([seen?.accepted, seen?.refused], [1, 2]);
    assert.deepEqual([seen?.firstSeen, seen?.lastSeen, seen?.lastAccepted], [1000, 4000, 1000]);
    assert.equal(seen?.code, 'revoked');
    assert.deepEqual(seen.serverNames, ['b.test', 'a.test']);
    assert.equal(seen.subject, 'CN=alice');
    assert.deepEqual(seen.above, [readFacts(issuing.der).sha256]);
  });

  it('asks for the certificate of a client that it does not know', () => {
    const record = new TrustRecord(limits, 0);
    const { leaf: _leaf, ...without } = deltaOf(alice);
    assert.deepEqual(record.merge(reportOf(without)), [without.key]);
    assert.deepEqual(record.merge(reportOf(deltaOf(alice))), []);
    assert.deepEqual(record.merge(reportOf(without)), []);
    assert.equal(record.contents().identities[0]?.accepted, 2);
  });

  it('stays within its limit, and those who were let in keep their share against any number of refused', () => {
    const record = new TrustRecord({ ...limits, maxIdentities: 10 }, 0);
    const bad = { accepted: 0, refused: 1, lastAccepted: null, code: 'untrusted_issuer', anchor: null } as const;
    record.merge(reportOf(...clients.slice(0, 6).map((client) => deltaOf(client))));
    record.merge(reportOf(...clients.slice(6).map((client) => deltaOf(client, bad))));
    assert.deepEqual([record.accepted, record.refused], [6, 2]);
    record.merge(reportOf(...clients.slice(6).map((client) => deltaOf(client))));
    assert.deepEqual([record.accepted, record.refused], [8, 0]);
  });

  it('keeps an intermediate once for all who send it, and not longer than anybody does', () => {
    const record = new TrustRecord({ maxIdentities: 100, keepMs: 1000 }, 0);
    record.merge(reportOf(deltaOf(alice, { above: [issuing.der] })));
    record.merge(reportOf(deltaOf(clients[0] as Issued, { above: [issuing.der], lastSeen: 9000 })));
    assert.equal([...record.contents().intermediates].length, 1);
    record.prune(5000);
    assert.equal(record.accepted, 1);
    assert.equal([...record.contents().intermediates].length, 1);
    record.prune(20_000);
    assert.equal([...record.contents().intermediates].length, 0);
  });

  it('counts what an anchor vouched for even when the clients had to go', () => {
    const record = new TrustRecord({ ...limits, maxIdentities: 5 }, 0);
    for (const client of clients) record.merge(reportOf(deltaOf(client)));
    const [anchor] = record.contents().anchors;
    assert.deepEqual([anchor?.handshakes, anchor?.sha256], [30, readFacts(root.der).sha256]);
  });

  it('comes back from its text as it was', () => {
    const record = new TrustRecord(limits, 77);
    record.merge(reportOf(deltaOf(alice, { above: [issuing.der] }), ...clients.map((client) => deltaOf(client))));
    const text = textOf(record);
    const again = new TrustRecord(limits, 99, parseTrustRecord(text));
    assert.equal(again.since, 77);
    assert.ok(isDeepStrictEqual(parseTrustRecord(textOf(again)), parseTrustRecord(text)));
  });

  it('is read strictly', () => {
    const good = JSON.parse(textOf(new TrustRecord(limits, 0))) as object;
    assert.throws(() => parseTrustRecord('{"version":1,'), /not JSON/);
    assert.throws(() => parseTrustRecord('{}'), /names no version/);
    assert.throws(() => parseTrustRecord(JSON.stringify({ ...good, version: 2 })), /its version is 2/);
    assert.throws(() => parseTrustRecord(JSON.stringify({ ...good, identities: [{}] })), /identities\.0\./);
  });
});

/** Turned by hand. */
class HandClock implements Clock {
  at = 1_700_000_000_000;
  #timers: { due: number; act: () => void }[] = [];

  now(): number {
    return this.at;
  }

  monotonic(): number {
    return this.at;
  }

  after(delayMs: number, act: () => void): () => void {
    const timer = { due: this.at + delayMs, act };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
  }

  turn(ms: number): void {
    this.at += ms;
    const due = this.#timers.filter((timer) => timer.due <= this.at);
    this.#timers = this.#timers.filter((timer) => timer.due > this.at);
    for (const { act } of due) act();
  }
}

function openStage(t: { after(act: () => void): void }, settings: { path?: string; enabled?: boolean } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-record-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, settings.path ?? 'record.json');
  const clock = new HandClock();
  const lines: string[] = [];
  const write = (fields: object, text: string): void => void lines.push(`${text} ${JSON.stringify(fields)}`);
  const log = { trace: write, debug: write, info: write, warn: write, error: write } as never;
  const metrics = new Metrics().of;
  const keep = async () => {
    const store = await TrustRecordStore.open({
      settings: { enabled: settings.enabled ?? true, path, ...limits },
      clock,
      log,
      metrics,
    });
    assert.ok(store !== undefined);
    return store;
  };
  const failures = (): number => metrics.trustRecordFailures.labels({}).value;
  return { dir, path, clock, lines, keep, failures };
}

const worker = { send: () => {}, tellSeen: async () => Promise.resolve() };
const read = async (store: TrustRecordStore) => parseTrustRecord([...(await store.read([worker]))].join(''));

describe('the file of the record', () => {
  it('survives a restart, readable for its owner only', async (t) => {
    const stage = openStage(t);
    const first = await stage.keep();
    first.take(reportOf(deltaOf(alice, { lastSeen: stage.clock.at, lastAccepted: stage.clock.at })), worker);
    await first.close();
    assert.equal(statSync(stage.path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(stage.dir), ['record.json']);
    const second = await stage.keep();
    assert.deepEqual(
      (await read(second)).identities.map(({ subject }) => subject),
      ['CN=alice'],
    );
    assert.deepEqual(stage.lines, []);
  });

  it('is written soon after the first change, then at most once a minute', async (t) => {
    const stage = openStage(t);
    const store = await stage.keep();
    const see = (n: number): void =>
      store.take(reportOf(deltaOf(clients[n] as Issued, { lastSeen: stage.clock.at })), worker);
    const written = (): number => parseTrustRecord(readFileSync(stage.path, 'utf8')).identities.length;
    see(0);
    stage.clock.turn(1_000);
    await store.settled();
    assert.equal(written(), 1);
    see(1);
    stage.clock.turn(50_000);
    await store.settled();
    assert.equal(written(), 1);
    stage.clock.turn(10_000);
    await store.settled();
    assert.equal(written(), 2);
  });

  it('is put aside where it is broken, and a new one begins', async (t) => {
    const stage = openStage(t);
    writeFileSync(stage.path, '{"version":1,"sin');
    const store = await stage.keep();
    assert.match(stage.lines.join(), /put aside.*not JSON/);
    const aside = readdirSync(stage.dir).find((name) => name.startsWith('record.json.broken-')) ?? '';
    assert.equal(readFileSync(join(stage.dir, aside), 'utf8'), '{"version":1,"sin');
    store.take(reportOf(deltaOf(alice, { lastSeen: stage.clock.at })), worker);
    await store.close();
    assert.equal(parseTrustRecord(readFileSync(stage.path, 'utf8')).identities.length, 1);
  });

  it('is left alone where it cannot be read: this run keeps its record in memory', async (t) => {
    const stage = openStage(t);
    mkdirSync(stage.path);
    writeFileSync(join(stage.path, 'somebody'), 'else');
    const store = await stage.keep();
    assert.match(stage.lines.join(), /cannot be used.*not a regular file/);
    store.take(reportOf(deltaOf(alice, { lastSeen: stage.clock.at })), worker);
    await store.close();
    assert.deepEqual(readdirSync(stage.path), ['somebody']);
    assert.equal((await read(store)).identities.length, 1);
  });

  it('that cannot be written is told once, counted each time, and written when it can be', async (t) => {
    const stage = openStage(t, { path: 'gone/record.json' });
    const store = await stage.keep();
    store.take(reportOf(deltaOf(alice, { lastSeen: stage.clock.at })), worker);
    stage.clock.turn(1_000);
    await store.settled();
    stage.clock.turn(60_000);
    await store.settled();
    assert.equal(stage.failures(), 2);
    assert.equal(stage.lines.filter((line) => /cannot be written.*ENOENT/.test(line)).length, 1);
    mkdirSync(join(stage.dir, 'gone'));
    stage.clock.turn(60_000);
    await store.settled();
    assert.match(stage.lines.at(-1) ?? '', /written again/);
    assert.equal(parseTrustRecord(readFileSync(stage.path, 'utf8')).identities.length, 1);
  });

  it('keeps the old one where the disk is full, and leaves no draft behind', async (t) => {
    const stage = openStage(t);
    const store = await stage.keep();
    store.take(reportOf(deltaOf(alice, { lastSeen: stage.clock.at })), worker);
    await store.close();
    const before = readFileSync(stage.path, 'utf8');
    const { saveRecordFile } = await import('./record-file.ts');
    function* full(): Generator<string> {
      yield 'some';
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    }
    await assert.rejects(saveRecordFile(stage.path, full()), /no space/);
    assert.equal(readFileSync(stage.path, 'utf8'), before);
    assert.deepEqual(readdirSync(stage.dir), ['record.json']);
  });

  it('is never written through a link that somebody laid', async (t) => {
    const stage = openStage(t);
    const victim = join(stage.dir, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, `${stage.path}.new`);
    const store = await stage.keep();
    store.take(reportOf(deltaOf(alice, { lastSeen: stage.clock.at })), worker);
    await store.close();
    assert.equal(readFileSync(victim, 'utf8'), 'precious');
  });

  it('is not kept where the configuration says so', async () => {
    const settings = { enabled: false, path: undefined, ...limits };
    const options = { settings, clock: new HandClock(), log: {} as never, metrics: new Metrics().of };
    assert.equal(await TrustRecordStore.open(options), undefined);
  });
});
