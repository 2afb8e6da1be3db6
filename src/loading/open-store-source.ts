// The source of a configuration whose store is a file: where its opening key and the last good revision stand, and what is made
// of both at the very first start.
import { existsSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import { openingKeyPath, openOpener, readOpeningKeys, writeOpeningKeys } from '../store/opening-key.ts';
import { Opener } from '../store/seal.ts';
import { LastGoodFile, lastGoodPath } from './last-good.ts';
import { StoreSource } from './store-source.ts';

/** The event loop waits as well, and what is locked can be read a moment later. */
const busyMs = 250;

export type StoreFiles = {
  /** The main file of the configuration. */
  readonly file: string;
  readonly store: string;
  readonly clock: Clock;
  /** False for who only looks: the store, or an error. */
  readonly mayFallBack: boolean;
};

export function storeSourceOf({ file, store: path, clock, mayFallBack }: StoreFiles): StoreSource {
  return new StoreSource({
    file,
    clock,
    open: async () => openSqliteStore({ path, access: 'read', busyMs, clock }),
    opener: () => readOpener(path),
    ...(mayFallBack && { lastGood: new LastGoodFile(lastGoodPath(path)) }),
  });
}

/** Undefined where there is none. Throws a StoreProblem. */
export function readOpener(storePath: string): Opener | undefined {
  const keys = readOpeningKeys(openingKeyPath(storePath));
  return keys && new Opener(keys);
}

/** Nothing of a store is there, or ever was. */
export function isFirstStart(path: string): boolean {
  return ![path, openingKeyPath(path), lastGoodPath(path)].some((file) => existsSync(file));
}

/**
 * At the first start ever the store and its opening key are made. Where any of what belongs to a store is there, it is not the
 * first: what is missing then is missing, and nothing is made in its place. Rejects with a StoreProblem.
 */
export async function makeStoreOnce(path: string, clock: Clock): Promise<void> {
  const keyPath = openingKeyPath(path);
  if ([keyPath, lastGoodPath(path)].some((file) => existsSync(file))) return;
  await using store = await openSqliteStore({ path, access: 'write', clock });
  if ((await store.sealed.keys()).length > 0) return;
  const keep = (keys: Parameters<typeof writeOpeningKeys>[1]): void => writeOpeningKeys(keyPath, keys, true);
  await openOpener(store.sealed, undefined, keep, { actor: 'system', reason: 'first start of the gateway' });
}
