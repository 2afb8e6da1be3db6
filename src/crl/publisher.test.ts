import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { mintCa, type TestCa } from '../certs/test-ca.ts';
import { createLogger } from '../telemetry/logger.ts';
import { CrlPublisher } from './publisher.ts';
import type { CrlReading, CrlSourceReader } from './source-reader.ts';
import { type CrlGroupSpec, makeSourceSpec } from './wanted.ts';

const place = { file: 'x', line: 1, col: 1 };
const log = createLogger({ level: 'off', format: 'json', file: undefined });

type Context = { after(act: () => void): void };

async function open(t: Context) {
  const dir = openTempDir('crl-publisher');
  const ca = await mintCa({ cn: 'one' });
  const publisher = new CrlPublisher({ clock: systemClock, random: () => 0 });
  publisher.reportTo({ log, onChange: () => {} });
  t.after(() => {
    publisher.close();
    dir[Symbol.dispose]();
  });
  const path = dir.file('x.crl');
  return {
    ca,
    publisher,
    write: (number: number) => dir.replace('x.crl', encodePem('X509 CRL', ca.issueCrl({ number }))),
    breakIt: () => dir.replace('x.crl', 'garbage'),
    /** A group of the one file, verified by these CAs. */
    group: (key: string, issuers: readonly TestCa[], uses: CrlGroupSpec['uses'] = []): CrlGroupSpec => {
      const source = makeSourceSpec(
        { place, path },
        issuers.map(({ der }) => der),
        key,
      );
      return { key, sources: [source], refreshMs: 1_000, uses, refuseStale: [] };
    },
    /** Numbers of the CRLs that are active for a group; undefined where it is not followed. */
    active: (key: string) =>
      publisher
        .groups()
        .find((group) => group.key === key)
        ?.crls.map(({ facts }) => facts.number),
  };
}

describe('a reload that changes the CAs of a policy', () => {
  it('keeps the CRLs in force that their keys have signed, whatever their source has now', async (t) => {
    const { ca, publisher, write, breakIt, group, active } = await open(t);
    const other = await mintCa({ cn: 'other' });
    const adopt = async (key: string, issuers: readonly TestCa[]) => {
      await publisher.adopt([group(key, issuers)]);
      return active(key);
    };
    write(5);
    assert.deepEqual(await adopt('one', [ca]), ['05']);
    write(4);
    assert.deepEqual(await adopt('both', [ca, other]), ['05'], 'an older one is a replay');
    breakIt();
    assert.deepEqual(await adopt('three', [other, ca]), ['05'], 'there is none');
    assert.deepEqual(await adopt('without', [other]), []);
  });
});

describe('what a configuration asks for', () => {
  it('is read and its problems are told, and it is active only once it is adopted', async (t) => {
    const { ca, publisher, write, breakIt, group, active } = await open(t);
    const wanted = [group('g', [ca], [{ what: 'policy p', scope: 'chain', place }])];
    const codes = async () => (await publisher.prepare(wanted)).map(({ severity, code }) => `${severity} ${code}`);
    breakIt();
    assert.deepEqual(await codes(), ['error crl_broken', 'warning crl_missing']);
    assert.deepEqual(publisher.lookUpPrepared(wanted).find('g'), []);
    write(1);
    assert.deepEqual(await codes(), []);
    assert.deepEqual(
      publisher
        .lookUpPrepared(wanted)
        .find('g')
        .map(({ facts }) => facts.number),
      ['01'],
    );
    assert.equal(active('g'), undefined);
    await publisher.adopt(wanted);
    assert.deepEqual(active('g'), ['01']);
  });

  it('is forgotten where the configuration before stays, and what that asks for is not', async (t) => {
    const { ca, publisher, write, breakIt, group, active } = await open(t);
    write(1);
    const before = [group('before', [ca])];
    await publisher.adopt(before);
    breakIt();
    const next = [group('next', [await mintCa({ cn: 'other' }), ca])];
    assert.equal((await publisher.prepare(next)).length, 1);
    publisher.retain(before);
    assert.deepEqual([active('before'), active('next')], [['01'], undefined]);
    assert.deepEqual(publisher.lookUpPrepared(next).find('next'), []);
  });
});

describe('a URL that two groups ask for', () => {
  it('is fetched once, then by the shorter interval, and no reload puts that off', async (t) => {
    const waits: number[] = [];
    const clock: Clock = {
      now: () => 0,
      monotonic: () => 0,
      after: (ms) => {
        waits.push(ms);
        return () => {};
      },
    };
    let reads = 0;
    const read = async (): Promise<CrlReading> => {
      reads += 1;
      return { crls: [], failures: [] };
    };
    const reader = { read, close: () => {} } as unknown as CrlSourceReader;
    const publisher = new CrlPublisher({ clock, reader, random: () => 0 });
    t.after(() => publisher.close());
    publisher.reportTo({ log, onChange: () => {} });
    const source = makeSourceSpec({ place, url: 'http://127.0.0.1:9/' }, [], 'k');
    const often: CrlGroupSpec = { key: 'often', sources: [source], refreshMs: 60_000, uses: [], refuseStale: [] };
    const groups = [often, { ...often, key: 'rarely', refreshMs: 3_600_000 }];
    for (let reload = 0; reload < 3; reload++) {
      assert.deepEqual(await publisher.prepare(groups), []);
      await publisher.adopt(groups);
      publisher.retain(groups);
      assert.deepEqual([reads, waits], [1, [60_000]]);
    }
  });
});
