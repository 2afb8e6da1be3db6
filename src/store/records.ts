// Small facts that several gateways share and that end by themselves: what one fetched and all can use, who does a thing for
// all, what was seen where. They stand in no chain, because they come and go by the thousand: whoever can write to the store
// can write them, so nobody believes one without a proof of its own (a signature, or a MAC that the primary makes and checks).
import { recordLimits } from './limits.ts';
import { checkCount, checkName } from './names.ts';
import type { Page, PageRequest } from './page.ts';
import { StoreProblem } from './store-problem.ts';

export type RecordKind = keyof typeof recordLimits;

export type SharedRecord = {
  readonly kind: RecordKind;
  /** Unique within the kind. */
  readonly key: string;
  /** Who wrote it last, as he says. */
  readonly gateway: string;
  readonly bytes: Uint8Array;
  /** When it was written, by the clock of the store. */
  readonly at: number;
  /** Nobody finds it any more from then on. */
  readonly expiresAt: number;
  /** 1 at first; counts what was written under the key since it last was not there. */
  readonly version: number;
};

export type RecordToPut = Pick<SharedRecord, 'kind' | 'key' | 'gateway' | 'bytes'> & {
  /** How long it lasts, in milliseconds, from the moment at which the store writes it: clocks of gateways differ. */
  readonly lastsMs: number;
  /** The version that it takes the place of, 0 for none; without it, of whatever is there. */
  readonly version?: number;
};

export type RecordPut =
  | { readonly outcome: 'put'; readonly record: SharedRecord }
  /** Somebody else was quicker; `record` is what is there now, if anything is. */
  | { readonly outcome: 'stale'; readonly record: SharedRecord | undefined };

export interface SharedRecords {
  /** May be lost with the power. Where there are too many of the kind, those that end first give way. Rejects with `invalid`. */
  put(record: RecordToPut): Promise<RecordPut>;
  find(kind: RecordKind, key: string): Promise<SharedRecord | undefined>;
  /** In the order of the keys by code points. */
  list(kind: RecordKind, request?: PageRequest): Promise<Page<SharedRecord>>;
  /** False where there is none, or, with a version, another. */
  remove(kind: RecordKind, key: string, version?: number): Promise<boolean>;
}

/** Throws `invalid`. */
export function checkRecord({ kind, key, gateway, bytes, lastsMs, version }: RecordToPut): void {
  checkRecordKind(kind);
  checkName(key, 'the key of a record');
  checkName(gateway, 'the name of a gateway');
  checkCount(lastsMs, 'how long a record lasts');
  if (version !== undefined) checkCount(version, 'the version of a record');
  const { maxBytes } = recordLimits[kind];
  if (bytes.byteLength <= maxBytes) return;
  throw new StoreProblem('invalid', `a record of ${kind} has ${bytes.byteLength} bytes; ${maxBytes} are allowed`);
}

export function checkRecordKind(kind: string): void {
  if (!Object.hasOwn(recordLimits, kind)) throw new StoreProblem('invalid', `there are no records of ${kind}`);
}
