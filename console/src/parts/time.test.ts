import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { duration, plural, relative, utc } from './time.ts';

const now = Date.parse('2026-11-27T12:00:00Z');
const at = (text: string): number => Date.parse(text);

describe('a moment', () => {
  it('is said in UTC, with its year where that is another, with seconds where it is near', () => {
    assert.equal(utc(at('2026-12-01T14:00:10Z'), now), 'Tue 1 Dec, 14:00 UTC');
    assert.equal(utc(at('2034-01-02T03:04:05Z'), now), 'Mon 2 Jan 2034, 03:04 UTC');
    assert.equal(utc(at('2026-11-27T11:59:40Z'), now), 'Fri 27 Nov, 11:59:40 UTC');
  });

  it('is said by its distance, which is never more than it is', () => {
    assert.equal(relative(at('2026-11-27T11:59:40Z'), now), '20 s ago');
    assert.equal(relative(at('2026-12-02T11:00:00Z'), now), 'in 4 days');
    assert.equal(relative(at('2026-11-28T13:00:00Z'), now), 'in 25 hours');
    assert.equal(relative(now, now), 'now');
  });

  it('has durations and counts in whole units', () => {
    assert.equal(duration(3.4), '3 ms');
    assert.equal(duration(61_000), '1 min');
    assert.equal(duration(800 * 24 * 3_600_000), '2 years');
    assert.equal(plural(1, 'certificate'), '1 certificate');
    assert.equal(plural(0, 'certificate'), '0 certificates');
  });
});
