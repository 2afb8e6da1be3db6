// The command line to its end, as a user types it; and `check` without a process of its own, for what is not about the process.
import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { checkCommand } from '../../src/cli/check.ts';
import type { CommandIo } from '../../src/cli/command-io.ts';
import { loadConfig, loadStore } from '../../src/config/load-config.ts';
import { type Finished, runToEnd } from './owned-process.ts';
import { program } from './program.ts';

/** Runs `countersign ARGS`; `cwd` is where relative paths mean files. */
export function runCli(args: readonly string[], options: { readonly cwd?: string } = {}): Promise<Finished> {
  return runToEnd(process.execPath, [program, ...args], options);
}

export type Checked = { readonly stdout: string; readonly stderr: string; readonly code: number };

/** `countersign check ARGS` all in this process, the reader of the text too: a second less for each. Paths in `args` are absolute. */
export function runCheck(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Checked> {
  return runHere(checkCommand, args, env);
}

/** Any command that takes its output as an argument. */
export async function runHere(
  open: (io: CommandIo) => Command,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Checked> {
  const [stdout, stderr] = [new Heard(), new Heard()];
  const io = { env: { ...process.env, ...env }, stdout, stderr, exitCode: 0, read: loadConfig, readStore: loadStore };
  await open(io).parseAsync(args, { from: 'user' });
  return { stdout: stdout.text, stderr: stderr.text, code: io.exitCode };
}

/** Keeps what is written. */
class Heard extends Writable {
  text = '';

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
