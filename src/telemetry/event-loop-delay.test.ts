import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../test/support/wait-for.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { delayBuckets, EventLoopDelay } from './event-loop-delay.ts';
import { Histogram } from './registry.ts';

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('A turn that takes long is seen, also one in the first moment of a second', async () => {
  const histogram = new Histogram(delayBuckets);
  const delay = new EventLoopDelay(systemClock, histogram);
  delay.start();
  block(80);
  await eventually(() => delay.longest() >= 0.07, { what: 'the first stall to be seen' });
  await eventually(() => histogram.sum >= 0.07, { what: 'it to be counted' });
  const other = new EventLoopDelay(systemClock, histogram);
  other.start();
  // Beyond its first moment, in which it watches otherwise.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = other.longest();
  block(before * 1000 + 80);
  await eventually(() => other.longest() >= before + 0.07, { what: 'the second stall to be seen' });
});

test('The longest delay of each second counts once, and is remembered for a minute', () => {
  const histogram = new Histogram(delayBuckets);
  let now = 0;
  let due: { at: number; act: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, act) => {
      due.push({ at: now + ms, act });
      return () => {};
    },
  };
  /** Everything that is due by then comes `lateMs` too late. */
  const pass = (ms: number, lateMs = 0): void => {
    now += ms;
    const ready = due.filter(({ at }) => at <= now);
    due = due.filter(({ at }) => at > now);
    now += lateMs;
    for (const { act } of ready) act();
  };
  const monitor = { max: 0, enable: () => true, reset: () => void (monitor.max = 0) };
  const delay = new EventLoopDelay(clock, histogram, monitor);
  delay.start();
  pass(5);
  monitor.max = 35e6;
  assert.equal(delay.longest(), 0.03);
  pass(995);
  assert.equal(histogram.sum, 0.03);
  // Between a reset and its next tick the monitor knows nothing.
  pass(5, 40);
  assert.equal(delay.longest(), 0.04);
  pass(955);
  assert.equal(histogram.sum.toFixed(3), '0.070');
  const quiet = (): void => {
    pass(5);
    pass(995);
  };
  for (let second = 0; second < 59; second++) quiet();
  assert.equal(delay.longest(), 0.04);
  quiet();
  assert.equal(delay.longest(), 0);
  assert.equal(
    histogram.counts.reduce((sum, count) => sum + count, 0),
    62,
  );
});
