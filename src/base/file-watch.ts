// Watches every file that a configuration was built from: the main file, extra files, certificates, keys, CAs. Directories
// are watched, not files, so atomic renames and Kubernetes' symlink swaps are seen; what counts is whether a file behind a
// path changed, and a slow poll finds what notification misses (network file systems).
import { type FSWatcher, watch } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from './clock.ts';

/**
 * So that a key and its certificate written one after the other make one reload. Counted from the first event, however
 * many follow: a busy log file in the same folder must not put a reload off for ever.
 */
const settleMs = 250;
const pollMs = 10_000;
/** Entries of a watched directory that are looked at. */
const maxEntries = 10_000;

/** Calls `onChange` when any of the files (or the entries of a directory) became another; one at a time, never while it runs. */
export class Watch {
  readonly #clock: Clock;
  readonly #onChange: () => Promise<void>;
  #paths: readonly string[] = [];
  /** By path; what the last load may have seen, or older. */
  #fingerprints = new Map<string, string>();
  #watchers: FSWatcher[] = [];
  #cancel: (() => void) | undefined;
  /** A check is due within settleMs. */
  #settling = false;
  #checking = false;
  #again = false;
  #closed = false;

  constructor(clock: Clock, onChange: () => Promise<void>) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Notes what the files are now. Call it before a load reads them, so that a change during the load is seen after it. */
  async mark(): Promise<void> {
    this.#fingerprints = await this.#read();
  }

  /** Replaces the set of paths after a load. Those that were watched before keep the mark from before the load. */
  async set(paths: readonly string[]): Promise<void> {
    this.#paths = [...new Set(paths)].sort();
    this.#fingerprints = new Map([...(await this.#read()), ...this.#keep()]);
    await this.#arm();
    // Notifications of a change during the load were for watchers that are gone.
    this.#settle();
  }

  #keep(): [string, string][] {
    const paths = new Set(this.#paths);
    return [...this.#fingerprints].filter(([path]) => paths.has(path));
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  async #arm(): Promise<void> {
    const directories = new Set<string>();
    for (const path of this.#paths) {
      directories.add(path);
      directories.add(dirname(path));
      const real = await realpath(path).catch(() => undefined);
      if (real !== undefined) directories.add(dirname(real));
    }
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    if (this.#closed) return;
    for (const directory of directories) this.#watchDirectory(directory);
    this.#schedule(pollMs);
  }

  #watchDirectory(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#settle());
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // Not there (yet), or out of inotify handles: the poll sees to it.
    }
  }

  #settle(): void {
    if (this.#settling) return;
    this.#schedule(settleMs);
    this.#settling = true;
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#settling = false;
    this.#cancel?.();
    this.#cancel = this.#clock.after(delayMs, () => void this.#check());
  }

  async #check(): Promise<void> {
    this.#settling = false;
    if (this.#checking) {
      this.#again = true;
      return;
    }
    this.#checking = true;
    try {
      const now = await this.#read();
      if (!this.#closed && [...now].some(([path, print]) => this.#fingerprints.get(path) !== print)) {
        this.#fingerprints = now;
        await this.#onChange();
      }
    } finally {
      this.#checking = false;
      if (this.#again) this.#settle();
      else if (!this.#settling) this.#schedule(pollMs);
      this.#again = false;
    }
  }

  async #read(): Promise<Map<string, string>> {
    const prints = new Map<string, string>();
    for (const path of this.#paths) {
      const parts = [await fingerprint(path)];
      const entries = await readdir(path, { recursive: true }).catch(() => []);
      for (const entry of entries.slice(0, maxEntries).sort()) parts.push(await fingerprint(`${path}/${entry}`));
      prints.set(path, parts.join('\n'));
    }
    return prints;
  }
}

/** What identifies the content behind a path without reading it. */
async function fingerprint(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs, mode } = await stat(path);
    return `${path} ${ino} ${size} ${mtimeMs} ${ctimeMs} ${mode}`;
  } catch (error) {
    return `${path} ${(error as NodeJS.ErrnoException).code ?? 'error'}`;
  }
}
