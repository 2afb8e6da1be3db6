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
/** Of its time; the poll of very many files comes less often. */
const pollShare = 0.02;
/** Files that are looked at together: as many as Node has threads for it, and some that wait. */
const atOnce = 8;
/** Entries of a watched directory that are looked at. */
const maxEntries = 10_000;

/** Calls `onChange` when any of the files (or the entries of a directory) became another; one at a time, never while it runs. */
export class Watch {
  readonly #clock: Clock;
  readonly #onChange: () => Promise<void>;
  #paths: readonly string[] = [];
  /** By path; what the last load may have seen, or older. */
  #fingerprints = new Map<string, string>();
  /** A load that begins now may take them for its mark: they were read for the change that it is for. */
  #isMarked = false;
  readonly #folders = new Set<string>();
  /** Folders to watch for each path, and the fingerprint that they were found with. */
  readonly #places = new Map<string, { readonly print: string; readonly folders: readonly string[] }>();
  /** Milliseconds that the last look at all files took. */
  #lookedMs = 0;
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
    const isMarked = this.#isMarked;
    this.#isMarked = false;
    if (!isMarked) this.#fingerprints = await this.#readAll();
  }

  /** Replaces the set of paths after a load. Those that were watched before keep the mark from before the load. */
  async set(paths: readonly string[]): Promise<void> {
    this.#isMarked = false;
    this.#paths = [...new Set(paths)].sort();
    const kept = this.#keep();
    const known = new Set(kept.map(([path]) => path));
    this.#fingerprints = new Map([...(await this.#read(this.#paths.filter((path) => !known.has(path)))), ...kept]);
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
    await this.#each(this.#paths, async (path) => {
      const print = this.#fingerprints.get(path) ?? '';
      let place = this.#places.get(path);
      if (place?.print !== print) this.#places.set(path, (place = { print, folders: await this.#placesOf(path) }));
      for (const folder of place.folders) directories.add(folder);
    });
    const wanted = new Set(this.#paths);
    for (const path of this.#places.keys()) if (!wanted.has(path)) this.#places.delete(path);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    if (this.#closed) return;
    for (const directory of directories) this.#watchDirectory(directory);
    this.#schedulePoll();
  }

  /** Itself where it is a folder, the folder that it is in, and the one that a link leads to. */
  async #placesOf(path: string): Promise<readonly string[]> {
    const real = await realpath(path).catch(() => path);
    return [...(this.#folders.has(path) ? [path] : []), dirname(path), dirname(real)];
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

  #schedulePoll(): void {
    this.#schedule(Math.max(pollMs, this.#lookedMs / pollShare));
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
      const now = await this.#readAll();
      if (!this.#closed && [...now].some(([path, print]) => this.#fingerprints.get(path) !== print)) {
        this.#fingerprints = now;
        this.#isMarked = true;
        await this.#onChange();
      }
    } finally {
      this.#checking = false;
      if (this.#again) this.#settle();
      else if (!this.#settling) this.#schedulePoll();
      this.#again = false;
    }
  }

  async #readAll(): Promise<Map<string, string>> {
    const from = this.#clock.monotonic();
    const prints = await this.#read(this.#paths);
    this.#lookedMs = this.#clock.monotonic() - from;
    return prints;
  }

  async #read(paths: readonly string[]): Promise<Map<string, string>> {
    // In the order of the paths, whichever is read first.
    const prints = new Map(paths.map((path) => [path, '']));
    await this.#each(paths, async (path) => {
      const { print, isFolder } = await fingerprint(path);
      const parts = [print];
      if (isFolder) {
        this.#folders.add(path);
        const entries = await readdir(path, { recursive: true }).catch(() => []);
        for (const entry of entries.slice(0, maxEntries).sort())
          parts.push((await fingerprint(`${path}/${entry}`)).print);
      } else this.#folders.delete(path);
      prints.set(path, parts.join('\n'));
    });
    return prints;
  }

  async #each(paths: readonly string[], act: (path: string) => Promise<void>): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      for (let path = paths[next++]; path !== undefined; path = paths[next++]) await act(path);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }
}

/** What identifies the content behind a path without reading it. */
async function fingerprint(path: string): Promise<{ readonly print: string; readonly isFolder: boolean }> {
  try {
    const found = await stat(path);
    const { ino, size, mtimeMs, ctimeMs, mode } = found;
    return { print: `${path} ${ino} ${size} ${mtimeMs} ${ctimeMs} ${mode}`, isFolder: found.isDirectory() };
  } catch (error) {
    return { print: `${path} ${(error as NodeJS.ErrnoException).code ?? 'error'}`, isFolder: false };
  }
}
