// Which source a main file has: itself alone, or a store beside it. The file says so, and is asked before anything else.
import type { Clock } from '../base/clock.ts';
import { type ReadStore, readStore } from '../config/read-config.ts';
import type { StoreLocation } from '../config/store-location.ts';
import type { Environment } from '../yaml/environment.ts';
import type { ConfigSource } from './config-source.ts';
import { FileSource } from './file-source.ts';
import type { StoreSource } from './store-source.ts';

type Options = { readonly env: Environment; readonly clock: Clock; readonly readStore?: ReadStore | undefined };

export type SourceToRun = {
  readonly source: ConfigSource;
  /** The same, where the file names a store. */
  readonly store: StoreSource | undefined;
  readonly location: StoreLocation | undefined;
};

/** To run from: at the first start ever the store is made. Rejects with a StoreProblem. */
export async function openSourceToRun(file: string, options: Options): Promise<SourceToRun> {
  const { clock } = options;
  const location = await readStore({ file }, { ...options, strict: true });
  if (location === undefined) return { source: new FileSource(file), store: undefined, location };
  // Who has no store does not load what reads one.
  const { makeStoreOnce, storeSourceOf, updateStore } = await import('./open-store-source.ts');
  await makeStoreOnce(location, clock);
  await updateStore(location, clock);
  const store = storeSourceOf({ file, store: location, clock, mayFallBack: true });
  return { source: store, store, location };
}

/** To look at: nothing is made, and nothing stands in for a store that cannot be had. */
export async function openSourceToLook(file: string, options: Options): Promise<ConfigSource> {
  const location = await readStore({ file }, { ...options, strict: true });
  if (location === undefined) return new FileSource(file);
  const { holdsNothingYet, storeSourceOf } = await import('./open-store-source.ts');
  if (await holdsNothingYet(location, options.clock)) return new FileSource(file);
  return storeSourceOf({ file, store: location, clock: options.clock, mayFallBack: false });
}
