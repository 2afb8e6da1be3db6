// The command line to its end, as a user types it.
import { fileURLToPath } from 'node:url';
import { type Finished, runToEnd } from './owned-process.ts';

const main = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));

/** Runs `countersign ARGS`; `cwd` is where relative paths mean files. */
export function runCli(args: readonly string[], options: { readonly cwd?: string } = {}): Promise<Finished> {
  return runToEnd(process.execPath, [main, ...args], options);
}
