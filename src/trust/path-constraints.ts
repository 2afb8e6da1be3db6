// What the CAs of a path allow each other (RFC 5280 section 6.1). OpenSSL verifies it of the path that it found, and does not tell
// which that was. Of ours, path length and extended key usage can be verified here; of name constraints, policies and critical
// extensions that are not known here it can only be said that they are there.
import { eachExtension } from '../certs/extensions.ts';
import { type DerCursor, derTag } from '../asn1/der.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import { clientAuth, hasPurpose, type serverAuth } from '../certs/extended-key-usage.ts';
import type { VerificationResult } from './certificate-checks.ts';
import { quoteSubject } from './issuer-diagnosis.ts';
import type { TrustPath } from './path-search.ts';

type Purpose = typeof clientAuth | typeof serverAuth;

/** Key usage, basic constraints and extended usages are looked at; names, identifiers, policies and pointers forbid nothing. */
const harmless: ReadonlySet<string> = new Set(
  ['14', '15', '17', '18', '19', '31', '32', '35', '36', '37', '54'].map((arc) => `2.5.29.${arc}`),
);
/** What OpenSSL can work with though it is critical: RFC 5280's, and the address blocks of RFC 3779. */
export function isKnownExtension(oid: string): boolean {
  return harmless.has(oid) || oid === nameConstraints || oid === policyMappings || addressBlocks.has(oid);
}

const policyMappings = '2.5.29.33';
const addressBlocks: ReadonlySet<string> = new Set(['1.3.6.1.5.5.7.1.7', '1.3.6.1.5.5.7.1.8']);
const basicConstraints = '2.5.29.19';
const nameConstraints = '2.5.29.30';

/** Anything of that kind in the path, for a sentence; undefined where nothing speaks against it. */
export function findPathConstraint({ chain, anchor }: TrustPath, purpose: Purpose): string | undefined {
  let below = 0;
  for (const ca of [...chain.slice(1), anchor]) {
    const flaw = findFlaw(ca, below, purpose);
    if (flaw !== undefined) return flaw;
    if (!isSelfIssued(ca)) below += 1;
  }
  return undefined;
}

function findFlaw(ca: CertificateFacts, below: number, purpose: Purpose): string | undefined {
  if (!hasPurpose(ca, purpose)) {
    const whom = purpose === clientAuth ? 'clients' : 'servers';
    return `a CA above it may not issue for ${whom} (extended key usage)`;
  }
  for (const { oid, critical, value } of eachExtension(ca)) {
    if (oid === nameConstraints) return 'a CA above it may issue for some names only (nameConstraints)';
    if (oid === basicConstraints && readPathLength(value) < below)
      return 'there are more CAs above it than one of them allows (pathLenConstraint)';
    if (critical && !harmless.has(oid))
      return `a CA above it has the critical extension ${oid}, which is not known here`;
  }
  return undefined;
}

/**
 * Path length and extended key usage alone, by name: undefined where every CA up to the anchor may stand where it does. Throws
 * Fault('malformed_cert').
 */
export function verifyIssuingLimits({ chain, anchor }: TrustPath, purpose: Purpose): VerificationResult | undefined {
  let below = 0;
  for (const ca of [...chain.slice(1), anchor]) {
    const pathLength = pathLengthOf(ca);
    if (below > pathLength) {
      return {
        code: 'chain_too_deep',
        detail: `its CA ${quoteSubject(ca)} may have ${pathLength} CAs below it, there are ${below}`,
      };
    }
    if (!hasPurpose(ca, purpose)) {
      const whom = purpose === clientAuth ? 'client' : 'server';
      return {
        code: 'wrong_purpose',
        detail: `its CA ${quoteSubject(ca)} may not issue for a ${whom} (extended key usage)`,
      };
    }
    if (!isSelfIssued(ca)) below += 1;
  }
  return undefined;
}

/** How many CAs may stand below this one, those of its own name apart; Infinity where it does not say. Throws Fault('malformed_cert'). */
function pathLengthOf(ca: CertificateFacts): number {
  for (const { oid, value } of eachExtension(ca)) if (oid === basicConstraints) return readPathLength(value);
  return Infinity;
}

function readPathLength(value: DerCursor): number {
  const body = value.enter(derTag.sequence, 'basicConstraints');
  if (body.tag === derTag.boolean) body.next('basicConstraints');
  if (body.tag !== derTag.integer) return Infinity;
  const { content, end } = body.next('pathLenConstraint');
  return Number.parseInt(body.der.toString('hex', content, end), 16);
}
