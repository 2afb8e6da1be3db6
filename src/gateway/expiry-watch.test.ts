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

test('a certificate is told of when a third of its life is left, once a day, and when it has expired', () => {
  const { lines, passTo } = open(() => [certificate(90)]);
  passTo(start + 60 * dayMs - 1);
  assert.deepEqual(lines, []);
  passTo(start + 60 * dayMs);
  for (let hour = 1; hour < 24; hour += 1) passTo(start + 60 * dayMs + (hour * dayMs) / 24);
  assert.equal(lines.length, 1);
  assert.deepEqual(
    [lines[0]?.['msg'], lines[0]?.['subject'], lines[0]?.['expires']],
    ['a certificate expires soon', 'CN=a', 'in 30 days'],
  );
  passTo(start + 61 * dayMs);
  assert.equal(lines[1]?.['expires'], 'in 29 days');
  passTo(start + 92 * dayMs);
  assert.deepEqual([lines[2]?.['msg'], lines[2]?.['expired']], ['a certificate has expired', '2 days ago']);
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

test('what the problems of a configuration have said is not said again for a day', () => {
  const list = [{ ...certificate(30), notBefore: start - 90 * dayMs }];
  const { watch, lines, passTo } = open(() => list);
  watch.markTold(list);
  passTo(start + dayMs - 1);
  assert.deepEqual(lines, []);
  passTo(start + dayMs);
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
