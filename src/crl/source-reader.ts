// Reads one source of CRLs as it is now: a file, a folder (each CRL in it for itself), PEM text, or a URL. Says what came of
// each; what that means is said elsewhere: problems.ts for a configuration, feed.ts while the gateway runs.
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CrlBuilder } from './builder.ts';
import { CrlRejection } from './rejection.ts';
import type { IndexedCrl } from './crl-set.ts';
import { type Fetched, fetchCrl, type FetchLimits, type Validators } from './fetch.ts';
import type { CrlSourceSpec } from './wanted.ts';

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
};

export class CrlSourceReader {
  readonly #builder: CrlBuilder;
  readonly #limits: FetchLimits;

  constructor(builder: CrlBuilder, limits: FetchLimits = {}) {
    this.#builder = builder;
    this.#limits = limits;
  }

  /** Never rejects. */
  async read(spec: CrlSourceSpec, before?: Validators): Promise<CrlReading> {
    const { source, issuers, name } = spec;
    if ('url' in source) return this.#readUrl(spec, await fetchCrl(source.url, before, this.#limits));
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

function failed(source: string, code: CrlRejection['code'], message: string): CrlReading {
  return { crls: [], failures: [{ source, refusal: new CrlRejection(code, message, 'Correct crl.sources.') }] };
}
