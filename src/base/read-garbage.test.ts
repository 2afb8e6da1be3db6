import { deepEqual, equal } from 'node:assert/strict';
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { test } from 'node:test';
import { countRead } from './read-garbage.ts';

const young = constants.NODE_PERFORMANCE_GC_MINOR;
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
  countRead(8 * mib - 1);
  await turn();
  countRead(1);
  // Of the same turn, whatever it brings.
  countRead(20 * mib);
  while (collections.kinds.length === 0) await turn();
  await turn();
  deepEqual(collections.kinds, [young]);
  equal('gc' in globalThis, false);
});
