// A configuration of two parts: the main file with what belongs to it, and the objects of the newest revision of a store. Where
// the store cannot be had, or is not what it says, the last revision that was committed here stands in for it, with an alarm:
// never nothing, which could be open.
import type { Clock } from '../base/clock.ts';
import { coalesce } from '../base/coalesce.ts';
import type { MaterialBytes, StoredRef } from '../certs/material.ts';
import type { ConfigOrigin } from '../config/config-origin.ts';
import type { SharedRecords } from '../store/records.ts';
import type { Digest } from '../store/digest.ts';
import type { RevisionHead } from '../store/revision.ts';
import type { Opener } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { ConfigSource, ConfigWatch } from './config-source.ts';
import { FileSource } from './file-source.ts';
import type { LastGood } from './last-good.ts';
import { StoreLine, type StoreLineOptions } from './store-line.ts';
import { headOf, objectsOf, SealedMaterial, type StoredRevision } from './stored-revision.ts';

/** How the store was at the last load, or since. */
export type StoreState = {
  /** False: what is loaded is the last good revision. */
  readonly up: boolean;
  /** Number of the revision in force, or, before any is, of the one that was loaded; 0: there was none yet. */
  readonly revision: number;
  /** Digest of the revision in force; null: none is. */
  readonly digest: string | null;
  /** The revision that the last load took, whatever came of it; 0: none. */
  readonly tried: number;
  /** When the store could last be read, milliseconds since the epoch; undefined: not by this process. */
  readonly readAt: number | undefined;
  /** Why it is not up, and what to do. */
  readonly problem?: { readonly code: string; readonly message: string; readonly help: string };
  /** The store could be read, and knows nothing of the revision before: a backup was put in its place. */
  readonly rewound?: true;
};

export type StoreSourceOptions = StoreLineOptions & {
  /** The main file. */
  readonly file: string;
  readonly clock: Pick<Clock, 'now'>;
  /** Without it nothing stands in for the store. */
  readonly lastGood?: LastGood;
};

/** What is not read off what was loaded. */
type Known = Omit<StoreState, 'digest' | 'tried'>;

type Loaded = { readonly stored: StoredRevision; readonly opener: Opener | undefined; readonly fromStore: boolean };

export class StoreSource implements ConfigSource {
  readonly name: string;
  readonly #files: FileSource;
  readonly #line: StoreLine;
  readonly #options: StoreSourceOptions;
  /** Of the last load, whatever came of it. */
  #loaded: Loaded | undefined;
  #material: SealedMaterial | undefined;
  /** What is in force. */
  #committed: Loaded | undefined;
  /** Once: what the next load takes instead of the store. */
  #pinned: Loaded | undefined;
  /** The head that the last load saw, good or not. */
  #seen: string | undefined;
  #state: Known = { up: false, revision: 0, readAt: undefined };
  #tried = 0;
  #onState: (state: StoreState, before: StoreState) => void = () => {};

  constructor(options: StoreSourceOptions) {
    this.name = options.file;
    this.#options = options;
    this.#files = new FileSource(options.file);
    this.#line = new StoreLine(options, (store) => this.#refuseAnother(store));
  }

  get state(): StoreState {
    const inForce = this.#committed?.stored.revision;
    return { ...this.#state, digest: inForce?.digest ?? null, tried: this.#tried };
  }

  /** Called with each state that is another than the one before. */
  onState(act: (state: StoreState, before: StoreState) => void): void {
    this.#onState = act;
  }

  /** Rejects where there is neither a store nor anything that stands in for it. */
  async readTexts(): Promise<ConfigOrigin> {
    const loaded = await this.#readStore();
    return this.#use(loaded);
  }

  /** The next load takes the last good revision, where the newest one cannot be had as it is written: false where there is none. */
  useLastGood(): boolean {
    let lastGood: Loaded | undefined;
    try {
      lastGood = this.#readLastGood();
    } catch {
      // That it cannot be used either helps nobody: what is wrong with the newest one is told.
      return false;
    }
    if (lastGood === undefined || this.#loaded?.fromStore !== true) return false;
    if (headOf(lastGood.stored).digest === headOf(this.#loaded.stored).digest) return false;
    this.#pinned = lastGood;
    const problem = {
      code: 'revision_refused',
      message: `revision ${headOf(this.#loaded.stored).number} of the store cannot be loaded`,
      help: 'Correct the objects that the errors name, or revert the change.',
    };
    this.#setState({ ...this.#state, up: true, revision: headOf(lastGood.stored).number, problem });
    return true;
  }

  async readMaterials(
    refs: readonly Extract<StoredRef, { path: string }>[],
    maxBytes: number,
  ): Promise<readonly MaterialBytes[]> {
    return this.#files.readMaterials(refs, maxBytes);
  }

  async readMaterial(ref: StoredRef, maxBytes: number): Promise<MaterialBytes> {
    if ('path' in ref) return this.#files.readMaterial(ref, maxBytes);
    if (this.#material === undefined) await this.readTexts();
    return this.#material?.read(ref, maxBytes) ?? this.#files.readMaterial(ref, maxBytes);
  }

  /** What was loaded last is in force: kept for the day on which the store cannot be had. Throws where it cannot be kept. */
  committed(): void {
    const loaded = this.#loaded;
    if (loaded === undefined) return;
    this.#committed = loaded;
    this.#setState({ ...this.#state, revision: headOf(loaded.stored).number });
    if (loaded.fromStore && loaded.opener !== undefined) this.#options.lastGood?.write(loaded.stored, loaded.opener);
  }

  /** As the key file is now; undefined where there is none. */
  opener(): Opener | undefined {
    return this.#options.opener();
  }

  /** As that of the line: only after a load has opened the store. */
  async ask<T>(act: (store: Store, opener: Opener | undefined) => Promise<T>): Promise<T | undefined> {
    return this.#line.ask(act);
  }

  /** Shared records, over the connection that is there; undefined where the store cannot be asked at the moment. */
  records(): Pick<SharedRecords, 'find' | 'list'> | undefined {
    return this.#line.records();
  }

  /** Lets go of the store; whoever loads again opens it again. */
  async close(): Promise<void> {
    await this.#line.close();
  }

  watch(clock: Clock, onChange: () => Promise<void>): ConfigWatch {
    const tell = coalesce(onChange);
    const files = this.#files.watch(clock, tell);
    let isSet = false;
    const listener = {
      onNews: (head: RevisionHead): void => {
        if (isSet && this.#isNews(head)) void tell();
      },
      onProblem: (error: Error): void => {
        this.#seen = undefined;
        this.#setDown(this.#state.revision, problemOf(error));
      },
    };
    return {
      mark: async () => files.mark(),
      set: async (dependencies) => {
        await files.set(dependencies);
        if (!isSet) this.#line.follow(clock, listener);
        isSet = true;
        const head = await this.#line.head();
        if (head !== undefined) listener.onNews(head);
      },
      close: () => {
        isSet = false;
        files.close();
        void this.close();
      },
    };
  }

  /** False for what is in force, or was seen already: the store is there, and that is all. */
  #isNews(head: RevisionHead): boolean {
    if (head.digest === this.#seen) return false;
    if (this.#committed === undefined || headOf(this.#committed.stored).digest !== head.digest) return true;
    this.#seen = head.digest;
    this.#setState({ up: true, revision: head.number, readAt: this.#options.clock.now() });
    return false;
  }

  #use(loaded: Loaded): Promise<ConfigOrigin> {
    this.#loaded = loaded;
    const { stored, opener, fromStore } = loaded;
    this.#material = new SealedMaterial(stored, opener);
    const number = headOf(stored).number;
    const name = fromStore ? undefined : `store revision ${number} (last good)`;
    return this.#files.readTexts().then((origin) => ({ ...origin, stored: objectsOf(stored, name) }));
  }

  async #readStore(): Promise<Loaded> {
    const pinned = this.#pinned;
    this.#pinned = undefined;
    if (pinned !== undefined) return pinned;
    try {
      const { stored, opener } = await this.#line.read();
      this.#seen = headOf(stored).digest;
      this.#tried = headOf(stored).number;
      const rewound = await this.#compareWithBefore(stored);
      const { number } = headOf(this.#committed?.stored ?? stored);
      const readAt = this.#options.clock.now();
      this.#setState({ up: true, revision: number, readAt, ...(rewound && { rewound }) });
      return { stored, opener, fromStore: true };
    } catch (error) {
      // A head that was seen and not taken is news when the store can be read again.
      this.#seen = undefined;
      return this.#standIn(error);
    }
  }

  /** Throws where there is nothing, and was something. */
  async #compareWithBefore(stored: StoredRevision): Promise<true | undefined> {
    const isEmpty = stored.revision === undefined;
    let before = this.#committed;
    try {
      before ??= this.#readLastGood();
    } catch (error) {
      // What is there is verified; nothing is not, beside something that cannot be read.
      if (isEmpty) throw error;
    }
    const last = before && headOf(before.stored);
    if (last === undefined || last.number === 0) return undefined;
    if (isEmpty)
      throw new StoreProblem('altered', `the store is empty, and revision ${last.number} was served from it`);
    return (await this.#line.has(last)) ? undefined : true;
  }

  /** Before anything else is said of it. Throws `another_store`. */
  #refuseAnother(store: Digest | undefined): void {
    let before = this.#committed;
    try {
      before ??= this.#readLastGood();
    } catch {
      // Told where it matters.
    }
    if (before?.stored.store === undefined || store === undefined || before.stored.store === store) return;
    const { number } = headOf(before.stored);
    throw new StoreProblem('another_store', `this is not the store that revision ${number} was served from`);
  }

  #standIn(error: unknown): Loaded {
    const problem = problemOf(error);
    let standIn = this.#committed;
    try {
      standIn ??= this.#readLastGood();
    } catch (other) {
      throw new Error(`${problem.message}; nor can the last good revision be used: ${problemOf(other).message}`, {
        cause: other,
      });
    }
    if (standIn === undefined) throw new Error(`${problem.message}; ${problem.help}`, { cause: error });
    const revision = headOf(standIn.stored).number;
    this.#setDown(revision, problem);
    return { ...standIn, fromStore: false };
  }

  /** Undefined where there is none. Throws where there is one that is not to be believed. */
  #readLastGood(): Loaded | undefined {
    const { lastGood, opener: readOpener } = this.#options;
    if (lastGood?.exists() !== true) return undefined;
    const opener = readOpener();
    if (opener === undefined)
      throw new StoreProblem('seal_key_missing', 'there is a last good revision, and the opening key is not there');
    const stored = lastGood.read(opener);
    return stored && { stored, opener, fromStore: false };
  }

  #setDown(revision: number, problem: NonNullable<StoreState['problem']>): void {
    // Until now it was followed.
    const { up, readAt } = this.#state;
    this.#setState({ up: false, revision, readAt: up ? this.#options.clock.now() : readAt, problem });
  }

  #setState(state: Known): void {
    const before = this.state;
    this.#state = state;
    this.#onState(this.state, before);
  }
}

function problemOf(error: unknown): NonNullable<StoreState['problem']> {
  if (error instanceof StoreProblem) return { code: error.code, message: error.message, help: error.help };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'io', message, help: 'Run `countersign store verify`, and see the log of the system.' };
}
