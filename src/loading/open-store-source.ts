// The source of a configuration with a store: where its opening key and the last good revision stand, and what is made of both at the
// very first start.
import type { KeyObject } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { defaultGatewayName } from '../config/own-name.ts';
import { showPath } from '../base/secret-text.ts';
import type { StoreLocation } from '../config/store-location.ts';
import type { VerifiedSoFar } from '../postgres/verify-database.ts';
import { openingKeyPath, openOpener, writeOpeningKeys } from '../store/opening-key.ts';
import { makePrivateFolder } from '../store/private-file.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { LastGoodFile, lastGoodPath } from './last-good.ts';
import { openStore } from './open-store.ts';
import { readKeys, readOpener } from './read-opener.ts';
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
  // Over all connections: what was verified of a database is not read again after each of them.
  const soFar: VerifiedSoFar = { state: undefined };
  return new StoreSource({
    file,
    clock,
    gateway: gateway ?? defaultGatewayName(),
    open: async () => openStore(store, { access: 'read', busyMs, clock, as: 'primary', soFar }),
    opener: () => readOpener(store),
    ...(mayFallBack && { lastGood: new LastGoodFile(lastGoodPath(path, gateway)) }),
  });
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

/** Before the first start of a store there is nothing to look at. Rejects with a StoreProblem where a database cannot be asked. */
export async function holdsNothingYet(location: StoreLocation, clock: Clock): Promise<boolean> {
  if (!isFirstStart(location)) return false;
  if (location.postgres === undefined) return true;
  try {
    await (await openStore(location, { access: 'read', clock, as: 'command' })).close();
    return false;
  } catch (error) {
    if (error instanceof StoreProblem && error.code === 'not_found') return true;
    throw error;
  }
}

/**
 * At the first start ever the store and its opening key are made. Where any of what belongs to a store is there, it is not the
 * first: what is missing then is missing, and nothing is made in its place. Rejects with a StoreProblem.
 */
export async function makeStoreOnce(location: StoreLocation, clock: Clock): Promise<void> {
  const { path, sealKey } = location;
  const keyPath = openingKeyPath(path);
  if (wasServed(path) || (sealKey === undefined && existsSync(keyPath))) return;
  makePrivateFolder(dirname(path));
  await using store = await openStore(location, { access: 'write', clock, as: 'primary' });
  // One that stands elsewhere may be another than at the last start.
  if (sealKey === undefined && (await store.sealed.keys()).length > 0) {
    if (location.postgres === undefined) return;
    // Another gateway made it: without its key nothing of it could be opened here.
    throw new StoreProblem(
      'seal_key_missing',
      `the store is another gateway's already, and its opening key is not in ${showPath(keyPath)}`,
    );
  }
  let made: string | undefined;
  const keep = (keys: readonly KeyObject[]): void => {
    const to = sealKey !== undefined && 'path' in sealKey ? sealKey.path : keyPath;
    writeOpeningKeys(to, keys, true);
    made = to;
  };
  const act = { actor: 'system', reason: 'first start of the gateway' };
  await openOpener(store.sealed, readKeys(location), keep, act).catch((error: unknown) => {
    // One that was made for nothing opens nothing, and must not be taken for the key of the store.
    if (made !== undefined) rmSync(made, { force: true });
    throw error;
  });
}

/**
 * A store of an older schema is brought to the present one before it is read: who reads does not change it. Where that cannot be
 * done, the reading says why.
 */
export async function updateStore(location: StoreLocation, clock: Clock): Promise<void> {
  try {
    await (await openStore(location, { access: 'read', clock, as: 'primary' })).close();
  } catch (error) {
    if (!(error instanceof StoreProblem)) throw error;
    if (error.code !== 'older') return;
    const writing = openStore(location, { access: 'write', clock, as: 'primary' });
    await writing.then(
      (store) => store.close(),
      () => {},
    );
  }
}
