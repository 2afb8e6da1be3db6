// Preloaded into each process of tests: what it and everything that it started and waited for took of the processors, written down
// at its end, as one line for `Costs`.
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Name of the variable that holds the folder. */
export const costsVariable = 'COUNTERSIGN_TEST_COSTS';

/** Linux counts in hundredths of a second there, whatever the machine. */
const TICK_MS = 10;

/** CPU milliseconds of this process, and of its children that have ended, where the system tells (proc_pid_stat(5), fields 14 to 17). */
export function cpuMs(): { readonly own: number; readonly children: number } {
  try {
    const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ') ?? [];
    const [own = 0, system = 0, children = 0, theirs = 0] = fields.slice(11, 15).map(Number);
    return { own: (own + system) * TICK_MS, children: (children + theirs) * TICK_MS };
  } catch {
    const { user, system } = process.cpuUsage();
    return { own: (user + system) / 1000, children: 0 };
  }
}

const folder = process.env[costsVariable];
if (folder !== undefined) {
  process.on('exit', () => {
    appendFileSync(join(folder, 'costs'), `${JSON.stringify({ file: process.argv[1], ...cpuMs() })}\n`);
  });
}
