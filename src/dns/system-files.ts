// What the system's files say about names: /etc/hosts and /etc/resolv.conf, read anew when they have changed. Small local
// files, looked at once a second at most, and read without a thread of the pool that others need.
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import { parseHosts } from './hosts-file.ts';
import { parseResolvConf, type ResolvConf } from './resolv-conf.ts';

export type SystemPaths = { readonly hosts: string; readonly resolvConf: string };

export const systemPaths: SystemPaths = { hosts: '/etc/hosts', resolvConf: '/etc/resolv.conf' };

const lookAgainMs = 1_000;
/** What is longer is read up to here: the names behind it are still known to the system's own resolver. */
const maxBytes = 1 << 20;

export class SystemFiles {
  readonly #hosts: WatchedFile<ReadonlyMap<string, readonly string[]>>;
  readonly #resolvConf: WatchedFile<ResolvConf>;

  constructor(clock: Clock, paths: SystemPaths = systemPaths) {
    this.#hosts = new WatchedFile(clock, paths.hosts, parseHosts);
    this.#resolvConf = new WatchedFile(clock, paths.resolvConf, parseResolvConf);
  }

  /** Addresses by name. The same object until the file changes. */
  get hosts(): ReadonlyMap<string, readonly string[]> {
    return this.#hosts.read();
  }

  /** The same object until the file changes. */
  get resolvConf(): ResolvConf {
    return this.#resolvConf.read();
  }
}

/** A file that is not there is an empty one. */
class WatchedFile<T> {
  readonly #clock: Clock;
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #lookedAt = -Infinity;
  #stamp: string | undefined;
  #value: T;

  constructor(clock: Clock, path: string, parse: (text: string) => T) {
    this.#clock = clock;
    this.#path = path;
    this.#parse = parse;
    this.#value = parse('');
  }

  read(): T {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt < lookAgainMs) return this.#value;
    this.#lookedAt = now;
    const stamp = stampOf(this.#path);
    if (stamp === this.#stamp) return this.#value;
    this.#stamp = stamp;
    this.#value = this.#parse(readStart(this.#path));
    return this.#value;
  }
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}

/** '' for what is no readable regular file. */
function readStart(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    if (!fstatSync(file).isFile()) return '';
    const buffer = Buffer.allocUnsafe(maxBytes);
    let length = 0;
    for (let read = -1; read !== 0 && length < maxBytes; length += read)
      read = readSync(file, buffer, length, maxBytes - length, null);
    return buffer.toString('latin1', 0, length);
  } catch {
    return '';
  } finally {
    closeSync(file);
  }
}
