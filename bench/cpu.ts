// CPU time of a process and all its descendants, as the kernel counts it: user and system, from /proc/PID/stat.
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second on every Linux that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;

type Stat = { readonly pid: number; readonly parent: number; readonly ticks: number };

function readStat(pid: string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid: Number(pid), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}

/** Microseconds of CPU that `root` and its descendants have used since they started. Resolution: 10 ms. */
export function readTreeCpu(root: number): number {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readStat)
    .filter((stat) => stat !== undefined);
  const family = new Set([root]);
  for (let grew = true; grew; ) {
    const before = family.size;
    for (const stat of stats) if (family.has(stat.parent)) family.add(stat.pid);
    grew = family.size > before;
  }
  const ticks = stats.reduce((sum, stat) => (family.has(stat.pid) ? sum + stat.ticks : sum), 0);
  return (ticks / TICKS_PER_SECOND) * 1e6;
}
