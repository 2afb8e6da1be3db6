// The order of checks on a certificate whose path to an anchor is known (docs/verification.md): dates → purpose → depth → strength
// → CRLs → OCSP → pins → names. The one place where it stands: for clients and for backends, at the handshake, on every resumed
// session, again while a connection is open, in commands and audits, so that no way in is laxer than another (incident 2). Only
// OCSP, which may have to be waited for, comes last at a handshake (downstream/accept.ts).
import type { CertificateFacts } from '../certs/facts.ts';
import { clientAuth, explainLack, hasPurpose, type serverAuth } from '../certs/extended-key-usage.ts';
import { commonNameCovers, coversHost, explainNotCovered } from '../certs/host-coverage.ts';
import { type KeyFloor, type VerificationResult, verifyDates, verifyStrength } from './certificate-checks.ts';
import type { EstablishedChain } from './established-chain.ts';
import type { IdentityRules } from './identity-rules.ts';
import type { OcspSettings, RevocationAnswers, RevocationList } from './revocation.ts';
import { quoteSubject } from './issuer-diagnosis.ts';
import type { VerdictCode } from './verdict.ts';

/** What a peer must be, besides being issued by a CA that is trusted. */
export type Requirements = {
  readonly purpose: typeof clientAuth | typeof serverAuth;
  readonly keyFloor: KeyFloor;
  /** Certificates allowed above the leaf, the anchor among them, as Envoy counts: with 0 and with 1 the anchor issued it itself. */
  readonly maxDepth: number;
  /** Trust hangs on who issued it: a chain that is not known proves nothing. */
  readonly needsChain: boolean;
  /** undefined: nobody asks whether it is revoked. */
  readonly revocations: RevocationList | undefined;
  /** For connections that are open: what OCSP said so far. */
  readonly ocsp: { readonly answers: RevocationAnswers; readonly settings: OcspSettings } | undefined;
  readonly rules: IdentityRules;
  /** The name or IP address that it must cover (RFC 9525), unless the rules ask for names; undefined for clients. */
  readonly host: string | undefined;
  /** Its common name will do where it has no DNS or IP name. Default false. */
  readonly acceptsCommonName?: boolean;
};

/**
 * undefined where everything holds at `now` (milliseconds since the epoch). `known` undefined: a session resumed where its
 * chain was never seen; the leaf is verified alone, and what cannot be verified without the chain is refused.
 */
export function verifyStanding(
  leaf: CertificateFacts,
  known: EstablishedChain | undefined,
  requirements: Requirements,
  now: number,
): VerificationResult | undefined {
  const { keyFloor, revocations, ocsp, rules, host } = requirements;
  const chain = known?.chain ?? [leaf];
  return (
    verifyChainDates(chain, known?.anchor, now) ??
    verifyPurpose(leaf, requirements.purpose) ??
    verifyDepth(chain, requirements.maxDepth) ??
    (known === undefined ? verifyStrength(leaf, keyFloor) : known.weakness) ??
    (known === undefined && requirements.needsChain ? chainUnknown : undefined) ??
    revocations?.verify(chain, known?.anchor, now) ??
    ocsp?.answers.verify(leaf, known, ocsp.settings, now) ??
    rules.verify(leaf) ??
    (host === undefined || rules.hasNames ? undefined : verifyHost(leaf, host, requirements.acceptsCommonName === true))
  );
}

/** How far a refused certificate got in that order: of several paths, the one that got furthest is the best. */
export function progressOf({ code }: VerificationResult): number {
  const at = order.indexOf(code);
  return at === -1 ? order.length : at;
}

const order: readonly VerdictCode[] = [
  'expired',
  'not_yet_valid',
  'wrong_purpose',
  'chain_too_deep',
  'weak_key',
  'malformed_cert',
  'untrusted_issuer',
  'missing_intermediate',
  'revoked',
  'crl_stale',
  'revocation_unknown',
];

const chainUnknown: VerificationResult = {
  code: 'missing_intermediate',
  detail: 'the session was resumed where its chain is not known, and trust depends on it',
};

/** The anchor's dates count too: what it issued is not accepted beyond them. */
function verifyChainDates(
  chain: readonly CertificateFacts[],
  anchor: CertificateFacts | undefined,
  now: number,
): VerificationResult | undefined {
  for (const facts of anchor === undefined ? chain : [...chain, anchor]) {
    const late = verifyDates(facts, now);
    if (late !== undefined) return facts === chain[0] ? late : { ...late, ...aboutCa(facts, late) };
  }
  return undefined;
}

function aboutCa(
  ca: CertificateFacts,
  { code, detail }: VerificationResult,
): Pick<VerificationResult, 'detail' | 'remedy'> {
  const renewed = 'Renew that CA certificate, or have the certificate issued by a CA that is valid.';
  return {
    detail: `its CA ${quoteSubject(ca)}: ${detail}`,
    ...(code === 'expired' ? { remedy: renewed } : {}),
  };
}

function verifyPurpose(leaf: CertificateFacts, purpose: Requirements['purpose']): VerificationResult | undefined {
  if (hasPurpose(leaf, purpose)) return undefined;
  const word = purpose === clientAuth ? 'clientAuth' : 'serverAuth';
  return { code: 'wrong_purpose', detail: explainLack(leaf, word) };
}

function verifyDepth(chain: readonly CertificateFacts[], maxDepth: number): VerificationResult | undefined {
  // The chain has the leaf and not the anchor: as many as there are above the leaf.
  if (chain.length <= Math.max(maxDepth, 1)) return undefined;
  return {
    code: 'chain_too_deep',
    detail: `${chain.length} certificates above it with the anchor, maxDepth is ${maxDepth}`,
  };
}

function verifyHost(leaf: CertificateFacts, wanted: string, byCommonName: boolean): VerificationResult | undefined {
  const named = commonNameCovers(leaf, wanted);
  if (coversHost(leaf, wanted) || (byCommonName && named)) return undefined;
  const ask = named ? ', or nameCheck: commonName on the route' : '';
  const detail = `the certificate of the backend does not cover ${wanted}: ${explainNotCovered(leaf, wanted)}${ask}`;
  return { code: 'name_mismatch', detail };
}
