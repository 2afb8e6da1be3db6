// What is kept of a body for another attempt, and when it is gone.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackendCall } from '../http/exchange.ts';
import { BodyBudget } from './body-buffer.ts';
import { KeptBody } from './kept-body.ts';

const http2 = { mayBeRefused: true } as BackendCall;
const http1 = { mayBeRefused: false } as BackendCall;
const bytes = (text: string): Buffer => Buffer.from(text);

describe('a body that is sent', () => {
  it('can be sent again by every call that may be refused', () => {
    const budget = new BodyBudget(1000, 10);
    const kept = new KeptBody(budget);
    kept.add(bytes('ab'));
    assert.equal(kept.begin(http2)?.toString(), 'ab');
    kept.addSent(http2, bytes('cd'));
    assert.equal(kept.begin(http2)?.toString(), 'abcd');
    assert.equal(kept.isGone, false);
    kept.drop();
    assert.equal(budget.used, 0);
  });

  it('is gone where it becomes too much, for itself or for all', () => {
    for (const budget of [new BodyBudget(1000, 4), new BodyBudget(4, 1000)]) {
      const kept = new KeptBody(budget);
      kept.addSent(http2, bytes('abc'));
      assert.equal(kept.isGone, false);
      kept.addSent(http2, bytes('d'));
      assert.equal(kept.isGone, true);
      assert.equal(budget.used, 0);
      kept.addSent(http2, bytes('e'));
      assert.deepEqual([kept.length, kept.begin(http2)], [0, undefined], 'no part of it passes for the whole');
    }
  });

  it('is gone with a call that cannot be refused', () => {
    const before = new KeptBody(new BodyBudget(1000, 10));
    before.add(bytes('ab'));
    assert.equal(before.begin(http1)?.toString(), 'ab');
    assert.deepEqual([before.isGone, before.length], [true, 0]);
    const empty = new KeptBody(new BodyBudget(1000, 10));
    assert.equal(empty.begin(http1), undefined);
    assert.equal(empty.isGone, false, 'nothing was sent yet');
    empty.addSent(http1, bytes('a'));
    assert.equal(empty.isGone, true);
  });
});
