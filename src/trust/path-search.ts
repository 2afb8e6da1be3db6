// The ways from a certificate to an anchor, by names, key identifiers, key usage and signatures (RFC 4158): shortest first, and of
// those whose issuer has several certificates the valid ones first, as with OpenSSL. A peer chooses what it sends, so that
// everything here is bounded.
import type { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../certs/facts.ts';
import { type AnchorSet, openCertificate, type PathCertificate } from './anchor-set.ts';
import { mayIssue } from './trust-bundle.ts';

/** Signatures checked for one peer at most. */
const maxSignatureChecks = 32;
/** Unfinished ways held at one time, and ways looked at in all. */
const maxWidth = 64;
const maxPaths = 32;
/** Certificates whose issuers are looked for, on all ways together. */
const maxSteps = 128;

export type PathRequest = {
  readonly leaf: CertificateFacts;
  readonly certificate: X509Certificate;
  /** What else may stand in the path: what the peer sent, in its order. Nothing of it is believed. */
  readonly sent: readonly X509Certificate[];
  readonly anchors: AnchorSet;
  /** Reads the facts of what was sent; throws Fault('malformed_cert'). */
  readonly read: (der: Buffer) => CertificateFacts;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

export type TrustPath = {
  /** Leaf first, then the intermediates in order; without the anchor. */
  readonly chain: readonly CertificateFacts[];
  readonly anchor: CertificateFacts;
};

/** The first way there is, whatever else would have to be said of it. */
export function findPath(request: PathRequest): TrustPath | undefined {
  for (const path of new PathSearch(request).paths()) return path;
  return undefined;
}

export class PathSearch {
  /** True where a bound ended the search: there may be ways that were not found. */
  cut = false;
  /** The error over a certificate that was sent, claims to be an issuer, and cannot be read. */
  unreadable: unknown;
  readonly #request: PathRequest;
  readonly #sent = new Map<X509Certificate, PathCertificate | undefined>();
  readonly #signatures = new Map<string, boolean>();

  constructor(request: PathRequest) {
    this.#request = request;
  }

  *paths(): Generator<TrustPath, void, undefined> {
    const { leaf, certificate } = this.#request;
    let found = 0;
    let steps = 0;
    const self = openCertificate(leaf, certificate);
    // What is no CA and is trusted for itself has no issuer to look for; OpenSSL asks no more of it either.
    if (this.#request.anchors.isAnchor(leaf) && !mayIssue(leaf)) yield { chain: [leaf], anchor: leaf };
    let open: (readonly PathCertificate[])[] = [[self]];
    while (open.length > 0) {
      const longer: (readonly PathCertificate[])[] = [];
      for (const links of open) {
        for (const anchor of this.#issuers(links, true)) {
          yield { chain: links.map(({ facts }) => facts), anchor: anchor.facts };
          if (++found >= maxPaths) {
            this.cut = true;
            return;
          }
        }
      }
      for (const links of open) {
        if (++steps > maxSteps) {
          this.cut = true;
          return;
        }
        for (const issuer of this.#issuers(links, false)) {
          if (longer.length < maxWidth) longer.push([...links, issuer]);
          else this.cut = true;
        }
      }
      open = longer;
    }
  }

  /** Who issued the last certificate of the way: the anchors, or those that are none. */
  #issuers(links: readonly PathCertificate[], asAnchors: boolean): readonly PathCertificate[] {
    const { anchors } = this.#request;
    const last = links.at(-1) as PathCertificate;
    // Version 1 has no way to say that an anchor may issue.
    const named = anchors
      .namedIssuers(last.facts)
      .filter(
        ({ facts, certificate }) =>
          anchors.isAnchor(facts) === asAnchors && (asAnchors ? mayIssue(facts) : certificate.ca),
      );
    const all = asAnchors ? named : [...this.#sentIssuers(last), ...named];
    const distinct = all.filter(
      (one, at) =>
        all.findIndex(({ facts }) => facts.sha256 === one.facts.sha256) === at && !isAmong(one, links, asAnchors),
    );
    return this.#validFirst(distinct.filter((one) => this.#isIssuer(last, one)));
  }

  #sentIssuers(last: PathCertificate): PathCertificate[] {
    return this.#request.sent.flatMap((certificate) => {
      if (!last.certificate.checkIssued(certificate) || !certificate.ca) return [];
      const opened = this.#openSent(certificate);
      return opened === undefined || this.#request.anchors.isAnchor(opened.facts) ? [] : [opened];
    });
  }

  #openSent(certificate: X509Certificate): PathCertificate | undefined {
    if (this.#sent.has(certificate)) return this.#sent.get(certificate);
    let opened: PathCertificate | undefined;
    try {
      opened = openCertificate(this.#request.read(certificate.raw), certificate);
    } catch (error) {
      this.unreadable ??= error;
    }
    this.#sent.set(certificate, opened);
    return opened;
  }

  #isIssuer(subject: PathCertificate, issuer: PathCertificate): boolean {
    if (!subject.certificate.checkIssued(issuer.certificate)) return false;
    // One CA may have many certificates: its key verifies the same signature only once.
    const edge = `${subject.facts.sha256} ${issuer.facts.spkiSha256}`;
    let verified = this.#signatures.get(edge);
    if (verified === undefined) {
      if (this.#signatures.size >= maxSignatureChecks) {
        this.cut = true;
        return false;
      }
      verified = isSignedBy(subject, issuer);
      this.#signatures.set(edge, verified);
    }
    return verified;
  }

  #validFirst(all: readonly PathCertificate[]): readonly PathCertificate[] {
    if (all.length < 2) return all;
    const { now } = this.#request;
    const isValid = ({ facts }: PathCertificate): boolean => facts.notBefore <= now && now <= facts.notAfter;
    return [...all.filter(isValid), ...all.filter((one) => !isValid(one))];
  }
}

/** A way never visits one CA twice: another certificate of the same name and key adds nothing. */
function isAmong({ facts }: PathCertificate, links: readonly PathCertificate[], asAnchor: boolean): boolean {
  if (asAnchor) return false;
  return links.some((link) => link.facts.spkiSha256 === facts.spkiSha256 && link.facts.subjectKey === facts.subjectKey);
}

function isSignedBy(subject: PathCertificate, issuer: PathCertificate): boolean {
  try {
    return subject.certificate.verify(issuer.key());
  } catch {
    // A key or signature that OpenSSL cannot work with proves nothing.
    return false;
  }
}
