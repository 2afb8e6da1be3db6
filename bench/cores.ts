// Which cores the gateway and the load get: one each, so that neither takes the other's time.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findCommand } from '../test/support/peers.ts';

export type Cores = { readonly gateway: string; readonly load: string };

/** The cores that this process may use, by number, from /proc/self/status. */
export function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

/** The first two cores that we may use, and ourselves on that of the load; throws where the machine cannot show what is asked for. */
export function takeCores(): Cores {
  if (process.platform !== 'linux') throw new Error('npm run bench reads CPU time from /proc: it needs Linux.');
  for (const command of ['taskset', 'nginx', 'curl', 'openssl']) {
    if (findCommand(command) === undefined) throw new Error(`npm run bench needs ${command} (see CONTRIBUTING.md).`);
  }
  const [gateway, load] = allowedCores();
  if (gateway === undefined || load === undefined) throw new Error('npm run bench needs two cores.');
  spawnSync('taskset', ['-pc', String(load), String(process.pid)]);
  return { gateway: String(gateway), load: String(load) };
}
