// Why the issuer of a certificate was not found: an unknown CA, or a known one whose intermediate was not sent. OpenSSL has
// one code for both (N26). Told apart by signatures, and where there is nothing to verify one with, by what the certificate itself
// says; a name that looks like ours proves nothing: every CA of one organisation has its `O`.
import { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../certs/facts.ts';
import { isSelfSigned, isSignedBy, looksIssuedBy } from '../certs/issuer.ts';
import { type IssuerHints, readIssuerHints } from '../certs/issuer-hints.ts';
import type { VerificationResult } from './certificate-checks.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { TrustBundle } from './trust-bundle.ts';

/** Where CAs can be looked up by what they issued: names and key identifiers, no signature. */
export type IssuerIndex = { findIssuers(facts: CertificateFacts): readonly CertificateFacts[] };

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
  if (isSelfSigned(top)) {
    const what = top === leaf ? `${who} is self-signed and` : `${who}: its root ${quoteSubject(top)} is`;
    return untrusted(`${what} not among the anchors${listTrusted(bundle)}`);
  }
  if (bundle?.contains(top) === true) {
    return untrusted(
      `${who}: ${quoteSubject(top)} is among the CAs, but is an intermediate: its root is not, and nothing (partialChain) makes it an anchor`,
      'Add the root of that intermediate, or for clients set partialChain: true.',
    );
  }
  const hints = readIssuerHints(top);
  const named = bundle?.findNamed(top.issuerKey) ?? [];
  const issuer = quoteIssuer(top);
  const signer = named.find((ca) => isSignedBy(top, ca));
  if (signer !== undefined) {
    const [why, remedy] = explainSigner(top, signer, hints);
    return untrusted(`${who} was issued by ${issuer}, which is an anchor, but ${why}`, remedy);
  }
  if (named.length > 0) {
    return untrusted(
      `${who} names the issuer ${issuer}; an anchor has that name but another key, by which its signature does not verify: was the CA made anew?`,
      'Add the certificate of the CA that did issue it, beside the other one or in its place; or issue it anew.',
    );
  }
  return findMissing(top, who, hints, input) ?? untrusted(explainUnknown(top, who, hints, bundle));
}

function untrusted(detail: string, remedy?: string): VerificationResult {
  return { code: 'untrusted_issuer', detail, ...(remedy === undefined ? {} : { remedy }) };
}

/** What keeps a CA that did sign the certificate, and that we have, from vouching for it; and what to do. */
function explainSigner(
  top: CertificateFacts,
  signer: CertificateFacts,
  { serial }: IssuerHints,
): readonly [why: string, remedy?: string] {
  const again =
    'Have the certificate issued again with the certificate of the CA that is here, or add the one that it names.';
  const { authorityKeyId } = top;
  if (authorityKeyId !== undefined && signer.subjectKeyId !== undefined && authorityKeyId !== signer.subjectKeyId) {
    return [
      `its authorityKeyIdentifier is ${authorityKeyId}, and the subjectKeyIdentifier of that CA ${signer.subjectKeyId}: they must be the same`,
      again,
    ];
  }
  if (serial !== undefined && serial !== signer.serial) {
    return [
      `its authorityKeyIdentifier asks for the certificate of that CA with the serial number ${serial}, and ours has ${signer.serial}`,
      again,
    ];
  }
  if (signer.isCa && !new X509Certificate(signer.der).ca) {
    return [
      'that CA may not sign certificates: its key usage lacks keyCertSign',
      'Have the certificate of that CA issued with the key usage keyCertSign.',
    ];
  }
  if (!isSelfSigned(signer)) {
    return [
      'that CA is an intermediate: its root is not among the anchors',
      'Add the root of that intermediate, or for clients set partialChain: true.',
    ];
  }
  return ['OpenSSL does not accept that CA as its issuer'];
}

/** missing_intermediate where the intermediate is known, or the certificate says that it is below an anchor of ours. */
function findMissing(
  top: CertificateFacts,
  who: string,
  { above }: IssuerHints,
  { bundle, known }: IssuerQuestion,
): VerificationResult | undefined {
  const issuer = quoteIssuer(top);
  if (known !== undefined && reachesAnchor(top, bundle, known)) {
    const detail = `${who} was sent without the intermediate ${issuer}, which is known here and below a CA of ours`;
    return { code: 'missing_intermediate', detail };
  }
  const root = above === undefined || above === '' ? undefined : bundle?.findNamed(above)[0];
  if (root === undefined) return undefined;
  const detail = `${who} was sent without the certificate of its issuer ${issuer}, which is below our ${quoteSubject(root)}, as its authorityKeyIdentifier says`;
  return { code: 'missing_intermediate', detail };
}

const maxClimb = 10;
const maxSignatureChecks = 32;

/** Whether CAs that are known lead from the certificate to an anchor, each signature verified. */
function reachesAnchor(start: CertificateFacts, bundle: TrustBundle | undefined, known: IssuerIndex): boolean {
  let checks = 0;
  const isIssuer = (subject: CertificateFacts, ca: CertificateFacts): boolean =>
    checks++ < maxSignatureChecks && isSignedBy(subject, ca);
  let open = [start];
  for (let step = 0; open.length > 0 && step < maxClimb; step += 1) {
    open = open.flatMap((one) => known.findIssuers(one).filter((ca) => isIssuer(one, ca)));
    // Of the public roots there is no index: an intermediate that we know ourselves is not one of a stranger.
    if (open.length > 0 && bundle === undefined) return true;
    for (const one of open) {
      if (bundle?.contains(one) === true) return true;
      if (bundle?.findNamed(one.issuerKey).some((ca) => isIssuer(one, ca)) === true) return true;
    }
  }
  return false;
}

/** Both possibilities, since nothing here can tell them apart. */
function explainUnknown(
  top: CertificateFacts,
  who: string,
  { url }: IssuerHints,
  bundle: TrustBundle | undefined,
): string {
  const where = url === undefined ? '' : `; it says that the certificate of its issuer is at ${escapeForLog(url, 200)}`;
  return `${who}: its issuer ${quoteIssuer(top)} is not among the anchors${listTrusted(bundle)}: another CA, or an intermediate below one of them that was not sent along${where}`;
}

/** The last certificate that the leaf's chain reaches among those presented. */
export function findTop(leaf: CertificateFacts, chain: readonly CertificateFacts[]): CertificateFacts {
  return climb(leaf, chain).at(-1) ?? leaf;
}

/**
 * The way to a CA of ours that ends in itself, or in the last of them, by names and signatures; what else CAs must be is not
 * looked at: this is for whoever wants to know what is wrong with them.
 */
export function findWay(
  leaf: CertificateFacts,
  chain: readonly CertificateFacts[],
  bundle: TrustBundle | undefined,
): { readonly chain: readonly CertificateFacts[]; readonly anchor: CertificateFacts } | undefined {
  const own = bundle?.isSystem === true ? [] : (bundle?.certificates ?? []);
  const links = climb(leaf, [...chain, ...own]);
  const top = links.at(-1) ?? leaf;
  if (bundle?.contains(top) === true && links.length > 1) return { chain: links.slice(0, -1), anchor: top };
  const anchor = bundle?.findNamed(top.issuerKey).find((ca) => isSignedBy(top, ca));
  return anchor && { chain: links, anchor };
}

/** Leaf first. */
function climb(leaf: CertificateFacts, chain: readonly CertificateFacts[]): CertificateFacts[] {
  const links = [leaf];
  let checks = 0;
  const rest = new Set(chain);
  rest.delete(leaf);
  for (let top = leaf; ; ) {
    const next = [...rest].find(
      (facts) => looksIssuedBy(top, facts) && checks++ < maxSignatureChecks && isSignedBy(top, facts),
    );
    if (next === undefined) return links;
    rest.delete(next);
    links.push(next);
    top = next;
  }
}

const maxAnchorsShown = 5;

function listTrusted(bundle: TrustBundle | undefined): string {
  if (bundle === undefined || bundle.isSystem) return ' (the built-in roots)';
  const names = bundle.certificates.slice(0, maxAnchorsShown).map(quoteSubject);
  const more = bundle.certificates.length - names.length;
  return ` (${names.join(', ')}${more > 0 ? `, and ${more} more` : ''})`;
}

function quoteIssuer({ issuer }: CertificateFacts): string {
  return `"${escapeForLog(issuer, 120)}"`;
}

/** The certificate as messages call it. */
export function quoteSubject(facts: CertificateFacts): string {
  return facts.subject === '' ? `certificate ${facts.serial}` : `"${escapeForLog(facts.subject, 120)}"`;
}
