// Why the issuer of a certificate was not found: an unknown CA, or a known one whose intermediate was not sent. OpenSSL has
// one code for both (N26); names, key identifiers and the CAs that we know tell them apart.
import type { CertificateFacts } from '../certs/facts.ts';
import { isSelfIssued, looksIssuedBy } from '../certs/issuer.ts';
import type { VerificationResult } from './certificate-checks.ts';
import { escapeForLog } from '../base/log-text.ts';
import { foldText } from '../certs/name-key.ts';
import type { TrustBundle } from './trust-bundle.ts';

/** Where issuers can be looked up; a TrustBundle is one. */
export type IssuerIndex = { findIssuer(facts: CertificateFacts): CertificateFacts | undefined };

export type IssuerQuestion = {
  readonly chain: readonly CertificateFacts[];
  /** The CAs that we trust; undefined: the public roots. */
  readonly bundle: TrustBundle | undefined;
  readonly known?: IssuerIndex;
};

/** untrusted_issuer or missing_intermediate, for a leaf that OpenSSL found no trusted issuer of. */
export function verifyIssuer(input: IssuerQuestion, leaf: CertificateFacts): VerificationResult {
  const { bundle } = input;
  const top = findTop(leaf, input.chain);
  const who = quoteSubject(leaf);
  if (top === leaf && isSelfIssued(leaf)) {
    return {
      code: 'untrusted_issuer',
      detail: `${who} is self-signed and not among the anchors${listTrusted(bundle)}`,
    };
  }
  if (isSelfIssued(top)) {
    return {
      code: 'untrusted_issuer',
      detail: `${who}: its root ${quoteSubject(top)} is not among the anchors${listTrusted(bundle)}`,
    };
  }
  if (bundle?.contains(top) === true) {
    return {
      code: 'untrusted_issuer',
      detail: `${who}: ${quoteSubject(top)} is among the CAs, but is an intermediate: its root is not, and nothing (partialChain) makes it an anchor`,
    };
  }
  const issuer = `"${escapeForLog(top.issuer, 120)}"`;
  const anchor = bundle?.findIssuer(top);
  if (anchor !== undefined) {
    const why = isSelfIssued(anchor)
      ? 'its signature does not verify with the key of that CA'
      : 'that CA is an intermediate: its root is not among the anchors';
    return { code: 'untrusted_issuer', detail: `${who} names the issuer ${issuer}, which is an anchor, but ${why}` };
  }
  // Key identifiers tell them apart: a CA that was made anew under its old name is another CA.
  if (bundle?.certificates.some(({ subjectKey }) => subjectKey === top.issuerKey) === true) {
    return {
      code: 'untrusted_issuer',
      detail: `${who} names the issuer ${issuer}; an anchor has that name but another key: was the CA made anew?`,
    };
  }
  const missing = input.known?.findIssuer(top);
  if (missing !== undefined && (bundle === undefined || reaches(missing, bundle, input.known))) {
    return {
      code: 'missing_intermediate',
      detail: `${who} was sent without the intermediate ${issuer}, which is below a CA of ours`,
    };
  }
  if (looksIntermediate(top, bundle)) {
    return {
      code: 'missing_intermediate',
      detail: `${who} was sent without the certificate of its issuer ${issuer}${listTrusted(bundle)}`,
    };
  }
  return {
    code: 'untrusted_issuer',
    detail: `${who}: its issuer ${issuer} is not among the anchors${listTrusted(bundle)}; if it is an intermediate below one of them, the peer must send it along`,
  };
}

const maxClimb = 10;

function reaches(start: CertificateFacts, bundle: TrustBundle, known: IssuerIndex | undefined): boolean {
  let at: CertificateFacts | undefined = start;
  for (let step = 0; at !== undefined && step < maxClimb; step += 1) {
    if (bundle.contains(at) || bundle.findIssuer(at) !== undefined) return true;
    at = known?.findIssuer(at);
  }
  return false;
}

/**
 * Without the missing certificate there is no proof; a likely sign is an issuer of the same organisation as one of our
 * anchors, or for the public roots an AIA address where the issuer's certificate can be fetched (roots issue no leaves).
 */
function looksIntermediate(top: CertificateFacts, bundle: TrustBundle | undefined): boolean {
  if (bundle === undefined) return top.der.includes(caIssuersOid);
  const organisation = organisationOf(top.issuer);
  if (organisation === undefined) return false;
  return bundle.certificates.some(
    (ca) => organisationOf(ca.subject) === organisation && ca.subjectKey !== top.issuerKey,
  );
}

// 1.3.6.1.5.5.7.48.2, id-ad-caIssuers
const caIssuersOid = Buffer.from('06082b06010505073002', 'hex');

function organisationOf(name: string): string | undefined {
  const found = /(?:^|[,+])O=((?:\\.|[^,+\\])+)/.exec(name)?.[1];
  return found === undefined ? undefined : foldText(found);
}

/** The last certificate that the leaf's chain reaches among those presented. */
export function findTop(leaf: CertificateFacts, chain: readonly CertificateFacts[]): CertificateFacts {
  let top = leaf;
  const rest = new Set(chain);
  rest.delete(leaf);
  while (!isSelfIssued(top)) {
    const next = [...rest].find((facts) => looksIssuedBy(top, facts));
    if (next === undefined) break;
    rest.delete(next);
    top = next;
  }
  return top;
}

const maxAnchorsShown = 5;

function listTrusted(bundle: TrustBundle | undefined): string {
  if (bundle === undefined) return ' (the built-in roots)';
  const names = bundle.certificates.slice(0, maxAnchorsShown).map(quoteSubject);
  const more = bundle.certificates.length - names.length;
  return ` (${names.join(', ')}${more > 0 ? `, and ${more} more` : ''})`;
}

/** The certificate as messages call it. */
export function quoteSubject(facts: CertificateFacts): string {
  return facts.subject === '' ? `certificate ${facts.serial}` : `"${escapeForLog(facts.subject, 120)}"`;
}
