import { deepEqual, equal, ok } from 'node:assert/strict';
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { countRead, takeCollector } from './read-garbage.ts';

const young = constants.NODE_PERFORMANCE_GC_MINOR;
const whole = constants.NODE_PERFORMANCE_GC_MAJOR;
const mib = 1_048_576;

/** Kinds of the collections that somebody asked for, in their order. */
class Collections {
  readonly kinds: number[] = [];
  readonly #observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => this.#add(entry)));

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  #add(entry: PerformanceEntry & { readonly detail?: unknown }): void {
    const { kind, flags } = entry.detail as { kind: number; flags: number };
    if ((flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0) this.kinds.push(kind);
  }

  [Symbol.dispose](): void {
    this.#observer.disconnect();
  }
}

/** Node tells of a collection in a later turn of the event loop, for which it wakes nobody. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('young objects are collected once for 8 MiB that were read, and not before', async () => {
  using collections = new Collections();
  const { kinds } = collections;
  // As a process has it that was started with `--expose-gc`.
  setFlagsFromString('--expose-gc');
  Object.assign(globalThis, { gc: runInNewContext('gc') });
  takeCollector();
  equal(globalThis.gc, undefined);
  // Whatever other tests of this process read, or collect: from here on the count is ours.
  countRead(8 * mib);
  while (kinds.length === 0) await turn();
  await turn();
  kinds.length = 0;
  countRead(8 * mib - 1);
  for (let turns = 0; turns < 5; turns += 1) await turn();
  deepEqual(kinds, []);
  countRead(1);
  // Of the same turn, whatever it brings.
  countRead(20 * mib);
  while (kinds.length === 0) await turn();
  await turn();
  equal(kinds.length, 1);
  // V8 makes it one of everything where that is due anyway.
  ok(kinds[0] === young || kinds[0] === whole);
});
