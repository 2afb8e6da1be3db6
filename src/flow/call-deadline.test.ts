// Until when a backend may take, by a clock that is turned by hand: deadlines are swept every 100 ms.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../base/clock.ts';
import { Deadlines } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import { CallDeadline } from './call-deadline.ts';

class HandClock implements Clock {
  time = 0;
  due: (() => void) | undefined;
  now = () => this.time;
  monotonic = () => this.time;
  after = (_ms: number, act: () => void) => {
    this.due = act;
    return () => (this.due = undefined);
  };
  sweepAt(time: number): void {
    this.time = time;
    this.due?.();
  }
}

function open(endsIn: number, timeouts = { responseMs: 1000, idleMs: 500 }) {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock);
  let late = 0;
  const others = { slot: noSlot, deadline: Infinity, onLate: () => undefined };
  deadlines.add(others);
  // The last sweep was a while ago.
  clock.time = 90;
  const all = { connectMs: 0, handshakeMs: 0, tunnelMs: 0, ...timeouts };
  const call = new CallDeadline(deadlines, all, clock.time + endsIn, () => (late += 1));
  return { clock, call, late: () => late };
}

describe('the deadline of a call', () => {
  it('gives it all the time that its client gave, whenever the last sweep was', () => {
    const { clock, call, late } = open(50);
    clock.sweepAt(100);
    assert.deepEqual([late(), call.isOver], [0, false]);
    clock.sweepAt(200);
    assert.deepEqual([late(), call.isOver], [1, true]);
  });

  it('is the sooner of that and of the limit of the route, however often that begins anew', () => {
    const { clock, call, late } = open(1200);
    for (const time of [100, 900]) {
      call.expectResponse();
      clock.sweepAt(time);
    }
    assert.equal(late(), 0);
    call.expectBody();
    clock.sweepAt(1280);
    assert.equal(late(), 0);
    call.expectBody();
    clock.sweepAt(1290);
    assert.deepEqual([late(), call.isOver], [1, true]);
  });

  it('of the route is none of the call', () => {
    const { clock, call, late } = open(Infinity);
    call.expectResponse();
    clock.sweepAt(1001);
    assert.deepEqual([late(), call.isOver], [1, false]);
  });

  it('is none where nobody limits it, nor where it has ended', () => {
    const endless = open(Infinity, { responseMs: 0, idleMs: 0 });
    endless.call.expectResponse();
    endless.call.expectBody();
    endless.clock.sweepAt(1e9);
    const ended = open(10);
    ended.call.stop();
    ended.clock.sweepAt(1e9);
    const waiting = open(Infinity);
    waiting.call.expectBody();
    waiting.call.expectNothing();
    waiting.clock.sweepAt(1e9);
    assert.deepEqual([endless.late(), ended.late(), waiting.late()], [0, 0, 0]);
  });
});
