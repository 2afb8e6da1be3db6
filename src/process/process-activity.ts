// What the kernel knows about another process of ours: whether it runs, wants to, or stands still. Linux only (proc(5)).
import { readFileSync } from 'node:fs';

export type ProcessActivity = {
  /** It runs, waits for a core or for a disk, or is held by a debugger: what it does may well come to an end. */
  readonly busy: boolean;
  /** CPU time of all its threads so far, in milliseconds; resolution 10. */
  readonly cpuMs: number;
};

/** R runs or wants to, D waits for a disk, t is traced, Z and X have ended and the news is on the way. */
const busyStates = 'RDtZX';
/** The kernel counts in units of USER_HZ, which is 100 on every architecture that Node supports. */
const msPerUnit = 10;

/** undefined where the system does not tell. */
export function findProcessActivity(pid: number): ProcessActivity | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name, in parentheses, and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const cpu = Number(fields[11]) + Number(fields[12]);
    return Number.isNaN(cpu) ? undefined : { busy: busyStates.includes(fields[0] ?? ''), cpuMs: cpu * msPerUnit };
  } catch {
    return undefined;
  }
}
