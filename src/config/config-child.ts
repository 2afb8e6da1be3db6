// The process that reads one configuration, so that a file made to be slow stalls nobody's event loop, and that what it took in
// memory goes back to the system with it (a thread's memory would stay with us: decision 0025). Forked by read-config.ts; does
// its work when it is told what to read, and its answer is its last act.
import { flushCompileCache } from 'node:module';
import type { Environment } from '../yaml/environment.ts';
import type { ConfigOrigin } from './config-origin.ts';
import { type LoadedText, loadConfig } from './load-config.ts';

export type ConfigOrder = ConfigOrigin & { readonly env: Environment; readonly strict: boolean };

export type ConfigAnswer =
  /** Before anything is parsed that could end the process. */
  | { readonly kind: 'files'; readonly files: readonly string[] }
  | { readonly kind: 'loaded'; readonly loaded: LoadedText }
  | { readonly kind: 'failed'; readonly why: string };

function say(answer: ConfigAnswer, then?: () => void): void {
  process.send?.(answer, () => then?.());
}

async function answer({ env, strict, ...origin }: ConfigOrder): Promise<ConfigAnswer> {
  try {
    const onFiles = (files: readonly string[]): void => say({ kind: 'files', files });
    return { kind: 'loaded', loaded: await loadConfig(origin, { env, strict, onFiles }) };
  } catch (error) {
    return { kind: 'failed', why: String(error) };
  }
}

process.once('message', (order) => {
  // Whoever gets the answer ends us at once: what the next reader need not compile is kept before.
  flushCompileCache();
  void answer(order as ConfigOrder).then((said) => say(said, () => process.disconnect?.()));
});
process.once('disconnect', () => process.exit());
