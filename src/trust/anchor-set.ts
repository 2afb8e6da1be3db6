// The anchors of a policy and the way from a client's certificate to one of them. OpenSSL has decided already: this finds the
// path again with our own eyes, for depth, forwarding and later revocation, and as a second opinion that must agree (N21).
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../certs/facts.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import type { TrustBundle } from './trust-bundle.ts';

export type TrustPath = {
  /** Leaf first, then the intermediates in order; without the anchor. */
  readonly chain: readonly X509Certificate[];
  readonly anchor: CertificateFacts;
};

/** Signatures checked for one client at most: a client chooses what it sends. */
const maxSignatureChecks = 32;

type Anchor = { readonly facts: CertificateFacts; readonly certificate: X509Certificate; readonly key: KeyObject };

export class AnchorSet {
  readonly bundle: TrustBundle;
  readonly #partialChain: boolean;
  #anchors: readonly Anchor[] | undefined;
  /** Intermediates of the bundle that are no anchors: nobody has to send them. */
  #helpers: readonly X509Certificate[] = [];

  /** `partialChain`: intermediates of the bundle are anchors; otherwise they only help to get to one. */
  constructor(bundle: TrustBundle, partialChain: boolean) {
    this.bundle = bundle;
    this.#partialChain = partialChain;
  }

  /**
   * The shortest path by names, key identifiers and signatures; undefined where there is none. A CA that was renewed has
   * several certificates: those that are valid at `now` (milliseconds since the epoch) come first, as with OpenSSL.
   */
  findPath(leaf: X509Certificate, sent: readonly X509Certificate[], now?: number): TrustPath | undefined {
    const anchors = (this.#anchors ??= this.#open());
    const candidates = validFirst([...sent, ...this.#helpers], (one) => one, now);
    const ends = validFirst(anchors, ({ certificate }) => certificate, now);
    const budget = { left: maxSignatureChecks };
    const reached = new Set([leaf.fingerprint256]);
    let paths: (readonly X509Certificate[])[] = [[leaf]];
    while (paths.length > 0) {
      for (const chain of paths) {
        const last = chain.at(-1) as X509Certificate;
        const anchor = ends.find(({ certificate, key }) => isIssuer(last, certificate, key, budget))?.facts;
        if (anchor !== undefined) return { chain, anchor };
      }
      paths = paths.flatMap((chain) =>
        candidates.flatMap((issuer) => {
          if (reached.has(issuer.fingerprint256) || !issuer.ca) return [];
          if (!isIssuer(chain.at(-1) as X509Certificate, issuer, issuer, budget)) return [];
          reached.add(issuer.fingerprint256);
          return [[...chain, issuer]];
        }),
      );
    }
    return undefined;
  }

  /** Those of the bundle, anchors and helpers. */
  get certificates(): readonly X509Certificate[] {
    const anchors = (this.#anchors ??= this.#open());
    return [...anchors.map(({ certificate }) => certificate), ...this.#helpers];
  }

  /** Whether names and key identifiers alone would lead to an anchor; no signature is checked. Errs on the side of yes. */
  mayLead(leaf: X509Certificate, above: readonly X509Certificate[]): boolean {
    const anchors = (this.#anchors ??= this.#open());
    const reached = new Set([leaf]);
    for (const one of reached) {
      if (anchors.some(({ certificate }) => one.checkIssued(certificate))) return true;
      for (const issuer of [...above, ...this.#helpers]) if (one.checkIssued(issuer)) reached.add(issuer);
    }
    return false;
  }

  /** True where a path that ends here ends in an anchor. */
  holds(facts: CertificateFacts): boolean {
    return (this.#partialChain || isSelfIssued(facts)) && this.bundle.contains(facts);
  }

  #open(): Anchor[] {
    const roots = this.bundle.anchors.filter((facts) => this.#partialChain || isSelfIssued(facts));
    this.#helpers = this.bundle.anchors
      .filter((facts) => !roots.includes(facts))
      .map((facts) => new X509Certificate(facts.der));
    return roots.map((facts) => {
      const certificate = new X509Certificate(facts.der);
      return { facts, certificate, key: certificate.publicKey };
    });
  }
}

function validFirst<T>(all: readonly T[], of: (one: T) => X509Certificate, now: number | undefined): readonly T[] {
  if (now === undefined) return all;
  const isValid = (one: T): boolean => of(one).validFromDate.getTime() <= now && now <= of(one).validToDate.getTime();
  const valid = all.filter(isValid);
  return valid.length === all.length ? all : [...valid, ...all.filter((one) => !valid.includes(one))];
}

function isIssuer(
  subject: X509Certificate,
  issuer: X509Certificate,
  key: KeyObject | X509Certificate,
  budget: { left: number },
): boolean {
  try {
    if (!subject.checkIssued(issuer)) return false;
    budget.left -= 1;
    return budget.left >= 0 && subject.verify('publicKey' in key ? key.publicKey : key);
  } catch {
    // A key or signature that OpenSSL cannot work with proves nothing.
    return false;
  }
}
