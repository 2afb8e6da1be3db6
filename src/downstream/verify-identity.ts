// The order of checks on a certificate whose chain is known to lead to an anchor (docs/verification.md): dates → purpose → depth → key
// strength → CRLs → OCSP → pins → names. At the handshake, on every resumed session, and again when trust changes: one
// function, so that no way in is laxer than another (incident 2). Only OCSP, which may have to be waited for, comes last at a
// handshake (accept.ts).
import type { CertificateFacts } from '../certs/facts.ts';
import { verifyStrength, verifyDates, type VerificationResult } from '../trust/certificate-checks.ts';
import { clientAuth, hasPurpose } from '../certs/extended-key-usage.ts';
import type { KnownChain } from './chain-cache.ts';
import type { ClientTrust } from './client-trust.ts';
import type { OcspChecker } from '../ocsp/checker.ts';
import { verifyOpen, ocspSubject } from '../ocsp/verification.ts';

export type IdentityRequirements = {
  readonly trust: Pick<ClientTrust, 'keyFloor' | 'needsChain' | 'crls' | 'ocsp' | 'rules'>;
  readonly maxDepth: number;
  /** For connections that are open: the answers so far. */
  readonly ocsp?: OcspChecker | undefined;
};

/**
 * undefined where everything holds. `known` undefined: a session resumed where its chain was never seen; the leaf is
 * verified alone, and what cannot be verified without the chain is refused.
 */
export function verifyIdentity(
  leaf: CertificateFacts,
  known: KnownChain | undefined,
  { trust, maxDepth, ocsp }: IdentityRequirements,
  now: number,
): VerificationResult | undefined {
  const chain = known?.chain ?? [leaf];
  return (
    verifyChainDates(chain, known?.anchor, now) ??
    verifyPurpose(leaf) ??
    verifyDepth(chain, maxDepth) ??
    (known === undefined ? verifyStrength(leaf, trust.keyFloor) : known.weakness) ??
    (known === undefined && trust.needsChain ? chainUnknown : undefined) ??
    trust.crls?.verify(chain, known?.anchor, now) ??
    (ocsp !== undefined && trust.ocsp !== undefined
      ? verifyOpen(ocsp, ocspSubject(leaf, known), trust.ocsp, now)
      : undefined) ??
    trust.rules.verify(leaf)
  );
}

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
    if (late !== undefined) return facts === chain[0] ? late : { ...late, detail: `a CA above it: ${late.detail}` };
  }
  return undefined;
}

function verifyPurpose(leaf: CertificateFacts): VerificationResult | undefined {
  if (hasPurpose(leaf, clientAuth)) return undefined;
  return { code: 'wrong_purpose', detail: 'its extended key usage lacks clientAuth' };
}

function verifyDepth(chain: readonly CertificateFacts[], maxDepth: number): VerificationResult | undefined {
  if (chain.length - 1 <= maxDepth) return undefined;
  return {
    code: 'chain_too_deep',
    detail: `${chain.length - 1} CA certificates between it and the anchor, maxDepth is ${maxDepth}`,
  };
}
