// A set of CA certificates, parsed and counted by ourselves: Node takes garbage, partial and empty bundles for a smaller set
// without a word, and an absent one for "every public root" (incident 6, N22). A bundle exists only with a CA in it, or with a
// certificate that issued itself and nobody else. Which of them are anchors is not its affair (anchor-set.ts).
import { hash } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { encodePem } from '../asn1/der-writer.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { describeExpiry, isNearExpiry } from '../certs/expiry.ts';
import { readFacts, splitCertificate } from '../certs/facts-reader.ts';
import { refuseForeignBlocks } from '../certs/foreign-blocks.ts';
import { isIssuedBy, isSelfIssued, looksIssuedBy } from '../certs/issuer.ts';
import { escapeForLog } from '../base/log-text.ts';
import { parseCertificates } from '../certs/material.ts';
import type { MaterialReading } from '../certs/material-memory.ts';
import { hasErrors, materialError, type MaterialProblem, materialWarning } from '../base/material-problem.ts';
import { readNameKey } from '../certs/name-key.ts';

export type ParsedBundle = { readonly bundle?: TrustBundle; readonly problems: readonly MaterialProblem[] };

export type BundleOptions = {
  /** How messages call the material. */
  readonly name?: string;
  /** Milliseconds since the epoch; absent: validity is not looked at. */
  readonly now?: number;
  /** The roots that Node ships. */
  readonly isSystem?: boolean;
  /** Who parses, and may have parsed the same before. */
  readonly reading?: MaterialReading;
};

const none: readonly CertificateFacts[] = [];

export class TrustBundle {
  /** At least one; no two alike. */
  readonly certificates: readonly CertificateFacts[];
  /** One PEM certificate for each, written by us: what OpenSSL gets is exactly what was counted. */
  readonly pem: readonly string[];
  /** SHA-256 over the set, whatever its order; hexadecimal. */
  readonly digest: string;
  /** The roots that Node ships: too many to list. */
  readonly isSystem: boolean;
  readonly #bySubject = new Map<string, CertificateFacts[]>();

  private constructor(certificates: readonly CertificateFacts[], isSystem = false) {
    this.isSystem = isSystem;
    this.certificates = certificates;
    this.pem = certificates.map(({ der }) => encodePem('CERTIFICATE', der));
    this.digest = hash(
      'sha256',
      certificates
        .map(({ sha256 }) => sha256)
        .sort()
        .join('\n'),
      'hex',
    );
    for (const facts of certificates) {
      const same = this.#bySubject.get(facts.subjectKey);
      if (same === undefined) this.#bySubject.set(facts.subjectKey, [facts]);
      else same.push(facts);
    }
  }

  /** The CAs of a PEM text. No bundle where anything in it is broken or does not belong there. */
  static parse(pem: string, options: BundleOptions = {}): ParsedBundle {
    const name = options.name ?? 'CA bundle';
    const parsed = options.reading?.certificates(pem, name) ?? parseCertificates(pem, name);
    const problems = [...parsed.problems];
    problems.push(...refuseForeignBlocks(parsed.others, () => false, name, 'CA bundle'));
    const distinct = [...new Map(parsed.certificates.map((facts) => [facts.sha256, facts])).values()];
    const cas = distinct.filter((facts) => mayIssue(facts) || isIssuedBy(facts, facts));
    if (cas.length === 0 && distinct.length > 0) problems.push(noCa(distinct[0] as CertificateFacts, name));
    if (hasErrors(problems) || cas.length === 0) return { problems };
    for (const facts of distinct) {
      if (!cas.includes(facts)) problems.push(notACa(facts, name));
    }
    for (const facts of cas) problems.push(...verifyDates(facts, name, options.now));
    return { bundle: new TrustBundle(cas, options.isSystem), problems };
  }

  /** Several bundles as one. */
  static join(first: TrustBundle, ...more: readonly TrustBundle[]): TrustBundle {
    const all = [first, ...more].flatMap((bundle) => bundle.certificates);
    return new TrustBundle([...new Map(all.map((facts) => [facts.sha256, facts])).values()]);
  }

  /** Those that `other` does not have; undefined where that is none. */
  without(other: TrustBundle): TrustBundle | undefined {
    const rest = this.certificates.filter((facts) => !other.contains(facts));
    return rest.length === 0 ? undefined : new TrustBundle(rest);
  }

  /** The CA whose name and key identifier say that it issued this certificate; the signature is not checked. */
  findIssuer(facts: CertificateFacts): CertificateFacts | undefined {
    return this.findNamed(facts.issuerKey).find((ca) => looksIssuedBy(facts, ca));
  }

  /** Those whose subject has this key (name-key.ts). */
  findNamed(subjectKey: string): readonly CertificateFacts[] {
    return this.#bySubject.get(subjectKey) ?? none;
  }

  /** Whether there is a root among them; without one, only an intermediate taken as an anchor can issue for anybody. */
  get hasRoot(): boolean {
    return this.certificates.some((facts) => isSelfIssued(facts) && mayIssue(facts));
  }

  get hasIntermediates(): boolean {
    return !this.certificates.every(isSelfIssued);
  }

  /** True where this very certificate is among them. */
  contains(facts: CertificateFacts): boolean {
    return this.findNamed(facts.subjectKey).some(({ sha256 }) => sha256 === facts.sha256);
  }
}

let system: TrustBundle | undefined;

/** The roots that Node ships: what the backend side trusts without rootCAs. Read once in a process, for there are many. */
export function loadSystemBundle(): TrustBundle {
  return (system ??= readSystemBundle());
}

function readSystemBundle(): TrustBundle {
  const { bundle, problems } = TrustBundle.parse(rootCertificates.join('\n'), {
    name: 'the built-in roots',
    isSystem: true,
  });
  if (bundle === undefined)
    throw new Error(`the built-in roots cannot be read: ${problems[0]?.message ?? 'none there'}`);
  return bundle;
}

let systemNames: ReadonlyMap<string, readonly Buffer[]> | undefined;

/**
 * The root that Node ships and that issued this certificate by name and key identifier. A tenth of loadSystemBundle's cost, once in a
 * process: only names are read.
 */
export function findSystemIssuer(facts: CertificateFacts): CertificateFacts | undefined {
  systemNames ??= readSystemNames();
  for (const der of systemNames.get(facts.issuerKey) ?? []) {
    const root = readFacts(der);
    if (looksIssuedBy(facts, root)) return root;
  }
  return undefined;
}

function readSystemNames(): ReadonlyMap<string, readonly Buffer[]> {
  const names = new Map<string, Buffer[]>();
  for (const pem of rootCertificates) {
    const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
    const { cursor, subject } = splitCertificate(der);
    const key = readNameKey(cursor, subject, 'subject');
    const same = names.get(key);
    if (same === undefined) names.set(key, [der]);
    else same.push(der);
  }
  return names;
}

/** True for a CA, and for one of the old self-signed version 1 certificates, which had no way to say so and which OpenSSL accepts. */
export function mayIssue(facts: CertificateFacts): boolean {
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
    `Give the certificate of the CA that issued it: "${escapeForLog(facts.issuer, 120)}". Only one that is self-signed can stand here for itself.`,
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
      'Add its successor to the bundle in time.',
    ),
  ];
}
