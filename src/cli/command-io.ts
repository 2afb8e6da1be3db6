// Where a command reads its variables and says what it has found: the process, or what stands for it in a test.
import type { ReadStore } from '../config/read-config.ts';
import type { LoadOptions } from '../loading/load.ts';

export type CommandIo = {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  exitCode?: number | string | null | undefined;
  /** Who reads the text of a configuration; default a process of its own. */
  readonly read?: LoadOptions['read'];
  /** Who reads which store it names; likewise. */
  readonly readStore?: ReadStore;
};

/** Writes, and ends the process where it is one: a look-up under way cannot be called off, and nobody should wait for it. */
export function finish(io: CommandIo, text: string, exitCode: number): void {
  io.exitCode = exitCode;
  io.stdout.write(text, () => {
    if (io === process) process.exit(exitCode);
  });
}
