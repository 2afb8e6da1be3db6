// The opening key of a store, from wherever its location says that it is. Apart from open-store-source.ts, so that commands that only
// look after a store load nothing that reads a configuration.
import type { KeyObject } from 'node:crypto';
import type { StoreLocation } from '../config/store-location.ts';
import { openingKeyPath, parseOpeningKeys, readOpeningKeys } from '../store/opening-key.ts';
import { Opener } from '../store/seal.ts';

/** Undefined where there is none. Throws a StoreProblem. */
export function readOpener(store: StoreLocation): Opener | undefined {
  const keys = readKeys(store);
  return keys && new Opener(keys);
}

/** As readOpener. */
export function readKeys({ path, sealKey }: StoreLocation): readonly KeyObject[] | undefined {
  if (sealKey !== undefined && 'pem' in sealKey) return parseOpeningKeys(sealKey.pem);
  return readOpeningKeys(sealKey?.path ?? openingKeyPath(path));
}
