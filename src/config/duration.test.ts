import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from './duration.ts';

const durations: readonly [text: string, ms: number | undefined][] = [
  ['0', 0],
  ['0s', 0],
  ['250ms', 250],
  ['30s', 30_000],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['.5s', 500],
  ['+1s', 1000],
  ['1ns', 1],
  ['1500us', 2],
  ['2µs', 1],
  ['1176h', 4_233_600_000],
  ['1177h', undefined],
  ['30', undefined],
  ['-1s', undefined],
  ['1 s', undefined],
  ['1S', undefined],
  ['1d', undefined],
  ['s', undefined],
  ['', undefined],
  ['1s\n', undefined],
  ['9'.repeat(80), undefined],
];

for (const [text, ms] of durations)
  test(`The duration ${JSON.stringify(text.slice(0, 20))} is ${ms ?? 'refused'}`, () =>
    assert.equal(parseDuration(text), ms));
