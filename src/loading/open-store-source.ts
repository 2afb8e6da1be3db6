// The source of a configuration whose store is a file: where its opening key and the last good revision stand, and what is made
// of both at the very first start.
import type { KeyObject } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { defaultGatewayName } from '../config/own-name.ts';
import type { StoreLocation } from '../config/store-url.ts';
import { openSqliteStore } from '../sqlite/sqlite-store.ts';
import {
  openingKeyPath,
  openOpener,
  parseOpeningKeys,
  readOpeningKeys,
  writeOpeningKeys,
} from '../store/opening-key.ts';
import { Opener } from '../store/seal.ts';
import { LastGoodFile, lastGoodPath } from './last-good.ts';
import { StoreSource } from './store-source.ts';

/** The event loop waits as well, and what is locked can be read a moment later. */
const busyMs = 250;

export type StoreFiles = {
  /** The main file of the configuration. */
  readonly file: string;
  readonly store: StoreLocation;
  readonly clock: Clock;
  /** False for who only looks: the store, or an error. */
  readonly mayFallBack: boolean;
};

export function storeSourceOf({ file, store, clock, mayFallBack }: StoreFiles): StoreSource {
  const { path, gateway } = store;
  return new StoreSource({
    file,
    clock,
    gateway: gateway ?? defaultGatewayName(),
    open: async () => openSqliteStore({ path, access: 'read', busyMs, clock }),
    opener: () => readOpener(store),
    ...(mayFallBack && { lastGood: new LastGoodFile(lastGoodPath(path, gateway)) }),
  });
}

/** Undefined where there is none. Throws a StoreProblem. */
export function readOpener(store: StoreLocation): Opener | undefined {
  const keys = readKeys(store);
  return keys && new Opener(keys);
}

function readKeys({ path, sealKey }: StoreLocation): readonly KeyObject[] | undefined {
  if (sealKey !== undefined && 'pem' in sealKey) return parseOpeningKeys(sealKey.pem);
  return readOpeningKeys(sealKey?.path ?? openingKeyPath(path));
}

/** Nothing of a store is there, or ever was. A key that stands elsewhere may be there before it. */
export function isFirstStart({ path, sealKey }: StoreLocation): boolean {
  const own = [path, ...(sealKey === undefined ? [openingKeyPath(path)] : [])];
  return !own.some((file) => existsSync(file)) && !wasServed(path);
}

/** Some gateway, under whatever name, has served a revision of it. */
function wasServed(path: string): boolean {
  if (!existsSync(dirname(path))) return false;
  const own = basename(path);
  return readdirSync(dirname(path)).some((name) => name.startsWith(`${own}.`) && name.endsWith('.last-good'));
}

/**
 * At the first start ever the store and its opening key are made. Where any of what belongs to a store is there, it is not the
 * first: what is missing then is missing, and nothing is made in its place. Rejects with a StoreProblem.
 */
export async function makeStoreOnce(location: StoreLocation, clock: Clock): Promise<void> {
  const { path, sealKey } = location;
  const keyPath = openingKeyPath(path);
  if (wasServed(path) || (sealKey === undefined && existsSync(keyPath))) return;
  await using store = await openSqliteStore({ path, access: 'write', clock });
  // One that stands elsewhere may be another than at the last start.
  if (sealKey === undefined && (await store.sealed.keys()).length > 0) return;
  const keep = (keys: readonly KeyObject[]): void =>
    writeOpeningKeys(sealKey !== undefined && 'path' in sealKey ? sealKey.path : keyPath, keys, true);
  const act = { actor: 'system', reason: 'first start of the gateway' };
  await openOpener(store.sealed, readKeys(location), keep, act);
}
