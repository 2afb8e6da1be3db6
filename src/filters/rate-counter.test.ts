import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RateCounter, type RateSettings } from './rate-counter.ts';
import { RateCounters, type SpentReport } from './rate-counters.ts';

const settings: RateSettings = { capacity: 5, intervalMs: 20_000, maxKeys: 1000, banAfter: 0, banMs: 600_000 };
const open = (more: Partial<RateSettings> = {}): RateCounter => new RateCounter({ ...settings, ...more }, 7);

/** How many of so many requests at once pass. */
function passed(counter: RateCounter, key: string, count: number, now: number): number {
  return Array.from({ length: count }, () => counter.take(key, now)).filter(({ outcome }) => outcome === 'passed')
    .length;
}

describe('three requests a minute and a burst of two', () => {
  it('are five at once, as in Goma, then none', () => {
    const counter = open();
    assert.equal(passed(counter, 'a', 10, 1000), 5);
    assert.deepEqual(counter.take('a', 1000), {
      outcome: 'limited',
      beginsBan: false,
      remaining: 0,
      waitMs: 20_000,
      fullInMs: 100_000,
    });
  });

  it('come back one by one, and no more than five however long the pause', () => {
    const counter = open();
    passed(counter, 'a', 5, 0);
    assert.equal(passed(counter, 'a', 5, 19_999), 0);
    assert.equal(passed(counter, 'a', 5, 20_000), 1);
    assert.equal(passed(counter, 'a', 5, 60_000), 2);
    assert.equal(passed(counter, 'a', 10, 10_000_000), 5);
  });

  it('are for each key', () => {
    const counter = open();
    assert.equal(passed(counter, 'a', 9, 0), 5);
    assert.equal(passed(counter, 'b', 9, 0), 5);
  });

  it('say what is left and when it is full again', () => {
    const counter = open();
    assert.deepEqual(counter.take('a', 0), {
      outcome: 'passed',
      beginsBan: false,
      remaining: 4,
      waitMs: 0,
      fullInMs: 20_000,
    });
    assert.equal(counter.take('a', 5000).remaining, 3);
  });
});

it('in no stretch of time does more pass than the bucket and what flows into it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 1000 }),
      (pauses, capacity, intervalMs) => {
        const counter = open({ capacity, intervalMs });
        const times: number[] = [];
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          if (counter.take('a', now).outcome === 'passed') times.push(now);
        }
        for (let from = 0; from < times.length; from++)
          for (let to = from; to < times.length; to++) {
            const flowed = ((times[to] ?? 0) - (times[from] ?? 0)) / intervalMs;
            assert.ok(to - from + 1 <= capacity + flowed + 1e-6);
          }
      },
    ),
  );
});

describe('a ban', () => {
  const strict = { capacity: 1, banAfter: 3, banMs: 1000 };

  it('follows so many refusals, and ends', () => {
    const counter = open(strict);
    const outcomes = Array.from({ length: 6 }, () => counter.take('a', 0).outcome);
    assert.deepEqual(outcomes, ['passed', 'limited', 'limited', 'limited', 'banned', 'banned']);
    assert.equal(counter.take('a', 400).waitMs, 600);
    assert.equal(counter.take('a', 1000).outcome, 'limited');
  });

  it('does not follow refusals between which the client paused', () => {
    const counter = open(strict);
    for (let now = 0; now < 1_000_000; now += 20_000) {
      assert.equal(counter.take('a', now).outcome, 'passed');
      assert.equal(counter.take('a', now).outcome, 'limited');
    }
  });

  it('begins once, however often the client comes back', () => {
    const counter = open(strict);
    const begun = Array.from({ length: 20 }, () => counter.take('a', 0).beginsBan).filter(Boolean);
    assert.equal(begun.length, 1);
  });
});

describe('with more keys than there is room for', () => {
  it('memory stays, old keys keep their buckets, and new ones share some: no more passes than the buckets hold', () => {
    const counter = open();
    for (let i = 0; i < 1000; i++) passed(counter, `old ${i}`, 5, 0);
    let total = 0;
    for (let i = 0; i < 100_000; i++) total += passed(counter, `new ${i}`, 1, 0);
    assert.ok(counter.size <= 1000 + 1024, String(counter.size));
    assert.ok(total <= 1024 * 5, String(total));
    assert.equal(passed(counter, 'old 7', 5, 0), 0);
  });

  it('those that are full again make room', () => {
    const counter = open();
    for (let i = 0; i < 1000; i++) counter.take(`old ${i}`, 0);
    for (let i = 0; i < 900; i++) counter.take(`next ${i}`, 100_000);
    assert.equal(passed(counter, 'another', 9, 100_000), 5);
    assert.ok(counter.size <= 1000);
  });
});

describe('what two workers count', () => {
  /** Two workers whose reports arrive when the test turns the clock. */
  function openTwo() {
    let now = 0;
    const due: (() => void)[] = [];
    const clock = {
      now: () => now,
      monotonic: () => now,
      after: (_delayMs: number, act: () => void) => {
        due.push(act);
        return () => {};
      },
    };
    const reports: SpentReport[] = [];
    const first = new RateCounters(
      clock,
      () => 0.5,
      (report) => {
        reports.push(report);
        second.take(report);
      },
    );
    const second: RateCounters = new RateCounters(
      clock,
      () => 0.5,
      (report) => {
        reports.push(report);
        first.take(report);
      },
    );
    const tell = (): void => {
      for (const act of due.splice(0)) act();
    };
    return { first, second, tell, reports, advance: (ms: number) => (now += ms) };
  }

  it('is one limit', () => {
    const { first, second, tell } = openTwo();
    const [here, there] = [first.open('limit', settings), second.open('limit', settings)];
    for (let i = 0; i < 3; i++) here.take('a');
    tell();
    assert.deepEqual(
      Array.from({ length: 3 }, () => there.take('a').outcome),
      ['passed', 'passed', 'limited'],
    );
    tell();
    assert.equal(here.take('a').outcome, 'limited');
  });

  it('is one ban, told once', () => {
    const { first, second, tell, reports } = openTwo();
    const strict = { ...settings, capacity: 1, banAfter: 1 };
    const [here, there] = [first.open('limit', strict), second.open('limit', strict)];
    for (let i = 0; i < 9; i++) here.take('a');
    tell();
    assert.equal(there.take('a').outcome, 'banned');
    tell();
    assert.equal(reports.length, 1);
  });

  it('of another limit, or one with other settings, does not count', () => {
    const { first, second, tell } = openTwo();
    const here = first.open('limit', settings);
    const there = second.open('limit', { ...settings, capacity: 6 });
    for (let i = 0; i < 5; i++) here.take('a');
    tell();
    assert.equal(there.take('a').outcome, 'passed');
  });

  it('is told in bounded reports, however many keys there are', () => {
    const { first, tell, reports } = openTwo();
    const here = first.open('limit', { ...settings, maxKeys: 100_000 });
    for (let i = 0; i < 30_000; i++) here.take(`key ${i}`);
    for (let i = 0; i < 20; i++) tell();
    const keys = reports.map((report) => report.reduce((sum, { entries }) => sum + entries.length, 0));
    assert.ok(keys.every((count) => count <= 2000));
    assert.equal(
      keys.reduce((sum, count) => sum + count, 0),
      20_000,
    );
  });
});

it('a limit that a reload leaves as it is gives nobody a full bucket', () => {
  const clock = { now: () => 0, monotonic: () => 0, after: () => () => {} };
  const counters = new RateCounters(clock, () => 0);
  const before = counters.open('limit', settings);
  for (let i = 0; i < 5; i++) before.take('a');
  assert.equal(counters.open('limit', settings).take('a').outcome, 'limited');
  assert.equal(counters.open('limit', { ...settings, capacity: 6 }).take('a').outcome, 'passed');
});
