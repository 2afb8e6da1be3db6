// The anchors of a policy and the way from a client's certificate to one of them. OpenSSL has decided already: this finds the
// path again with our own eyes, for depth, forwarding and later revocation, and as a second opinion that must agree (N21).
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { CertificateFacts } from './facts.ts';
import { isSelfIssued } from './issuer.ts';
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

  /** The shortest path by names, key identifiers and signatures; undefined where there is none. */
  findPath(leaf: X509Certificate, sent: readonly X509Certificate[]): TrustPath | undefined {
    this.#anchors ??= this.#open();
    const candidates = this.#helpers.length === 0 ? sent : [...sent, ...this.#helpers];
    const budget = { left: maxSignatureChecks };
    const reached = new Set([leaf.fingerprint256]);
    let paths: (readonly X509Certificate[])[] = [[leaf]];
    while (paths.length > 0) {
      for (const chain of paths) {
        const anchor = this.#findAnchor(chain.at(-1) as X509Certificate, budget);
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

  #findAnchor(certificate: X509Certificate, budget: { left: number }): CertificateFacts | undefined {
    return this.#anchors?.find((anchor) => isIssuer(certificate, anchor.certificate, anchor.key, budget))?.facts;
  }
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
