// What the CAs of a path allow each other (RFC 5280 section 6.1): OpenSSL verifies it of the path that it found. Where ours may be
// another one, this says whether anything of that kind stands in ours, without verification names: then it is not to be relied on.
import { eachExtension } from '../certs/extensions.ts';
import { type DerCursor, derTag } from '../asn1/der.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import { clientAuth, hasPurpose } from '../certs/extended-key-usage.ts';

/** Key usage, basic constraints and extended usages are looked at; names, identifiers, policies and pointers forbid nothing. */
const harmless: ReadonlySet<string> = new Set(
  ['14', '15', '17', '18', '19', '31', '32', '35', '36', '37', '54'].map((arc) => `2.5.29.${arc}`),
);
const basicConstraints = '2.5.29.19';
const nameConstraints = '2.5.29.30';

/** `chain`: leaf first, each issued by the next, the last by `anchor`. undefined where nothing speaks against it. */
export function findPathConstraint(chain: readonly CertificateFacts[], anchor: CertificateFacts): string | undefined {
  let below = 0;
  for (const ca of [...chain.slice(1), anchor]) {
    const flaw = findFlaw(ca, below);
    if (flaw !== undefined) return flaw;
    if (!isSelfIssued(ca)) below += 1;
  }
  return undefined;
}

function findFlaw(ca: CertificateFacts, below: number): string | undefined {
  if (!hasPurpose(ca, clientAuth)) return 'a CA above it may not issue for clients (extended key usage)';
  for (const { oid, critical, value } of eachExtension(ca)) {
    if (oid === nameConstraints) return 'a CA above it may issue for some names only (nameConstraints)';
    if (oid === basicConstraints && readPathLength(value) < below)
      return 'there are more CAs above it than one of them allows (pathLenConstraint)';
    if (critical && !harmless.has(oid))
      return `a CA above it has the critical extension ${oid}, which is not known here`;
  }
  return undefined;
}

/** How many CAs may stand below this one, those of its own name apart; Infinity where it does not say. Throws Fault('malformed_cert'). */
export function pathLengthOf(ca: CertificateFacts): number {
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
