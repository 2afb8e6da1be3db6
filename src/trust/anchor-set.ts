// The CA certificates that one peer may chain to, and the one rule which of them are anchors: those that issued themselves (one
// that is no CA vouches for itself alone), and with `partialChain` the intermediates, too. The others only help to find the way
// (path-search.ts).
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../certs/facts.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import type { TrustBundle } from './trust-bundle.ts';

/** A certificate with what we read in it and what OpenSSL made of it. */
export type PathCertificate = {
  readonly facts: CertificateFacts;
  readonly certificate: X509Certificate;
  /** OpenSSL's key, made once for certificates that serve often. Throws where it cannot work with the key. */
  readonly key: () => KeyObject;
};

/** Whether intermediates are anchors where the configuration does not say: only where there is no root among all of them. */
export function isPartialChain(asked: boolean | undefined, bundles: readonly Pick<TrustBundle, 'hasRoot'>[]): boolean {
  return asked ?? !bundles.some(({ hasRoot }) => hasRoot);
}

export class AnchorSet {
  readonly bundle: TrustBundle;
  /** Whether the intermediates of the bundle are anchors. */
  readonly partialChain: boolean;
  readonly #opened = new Map<string, PathCertificate>();

  constructor(bundle: TrustBundle, partialChain: boolean) {
    this.bundle = bundle;
    this.partialChain = partialChain;
  }

  /** `asked`: what the configuration says of intermediates. */
  static of(bundle: TrustBundle, asked?: boolean): AnchorSet {
    return new AnchorSet(bundle, isPartialChain(asked, [bundle]));
  }

  /** True where a path that ends here ends in an anchor. */
  isAnchor(facts: CertificateFacts): boolean {
    return (this.partialChain || isSelfIssued(facts)) && this.bundle.contains(facts);
  }

  /** Those of the bundle that are anchors. */
  get anchors(): readonly CertificateFacts[] {
    return this.bundle.certificates.filter((facts) => this.isAnchor(facts));
  }

  /** All of the bundle, anchors and intermediates, opened. Costs some milliseconds for the public roots. */
  get certificates(): readonly X509Certificate[] {
    return this.bundle.certificates.map((facts) => this.#open(facts).certificate);
  }

  /** Those of the bundle that bear the name of this certificate's issuer. */
  namedIssuers(facts: CertificateFacts): readonly PathCertificate[] {
    return this.bundle.findNamed(facts.issuerKey).map((one) => this.#open(one));
  }

  /** Whether names and key identifiers alone would lead to an anchor; no signature is checked. Errs on the side of yes. */
  mayLead(leaf: X509Certificate, above: readonly X509Certificate[]): boolean {
    const anchors = this.anchors.map((facts) => this.#open(facts).certificate);
    const all = [...above, ...this.certificates];
    const reached = new Set([leaf]);
    for (const one of reached) {
      if (anchors.some((anchor) => one.checkIssued(anchor))) return true;
      for (const issuer of all) if (one.checkIssued(issuer)) reached.add(issuer);
    }
    return false;
  }

  #open(facts: CertificateFacts): PathCertificate {
    let opened = this.#opened.get(facts.sha256);
    if (opened === undefined) this.#opened.set(facts.sha256, (opened = openCertificate(facts)));
    return opened;
  }
}

/** Throws where OpenSSL cannot read it. */
export function openCertificate(
  facts: CertificateFacts,
  certificate: X509Certificate = new X509Certificate(facts.der),
): PathCertificate {
  let key: KeyObject | undefined;
  return { facts, certificate, key: () => (key ??= certificate.publicKey) };
}
