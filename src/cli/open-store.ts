// The store that a configuration names, for a command: one that is there, never a new one.
import { resolve } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { UsageError } from '../base/usage-error.ts';
import { readStore } from '../config/read-config.ts';
import type { StoreLocation } from '../config/store-location.ts';
import { openExistingStore, openStore } from '../loading/open-store.ts';
import type { Store } from '../store/store.ts';
import type { CommandIo } from './command-io.ts';

/** Rejects with a UsageError where it names none. */
export async function findStoreOf(io: Pick<CommandIo, 'env' | 'readStore'>, config: string): Promise<StoreLocation> {
  const location = await readStore(
    { file: resolve(config) },
    { env: io.env, strict: true, clock: systemClock, readStore: io.readStore },
  );
  if (location === undefined) throw new UsageError(`${config} names no store (gateway.store.url)`);
  return location;
}

/** Rejects with a StoreProblem; with a UsageError where it names none. */
export async function openStoreOf(io: CommandIo, config: string, access: 'read' | 'write'): Promise<Store> {
  const location = await findStoreOf(io, config);
  const opening = { clock: systemClock, as: 'command' } as const;
  return access === 'read' ? openStore(location, { ...opening, access }) : openExistingStore(location, opening);
}
