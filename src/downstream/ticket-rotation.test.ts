import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../base/clock.ts';
import { TicketRotation } from './ticket-rotation.ts';

/** A wall clock that can be set, over timers that run by what really passes. */
class SetClock implements Clock {
  #wall: number;
  #passed = 0;
  #timers: { at: number; act: () => void }[] = [];

  constructor(wall: number) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#passed;
  }

  after(delayMs: number, act: () => void): () => void {
    const timer = { at: this.#passed + delayMs, act };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  set(wall: number): void {
    this.#wall = wall;
  }

  pass(ms: number): void {
    const end = this.#passed + ms;
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#wall += next.at - this.#passed;
      this.#passed = next.at;
      next.act();
    }
    this.#wall += end - this.#passed;
    this.#passed = end;
  }

  get waiting(): number {
    return this.#timers.length;
  }
}

const hourMs = 3_600_000;

function follow(clock: SetClock): { epochs: number[]; rotation: TicketRotation } {
  const epochs: number[] = [];
  const rotation = new TicketRotation(clock);
  rotation.follow({ rotate: (epoch) => epochs.push(epoch) }, hourMs);
  return { epochs, rotation };
}

test('keys are those of the present epoch at once, and change at each boundary of the clock', () => {
  const clock = new SetClock(10 * hourMs + 59 * 60_000);
  const { epochs } = follow(clock);
  assert.deepEqual(epochs, [10]);
  clock.pass(60_000 - 1);
  assert.deepEqual(epochs, [10]);
  clock.pass(1);
  assert.deepEqual(epochs, [10, 11]);
  clock.pass(5 * hourMs);
  assert.deepEqual(epochs, [10, 11, 12, 13, 14, 15, 16]);
});

test('a clock that is set, forward or back, is followed within twenty seconds', () => {
  const clock = new SetClock(10 * hourMs);
  const { epochs } = follow(clock);
  clock.set(20 * hourMs + 1);
  clock.pass(20_000);
  assert.deepEqual(epochs, [10, 20]);
  clock.set(15 * hourMs + 1);
  clock.pass(20_000);
  assert.deepEqual(epochs, [10, 20, 15]);
});

test('a timer that fires before the boundary waits for the rest', () => {
  const clock = new SetClock(11 * hourMs - 10);
  const { epochs } = follow(clock);
  clock.set(11 * hourMs - 15);
  clock.pass(10);
  assert.deepEqual(epochs, [10]);
  clock.pass(5);
  assert.deepEqual(epochs, [10, 11]);
});

test('who is followed next takes the place of the one before', () => {
  const clock = new SetClock(10 * hourMs);
  const { epochs, rotation } = follow(clock);
  const next: number[] = [];
  rotation.follow({ rotate: (epoch) => next.push(epoch) }, 2 * hourMs);
  assert.equal(clock.waiting, 1);
  clock.pass(2 * hourMs);
  assert.deepEqual([epochs, next], [[10], [5, 6]]);
  rotation.close();
  assert.equal(clock.waiting, 0);
});
