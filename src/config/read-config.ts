// Has a configuration read and parsed in a thread of its own, with limits of time and memory. What comes back is plain data;
// everything else that reading took is gone with the thread.
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../base/clock.ts';
import type { ConfigAnswer, ConfigOrder } from './config-thread.ts';
import type { Environment } from './environment.ts';
import type { LoadedText } from './load-config.ts';

/** For all files of a configuration. 50,000 routes take some 8 s of one core. */
const readMs = 60_000;
/** Twice what 50,000 routes take. */
const maxHeapMb = 1_536;
/** Of the generation in which values begin: a small one, since what is parsed lives until the end anyway. */
const youngHeapMb = 64;

export type ReadConfigOptions = {
  readonly env: Environment;
  readonly strict: boolean;
  readonly clock: Clock;
  /** Default 60 s. */
  readonly readMs?: number;
  /** Default 1,536 MiB. */
  readonly maxHeapMb?: number;
  /** Of the thread's module; default config-thread beside this one. */
  readonly entry?: URL;
};

/** As loadConfig. Never rejects; a file that passes a limit, or ends the thread, is a problem like any other. */
export async function readConfig(file: string, options: ReadConfigOptions): Promise<LoadedText> {
  const path = resolve(file);
  let files: readonly string[] = [path];
  const refused = (message: string): LoadedText => ({
    config: undefined,
    files,
    problems: [{ severity: 'error', code: 'config_too_costly', place: { file: path, line: 1, col: 1 }, message, hint }],
  });
  const limits = { timeMs: options.readMs ?? readMs, heapMb: options.maxHeapMb ?? maxHeapMb };
  return new Promise((settle) => {
    const thread = startThread({ file: path, env: { ...options.env }, strict: options.strict }, limits.heapMb, options);
    const end = (result: LoadedText): void => {
      cancel();
      settle(result);
      void thread.terminate().catch(() => {});
    };
    const cancel = options.clock.after(limits.timeMs, () =>
      end(refused(`reading the configuration took longer than ${limits.timeMs / 1000} s`)),
    );
    thread.on('message', (answer: ConfigAnswer) => {
      if (answer.kind === 'files') files = answer.files;
      else end(answer.loaded);
    });
    thread.on('error', (error: NodeJS.ErrnoException) => {
      const outOfMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      const why = outOfMemory ? `took more than ${limits.heapMb} MiB of memory` : `failed (${String(error)})`;
      end(refused(`reading the configuration ${why}`));
    });
    thread.on('exit', () => end(refused('the thread that read the configuration ended')));
  });
}

const hint = 'Is this the right file? Larger sets of routes take less in several files: gateway.extraConfig.directory.';

function startThread(order: ConfigOrder, heapMb: number, { entry }: ReadConfigOptions): Worker {
  const file = import.meta.url.endsWith('.ts') ? './config-thread.ts' : './config-thread.js';
  return new Worker(entry ?? new URL(file, import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: youngHeapMb },
  });
}
