// One gateway fetches, all use it: CRLs and OCSP responses, kept in the store as they came. A lease says who fetches; who waits for
// a holder that died takes it over when it ends. What is too large for a record each fetches itself.
import type { Clock } from '../base/clock.ts';
import {
  fetchAlone,
  type FetchTurn,
  type FetchWish,
  type KeptAnswer,
  type SharedFetches as Fetches,
} from '../base/shared-fetch.ts';
import { recordLimits } from '../store/limits.ts';
import type { SharedRecord } from '../store/records.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { keyOf, type SealedRecords } from './sealed-records.ts';
import type { SharedStore } from './shared-store.ts';

/** Longer than any fetch takes, so that nobody fetches beside a holder that lives. */
const leaseMs = 15_000;
const lookMs = 300;
/** A holder that dies, and one that takes it over and dies as well. */
const maxWaitMs = 2 * leaseMs;
/** Sealed it is a little longer. */
const overheadBytes = 1024;
/** Kept for a `control` that is not there yet. */
const maxPending = 64;
/** Who writes one after the other that is no good keeps nobody from asking the server. */
const maxRefused = 3;
const slackMs = 600_000;

export type SharedFetchesOptions = {
  readonly clock: Clock;
  readonly store: SharedStore;
  readonly sealed: SealedRecords;
};

type Pending = { readonly wish: FetchWish; readonly answer: KeptAnswer };

/** `tooLarge`: there is one, and it fits into no record. */
type Found = KeptAnswer & { readonly tooLarge: boolean; readonly record: SharedRecord };

export class SharedFetches implements Fetches {
  readonly #options: SharedFetchesOptions;
  readonly #pending = new Map<string, Pending>();
  /** What was not what it should be since something was fetched here, by kind and name: the last version, and how many. */
  readonly #refused = new Map<string, { readonly version: number; readonly count: number }>();

  constructor(options: SharedFetchesOptions) {
    this.#options = options;
    options.store.onWriter(() => {
      for (const { wish, answer } of this.#pending.values()) void this.#put(wish, answer);
      this.#pending.clear();
    });
  }

  async begin(wish: FetchWish): Promise<FetchTurn> {
    const { clock, store, sealed } = this.#options;
    const until = clock.monotonic() + maxWaitMs;
    try {
      for (;;) {
        const found = await this.#find(wish);
        if (found?.tooLarge === true && this.#isFresh(found, wish)) return fetchAlone;
        if (found !== undefined && this.#isFresh(found, wish)) return this.#kept(wish, found);
        if (!store.canWrite) return this.#own(wish, found);
        const name = leaseName(wish);
        const lease = {
          kind: 'lease' as const,
          key: name,
          gateway: sealed.gateway,
          bytes: new Uint8Array(),
          version: 0,
        };
        const taken = await store.put({ ...lease, lastsMs: leaseMs });
        if (taken.outcome === 'put') return this.#own(wish, found, { key: name, version: taken.record.version });
        if (clock.monotonic() >= until) return this.#own(wish, found);
        await new Promise<void>((resolve) => {
          clock.after(lookMs, resolve);
        });
      }
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      return this.#own(wish, undefined);
    }
  }

  #kept(wish: FetchWish, found: Found): FetchTurn {
    const { record, bytes, fetchedAt, etag, lastModified } = found;
    return {
      turn: 'kept',
      kept: { bytes, fetchedAt, etag, lastModified },
      refuse: (why) => {
        const id = idOf(wish);
        this.#refused.set(id, { version: record.version, count: (this.#refused.get(id)?.count ?? 0) + 1 });
        this.#options.sealed.refuse(record, why);
      },
    };
  }

  #own(
    wish: FetchWish,
    before: Found | undefined,
    lease?: { readonly key: string; readonly version: number },
  ): FetchTurn {
    const release = (): void => {
      if (lease !== undefined) void this.#options.store.remove('lease', lease.key, lease.version).catch(() => {});
    };
    return {
      turn: 'own',
      before: before?.tooLarge === true ? undefined : before,
      keep: (answer) => {
        const refused = this.#refused.get(idOf(wish));
        if (refused !== undefined) this.#refused.set(idOf(wish), { ...refused, count: 0 });
        void this.#put(wish, answer).finally(release);
      },
      release,
    };
  }

  #isFresh({ fetchedAt }: Found, { after, maxAgeMs }: FetchWish): boolean {
    const now = this.#options.clock.now();
    // By a clock that is ahead of ours it would be young for too long.
    return fetchedAt > after && Math.min(fetchedAt, now) > now - maxAgeMs;
  }

  async #find(wish: FetchWish): Promise<Found | undefined> {
    const { sealed } = this.#options;
    const opened = await sealed.find(wish.kind, wish.name);
    const refused = this.#refused.get(idOf(wish));
    if (opened === undefined || refused?.version === opened.record.version) return undefined;
    if (refused !== undefined && refused.count >= maxRefused) return undefined;
    const read = readAnswer(opened.content);
    if (read === undefined) {
      sealed.refuse(opened.record, 'it is of another version');
      return undefined;
    }
    return { ...read, record: opened.record };
  }

  /** Never rejects. */
  async #put(wish: FetchWish, answer: KeptAnswer): Promise<void> {
    const { store, sealed } = this.#options;
    const id = idOf(wish);
    if (!store.canWrite) {
      if (this.#pending.size < maxPending) this.#pending.set(id, { wish, answer });
      return;
    }
    const fits = answer.bytes.byteLength + overheadBytes <= recordLimits[wish.kind].maxBytes;
    const content = writeAnswer(fits ? answer : { ...answer, bytes: new Uint8Array() }, !fits);
    const { kind, name, maxAgeMs } = wish;
    await sealed.put({ kind, name, content, lastsMs: Math.round(2 * maxAgeMs) + slackMs }).catch(() => {});
  }
}

function idOf({ kind, name }: FetchWish): string {
  return `${kind} ${name}`;
}

function leaseName({ kind, name }: FetchWish): string {
  // The key of a lease tells nothing of the URL either.
  return keyOf({ publicParts: () => [{ id: 'fetch', publicKey: '' }] }, kind, name);
}

const headBytes = 4;

/** Length of the head, the head as JSON, the bytes as they came. */
function writeAnswer({ bytes, fetchedAt, etag, lastModified }: KeptAnswer, tooLarge: boolean): Buffer {
  const head = Buffer.from(JSON.stringify({ form: 1, fetchedAt, etag, lastModified, tooLarge }));
  const length = Buffer.alloc(headBytes);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, bytes]);
}

/** Undefined where another version wrote it: only holders of the key can have. */
function readAnswer(content: Buffer): (KeptAnswer & { readonly tooLarge: boolean }) | undefined {
  const end = headBytes + (content.length < headBytes ? Infinity : content.readUInt32BE());
  if (end > content.length) return undefined;
  const head = JSON.parse(content.toString('utf8', headBytes, end)) as {
    readonly form: number;
    readonly fetchedAt: number;
    readonly etag?: string;
    readonly lastModified?: string;
    readonly tooLarge: boolean;
  };
  if (head.form !== 1) return undefined;
  const { fetchedAt, etag, lastModified, tooLarge } = head;
  return { bytes: content.subarray(end), fetchedAt, etag, lastModified, tooLarge };
}
