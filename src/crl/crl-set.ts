// The CRLs of one policy and what they say of a chain (RFC 5280 section 6.3). Immutable: a refreshed CRL makes a new set,
// which takes the old one's place while connections stay open.
import { readPointers } from '../certs/revocation-pointers.ts';
import { CrlIndex, type Revocation } from './serial-index.ts';
import { isoSeconds } from '../certs/expiry.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { VerificationResult } from '../trust/certificate-checks.ts';
import type { RevocationList } from '../trust/revocation.ts';
import { escapeForLog } from '../base/log-text.ts';

/** What is known of one CRL, its entries apart: plain data. */
export type CrlFacts = {
  /** As the configuration names it, for messages. */
  readonly source: string;
  /** RFC 4514 text. */
  readonly issuer: string;
  /** The same name for comparing (name-key.ts). */
  readonly issuerKey: string;
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

/** A CRL with its index (serial-index.ts): what a worker needs to look serials up. */
export type IndexedCrl = { readonly facts: CrlFacts; readonly index: Uint8Array };

export type CrlSettings = {
  readonly onMissing: 'deny' | 'allow';
  readonly onStale: 'deny' | 'allow';
  readonly scope: 'chain' | 'leaf';
};

/** A CA's clock may be ahead of ours by this much: its newest CRL must not lock everybody out. */
const clockSkewMs = 5 * 60_000;
const maxShown = 200;

type Searchable = { readonly facts: CrlFacts; readonly index: CrlIndex };

export class CrlSet implements RevocationList {
  readonly crls: readonly IndexedCrl[];
  readonly #settings: CrlSettings;
  /** By the key of the issuer's name; of several with the same scope the newest only. */
  readonly #byIssuer = new Map<string, Searchable[]>();

  constructor(crls: readonly IndexedCrl[], settings: CrlSettings) {
    this.crls = crls;
    this.#settings = settings;
    const newest = new Map<string, IndexedCrl>();
    for (const crl of crls) {
      const before = newest.get(scopeOf(crl.facts));
      if (before === undefined || compareAge(crl.facts, before.facts) > 0) newest.set(scopeOf(crl.facts), crl);
    }
    for (const { facts, index } of newest.values()) {
      const same = this.#byIssuer.get(facts.issuerKey) ?? [];
      this.#byIssuer.set(facts.issuerKey, [...same, { facts, index: new CrlIndex(index) }]);
    }
  }

  /**
   * undefined where nothing speaks against the chain; else revoked, revocation_unknown or crl_stale. `chain` is leaf first;
   * each certificate was issued by the next, the last by `anchor`, which is not looked at itself. `anchor` undefined: the
   * chain is not known, and only the leaf is there.
   */
  verify(
    chain: readonly CertificateFacts[],
    anchor: CertificateFacts | undefined,
    now: number,
  ): VerificationResult | undefined {
    const count = this.#settings.scope === 'leaf' ? Math.min(1, chain.length) : chain.length;
    // A revocation that is known counts before anything that is only unknown.
    let doubt: VerificationResult | undefined;
    for (let at = 0; at < count; at++) {
      const facts = chain[at] as CertificateFacts;
      const found = this.#verifyOne(facts, chain[at + 1] ?? anchor, now);
      if (found === undefined) continue;
      const result = at === 0 ? found : { ...found, detail: `a CA above it: ${found.detail}` };
      if (found.code === 'revoked') return result;
      doubt ??= result;
    }
    return doubt;
  }

  /** Whether a CRL went out of date between two moments (milliseconds since the epoch) and clients are refused for it. */
  hasStaled(from: number, to: number): boolean {
    const { onStale } = this.#settings;
    return onStale === 'deny' && this.crls.some(({ facts }) => from <= facts.nextUpdate && facts.nextUpdate < to);
  }

  #verifyOne(
    facts: CertificateFacts,
    issuer: CertificateFacts | undefined,
    now: number,
  ): VerificationResult | undefined {
    const { onMissing, onStale } = this.#settings;
    const named = this.#byIssuer.get(facts.issuerKey) ?? [];
    let stale: CrlFacts | undefined;
    let isFresh = false;
    for (const crl of named) {
      // Without the issuer's key a CRL of that name can still accuse, but not acquit.
      if (issuer !== undefined && crl.facts.issuerSpki !== issuer.spkiSha256) continue;
      const revocation = crl.index.find(facts.serial);
      if (revocation !== undefined)
        return { code: 'revoked', detail: describeRevocation(facts, revocation, crl.facts) };
      if (issuer === undefined || !covers(crl.facts, facts)) continue;
      if (now > crl.facts.nextUpdate || now < crl.facts.thisUpdate - clockSkewMs) stale = crl.facts;
      else isFresh = true;
    }
    if (isFresh) return undefined;
    if (stale !== undefined)
      return onStale === 'allow' ? undefined : { code: 'crl_stale', detail: describeStale(stale, now) };
    if (onMissing === 'allow') return undefined;
    const why =
      issuer === undefined ? 'its chain is not known here, so neither is the CRL that speaks of it' : undefined;
    const detail = why ?? `there is no CRL of its issuer "${escapeForLog(facts.issuer, maxShown)}"${partly(named)}`;
    return { code: 'revocation_unknown', detail };
  }
}

/** Everything that two CRLs have in common of which the newer takes the place of the other. */
export function scopeOf({ issuerKey, issuerSpki, covers, distributionPoints }: CrlFacts): string {
  return JSON.stringify([issuerSpki, issuerKey, covers, [...distributionPoints].sort()]);
}

/** Positive where `a` is newer than `b`, of the same scope: by number where both have one, then by date. */
export function compareAge(a: CrlFacts, b: CrlFacts): number {
  if (a.number !== undefined && b.number !== undefined && a.number !== b.number) {
    return a.number.length - b.number.length || (a.number < b.number ? -1 : 1);
  }
  return a.thisUpdate - b.thisUpdate;
}

function covers(crl: CrlFacts, facts: CertificateFacts): boolean {
  if (crl.covers !== 'all' && (crl.covers === 'ca') !== facts.isCa) return false;
  if (crl.distributionPoints.length === 0) return true;
  try {
    return readPointers(facts).crlUrls.some((url) => crl.distributionPoints.includes(url));
  } catch {
    // What cannot be read names no distribution point: the CRL does not speak of it.
    return false;
  }
}

/** Reason codes of RFC 5280 section 5.3.1. */
const reasonNames = [
  'no reason given',
  'key compromised',
  'CA compromised',
  'affiliation changed',
  'superseded',
  'no longer in use',
  'on hold',
  'no reason given',
  'no reason given',
  'privilege withdrawn',
  'attribute authority compromised',
];

export function describeReason(reason: number): string {
  return reasonNames[reason] ?? 'no reason given';
}

function describeRevocation(facts: CertificateFacts, { revokedAt, reason }: Revocation, crl: CrlFacts): string {
  const when = `revoked on ${isoSeconds(revokedAt)} (${describeReason(reason)})`;
  return `serial ${facts.serial} was ${when}, says ${describeCrl(crl)}`;
}

function describeStale(crl: CrlFacts, now: number): string {
  const clock = `our clock says ${isoSeconds(now)}`;
  return now > crl.nextUpdate
    ? `${describeCrl(crl)} is out of date; ${clock}`
    : `${describeCrl(crl)} is valid from ${isoSeconds(crl.thisUpdate)} only; ${clock}`;
}

/** For messages: which one, its number, its nextUpdate. */
export function describeCrl({ source, issuer, number, nextUpdate }: CrlFacts): string {
  const which = number === undefined ? 'without a number' : `number ${number}`;
  const from = `${escapeForLog(source, maxShown)} (next update ${isoSeconds(nextUpdate)})`;
  return `the CRL of "${escapeForLog(issuer, maxShown)}" ${which} from ${from}`;
}

function partly(named: readonly Searchable[]): string {
  return named.length === 0 ? '' : ' that covers it (other CRLs of that name are of another key or scope)';
}
