// Which CRLs a configuration asks for, as plain data: nothing is read here. What one policy or route asks for, its sources and
// the CAs that may have signed what is in them, is a group; several that ask for the same are one.
import { hash } from 'node:crypto';
import type { CrlConfig, CrlSource } from '../config/gateway-config.ts';
import { materialName } from '../certs/material.ts';
import { loadSystemBundle, type TrustBundle } from '../trust/trust-bundle.ts';

/** A source together with the CAs that may have signed what is in it. */
export type CrlSourceSpec = {
  /** Equal for equal sources and issuers only. */
  readonly key: string;
  /** For messages: path, URL or 'inline PEM'. */
  readonly name: string;
  readonly source: CrlSource;
  /** DER of certificates. */
  readonly issuers: readonly Uint8Array[];
};

export type CrlGroupSpec = {
  /** Equal for equal sources and issuers only, in whatever order. */
  readonly key: string;
  readonly sources: readonly CrlSourceSpec[];
  /** Longest time between two fetches of a URL. */
  readonly refreshMs: number;
  /** Who names CAs and refuses whatever they issued while there is no CRL of theirs (`onMissing: deny`). `what`: for messages. */
  readonly uses: readonly (Pick<CrlConfig, 'scope' | 'place'> & { readonly what: string })[];
  /** Who refuses what a CRL past its date speaks of (`onStale: deny`), for messages. */
  readonly refuseStale: readonly string[];
};

export class WantedCrls {
  /** By key and interval: the same sources under two intervals are told of at both places. */
  readonly #groups = new Map<
    string,
    CrlGroupSpec & { readonly uses: CrlGroupSpec['uses'][number][]; readonly refuseStale: string[] }
  >();

  get groups(): readonly CrlGroupSpec[] {
    return [...this.#groups.values()];
  }

  /**
   * Adds what `config` asks for; the key of its group. `trusted`: the CAs that may sign its CRLs, undefined for those of the
   * system. `what`: who asks, for messages.
   */
  add(
    { sources, refreshMs, onMissing, onStale, scope, place }: CrlConfig,
    trusted: TrustBundle | undefined,
    what: string,
  ): string {
    const { certificates, digest } = trusted ?? loadSystemBundle();
    const issuers = certificates.map(({ der }) => der);
    const specs = sources.map((source) => makeSourceSpec(source, issuers, digest));
    const key = hash('sha256', [...new Set(specs.map((spec) => spec.key))].sort().join('\n'));
    const id = `${key} ${refreshMs}`;
    let group = this.#groups.get(id);
    if (group === undefined)
      this.#groups.set(id, (group = { key, sources: specs, refreshMs, uses: [], refuseStale: [] }));
    // Nobody is expected to have the CRL of every CA of the system.
    if (trusted !== undefined && onMissing === 'deny') group.uses.push({ what, scope, place });
    if (onStale === 'deny') group.refuseStale.push(what);
    return key;
  }
}

/** `issuersKey`: digest over the issuers. */
export function makeSourceSpec(source: CrlSource, issuers: readonly Uint8Array[], issuersKey: string): CrlSourceSpec {
  const [kind, value] =
    'url' in source ? ['url', source.url] : 'path' in source ? ['path', source.path] : ['pem', source.pem];
  const name = 'url' in source ? source.url : materialName(source);
  return { key: hash('sha256', JSON.stringify([kind, value, issuersKey])), name, source, issuers };
}
