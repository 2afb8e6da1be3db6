import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { dayMs, systemClock } from '../base/clock.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa, type TestCa } from '../certs/test-ca.ts';
import { mergeRecords, type RecordOf } from '../inventory/merge-records.ts';
import type { TrustRecordContents } from '../inventory/record-format.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadConfig } from '../config/load-config.ts';
import { loadGateway } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { reviewToCsv, showReview } from './review-file.ts';
import { reviewTrust, type TrustReview } from './trust-review.ts';

const now = Date.now();
let used: TestCa;
let idle: TestCa;
let old: TestCa;
let loaded: LoadedConfig;

before(async () => {
  [used, idle, old] = await Promise.all([
    mintCa({ cn: 'used' }),
    mintCa({ cn: '=HYPERLINK("x"),idle' }),
    mintCa({ cn: 'old', notBefore: now - 900 * dayMs, notAfter: now + 20 * dayMs }),
  ]);
  using dir = openTempDir('review');
  const server = await used.issue({ kind: 'server', sans: ['a.test'] });
  dir.write('edge.crt', server.chainPem);
  dir.write('edge.key', server.keyPem);
  for (const [name, ca] of Object.entries({ used, idle, old })) dir.write(`${name}.crt`, ca.certPem);
  const file = dir.write(
    'gateway.yml',
    `gateway:
  caBundles: [{id: clients, ca: [used.crt, idle.crt, old.crt]}, {id: again, ca: used.crt}]
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {caBundles: [clients], required: true}
    policies: [{name: own, hosts: [a.test], clientAuth: {clientCA: idle.crt, required: true}}]
`,
  );
  const result = await loadGateway(new FileSource(file), {
    env: {},
    strict: false,
    clock: systemClock,
    read: loadConfig,
  });
  assert.ok(result.loaded, JSON.stringify(result.problems));
  loaded = result.loaded;
});

function record(gateway: string, sinceDays: number, lastUsedDays: number | undefined): RecordOf {
  const anchors = lastUsedDays === undefined ? [] : [tally(used, now - lastUsedDays * dayMs)];
  const contents: TrustRecordContents = {
    version: 1,
    since: now - sinceDays * dayMs,
    written: now,
    anchors,
    anonymous: [],
    intermediates: {},
    identities: [],
  };
  return { gateway, contents };
}

function tally({ der }: TestCa, lastSeen: number): TrustRecordContents['anchors'][number] {
  const { sha256 } = readFacts(der);
  return { policy: 'gateway', sha256, subject: 'CN=used', notAfter: 0, handshakes: 2, firstSeen: 0, lastSeen };
}

const found = (review: TrustReview): unknown =>
  review.stores.map(({ kind, id, anchors }) => [
    `${kind} ${id}`,
    anchors.map(({ subject, findings }) => [subject, findings.map(({ code }) => code).join()]),
  ]);

describe('a review', () => {
  it('says of each store which anchors vouched for whom at which gateway, the worst first', () => {
    const merged = mergeRecords([record('b', 100, 3), record('a', 200, 1), record('c', 120, undefined)]);
    const review = reviewTrust(loaded, merged, { now, staleDays: 90 });
    assert.deepEqual(found(review), [
      ['bundle again', [['CN=used', 'duplicate']]],
      [
        'bundle clients',
        [
          ['CN==HYPERLINK(\\"x\\")\\,idle', 'stale,duplicate'],
          ['CN=old', 'stale,expires_soon'],
          ['CN=used', 'duplicate'],
        ],
      ],
      ['policy own', [['CN==HYPERLINK(\\"x\\")\\,idle', 'stale,duplicate']]],
    ]);
    const anchor = review.stores[1]?.anchors[2];
    assert.deepEqual(anchor?.usedAt, [
      { gateway: 'a', lastUsed: now - dayMs },
      { gateway: 'b', lastUsed: now - 3 * dayMs },
    ]);
    assert.deepEqual([anchor.handshakes, anchor.lastUsed], [4, now - dayMs]);
  });

  it('is the same whatever the order of the records', () => {
    const records = [record('b', 100, 3), record('a', 200, 1)];
    const of = (all: readonly RecordOf[]): string =>
      reviewToCsv(showReview(reviewTrust(loaded, mergeRecords(all), { now, staleDays: 90 })));
    assert.equal(of(records), of(records.toReversed()));
  });

  it('claims nothing that no record can know', () => {
    const young = reviewTrust(loaded, mergeRecords([record('a', 10, undefined)]), { now, staleDays: 90 });
    const without = reviewTrust(loaded, undefined, { now, staleDays: 90 });
    for (const review of [young, without]) assert.doesNotMatch(JSON.stringify(found(review)), /stale/);
    // One that is old enough, beside one that is not: said with what is not known.
    const mixed = reviewTrust(loaded, mergeRecords([record('a', 200, undefined), record('b', 5, undefined)]), {
      now,
      staleDays: 90,
    });
    assert.match(JSON.stringify(mixed), /since records began; the records of b began later/);
  });

  it('as CSV has no cell that is a formula, and quotes what has commas', () => {
    const csv = reviewToCsv(showReview(reviewTrust(loaded, undefined, { now, staleDays: 90 })), [
      { store: { kind: 'policy', id: 'own' }, sha256: readFacts(idle.der).sha256, decision: 'remove', note: '@SUM(1)' },
    ]);
    const lines = csv.split('\r\n');
    assert.equal(lines.length, 7);
    assert.match(csv, /,remove,"'@SUM\(1\)"\r\n/);
    assert.doesNotMatch(csv, /(?:^|,)"?[=+@-]/m);
  });
});
