import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ExpiryWatch } from './expiry-watch.ts';
import type { Expiry } from '../certs/expiry.ts';

const dayMs = 86_400_000;
const start = 1_000 * dayMs;

function open(list: () => readonly Expiry[]) {
  const lines: Record<string, unknown>[] = [];
  const say = (about: object, msg: string): void => void lines.push({ ...about, msg });
  let now = start;
  let turn: () => void = () => {};
  const clock = {
    ...systemClock,
    now: () => now,
    after: (_ms: number, act: () => void) => {
      turn = act;
      return () => {};
    },
  };
  const watch = new ExpiryWatch(clock, { warn: say, error: say } as unknown as Logger, list);
  watch.start();
  const passTo = (ms: number): void => {
    now = ms;
    turn();
  };
  return { watch, lines, passTo };
}

const certificate = (days: number, subject = 'CN=a'): Expiry => {
  return { role: 'server', subject, notBefore: start, notAfter: start + days * dayMs };
};

test('a certificate is told of when a third of its life is left, whenever half of that is over, and when it has expired', () => {
  const { lines, passTo } = open(() => [certificate(90)]);
  passTo(start + 60 * dayMs - 1);
  assert.deepEqual(lines, []);
  for (let hour = 60 * 24; hour < 120 * 24; hour += 1) passTo(start + (hour * dayMs) / 24);
  assert.deepEqual(
    lines.map(({ expires, expired }) => expires ?? expired).join(),
    'in 30 days,in 15 days,in 7 days,in 3 days,in 45 hours,in 21 hours,' +
      '60 minutes ago,25 hours ago,2 days ago,4 days ago,8 days ago,16 days ago',
  );
  assert.deepEqual(
    [lines[0]?.['msg'], lines[0]?.['subject'], lines.at(-1)?.['msg']],
    ['a certificate expires soon', 'CN=a', 'a certificate has expired'],
  );
});

test('a CA of ten years is told of a few times, in its last half year', () => {
  const ca = { ...certificate(3650), role: 'anchor', isCa: true } as const;
  const { lines, passTo } = open(() => [ca]);
  for (let day = 0; day < 3650; day += 1) passTo(start + day * dayMs);
  assert.deepEqual(
    lines.map(({ expires }) => expires),
    [180, 90, 45, 22, 11, 5, 2].map((days) => `in ${days} days`).concat('in 24 hours'),
  );
});

test('a clock that was set back does not keep it quiet', () => {
  const { lines, passTo } = open(() => [certificate(90)]);
  passTo(start + 80 * dayMs);
  passTo(start + 70 * dayMs);
  assert.deepEqual(
    lines.map(({ expires }) => expires),
    ['in 10 days', 'in 20 days'],
  );
});

test('what expires on the day on which it was told of is told of again', () => {
  const { lines, passTo } = open(() => [certificate(1 / 8)]);
  passTo(start + dayMs / 8 - 60_000);
  passTo(start + dayMs / 8 + 1);
  passTo(start + dayMs / 8 + 60_000);
  assert.deepEqual(
    lines.map(({ msg, expires }) => [msg, expires]),
    [
      ['a certificate expires soon', 'in 1 minute'],
      ['a certificate has expired', undefined],
    ],
  );
});

test('certificates that live for hours and are renewed in time are never told of', () => {
  let current = certificate(1 / 8);
  const { lines, passTo } = open(() => [current]);
  for (let minute = 0; minute < 24 * 60; minute += 1) {
    const now = start + minute * 60_000;
    // Three hours long, renewed after an hour and a half.
    if (minute % 90 === 0) current = { ...current, notBefore: now, notAfter: now + dayMs / 8 };
    passTo(now);
  }
  assert.deepEqual(lines, []);
});

test('what the problems of a configuration have said is not said again before half of the time is over', () => {
  const list = [{ ...certificate(10), notBefore: start - 90 * dayMs }];
  const { watch, lines, passTo } = open(() => list);
  watch.markTold(list);
  passTo(start + 5 * dayMs - 1);
  assert.deepEqual(lines, []);
  passTo(start + 5 * dayMs);
  assert.equal(lines.length, 1);
});

test('what is not in use any more is forgotten, and what a subject says cannot forge a line', () => {
  let list = [{ ...certificate(90, 'CN=a\nb'), notBefore: start - 900 * dayMs }];
  const { watch, lines } = open(() => list);
  watch.look();
  assert.doesNotMatch(String(lines[0]?.['subject']), /\n/);
  list = [];
  watch.look();
  list = [{ ...certificate(90, 'CN=a\nb'), notBefore: start - 900 * dayMs }];
  watch.look();
  assert.equal(lines.length, 2);
});
