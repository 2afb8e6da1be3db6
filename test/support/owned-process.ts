// A child process that belongs to a test: its output as a feed of lines, ended by signal and by process id only, and
// never left behind when the test process ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { Feed, SAFETY_NET_MS } from './wait-for.ts';

/** More than a wait: what ran out of patience says so itself. */
const END_AFTER_MS = SAFETY_NET_MS + 30_000;
const KEPT_OUTPUT = 1 << 20;

export type Line = { readonly stream: 'stdout' | 'stderr'; readonly text: string };
export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type OwnedProcess = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly lines: Feed<Line>;
  /** Resolves when the process has ended and its output is read. */
  readonly exited: Promise<Exit>;
  /** Undefined while it runs. */
  exit(): Exit | undefined;
  /** Sends `signal` (SIGTERM) and waits; SIGKILL where it does not end. Returns how it ended. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type OwnedOptions = {
  readonly cwd?: string;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly name?: string;
  /** Of a system that is not ours to run as: where we are root, and the program refuses that. */
  readonly user?: { readonly uid: number; readonly gid: number };
};

/** Starts `command` with `args`; throws when it cannot be started at all. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: OwnedOptions = {},
): Promise<OwnedProcess> {
  const child = spawn(command, [...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options.user,
  });
  const lines = new Feed<Line>(options.name ?? command);
  splitLines(child.stdout, (text) => lines.push({ stream: 'stdout', text }));
  splitLines(child.stderr, (text) => lines.push({ stream: 'stderr', text }));
  const forget = leaveNothingBehind(child);
  let ended: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      ended = { code, signal };
      forget();
      lines.end(`the process ended (${signal ?? `exit ${code}`})`);
      resolve(ended);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Error(`${command} cannot be started`, { cause: error })));
  });
  child.on('error', () => {});
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> => {
    if (ended === undefined) child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), SAFETY_NET_MS);
    const exit = await exited;
    clearTimeout(timer);
    return exit;
  };
  return {
    child,
    pid: child.pid ?? 0,
    lines,
    exited,
    exit: () => ended,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** Those that run. One listener ends them all: a test may start dozens, and Node takes so many listeners for a leak. */
const running = new Set<ChildProcess>();

/** Ends the child with this process, also when the runner's time limit ends it with SIGTERM. */
function leaveNothingBehind(child: ChildProcess): () => void {
  if (running.size === 0) process.on('exit', killAll);
  if (process.listenerCount('SIGTERM') === 0) process.on('SIGTERM', endByTerm);
  running.add(child);
  return () => {
    running.delete(child);
    if (running.size === 0) process.off('exit', killAll);
  };
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

function endByTerm(): void {
  process.exit(143);
}

function splitLines(stream: NodeJS.ReadableStream | null, onLine: (text: string) => void): void {
  let rest = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = (parts.pop() ?? '').slice(-KEPT_OUTPUT);
    for (const part of parts) onLine(part);
  });
  stream?.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

export type Finished = Exit & { readonly stdout: string; readonly stderr: string; readonly timedOut: boolean };

/** Runs a command to its end, with `input` on its standard input. Output is capped at 64 MiB; what does not end is killed. */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: OwnedOptions & { readonly input?: string | Uint8Array } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      ...options.user,
    });
    const forget = leaveNothingBehind(child);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let size = 0;
    let timedOut = false;
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size <= KEPT_OUTPUT * 64) into.push(chunk);
    };
    child.stdout.on('data', collect(out));
    child.stderr.on('data', collect(err));
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, END_AFTER_MS);
    child.once('error', (error) => {
      clearTimeout(timer);
      forget();
      reject(new Error(`${command} cannot be started`, { cause: error }));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      forget();
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), timedOut });
    });
  });
}
