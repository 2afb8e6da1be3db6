// The clients that each gateway saw, in the store for all: who would be refused by a change is asked of every gateway's clients. Each
// gateway writes its own, sealed and authenticated, in pieces by certificate, so that only what changed is written; bounded in number
// and age (decision 0074). Nobody is let in or refused by what stands here.
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Clock, dayMs } from '../base/clock.ts';
import { type MergedRecord, mergeRecords, type RecordOf } from '../inventory/merge-records.ts';
import type { SeenIdentity, TrustRecordContents } from '../inventory/record-format.ts';
import { trustRecordVersion } from '../inventory/record-version.ts';
import { recordLimits } from '../store/limits.ts';
import type { SharedRecord, SharedRecords } from '../store/records.ts';
import type { Opener } from '../store/seal.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Logger } from '../telemetry/logger.ts';
import { SealedRecords } from './sealed-records.ts';
import { listAll, type SharedStore } from './shared-store.ts';

const kind = 'seen';
const shareMs = 15_000;
/** What only another minute changes is not written each minute. */
const coarseMs = 3_600_000;
const keptMs = 5_000;
/** Of one gateway; who was never let in has a fifth of it. */
export const maxSharedIdentities = 2_000;
const maxAnonymous = 200;
const keepMs = 100 * dayMs;
/** What vouched for whom and when last is asked once a quarter, and a year later. */
const keepAnchorsMs = 400 * dayMs;
const maxPieceBytes = 4 * 1024 * 1024;
const overheadBytes = 1024;
const head = 'head';

export type SharedClientsOptions = {
  readonly clock: Clock;
  readonly store: SharedStore;
  readonly sealed: SealedRecords;
  /** What this gateway saw; undefined where it keeps no record. */
  readonly own: () => Promise<TrustRecordContents | undefined>;
};

type Opened = {
  readonly version: number;
  readonly gateway: string;
  readonly piece: string;
  contents: TrustRecordContents;
};

export class SharedClients {
  readonly #options: SharedClientsOptions;
  /** By key: what was read of a version, opened. */
  #opened = new Map<string, Opened>();
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;
  /** What was written last, by piece. */
  readonly #written = new Map<string, string>();
  /** What a former run of this gateway left; undefined: not asked yet. */
  #former: readonly TrustRecordContents[] | undefined;
  #sharing: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: SharedClientsOptions) {
    this.#options = options;
    options.store.onWriter(() => void this.share());
  }

  start(): void {
    void this.share();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  /** Own clients, and those of the others as far as the store says or last said; undefined where there are none of anybody. */
  async merged(): Promise<MergedRecord | undefined> {
    const [own] = await Promise.all([this.#options.own(), this.#read()]);
    const { gateway } = this.#options.sealed;
    const records: RecordOf[] = [...this.#opened.values()].filter((one) => one.gateway !== gateway);
    // What a former run saw is not forgotten with it.
    if (own !== undefined) records.push({ gateway, contents: this.#withFormer(own) });
    return records.length === 0 ? undefined : mergeRecords(records);
  }

  /** Writes what changed. Never rejects; one at a time. */
  async share(): Promise<void> {
    if (this.#closed) return;
    this.#cancel?.();
    this.#sharing ??= this.#share()
      .catch((error: unknown) => {
        if (!(error instanceof StoreProblem)) throw error;
      })
      .finally(() => {
        this.#sharing = undefined;
        if (!this.#closed) this.#cancel = this.#options.clock.after(shareMs, () => void this.share());
      });
    return this.#sharing;
  }

  async #share(): Promise<void> {
    const { store, sealed, own: readOwn } = this.#options;
    if (!store.canWrite) return;
    const own = await readOwn();
    if (own === undefined) return;
    await this.#read();
    this.#former ??= [...this.#opened.values()]
      .filter(({ gateway }) => gateway === sealed.gateway)
      .map(({ contents }) => contents);
    const all = this.#withFormer(own);
    const pieces = new Map<string, SeenIdentity[]>();
    for (const identity of choose(all.identities)) {
      const name = identity.sha256.slice(0, 2);
      pieces.set(name, [...(pieces.get(name) ?? []), identity]);
    }
    await this.#write(head, {
      ...all,
      identities: [],
      intermediates: {},
      anonymous: all.anonymous.slice(0, maxAnonymous),
    });
    for (const [name, identities] of pieces) await this.#write(name, pieceOf(all, identities));
  }

  async #write(piece: string, contents: TrustRecordContents): Promise<void> {
    const digest = materialOf(contents);
    if (this.#written.get(piece) === digest) return;
    const { sealed } = this.#options;
    const content = pack(contents);
    if (content === undefined) return;
    const lastsMs = piece === head ? keepAnchorsMs : keepMs;
    await sealed.putNamed({ kind, name: nameOf(sealed.gateway, piece), content, lastsMs });
    this.#written.set(piece, digest);
  }

  /** A record that began later than the former does not have what that one had. */
  #withFormer(own: TrustRecordContents): TrustRecordContents {
    const { gateway } = this.#options.sealed;
    const former = this.#former ?? [];
    if (former.length === 0) return own;
    const since = Math.min(...former.map((one) => one.since));
    const oldest = this.#options.clock.now() - keepMs;
    const known = new Set(own.identities.map(({ sha256, policy }) => `${sha256} ${policy}`));
    const isContinued = own.since <= since;
    const before = former.map((contents) => ({
      ...contents,
      anchors: isContinued
        ? contents.anchors.filter(
            (one) => !own.anchors.some((now) => now.sha256 === one.sha256 && now.policy === one.policy),
          )
        : contents.anchors,
      anonymous: isContinued ? [] : contents.anonymous,
      identities: contents.identities.filter(
        (one) => one.lastSeen >= oldest && !(isContinued && known.has(`${one.sha256} ${one.policy}`)),
      ),
    }));
    const records = [...before, own].map((contents) => ({ gateway, contents }));
    return { ...mergeRecords(records).contents, written: own.written };
  }

  /** Never rejects: what was read before is the best there is then. */
  async #read(): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#readAt < keptMs) return;
    this.#reading ??= this.#readAll()
      .catch((error: unknown) => {
        if (!(error instanceof StoreProblem)) throw error;
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    const { store, sealed, clock } = this.#options;
    const opened = new Map<string, Opened>();
    for (const record of await listAll(store, kind)) {
      const known = this.#opened.get(record.key);
      const read = known?.version === record.version ? known : readPiece(record, sealed);
      if (read !== undefined) opened.set(record.key, read);
    }
    this.#opened = opened;
    this.#readAt = clock.monotonic();
  }
}

export type ClientsOfAll = {
  /** Undefined where none of them is there. */
  readonly record: MergedRecord | undefined;
  /** Records that say that they are of this opening key, and are not what they say. */
  readonly refused: number;
  /** Records of another opening key, or another version. */
  readonly unread: number;
};

/**
 * The clients of every gateway as a store has them now, for who is no gateway. What is refused is counted, so that nobody takes the
 * rest for the whole. Rejects with a StoreProblem.
 */
export async function readClientsOfAll(records: SharedRecords, opener: Opener): Promise<ClientsOfAll> {
  let refused = 0;
  const ignore = (): void => {};
  const count = (): void => void (refused += 1);
  const log: Logger = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: count, child: () => log };
  const sealed = new SealedRecords({ store: records, opener: () => opener, gateway: '', log: () => log });
  const all = await listAll(records, kind);
  const opened = all.flatMap((record) => readPiece(record, sealed) ?? []);
  const record = opened.length === 0 ? undefined : mergeRecords(opened);
  return { record, refused, unread: all.length - opened.length - refused };
}

/** The name is part of what is authenticated: a piece of one gateway is none of another. */
function readPiece(record: SharedRecord, sealed: SealedRecords): Opened | undefined {
  const found = sealed.openNamed(record);
  if (found === undefined) return undefined;
  const [gateway, piece] = JSON.parse(found.name) as [string, string];
  const json = gunzipSync(found.content, { maxOutputLength: maxPieceBytes }).toString('utf8');
  const contents = JSON.parse(json) as TrustRecordContents;
  if (contents.version !== trustRecordVersion) return undefined;
  return { version: record.version, gateway, piece, contents };
}

const nameOf = (gateway: string, piece: string): string => JSON.stringify([gateway, piece]);

function choose(identities: readonly SeenIdentity[]): readonly SeenIdentity[] {
  const latest = identities.toSorted((a, b) => b.lastSeen - a.lastSeen);
  const accepted = latest.filter(({ lastAccepted }) => lastAccepted !== null);
  const refused = latest.filter(({ lastAccepted }) => lastAccepted === null).slice(0, maxSharedIdentities / 5);
  return [...accepted.slice(0, maxSharedIdentities - refused.length), ...refused];
}

function pieceOf(all: TrustRecordContents, identities: readonly SeenIdentity[]): TrustRecordContents {
  const above = new Set(identities.flatMap((one) => one.above));
  const intermediates = Object.fromEntries(Object.entries(all.intermediates).filter(([sha256]) => above.has(sha256)));
  const { version, since, written } = all;
  return { version, since, written, anchors: [], anonymous: [], intermediates, identities: [...identities] };
}

/** Undefined where it does not fit whatever is left out. */
function pack(contents: TrustRecordContents): Buffer | undefined {
  const limit = recordLimits[kind].maxBytes - overheadBytes;
  let { identities } = contents;
  for (;;) {
    const packed = gzipSync(JSON.stringify({ ...contents, identities }));
    if (packed.length <= limit) return packed;
    if (identities.length === 0) return undefined;
    // The last ones are who was never let in, and who was not seen for long.
    identities = identities.slice(0, Math.floor(identities.length / 2));
  }
}

/** What is worth a write: who, how it ended, under which name, and the hour. */
function materialOf({ since, identities, anchors, anonymous }: TrustRecordContents): string {
  const hour = (ms: number | null): number | null => (ms === null ? null : Math.floor(ms / coarseMs));
  const parts = [
    since,
    identities.map((one) => [
      one.sha256,
      one.policy,
      one.code,
      one.serverNames,
      one.anchor,
      one.above,
      hour(one.lastSeen),
      hour(one.lastAccepted),
    ]),
    anchors.map((one) => [one.sha256, one.policy, hour(one.lastSeen)]),
    anonymous.map((one) => [one.policy, one.serverName, one.version, hour(one.lastSeen), hour(one.lastAccepted)]),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
