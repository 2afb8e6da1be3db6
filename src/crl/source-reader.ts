// Reads one source of CRLs as it is now: a file, a folder (each CRL in it for itself), PEM text, or a URL. Says what came of
// each; what that means is said elsewhere: problems.ts for a configuration, feed.ts while the gateway runs.
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CrlBuilder } from './builder.ts';
import { CrlRejection } from './rejection.ts';
import type { IndexedCrl } from './crl-set.ts';
import { type Fetched, fetchCrl, type FetchLimits, type Validators } from './fetch.ts';
import type { CrlSourceSpec } from './wanted.ts';
import { fetchAlone, type FetchTurn, type KeptAnswer, type SharedFetches } from '../base/shared-fetch.ts';

const maxFiles = 1_000;
const maxEntries = 10_000;
const crlFile = /\.(?:crl|pem|der)$/i;

/** What one look at a source gave. Each CRL carries its file or URL as facts.source. */
export type CrlReading = {
  readonly crls: readonly IndexedCrl[];
  /** `source`: the file or URL. Where it is the name of the feed, nothing could be read at all. */
  readonly failures: readonly { readonly source: string; readonly refusal: CrlRejection }[];
  readonly validators?: Validators | undefined;
  /** The server says that nothing changed; `crls` is empty and means nothing. */
  readonly unchanged?: true;
  /** Of what another gateway fetched: when, by its clock, and how to say that it is not taken. */
  readonly shared?: { readonly fetchedAt: number; readonly refuse: (why: string) => void };
};

/** What of others may be taken instead of asking the server. Times in milliseconds since the epoch. */
export type SharedWish = {
  readonly now: number;
  /** What was fetched earlier is known already. */
  readonly after: number;
  readonly maxAgeMs: number;
  /** Nothing is taken, only given. */
  readonly direct?: boolean;
};

export class CrlSourceReader {
  readonly #builder: CrlBuilder;
  readonly #limits: FetchLimits;
  #fetches: SharedFetches | undefined;

  constructor(builder: CrlBuilder, limits: FetchLimits = {}) {
    this.#builder = builder;
    this.#limits = limits;
  }

  /** From now on URLs are fetched once for all gateways. */
  shareBy(fetches: SharedFetches): void {
    this.#fetches = fetches;
  }

  /** Never rejects. `wish`: without it the server is asked in any case, and nobody else is told. */
  async read(spec: CrlSourceSpec, before?: Validators, wish?: SharedWish): Promise<CrlReading> {
    const { source, issuers, name } = spec;
    if ('url' in source) return this.#readShared(spec, source.url, before, wish);
    if ('pem' in source) return this.#build(name, { bytes: new Uint8Array(Buffer.from(source.pem)) }, issuers);
    const isDirectory = await stat(source.path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    return isDirectory
      ? this.#readDirectory(source.path, name, issuers)
      : this.#build(name, { path: source.path }, issuers);
  }

  close(): void {
    this.#builder.close();
  }

  /** What others fetched is verified as what comes from the server; where it is no good the server is asked. */
  async #readShared(
    spec: CrlSourceSpec,
    url: string,
    before: Validators | undefined,
    wish: SharedWish | undefined,
  ): Promise<CrlReading> {
    for (;;) {
      const turn = await this.#begin(url, wish);
      if (turn.turn === 'own') return this.#readOwn(spec, url, before, turn, wish);
      const { bytes, fetchedAt, etag, lastModified } = turn.kept;
      const reading = await this.#build(spec.name, { bytes: new Uint8Array(bytes) }, spec.issuers);
      const why = findSharedFlaw(reading, wish?.now ?? 0);
      if (why === undefined)
        return { ...reading, validators: { etag, lastModified }, shared: { fetchedAt, refuse: turn.refuse } };
      // From now on it is not given out here again.
      turn.refuse(why);
    }
  }

  async #begin(url: string, wish: SharedWish | undefined): Promise<FetchTurn> {
    if (this.#fetches === undefined || wish === undefined) return fetchAlone;
    const { after, maxAgeMs, direct = false } = wish;
    return this.#fetches.begin({ kind: 'crl', name: url, after: direct ? Infinity : after, maxAgeMs });
  }

  async #readOwn(
    spec: CrlSourceSpec,
    url: string,
    before: Validators | undefined,
    turn: FetchTurn & { readonly turn: 'own' },
    wish: SharedWish | undefined,
  ): Promise<CrlReading> {
    const now = wish?.now ?? 0;
    const kept = turn.before;
    const known = kept === undefined ? before : validatorsOf(kept);
    const fetched = await fetchCrl(url, known, this.#limits);
    if (fetched instanceof CrlRejection || (fetched === 'unchanged' && kept === undefined)) {
      turn.release();
      return this.#readUrl(spec, fetched);
    }
    // The server says that what was kept is still the newest.
    const newest = fetched === 'unchanged' && kept !== undefined ? { ...kept, validators: known } : fetched;
    if (newest === 'unchanged') return this.#readUrl(spec, fetched);
    const copy = new Uint8Array(newest.bytes);
    const reading = await this.#readUrl(spec, {
      bytes: new Uint8Array(newest.bytes),
      validators: newest.validators ?? none,
    });
    if (findSharedFlaw(reading, now) === undefined)
      turn.keep({ bytes: copy, fetchedAt: now, ...(newest.validators ?? none) });
    else turn.release();
    return reading;
  }

  async #readUrl({ name, issuers }: CrlSourceSpec, fetched: Fetched): Promise<CrlReading> {
    if (fetched === 'unchanged') return { crls: [], failures: [], unchanged: true };
    if (fetched instanceof CrlRejection) return { crls: [], failures: [{ source: name, refusal: fetched }] };
    const reading = await this.#build(name, { bytes: fetched.bytes }, issuers);
    return reading.failures.length > 0 ? reading : { ...reading, validators: fetched.validators };
  }

  async #readDirectory(path: string, name: string, issuers: readonly Uint8Array[]): Promise<CrlReading> {
    const files: string[] = [];
    try {
      const entries = await readdir(path);
      // A list that is not looked at would be a revocation that is not known.
      if (entries.length > maxEntries) return failed(name, 'crl_too_large', `it holds more than ${maxEntries} files`);
      for (const entry of entries.sort()) {
        const file = join(path, entry);
        if (crlFile.test(entry) && (await stat(file)).isFile()) files.push(file);
      }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'error';
      return failed(name, 'crl_unreadable', `its files cannot be listed (${code})`);
    }
    if (files.length > maxFiles) return failed(name, 'crl_too_large', `it holds more than ${maxFiles} CRLs`);
    const readings = await Promise.all(
      files.map(async (file) => this.#build(join(name, basename(file)), { path: file }, issuers)),
    );
    return {
      crls: readings.flatMap(({ crls }) => crls),
      failures: readings.flatMap(({ failures }) => failures),
    };
  }

  async #build(
    name: string,
    from: { readonly path: string } | { readonly bytes: Uint8Array },
    issuers: readonly Uint8Array[],
  ): Promise<CrlReading> {
    const result = await this.#builder.build({ name, from, issuers });
    return 'crls' in result
      ? { crls: result.crls, failures: [] }
      : { crls: [], failures: [{ source: name, refusal: result.refusal }] };
  }
}

const none: Validators = { etag: undefined, lastModified: undefined };

function validatorsOf({ etag, lastModified }: KeptAnswer): Validators {
  return { etag, lastModified };
}

/** Why it is not for others, or not from others: undefined where it can be used. */
function findSharedFlaw({ failures, crls }: CrlReading, now: number): string | undefined {
  const [failure] = failures;
  if (failure !== undefined) return failure.refusal.message;
  return crls.some(({ facts }) => facts.nextUpdate <= now) ? 'it is out of date' : undefined;
}

function failed(source: string, code: CrlRejection['code'], message: string): CrlReading {
  return { crls: [], failures: [{ source, refusal: new CrlRejection(code, message, 'Correct crl.sources.') }] };
}
