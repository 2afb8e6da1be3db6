import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expiryTag, firstToEnd, type Lifetime, shareLeft, urgency } from './expiry.ts';

const day = 86_400_000;
const now = Date.parse('2026-06-01T00:00:00Z');
const lifetime = (begins: number, ends: number, state: Lifetime['state'] = 'valid'): Lifetime => ({
  notBefore: new Date(now + begins * day).toISOString(),
  notAfter: new Date(now + ends * day).toISOString(),
  state,
});

describe('the end of a certificate', () => {
  it('is nearer where less of the lifetime is left, not where fewer days are', () => {
    const short = lifetime(-5, 25);
    const long = lifetime(-3600, 50);
    assert.ok(urgency(long, now) < urgency(short, now));
    assert.equal(firstToEnd([short, long], now), long);
  });

  it('is worst where it is over, or where the beginning is not there yet', () => {
    const over = lifetime(-10, -1, 'expired');
    const early = lifetime(1, 10, 'notYetValid');
    const near = lifetime(-100, 1, 'expiresSoon');
    assert.deepEqual(
      [near, early, over].toSorted((a, b) => urgency(a, now) - urgency(b, now)),
      [over, early, near],
    );
    assert.equal(firstToEnd([], now), undefined);
  });

  it('is a share between one and none, whatever the dates are', () => {
    assert.equal(shareLeft(lifetime(-10, 10), now), 0.5);
    assert.equal(shareLeft(lifetime(-10, -5), now), 0);
    assert.equal(shareLeft(lifetime(5, 10), now), 1);
    assert.equal(shareLeft(lifetime(5, 5), now), 0);
  });

  it('is told with sign and words', () => {
    assert.deepEqual(expiryTag(lifetime(-10, 41), now), { tone: 'ok', text: '41 days left' });
    assert.deepEqual(expiryTag(lifetime(-100, 5, 'expiresSoon'), now), { tone: 'due', text: '5 days left' });
    assert.equal(expiryTag(lifetime(-100, -5, 'expired'), now).tone, 'bad');
  });
});
