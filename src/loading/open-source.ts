// Which source a main file has: itself alone, or a store beside it. The file says so, and is asked before anything else.
import type { Clock } from '../base/clock.ts';
import { readStorePath } from '../config/read-config.ts';
import type { Environment } from '../yaml/environment.ts';
import type { ConfigSource } from './config-source.ts';
import { FileSource } from './file-source.ts';
import { isFirstStart, makeStoreOnce, storeSourceOf } from './open-store-source.ts';
import type { StoreSource } from './store-source.ts';

type Options = { readonly env: Environment; readonly clock: Clock };

export type SourceToRun = {
  readonly source: ConfigSource;
  /** The same, where the file names a store. */
  readonly store: StoreSource | undefined;
};

/** To run from: at the first start ever the store is made. Rejects with a StoreProblem. */
export async function openSourceToRun(file: string, options: Options): Promise<SourceToRun> {
  const { clock } = options;
  const path = await readStorePath({ file }, { ...options, strict: true });
  if (path === undefined) return { source: new FileSource(file), store: undefined };
  await makeStoreOnce(path, clock);
  const store = storeSourceOf({ file, store: path, clock, mayFallBack: true });
  return { source: store, store };
}

/** To look at: nothing is made, and nothing stands in for a store that cannot be had. */
export async function openSourceToLook(file: string, options: Options): Promise<ConfigSource> {
  const path = await readStorePath({ file }, { ...options, strict: true });
  if (path === undefined || isFirstStart(path)) return new FileSource(file);
  return storeSourceOf({ file, store: path, clock: options.clock, mayFallBack: false });
}
