// A set of trust anchors, parsed and counted by ourselves: Node takes garbage, partial and empty bundles for a smaller set
// without a word, and an absent one for "every public root" (incident 6, N22). A bundle exists only with an anchor in it.
import { hash } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { encodePem } from '../asn1/der-writer.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { describeExpiry, isNearExpiry } from '../certs/expiry.ts';
import { readFacts, splitCertificate } from '../certs/facts-reader.ts';
import { refuseForeignBlocks } from '../certs/foreign-blocks.ts';
import { isSelfIssued, looksIssuedBy } from '../certs/issuer.ts';
import { escapeForLog } from '../base/log-text.ts';
import { parseCertificates } from '../certs/material.ts';
import { hasErrors, materialError, type MaterialProblem, materialWarning } from '../base/material-problem.ts';
import { readNameKey } from '../certs/name-key.ts';

export type ParsedBundle = { readonly bundle?: TrustBundle; readonly problems: readonly MaterialProblem[] };

export type BundleOptions = {
  /** How messages call the material. */
  readonly name?: string;
  /** Milliseconds since the epoch; absent: validity is not looked at. */
  readonly now?: number;
};

export class TrustBundle {
  /** At least one; no two alike. */
  readonly anchors: readonly CertificateFacts[];
  /** One PEM certificate per anchor, written by us: what OpenSSL gets is exactly what was counted. */
  readonly pem: readonly string[];
  /** SHA-256 over the set of anchors, whatever their order; hexadecimal. */
  readonly digest: string;
  readonly #bySubject = new Map<string, CertificateFacts[]>();

  private constructor(anchors: readonly CertificateFacts[]) {
    this.anchors = anchors;
    this.pem = anchors.map((anchor) => encodePem('CERTIFICATE', anchor.der));
    this.digest = hash(
      'sha256',
      anchors
        .map((anchor) => anchor.sha256)
        .sort()
        .join('\n'),
      'hex',
    );
    for (const anchor of anchors) {
      const same = this.#bySubject.get(anchor.subjectKey);
      if (same === undefined) this.#bySubject.set(anchor.subjectKey, [anchor]);
      else same.push(anchor);
    }
  }

  /** The anchors of a PEM text. No bundle where anything in it is broken or does not belong there. */
  static parse(pem: string, options: BundleOptions = {}): ParsedBundle {
    const name = options.name ?? 'CA bundle';
    const parsed = parseCertificates(pem, name);
    const problems = [...parsed.problems];
    problems.push(...refuseForeignBlocks(parsed.others, () => false, name, 'CA bundle'));
    const distinct = [...new Map(parsed.certificates.map((facts) => [facts.sha256, facts])).values()];
    const anchors = distinct.filter((facts) => canAnchor(facts));
    if (anchors.length === 0 && distinct.length > 0) problems.push(noCa(distinct[0] as CertificateFacts, name));
    if (hasErrors(problems) || anchors.length === 0) return { problems };
    for (const facts of distinct) {
      if (!anchors.includes(facts)) problems.push(notACa(facts, name));
    }
    for (const facts of anchors) problems.push(...verifyDates(facts, name, options.now));
    return { bundle: new TrustBundle(anchors), problems };
  }

  /** The anchors of several bundles as one. */
  static join(first: TrustBundle, ...more: readonly TrustBundle[]): TrustBundle {
    const all = [first, ...more].flatMap((bundle) => bundle.anchors);
    return new TrustBundle([...new Map(all.map((facts) => [facts.sha256, facts])).values()]);
  }

  /** Those of its anchors that `other` does not have; undefined where that is none. */
  without(other: TrustBundle): TrustBundle | undefined {
    const rest = this.anchors.filter((anchor) => !other.contains(anchor));
    return rest.length === 0 ? undefined : new TrustBundle(rest);
  }

  /** The anchor whose name and key identifier say that it issued this certificate; the signature is not checked. */
  findIssuer(facts: CertificateFacts): CertificateFacts | undefined {
    return this.#bySubject.get(facts.issuerKey)?.find((anchor) => looksIssuedBy(facts, anchor));
  }

  /** Whether there is a root among them; without one, only an intermediate taken as an anchor can be chained to. */
  get hasRoot(): boolean {
    return this.anchors.some(isSelfIssued);
  }

  /** True where this very certificate is an anchor. */
  contains(facts: CertificateFacts): boolean {
    return this.#bySubject.get(facts.subjectKey)?.some((anchor) => anchor.sha256 === facts.sha256) ?? false;
  }
}

/** The roots that Node ships: what the backend side trusts without rootCAs. Costs some milliseconds: keep the result. */
export function loadSystemBundle(): TrustBundle {
  const { bundle, problems } = TrustBundle.parse(rootCertificates.join('\n'), { name: 'the built-in roots' });
  if (bundle === undefined)
    throw new Error(`the built-in roots cannot be read: ${problems[0]?.message ?? 'none there'}`);
  return bundle;
}

/** The root that Node ships and that issued this certificate by name and key identifier. A tenth of loadSystemBundle's cost. */
export function findSystemIssuer(facts: CertificateFacts): CertificateFacts | undefined {
  for (const pem of rootCertificates) {
    const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
    const { cursor, subject } = splitCertificate(der);
    if (readNameKey(cursor, subject, 'subject') !== facts.issuerKey) continue;
    const root = readFacts(der);
    if (looksIssuedBy(facts, root)) return root;
  }
  return undefined;
}

/** A CA, or one of the old self-signed version 1 certificates, which had no way to say so and which OpenSSL accepts. */
function canAnchor(facts: CertificateFacts): boolean {
  if (facts.isCa) return true;
  return splitCertificate(facts.der).extensions === undefined && isSelfIssued(facts);
}

function describe(facts: CertificateFacts): string {
  return `"${escapeForLog(facts.subject, 120)}"`;
}

function noCa(facts: CertificateFacts, name: string): MaterialProblem {
  return materialError(
    'no_ca_in_bundle',
    `${name} holds no CA certificate: ${describe(facts)} is an end-entity certificate`,
    `Give the certificate of the CA that issued it: "${escapeForLog(facts.issuer, 120)}".`,
  );
}

function notACa(facts: CertificateFacts, name: string): MaterialProblem {
  return materialWarning(
    'leaf_in_bundle',
    `${name}: ${describe(facts)} is not a CA and trusts nobody`,
    'Take it out of the bundle.',
  );
}

function verifyDates(facts: CertificateFacts, name: string, now: number | undefined): MaterialProblem[] {
  if (now === undefined) return [];
  if (now > facts.notAfter) {
    const when = new Date(facts.notAfter).toISOString();
    return [
      materialWarning(
        'anchor_expired',
        `${name}: the CA ${describe(facts)} expired on ${when}`,
        'Nothing it issued is accepted: replace it.',
      ),
    ];
  }
  if (now < facts.notBefore) {
    const when = new Date(facts.notBefore).toISOString();
    return [
      materialWarning(
        'anchor_not_yet_valid',
        `${name}: the CA ${describe(facts)} is valid from ${when} only`,
        'Check the clock of this machine.',
      ),
    ];
  }
  if (!isNearExpiry(facts, now)) return [];
  const when = `${describeExpiry(facts.notAfter, now)}, on ${new Date(facts.notAfter).toISOString()}`;
  return [
    materialWarning(
      'anchor_expires_soon',
      `${name}: the CA ${describe(facts)} expires ${when}`,
      'Less than a third of its lifetime is left: add its successor to the bundle in time.',
    ),
  ];
}
