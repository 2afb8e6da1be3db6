// Watches every file that a configuration was built from: the main file, extra files, certificates, keys, CAs. Directories
// are watched, not files, so atomic renames and Kubernetes' symlink swaps are seen; what counts is whether a file behind a
// path changed, and a slow poll finds what notification misses (network file systems).
import { type FSWatcher, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from './clock.ts';
import { lookAtAll, realFoldersOf } from './many-files.ts';

/**
 * So that a key and its certificate written one after the other make one reload. Counted from the first event, however
 * many follow: a busy log file in the same folder must not put a reload off for ever.
 */
const settleMs = 250;
const pollMs = 10_000;
/** Of its time: looks at very many files that nobody said had changed come less often. */
const lookShare = 0.02;

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
  #watched: ReadonlySet<string> = new Set();
  /** Folders to watch for each path, and the fingerprint that they were found with. */
  readonly #places = new Map<string, { readonly print: string; readonly folders: readonly string[] }>();
  /** Milliseconds that the last look at all files took, and when it was over. */
  #lookedMs = 0;
  #lookedAt = -Infinity;
  #watchers: FSWatcher[] = [];
  #cancel: (() => void) | undefined;
  /** When a check is due that somebody gave reason for, by Clock.monotonic(). */
  #settlesAt: number | undefined;
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
    const news = this.#paths.filter((path) => this.#places.get(path)?.print !== this.#fingerprints.get(path));
    const reals = await realFoldersOf(news);
    for (const [at, path] of news.entries()) {
      // Itself where it is a folder, the folder that it is in, and the one that a link leads to.
      const folders = new Set([...(this.#folders.has(path) ? [path] : []), dirname(path), reals[at] ?? dirname(path)]);
      this.#places.set(path, { print: this.#fingerprints.get(path) ?? '', folders: [...folders] });
    }
    const directories = new Set<string>();
    for (const path of this.#paths) for (const folder of this.#places.get(path)?.folders ?? []) directories.add(folder);
    this.#watched = new Set(this.#paths);
    for (const path of this.#places.keys()) if (!this.#watched.has(path)) this.#places.delete(path);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
    if (this.#closed) return;
    for (const directory of directories) this.#watchDirectory(directory);
    this.#schedulePoll();
  }

  #watchDirectory(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, (_, name) => this.#onEvent(directory, name));
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // Not there (yet), or out of inotify handles: the poll sees to it.
    }
  }

  /**
   * Of a file that is ours, or in a folder that is, it is news. Another one may be a link that ours lead through, or a log that is
   * written all the time: whatever it is, looks because of it take their share of the time, and no more.
   */
  #onEvent(directory: string, name: string | null): void {
    const isOurs = this.#folders.has(directory) || (name !== null && this.#watched.has(join(directory, name)));
    this.#settle(isOurs ? 0 : this.#lookedMs / lookShare);
  }

  /** `apartMs`: from the last look. */
  #settle(apartMs = 0): void {
    const now = this.#clock.monotonic();
    const at = Math.max(now + settleMs, this.#lookedAt + apartMs);
    if (this.#settlesAt !== undefined && this.#settlesAt <= at) return;
    this.#schedule(at - now);
    this.#settlesAt = at;
  }

  #schedulePoll(): void {
    this.#schedule(Math.max(pollMs, this.#lookedMs / lookShare));
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#settlesAt = undefined;
    this.#cancel?.();
    this.#cancel = this.#clock.after(delayMs, () => void this.#check());
  }

  async #check(): Promise<void> {
    this.#settlesAt = undefined;
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
      else if (this.#settlesAt === undefined) this.#schedulePoll();
      this.#again = false;
    }
  }

  async #readAll(): Promise<Map<string, string>> {
    const from = this.#clock.monotonic();
    const prints = await this.#read(this.#paths);
    this.#lookedAt = this.#clock.monotonic();
    this.#lookedMs = this.#lookedAt - from;
    return prints;
  }

  async #read(paths: readonly string[]): Promise<Map<string, string>> {
    const looks = await lookAtAll(paths);
    const prints = new Map<string, string>();
    for (const [at, path] of paths.entries()) {
      const look = looks[at];
      prints.set(path, look?.print ?? '');
      if (look?.isFolder === true) this.#folders.add(path);
      else this.#folders.delete(path);
    }
    return prints;
  }
}
