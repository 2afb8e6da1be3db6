// Records that only holders of the opening key can have written: sealed and authenticated by it (store/seal.ts), because whoever
// can write to the database can write any record. One that is not what it says is told once and is as good as none.
import { createHash } from 'node:crypto';
import type { RecordKind, RecordPut, SharedRecord, SharedRecords } from '../store/records.ts';
import type { Opener } from '../store/seal.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Logger } from '../telemetry/logger.ts';

export type SealedRecord = { readonly content: Buffer; readonly record: SharedRecord };

type SealedPut = {
  readonly kind: RecordKind;
  /** It goes under a digest of this; nobody who reads the database learns a name. */
  readonly name: string;
  readonly content: Uint8Array;
  readonly lastsMs: number;
  readonly version?: number;
};

export type SealedRecordsOptions = {
  readonly store: Pick<SharedRecords, 'find' | 'put'>;
  /** Undefined where there is no key. May throw a StoreProblem. */
  readonly opener: () => Opener | undefined;
  /** Of this gateway. */
  readonly gateway: string;
  readonly log: () => Logger | undefined;
};

const maxTold = 1_000;

export class SealedRecords {
  readonly #options: SealedRecordsOptions;
  readonly #told = new Set<string>();

  constructor(options: SealedRecordsOptions) {
    this.#options = options;
  }

  get gateway(): string {
    return this.#options.gateway;
  }

  /** Undefined where there is none that is to be believed. Rejects with a StoreProblem. */
  async find(kind: RecordKind, name: string): Promise<SealedRecord | undefined> {
    const opener = this.#opener();
    const record = await this.#options.store.find(kind, keyOf(opener, kind, name));
    return record && this.open(record, name, opener);
  }

  /** Rejects with a StoreProblem; `invalid` where it is too large. */
  async put({ kind, name, content, lastsMs, version }: SealedPut): Promise<RecordPut> {
    const opener = this.#opener();
    const bytes = opener.sealOwn(purposeOf(kind, name), content);
    const key = keyOf(opener, kind, name);
    const { store, gateway } = this.#options;
    return store.put({ kind, key, gateway, bytes, lastsMs, ...(version !== undefined && { version }) });
  }

  /** As `put`, under a key that says the name: who lists all of a kind finds what each is. */
  async putNamed({ kind, name, content, lastsMs }: Omit<SealedPut, 'version'>): Promise<RecordPut> {
    const opener = this.#opener();
    const { store, gateway } = this.#options;
    const bytes = opener.sealOwn(purposeOf(kind, name), content);
    return store.put({ kind, key: namedKey(opener, name), gateway, bytes, lastsMs });
  }

  /** Undefined where it is none of our key's, or not what it says. */
  openNamed(record: SharedRecord): (SealedRecord & { readonly name: string }) | undefined {
    const opener = this.#opener();
    const prefix = namedKey(opener, '');
    if (!record.key.startsWith(prefix)) return undefined;
    const name = Buffer.from(record.key.slice(prefix.length), 'base64url').toString('utf8');
    const opened = this.open(record, name, opener);
    return opened && { ...opened, name };
  }

  /** The record of a name, opened; undefined where it was not sealed for it with our key. */
  open(record: SharedRecord, name: string, opener: Opener = this.#opener()): SealedRecord | undefined {
    try {
      return { content: opener.openOwn(purposeOf(record.kind, name), record.bytes), record };
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      this.refuse(record, error.message);
      return undefined;
    }
  }

  /** Told once for each version that is there. */
  refuse({ kind, key, version, gateway }: Omit<SharedRecord, 'bytes' | 'at' | 'expiresAt'>, why: string): void {
    const id = `${kind} ${key} ${version}`;
    if (this.#told.has(id)) return;
    if (this.#told.size >= maxTold) this.#told.clear();
    this.#told.add(id);
    const about = { code: 'shared_record_refused', kind, key, gateway, why };
    this.#options.log()?.error(about, 'a shared record of the store is refused: it is as if it were not there');
  }

  #opener(): Opener {
    const opener = this.#options.opener();
    if (opener === undefined) throw new StoreProblem('seal_key_missing', 'there is no opening key');
    return opener;
  }
}

/** Gateways with another opening key have records of their own: while keys are changed nobody takes those of others for forged. */
export function keyOf(opener: Pick<Opener, 'publicParts'>, kind: RecordKind, name: string): string {
  const digest = createHash('sha256').update(`${kind}\n${name}`).digest('hex');
  return `${opener.publicParts()[0]?.id ?? ''}-${digest}`;
}

function namedKey(opener: Pick<Opener, 'publicParts'>, name: string): string {
  return `${opener.publicParts()[0]?.id ?? ''}.${Buffer.from(name).toString('base64url')}`;
}

function purposeOf(kind: RecordKind, name: string): string {
  return `shared ${kind} ${createHash('sha256').update(name).digest('hex')}`;
}
