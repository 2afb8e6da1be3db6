// One gateway's connection to a store: opened when it is needed, verified before anything of it is used, opened again when it
// failed, later each time. What the store holds then is read anew; what to do without it is store-source.ts.
import type { Clock } from '../base/clock.ts';
import type { SharedRecords } from '../store/records.ts';
import type { Digest } from '../store/digest.ts';
import { checkOpener } from '../store/opening-key.ts';
import type { RevisionHead } from '../store/revision.ts';
import type { Opener } from '../store/seal.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { headOf, readHead, type StoredRevision } from './stored-revision.ts';

const firstRetryMs = 900;
const maxRetryMs = 15_000;

export type StoreLineOptions = {
  /** To read. */
  readonly open: () => Promise<Store>;
  /** As the key file is now; undefined where there is none. */
  readonly opener: () => Opener | undefined;
  /** Whose revisions: some are for other gateways only. */
  readonly gateway: string;
};

export type StoreListener = {
  /** Of each new head for this gateway, and of the head when the store can be read again. */
  readonly onNews: (head: RevisionHead) => void;
  /** The store cannot be asked any more; it is tried again. */
  readonly onProblem: (problem: Error) => void;
};

export class StoreLine {
  readonly #options: StoreLineOptions;
  readonly #refuse: (store: Digest | undefined) => void;
  #store: Store | undefined;
  #unfollow: () => void = () => {};
  #cancelRetry: (() => void) | undefined;
  #retryMs = firstRetryMs;
  #following: ({ readonly clock: Clock } & StoreListener) | undefined;
  #closed = false;

  /** `refuse`: throws for a store that is another than before. */
  constructor(options: StoreLineOptions, refuse: (store: Digest | undefined) => void) {
    this.#options = options;
    this.#refuse = refuse;
  }

  /** The newest revision for this gateway, verified. Rejects where the store cannot be read, or is not what it says. */
  async read(): Promise<{ readonly stored: StoredRevision; readonly opener: Opener | undefined }> {
    try {
      const opener = this.#options.opener();
      const store = await this.#connect();
      const identity = await identify(store);
      this.#refuse(identity);
      if (opener !== undefined) checkOpener(await store.sealed.keys(), opener);
      await verify(store, opener);
      const stored = { ...(await readHead(store, this.#options.gateway)), store: identity };
      this.#retryMs = firstRetryMs;
      return { stored, opener };
    } catch (error) {
      await this.#drop();
      throw error;
    }
  }

  /** Whether a revision is in the history of the store. */
  async has({ number, digest }: RevisionHead): Promise<boolean> {
    const found = await this.#store?.revisions.find(number);
    return found?.digest === digest;
  }

  /** Undefined where the store cannot be asked at the moment. */
  records(): Pick<SharedRecords, 'find' | 'list'> | undefined {
    return this.#store?.records;
  }

  /** Undefined where the store cannot be asked at the moment. */
  async head(): Promise<RevisionHead | undefined> {
    return this.#store?.revisions.head(this.#options.gateway).catch(() => undefined);
  }

  /** Asks what no load asks. Undefined where the store cannot be asked at the moment; what `act` throws is passed on. */
  async ask<T>(act: (store: Store, opener: Opener | undefined) => Promise<T>): Promise<T | undefined> {
    const store = this.#store;
    if (store === undefined) return undefined;
    try {
      return await act(store, this.#options.opener());
    } catch (error) {
      if (error instanceof StoreProblem) return undefined;
      throw error;
    }
  }

  follow(clock: Clock, listener: StoreListener): void {
    this.#following = { clock, ...listener };
    if (this.#store === undefined) this.#retryLater();
    else this.#subscribe(this.#store);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#following = undefined;
    await this.#drop();
  }

  async #connect(): Promise<Store> {
    if (this.#store !== undefined) return this.#store;
    const store = await this.#options.open();
    this.#store = store;
    if (this.#following !== undefined) this.#subscribe(store);
    return store;
  }

  #subscribe(store: Store): void {
    const following = this.#following;
    if (following === undefined) return;
    this.#unfollow();
    const fail = (problem: Error): void => {
      if (this.#store !== store) return;
      following.onProblem(problem);
      void this.#drop();
    };
    this.#unfollow = store.revisions.onRevision(() => {
      // What is new may be for others.
      void store.revisions.head(this.#options.gateway).then(following.onNews, fail);
    }, fail);
  }

  /** What failed once is not asked again: the next use opens anew, and verifies anew. */
  async #drop(): Promise<void> {
    const store = this.#store;
    this.#unfollow();
    this.#unfollow = () => {};
    this.#store = undefined;
    this.#retryLater();
    await store?.close().catch(() => {});
  }

  #retryLater(): void {
    if (this.#following === undefined || this.#closed || this.#cancelRetry !== undefined) return;
    // Gateways that lost one database together do not come back to it together.
    const delayMs = this.#retryMs * (1 - Math.random() / 2);
    this.#retryMs = Math.min(maxRetryMs, this.#retryMs * 2);
    this.#cancelRetry = this.#following.clock.after(delayMs, () => {
      this.#cancelRetry = undefined;
      if (!this.#closed) void this.#tryAgain();
    });
  }

  async #tryAgain(): Promise<void> {
    try {
      const { stored } = await this.read();
      this.#following?.onNews(headOf(stored));
    } catch (error) {
      // Why it cannot be read may have become another: it is back, and is not the one that it was.
      this.#following?.onProblem(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** The first entry of the audit log: no other store has the same, and each backup of this one has. */
async function identify({ audit }: Store): Promise<Digest | undefined> {
  return (await audit.list({ cursor: '2', limit: 1 })).items[0]?.hash;
}

async function verify(store: Store, opener: Opener | undefined): Promise<void> {
  const findings = await store.verify(opener);
  const [first] = findings;
  if (first === undefined) return;
  const more = findings.length === 1 ? '' : `, and ${findings.length - 1} more`;
  throw new StoreProblem(
    first.code === 'unreadable' ? 'corrupt' : 'altered',
    `the store is not what it says: ${first.where}: ${first.detail}${more}`,
  );
}
