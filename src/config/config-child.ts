// The process that reads one configuration, so that a file made to be slow stalls nobody's event loop, and that what it took in
// memory goes back to the system with it (a thread's memory would stay with us: decision 0025). Forked by read-config.ts; does
// its work when it is told what to read, and its answer is its last act.
import { flushCompileCache } from 'node:module';
import { z } from 'zod';
import type { Environment } from '../yaml/environment.ts';
import type { ConfigOrigin } from './config-origin.ts';
import type { LoadedText } from './load-config.ts';
import type { StoreLocation } from './store-location.ts';

export type ConfigOrder = ConfigOrigin & {
  readonly env: Environment;
  readonly strict: boolean;
  /** Only the store that it names. */
  readonly storeOnly?: true;
};

export type ConfigAnswer =
  /** Before anything is parsed that could end the process. */
  | { readonly kind: 'files'; readonly files: readonly string[] }
  | { readonly kind: 'loaded'; readonly loaded: LoadedText }
  | { readonly kind: 'store'; readonly store: StoreLocation | undefined }
  | { readonly kind: 'failed'; readonly why: string };

function say(answer: ConfigAnswer, then?: () => void): void {
  process.send?.(answer, () => then?.());
}

async function answer({ env, strict, storeOnly, ...origin }: ConfigOrder): Promise<ConfigAnswer> {
  try {
    if (storeOnly === true) return { kind: 'store', store: await loadStore(origin, env) };
    const onFiles = (files: readonly string[]): void => say({ kind: 'files', files });
    const loaded = await loadConfig(origin, { env, strict, onFiles });
    // Whoever gets the answer ends us at once: what the next reader need not compile, all that a reading takes, is kept before.
    flushCompileCache();
    return { kind: 'loaded', loaded };
  } catch (error) {
    return { kind: 'failed', why: String(error) };
  }
}

// Shapes that are used once are not worth compiling, which zod would do. It has to be told before they are declared.
z.config({ jitless: true });
const { loadConfig, loadStore } = await import('./load-config.ts');

process.once('message', (order) => {
  void answer(order as ConfigOrder).then((said) => say(said, () => process.disconnect?.()));
});
process.once('disconnect', () => process.exit());
