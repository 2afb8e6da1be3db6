// The thread that reads one configuration, so that a file made to be slow stalls nobody's event loop and what it took in memory
// goes with the thread. Started by read-config.ts; does its work when it is imported, and its answer is its last act.
import { parentPort, workerData } from 'node:worker_threads';
import type { Environment } from './environment.ts';
import { type LoadedText, loadConfig } from './load-config.ts';

export type ConfigOrder = { readonly file: string; readonly env: Environment; readonly strict: boolean };

export type ConfigAnswer =
  /** Before anything is parsed that could end the thread. */
  | { readonly kind: 'files'; readonly files: readonly string[] }
  | { readonly kind: 'loaded'; readonly loaded: LoadedText };

function say(answer: ConfigAnswer): void {
  parentPort?.postMessage(answer);
}

const { file, env, strict } = workerData as ConfigOrder;
say({
  kind: 'loaded',
  loaded: await loadConfig(file, { env, strict, onFiles: (files) => say({ kind: 'files', files }) }),
});
