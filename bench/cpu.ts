// CPU time and memory of a process and all its descendants, as the kernel counts them, from /proc/PID/stat.
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second on every Linux that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Bytes of a page: 4096 on x86-64, and mostly on arm64. */
const PAGE_BYTES = 4096;

type Stat = { readonly pid: number; readonly parent: number; readonly ticks: number; readonly pages: number };

function readStat(pid: string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [parent, user, system, pages] = [fields[1], fields[11], fields[12], fields[21]].map(Number);
    if (parent === undefined || user === undefined || system === undefined || pages === undefined) return undefined;
    return { pid: Number(pid), parent, ticks: user + system, pages };
  } catch {
    return undefined;
  }
}

/** Microseconds of CPU that `root` and its descendants have used since they started: user and system. Resolution: 10 ms. */
export function readTreeCpu(root: number): number {
  return (readTree(root).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND) * 1e6;
}

/** Microseconds of CPU that the threads of one process have used, to the nanosecond; those of a thread that ended are gone (schedstats). */
export function readCpu(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + readNanoseconds(`/proc/${pid}/task/${thread}/schedstat`), 0) / 1000;
}

function readNanoseconds(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ')[0]);
  } catch {
    // It ended meanwhile.
    return 0;
  }
}

/** Bytes of memory that `root` and its descendants have resident. What they share counts more than once: compare two readings. */
export function readTreeMemory(root: number): number {
  return readTree(root).reduce((sum, { pages }) => sum + pages, 0) * PAGE_BYTES;
}

/** Bytes of memory by process of the family of `root`: what several share is shared out (PSS, proc_pid_smaps_rollup(5)). */
export function readTreePss(root: number): ReadonlyMap<number, number> {
  return new Map(
    readTree(root).map(({ pid }) => {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      return [pid, Number(/^Pss: +(\d+) kB$/m.exec(text)?.[1]) * 1024];
    }),
  );
}

/** `root` and its descendants. */
export function familyOf(root: number): number[] {
  return readTree(root).map(({ pid }) => pid);
}

/** The processes that it has started itself. */
export function childrenOf(pid: number): number[] {
  return readAll().flatMap((stat) => (stat.parent === pid ? [stat.pid] : []));
}

function readAll(): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readStat)
    .filter((stat) => stat !== undefined);
}

function readTree(root: number): Stat[] {
  const stats = readAll();
  const family = new Set([root]);
  for (let grew = true; grew; ) {
    const before = family.size;
    for (const stat of stats) if (family.has(stat.parent)) family.add(stat.pid);
    grew = family.size > before;
  }
  return stats.filter(({ pid }) => family.has(pid));
}
