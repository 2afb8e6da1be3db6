// Who listens on a port: a port that accepts may be somebody else's, who took it after it was chosen.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { familyOf } from './cpu.ts';

/** State of a socket that listens, as proc_net_tcp writes it. */
const LISTEN = '0A';

/** True where `root` or a descendant of it listens on 127.0.0.1:`port`. */
export function listensItself(root: number, port: number): boolean {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const sockets = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local === address && state === LISTEN)
    .map((fields) => `socket:[${fields[9]}]`);
  return sockets.length > 0 && familyOf(root).some((pid) => openFiles(pid).some((file) => sockets.includes(file)));
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
