// What a command says where the store, or what was asked of it, is not as it should be.
import { escapeForLog } from '../base/log-text.ts';
import { UsageError } from '../base/usage-error.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { CommandIo } from './command-io.ts';

export async function tellStoreTrouble(io: CommandIo, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof StoreProblem) && !(error instanceof UsageError)) throw error;
    io.exitCode = 1;
    io.stderr.write(`error: ${describeTrouble(error)}\n`);
  }
}

export function describeTrouble(error: Error): string {
  const help = error instanceof StoreProblem ? `\n  ${error.help}` : '';
  return `${escapeForLog(error.message, 2000)}${help}`;
}
