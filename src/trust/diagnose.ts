// What a failed handshake means: from the codes of OpenSSL and Node, the certificates that were presented and the anchors
// we have, to one stable code and one sentence for the operator (docs/verification.md, N26). Never answers `ok`: who asks has a
// failure in hand, and an unknown code is still a failure.
import type { CertificateFacts } from '../certs/facts.ts';
import { verifyHandshakeError } from './handshake-error.ts';
import { isIssuedBy } from '../certs/issuer.ts';
import { verifyDates, verifyStrength, type VerificationResult } from './certificate-checks.ts';
import { clientAuth, explainLack, hasPurpose, serverAuth } from '../certs/extended-key-usage.ts';
import { quoteSubject, findWay, type IssuerIndex, verifyIssuer } from './issuer-diagnosis.ts';
import { explainPath } from './path-diagnosis.ts';
import { mayIssue, type TrustBundle } from './trust-bundle.ts';

export type DiagnosisInput = {
  /** Verification code (`CERT_HAS_EXPIRED`), TLS error code (`ERR_SSL_…`) or errno; '' where there is none. */
  readonly raw: string;
  /** 1: we are the server, 2: we are the client. */
  readonly leg: 1 | 2;
  readonly leaf: CertificateFacts | undefined;
  /** As presented, with or without the leaf. */
  readonly chain: readonly CertificateFacts[];
  /** The CAs that we trust; undefined: the public roots. */
  readonly bundle: TrustBundle | undefined;
  readonly now: number;
  /** Where the best path ends, if there is one. */
  readonly anchor?: CertificateFacts | undefined;
  /** CAs that we know from elsewhere (our own chains, chains seen before): they tell a missing intermediate for certain. */
  readonly known?: IssuerIndex;
  /** How sentences call the peer; default 'the client' on the client side, 'the backend' on the backend side. */
  readonly peer?: string;
};

/** Codes of OpenSSL's X509_V_ERR_… that need no second look, without that prefix (Node drops it too). */
const plainCodes: ReadonlyMap<string, VerificationResult> = new Map<string, VerificationResult>([
  ['CERT_REVOKED', { code: 'revoked', detail: 'the certificate is revoked' }],
  ['UNABLE_TO_GET_CRL', { code: 'revocation_unknown', detail: 'there is no CRL of its issuer' }],
  ['UNABLE_TO_GET_CRL_ISSUER', { code: 'revocation_unknown', detail: 'the issuer of the CRL is unknown' }],
  ['UNABLE_TO_DECRYPT_CRL_SIGNATURE', { code: 'revocation_unknown', detail: 'the CRL cannot be verified' }],
  ['CRL_SIGNATURE_FAILURE', { code: 'revocation_unknown', detail: 'the signature of the CRL is wrong' }],
  ['KEYUSAGE_NO_CRL_SIGN', { code: 'revocation_unknown', detail: 'the issuer may not sign CRLs' }],
  ['CRL_HAS_EXPIRED', { code: 'crl_stale', detail: 'the CRL is past its nextUpdate' }],
  ['CRL_NOT_YET_VALID', { code: 'crl_stale', detail: 'the CRL is not valid yet' }],
  ['ERROR_IN_CRL_LAST_UPDATE_FIELD', { code: 'crl_stale', detail: 'the date of the CRL cannot be read' }],
  ['ERROR_IN_CRL_NEXT_UPDATE_FIELD', { code: 'crl_stale', detail: 'the date of the CRL cannot be read' }],
  ['ERROR_IN_CERT_NOT_BEFORE_FIELD', { code: 'malformed_cert', detail: 'its notBefore date cannot be read' }],
  ['ERROR_IN_CERT_NOT_AFTER_FIELD', { code: 'malformed_cert', detail: 'its notAfter date cannot be read' }],
  [
    'UNHANDLED_CRITICAL_EXTENSION',
    { code: 'malformed_cert', detail: 'it has a critical extension that is not understood' },
  ],
  ['INVALID_EXTENSION', { code: 'malformed_cert', detail: 'an extension of it is invalid' }],
  [
    'UNSUPPORTED_CONSTRAINT_TYPE',
    { code: 'malformed_cert', detail: 'its CA has name constraints that are not understood' },
  ],
  ['CERT_CHAIN_TOO_LONG', { code: 'chain_too_deep', detail: 'the chain is longer than allowed' }],
  [
    'PATH_LENGTH_EXCEEDED',
    { code: 'chain_too_deep', detail: 'a CA in the chain may not have that many CAs below it (pathLenConstraint)' },
  ],
  ['EE_KEY_TOO_SMALL', { code: 'weak_key', detail: 'its key is too small' }],
  ['CA_KEY_TOO_SMALL', { code: 'weak_key', detail: 'the key of a CA in its chain is too small' }],
  ['CA_MD_TOO_WEAK', { code: 'weak_key', detail: 'a certificate in its chain is signed with a weak hash' }],
  [
    'PERMITTED_VIOLATION',
    { code: 'name_mismatch', detail: 'a CA in its chain is not allowed to certify this name (name constraints)' },
  ],
  [
    'EXCLUDED_VIOLATION',
    { code: 'name_mismatch', detail: 'a CA in its chain is forbidden to certify this name (name constraints)' },
  ],
  ['SUBTREE_MINMAX', { code: 'malformed_cert', detail: 'its CA has name constraints that are not understood' }],
  ['INVALID_CA', { code: 'untrusted_issuer', detail: 'a certificate in its chain is not a CA and may issue nothing' }],
  [
    'KEYUSAGE_NO_CERTSIGN',
    { code: 'untrusted_issuer', detail: 'a CA in its chain may not sign certificates (key usage)' },
  ],
  ['CERT_UNTRUSTED', { code: 'untrusted_issuer', detail: 'its root is not trusted for this purpose' }],
  ['CERT_REJECTED', { code: 'untrusted_issuer', detail: 'its root is rejected for this purpose' }],
]);

/** Codes that do not tell which certificate they are about. */
const vagueCodes: ReadonlySet<string> = new Set([
  'INVALID_CA',
  'PATH_LENGTH_EXCEEDED',
  'KEYUSAGE_NO_CERTSIGN',
  'PERMITTED_VIOLATION',
  'EXCLUDED_VIOLATION',
  'UNHANDLED_CRITICAL_EXTENSION',
  'EE_KEY_TOO_SMALL',
  'CA_KEY_TOO_SMALL',
  'CA_MD_TOO_WEAK',
]);

const wrongPurposes: ReadonlySet<string> = new Set([
  'INVALID_PURPOSE',
  'KEYUSAGE_NO_DIGITAL_SIGNATURE',
  'INVALID_NON_CA',
]);
const wrongNames: ReadonlySet<string> = new Set([
  'HOSTNAME_MISMATCH',
  'IP_ADDRESS_MISMATCH',
  'EMAIL_MISMATCH',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** The verdict code and the sentence of a failure. */
export function diagnose(input: DiagnosisInput): VerificationResult {
  const { raw, leg, leaf } = input;
  const transport = verifyHandshakeError(raw, {
    leg,
    sawPeerCertificate: leaf !== undefined,
    ...(input.peer === undefined ? {} : { peer: input.peer }),
  });
  if (transport !== undefined) return transport;
  if (leaf === undefined) {
    // Node reports a missing certificate as UNABLE_TO_GET_ISSUER_CERT, or as nothing at all.
    return leg === 1
      ? { code: 'no_client_cert', detail: 'the client sent no certificate' }
      : { code: 'malformed_cert', detail: 'the backend sent no certificate that could be read' };
  }
  const code = raw.replace(/^X509_V_ERR_/, '');
  // Node calls everything it has no name for UNSPECIFIED: weak keys and hashes, name constraints, what CAs may not do.
  const isVague = code === 'UNSPECIFIED' || vagueCodes.has(code);
  const found = isVague ? explainVague(input, leaf) : undefined;
  if (found !== undefined) return found;
  const plain = plainCodes.get(code);
  if (plain !== undefined) return { ...plain, detail: `${quoteSubject(leaf)}: ${plain.detail}` };
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return diagnoseDates(input, leaf, code);
  if (wrongPurposes.has(code)) return verifyPurpose(input, leaf);
  if (wrongNames.has(code))
    return { code: 'name_mismatch', detail: `${quoteSubject(leaf)} does not carry the wanted name` };
  return verifyIssuer(input, leaf);
}

function diagnoseDates(input: DiagnosisInput, leaf: CertificateFacts, code: string): VerificationResult {
  for (const facts of [leaf, ...input.chain]) {
    const found = verifyDates(facts, input.now);
    if (found !== undefined) return { ...found, detail: `${quoteSubject(facts)}: ${found.detail}` };
  }
  // None of what was presented: an anchor, or another clock than ours.
  const isOutdated = (facts: CertificateFacts): boolean => verifyDates(facts, input.now) !== undefined;
  const own = input.anchor !== undefined && isOutdated(input.anchor) ? input.anchor : undefined;
  const anchor = own ?? input.bundle?.certificates.find(isOutdated);
  const which = anchor === undefined ? 'a certificate in its chain' : `the CA ${quoteSubject(anchor)}`;
  return code === 'CERT_HAS_EXPIRED'
    ? { code: 'expired', detail: `${quoteSubject(leaf)}: ${which} expired` }
    : { code: 'not_yet_valid', detail: `${quoteSubject(leaf)}: ${which} is not valid yet` };
}

function verifyPurpose({ leg, bundle, chain }: DiagnosisInput, leaf: CertificateFacts): VerificationResult {
  const impostor = verifyImpostor(leaf, chain, bundle);
  if (impostor !== undefined) return impostor;
  const [usage, word, side] =
    leg === 1 ? ([clientAuth, 'clientAuth', 'client'] as const) : ([serverAuth, 'serverAuth', 'server'] as const);
  const who = quoteSubject(leaf);
  if (!hasPurpose(leaf, usage)) {
    return { code: 'wrong_purpose', detail: `${who} is not made for a ${side}: ${explainLack(leaf, word)}` };
  }
  const limited = [...chain, ...(bundle?.certificates ?? [])].find(
    (facts) => facts !== leaf && !hasPurpose(facts, usage),
  );
  if (limited !== undefined) {
    return {
      code: 'wrong_purpose',
      detail: `${who}: its CA ${quoteSubject(limited)} may not issue for a ${side} (extended key usage)`,
    };
  }
  const why = leaf.isCa ? 'it is a CA certificate' : 'its key usage does not allow signatures';
  return { code: 'wrong_purpose', detail: `${who} is not made for a ${side}: ${why}` };
}

/** undefined where OpenSSL's own code is all there is to say. */
function explainVague(input: DiagnosisInput, leaf: CertificateFacts): VerificationResult | undefined {
  const impostor = verifyImpostor(leaf, input.chain, input.bundle);
  if (impostor !== undefined) return impostor;
  const path = findWay(leaf, input.chain, input.bundle);
  const found = path && explainPath(path, input.leg === 1 ? clientAuth : serverAuth);
  if (found !== undefined) return found;
  for (const facts of [leaf, ...input.chain]) {
    const weak = verifyStrength(facts);
    if (weak !== undefined) return { ...weak, detail: `${quoteSubject(facts)}: ${weak.detail}` };
  }
  if (input.raw.replace(/^X509_V_ERR_/, '') !== 'UNSPECIFIED') return undefined;
  if (path === undefined) return verifyIssuer(input, leaf);
  const detail = `its chain reaches our CA ${quoteSubject(path.anchor)}, but OpenSSL refuses it (a constraint or a policy of a CA)`;
  return { code: 'malformed_cert', detail: `${quoteSubject(leaf)}: ${detail}` };
}

/** A certificate that was issued by one which may issue nothing. */
function verifyImpostor(
  leaf: CertificateFacts,
  chain: readonly CertificateFacts[],
  bundle: TrustBundle | undefined,
): VerificationResult | undefined {
  const anchors = bundle?.findNamed(leaf.issuerKey).filter((facts) => !mayIssue(facts)) ?? [];
  const impostor = [...chain.filter(({ isCa }) => !isCa), ...anchors].find(
    (facts) => facts.sha256 !== leaf.sha256 && isIssuedBy(leaf, facts),
  );
  return (
    impostor && {
      code: 'untrusted_issuer',
      detail: `${quoteSubject(leaf)} was issued by ${quoteSubject(impostor)}, which is not a CA`,
    }
  );
}
