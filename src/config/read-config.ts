// Has a configuration read and parsed in a process of its own, with limits of time and memory. What comes back is plain data;
// everything else that reading took is gone with the process.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../base/clock.ts';
import { entryModule } from '../base/entry-module.ts';
import { readRegularFile } from '../base/read-regular-file.ts';
import type { ConfigAnswer, ConfigOrder } from './config-child.ts';
import type { Environment } from '../yaml/environment.ts';
import { type ConfigOrigin, filesOf, nameOf } from './config-origin.ts';
import type { LoadedText } from './load-config.ts';
import type { StoreLocation } from './store-location.ts';
import { mayNameStore } from './may-name-store.ts';
import type { Problem } from '../yaml/problem.ts';

/** For all files of a configuration. 50,000 routes take some 8 s of one core. */
const readMs = 60_000;
/** As yamlLimits.fileBytes, without loading the parser. */
const yamlFileBytes = 8 * 1024 * 1024;
/** MiB. Twice what 50,000 routes take. */
const maxHeapMb = 1_536;
const hint = 'Is this the right file? Larger sets of routes take less in several files: gateway.extraConfig.directory.';

export type ReadConfigOptions = {
  readonly env: Environment;
  readonly strict: boolean;
  readonly clock: Clock;
  /** Default 60 s. */
  readonly readMs?: number;
  /** Default 1,536 MiB. */
  readonly maxHeapMb?: number;
  /** Path of the process's module; default config-child beside this one. */
  readonly entry?: string;
  /** Who reads which store a file names; default a process of its own. */
  readonly readStore?: ReadStore | undefined;
};

/** Never rejects. */
export type ReadStore = (origin: ConfigOrigin, env: Environment) => Promise<StoreLocation | undefined>;

/** As loadConfig. Never rejects; a text that passes a limit, or ends the process, is a problem like any other. */
export async function readConfig(origin: ConfigOrigin, options: ReadConfigOptions): Promise<LoadedText> {
  let files: readonly string[] = filesOf(origin);
  const refused = (why: string): LoadedText => {
    return { config: undefined, draft: undefined, files, digests: [], problems: [unread(nameOf(origin), why, hint)] };
  };
  const order: ConfigOrder = { ...origin, env: { ...options.env }, strict: options.strict };
  const answer = await askChild(order, options, (known) => {
    files = known;
  });
  if (answer.kind === 'loaded') return answer.loaded;
  return refused(answer.kind === 'failed' ? answer.why : 'the process answered something else');
}

/**
 * The store that a main file names; undefined where it names none. Never rejects: what is wrong with the file comes
 * out when all of it is read.
 */
export async function readStore(origin: ConfigOrigin, options: ReadConfigOptions): Promise<StoreLocation | undefined> {
  const text = origin.text ?? (await readText(nameOf(origin)));
  // Most files name none, and a process is not needed to see that.
  if (!mayNameStore(text)) return undefined;
  if (options.readStore !== undefined) return options.readStore(origin, options.env);
  const answer = await askChild(
    { ...origin, env: { ...options.env }, strict: options.strict, storeOnly: true },
    options,
  );
  return answer.kind === 'store' ? answer.store : undefined;
}

async function readText(path: string): Promise<string> {
  return readRegularFile(path, yamlFileBytes).then(
    (bytes) => bytes.toString('utf8'),
    () => '',
  );
}

type LastAnswer = Exclude<ConfigAnswer, { readonly kind: 'files' }>;

async function askChild(
  order: ConfigOrder,
  options: ReadConfigOptions,
  onFiles: (files: readonly string[]) => void = () => {},
): Promise<LastAnswer> {
  const limits = { timeMs: options.readMs ?? readMs, heapMb: options.maxHeapMb ?? maxHeapMb };
  return new Promise((settle) => {
    const child = startChild(limits.heapMb, options.entry);
    const end = (result: LastAnswer): void => {
      cancel();
      settle(result);
      child.kill('SIGKILL');
    };
    const refuse = (why: string): void => end({ kind: 'failed', why });
    const cancel = options.clock.after(limits.timeMs, () => refuse(`it took longer than ${limits.timeMs / 1000} s`));
    child.on('message', (answer: ConfigAnswer) => {
      if (answer.kind === 'files') onFiles(answer.files);
      else end(answer);
    });
    child.on('error', (error) => refuse(`no process could be started for it (${String(error)})`));
    child.on('exit', (code, signal) => {
      // How V8 ends where its heap is full.
      const isFull = signal === 'SIGABRT' || signal === 'SIGTRAP' || code === 134;
      const how = isFull ? `it took more than ${limits.heapMb} MiB of memory` : `the process ended (${signal ?? code})`;
      refuse(how);
    });
    child.send(order, () => {});
  });
}

/** What is wrong where there is no text to have problems. `file`: what messages call the configuration. */
export function unread(file: string, why: string, remedy: string): Problem {
  const message = `the configuration could not be read: ${why}`;
  return { severity: 'error', code: 'config_unread', place: { file, line: 1, col: 1 }, message, hint: remedy };
}

function startChild(heapMb: number, entry: string | undefined): ChildProcess {
  return fork(entry ?? fileURLToPath(entryModule('config/config-child')), [], {
    serialization: 'advanced',
    // Room for what is young from the start: a process that lives so short need not sort out what may go.
    execArgv: [`--max-old-space-size=${heapMb}`, '--min-semi-space-size=16'],
    // What V8 prints when its heap is full is no line of a log.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}
