// Which runtime this process is. A worker that takes the place of another need not prove again what the same binary has
// proven (downstream/self-test.ts): that costs as much as everything else at its start. An upgraded Node has another print.
import { statSync } from 'node:fs';

/** Equal where versions and binary are the same. */
export function runtimePrint(): string {
  // On Linux the binary that runs, even where another has taken its path.
  const path = process.platform === 'linux' ? '/proc/self/exe' : process.execPath;
  const { dev, ino, size, mtimeMs } = statSync(path);
  return JSON.stringify([process.versions, dev, ino, size, mtimeMs]);
}
