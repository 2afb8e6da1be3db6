// Judgements on one certificate that do not depend on a chain: strength of key and signature, dates, purpose. Repeated on
// every resumed session, where OpenSSL does not look again.
import type { CertificateFacts } from './facts.ts';
import { isSelfIssued } from './issuer.ts';
import { readSignatureAlgorithm } from './signature-algorithm.ts';
import type { VerdictCode } from './verdict.ts';

export type Judgement = { readonly code: VerdictCode; readonly detail: string };

export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const clientAuth = '1.3.6.1.5.5.7.3.2';
const anyUsage = '2.5.29.37.0';

const minRsaBits = 2048;
const weakCurves: ReadonlySet<string> = new Set(['EC P-192', 'EC P-224']);

/** weak_key for RSA or DSA under 2048 bits, EC under 256, MD5 or SHA-1 signatures; undefined where strong enough. */
export function checkStrength(facts: CertificateFacts): Judgement | undefined {
  const bits = /^RSA(?:-PSS)? (\d+)$/.exec(facts.key)?.[1];
  if (bits !== undefined && Number(bits) < minRsaBits) {
    return { code: 'weak_key', detail: `the key is RSA of ${bits} bits, under ${minRsaBits}` };
  }
  if (facts.key === 'DSA' || weakCurves.has(facts.key)) return { code: 'weak_key', detail: `the key is ${facts.key}` };
  const algorithm = readSignatureAlgorithm(facts);
  // Nobody relies on the signature of a self-signed certificate: it is trusted by being named.
  if (/ with (?:MD2|MD5|SHA-1)$/.test(algorithm) && !isSelfIssued(facts)) {
    return { code: 'weak_key', detail: `the certificate is signed by ${algorithm}` };
  }
  return undefined;
}

/** The dates at `now` (milliseconds since the epoch): expired, not_yet_valid, or undefined. */
export function judgeLeaf(facts: CertificateFacts, world: { readonly now: number }): Judgement | undefined {
  const clock = new Date(world.now).toISOString();
  if (world.now > facts.notAfter) {
    return {
      code: 'expired',
      detail: `it expired on ${new Date(facts.notAfter).toISOString()}; our clock says ${clock}`,
    };
  }
  if (world.now < facts.notBefore) {
    return {
      code: 'not_yet_valid',
      detail: `it is valid from ${new Date(facts.notBefore).toISOString()}; our clock says ${clock}`,
    };
  }
  return undefined;
}

/** True where the certificate may serve for the usage: the extension is absent, or names it, or names any usage. */
export function hasPurpose(facts: CertificateFacts, usage: string): boolean {
  const { extendedKeyUsage } = facts;
  return extendedKeyUsage === undefined || extendedKeyUsage.includes(usage) || extendedKeyUsage.includes(anyUsage);
}
