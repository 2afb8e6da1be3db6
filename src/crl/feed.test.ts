import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { CrlSourceReader, type CrlReading } from './source-reader.ts';
import { makeSourceSpec } from './wanted.ts';
import { CrlBuilder } from './builder.ts';
import { CrlRejection } from './rejection.ts';
import type { CrlFacts, IndexedCrl } from './crl-set.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { mintCa } from '../certs/test-ca.ts';
import { createLogger } from '../telemetry/logger.ts';
import { CrlFeed } from './feed.ts';

const hourMs = 3_600_000;
const refusal = new CrlRejection('crl_unreachable', 'it cannot be fetched', '');
const failed: CrlReading = { crls: [], failures: [{ source: 'http://x/', refusal }] };
const unchanged: CrlReading = { crls: [], failures: [], unchanged: true };

function crl(number: string, thisUpdate: number, nextUpdate: number): IndexedCrl {
  const facts: CrlFacts = {
    source: 'http://x/',
    issuer: 'CN=A',
    issuerKey: 'CN=A',
    issuerSpki: 'a',
    number,
    thisUpdate,
    nextUpdate,
    entries: 0,
    covers: 'all',
    distributionPoints: [],
    digest: number,
  };
  return { facts, index: new Uint8Array() };
}

/** A feed on a clock that the test turns: `next` lets the time pass until it is read again, with this outcome. */
async function open(first: CrlReading, refreshMs = hourMs) {
  let now = 1e12;
  let onScheduled = (): void => {};
  let due: { at: number; act: () => void } | undefined;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, act) => {
      const mine = (due = { at: now + ms, act });
      onScheduled();
      return () => {
        if (due === mine) due = undefined;
      };
    },
  };
  let outcome = first;
  let changes = 0;
  const reader = { read: async () => outcome } as unknown as CrlSourceReader;
  const log = createLogger({ level: 'off', format: 'json', file: undefined });
  const spec = { key: 'k', name: 'http://x/', source: { place, url: 'http://x/' }, issuers: [] };
  const feed = new CrlFeed(spec, refreshMs, {
    clock,
    log,
    reader,
    random: () => 0,
    onChange: () => void (changes += 1),
  });
  await feed.adopt(first, refreshMs);
  return {
    feed,
    changes: () => changes,
    /** How long it waited, in milliseconds. */
    next: async (reading: CrlReading): Promise<number> => {
      assert.ok(due !== undefined, 'nothing is due');
      const waited = due.at - now;
      now = due.at;
      outcome = reading;
      const { act } = due;
      due = undefined;
      const again = new Promise<void>((resolve) => (onScheduled = resolve));
      act();
      await again;
      return waited;
    },
  };
}

const place = { file: 'x', line: 1, col: 1 };
const start = 1e12;

describe('a URL of a CRL', () => {
  it('is fetched every refresh, or at two thirds of the way to nextUpdate where that is sooner', async () => {
    const far = await open({ crls: [crl('01', start, start + 100 * hourMs)], failures: [] });
    assert.equal(await far.next(unchanged), hourMs);
    assert.equal(await far.next(unchanged), hourMs);
    const near = await open({ crls: [crl('01', start, start + 30_000)], failures: [] });
    assert.equal(await near.next(unchanged), 20_000);
  });

  it('is tried again after a second, then more and more rarely, up to refresh, and keeps what there is', async () => {
    const good = crl('01', start, start + 1000 * hourMs);
    const { feed, next, changes } = await open({ crls: [good], failures: [] }, 60_000);
    assert.equal(await next(failed), 60_000);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) waits.push(await next(failed));
    assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    assert.deepEqual([feed.crls, feed.failures, changes()], [[good], 9, 0]);
    const newer = crl('02', start, start + 2000 * hourMs);
    await next({ crls: [newer], failures: [] });
    assert.deepEqual([feed.crls, changes()], [[newer], 1]);
    assert.equal(await next(unchanged), 60_000);
  });

  it('is asked again soon where what it has is out of date or older than what is in force', async () => {
    const stale = await open({ crls: [crl('01', start - hourMs, start - 1)], failures: [] });
    assert.deepEqual([await stale.next(unchanged), await stale.next(unchanged)], [1_000, 2_000]);
    const good = crl('05', start, start + 100 * hourMs);
    const replayed = await open({ crls: [good], failures: [] });
    const replay: CrlReading = { crls: [crl('04', start, start + 200 * hourMs)], failures: [] };
    assert.equal(await replayed.next(replay), hourMs);
    assert.deepEqual([await replayed.next(replay), await replayed.next(unchanged)], [1_000, 2_000]);
    assert.deepEqual([replayed.feed.crls, replayed.changes()], [[good], 0]);
  });

  it('is not put off by reloads', async () => {
    const { feed, next } = await open({ crls: [crl('01', start, start + 100 * hourMs)], failures: [] });
    await feed.adopt(unchanged, hourMs);
    assert.equal(await next(unchanged), hourMs);
  });
});

describe('a file of a CRL', () => {
  it('that changed between the load and the watch is in force as it is now', async (t) => {
    using dir = openTempDir('crl-feed');
    const reader = new CrlSourceReader(new CrlBuilder({ clock: systemClock }));
    const ca = await mintCa();
    const path = dir.write('x.crl', encodePem('X509 CRL', ca.issueCrl({ number: 1 })));
    const spec = makeSourceSpec({ place, path }, [ca.der], 'k');
    const reading = await reader.read(spec);
    dir.replace('x.crl', encodePem('X509 CRL', ca.issueCrl({ number: 2 })));
    const log = createLogger({ level: 'off', format: 'json', file: undefined });
    const feed = new CrlFeed(spec, hourMs, { clock: systemClock, log, reader, random: () => 0, onChange: () => {} });
    t.after(() => {
      feed.close();
      reader.close();
    });
    await feed.adopt(reading, hourMs);
    assert.deepEqual(
      feed.crls.map(({ facts }) => facts.number),
      ['02'],
    );
  });
});
