// results on one certificate that do not depend on a chain: strength of key and signature, dates, purpose. Repeated on
// every resumed session, where OpenSSL does not look again.
import { Fault } from '../base/fault.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { isIssuedBy } from '../certs/issuer.ts';
import { readSignatureAlgorithm } from '../certs/signature-algorithm.ts';
import type { VerdictCode } from './verdict.ts';

export type VerificationResult = {
  readonly code: VerdictCode;
  readonly detail: string;
  /** What the operator should do, where this cause needs something else than others of its code. */
  readonly remedy?: string;
};

/** Smallest keys in bits. */
export type KeyFloor = { readonly rsa: number; readonly ec: number };

export const defaultKeyFloor: KeyFloor = { rsa: 2048, ec: 256 };
const strongCurves: ReadonlySet<string> = new Set([
  'EC P-256',
  'EC P-384',
  'EC P-521',
  'EC secp256k1',
  'EC brainpoolP256r1',
  'EC brainpoolP384r1',
  'EC brainpoolP512r1',
]);

/**
 * weak_key for RSA keys and curves under `floor` (bits), DSA, MD5 or SHA-1 signatures; undefined where strong enough.
 * Ed25519 and Ed448 count as strong.
 */
export function verifyStrength(
  facts: CertificateFacts,
  floor: KeyFloor = defaultKeyFloor,
): VerificationResult | undefined {
  const bits = /^RSA(?:-PSS)? (\d+)$/.exec(facts.key)?.[1];
  if (bits !== undefined && Number(bits) < floor.rsa) {
    return { code: 'weak_key', detail: `the key is RSA of ${bits} bits, under ${floor.rsa}` };
  }
  const curveBits = /^EC .*?(\d{3})/.exec(facts.key)?.[1];
  if (curveBits !== undefined && strongCurves.has(facts.key) && Number(curveBits) < floor.ec) {
    return { code: 'weak_key', detail: `the key is ${facts.key}, under ${floor.ec} bits` };
  }
  // By a list of what is strong: a curve that nobody knows the size of is not.
  if (facts.key === 'DSA' || (facts.key.startsWith('EC ') && !strongCurves.has(facts.key))) {
    return { code: 'weak_key', detail: `the key is ${facts.key}` };
  }
  const algorithm = readSignatureAlgorithm(facts);
  if (algorithm !== undefined && !/ with (?:MD2|MD5|SHA-1)$/.test(algorithm)) return undefined;
  // Nobody relies on the signature of a self-signed certificate: it is trusted by being named. Its name does not make it one.
  if (isIssuedBy(facts, facts)) return undefined;
  if (algorithm === undefined) return { code: 'malformed_cert', detail: 'its signature algorithm cannot be read' };
  return { code: 'weak_key', detail: `the certificate is signed by ${algorithm}` };
}

/** Security level 2 of OpenSSL, which it holds anchors to as well: 112 bits. Their signatures count for nothing. */
const anchorFloor: KeyFloor = { rsa: 2048, ec: 224 };

/** weak_key for the key of an anchor that OpenSSL would not end a path in; undefined where it would. */
export function verifyAnchorKey({ key }: CertificateFacts): VerificationResult | undefined {
  const [, kind, bits] = /^(RSA|EC) .*?(\d{3,})/.exec(key.replace(/^RSA-PSS/, 'RSA')) ?? [];
  const floor = kind === 'RSA' ? anchorFloor.rsa : anchorFloor.ec;
  if (bits === undefined || Number(bits) >= floor) return undefined;
  return { code: 'weak_key', detail: `the key of its root is ${key}, under ${floor} bits` };
}

/** The first weakness in a chain; undefined where every certificate in it is strong enough. */
export function verifyChainStrength(
  chain: readonly CertificateFacts[],
  floor?: KeyFloor,
): VerificationResult | undefined {
  for (const facts of chain) {
    const weak = verifyStrength(facts, floor);
    if (weak !== undefined) return weak;
  }
  return undefined;
}

/** The dates at `now` (milliseconds since the epoch): expired, not_yet_valid, or undefined. */
export function verifyDates(facts: CertificateFacts, now: number): VerificationResult | undefined {
  // Nothing is written where all is well: this runs for every certificate of every connection.
  const clock = (): string => `our clock says ${new Date(now).toISOString()}`;
  if (now > facts.notAfter) {
    return { code: 'expired', detail: `it expired on ${new Date(facts.notAfter).toISOString()}; ${clock()}` };
  }
  if (now < facts.notBefore) {
    return { code: 'not_yet_valid', detail: `it is valid from ${new Date(facts.notBefore).toISOString()}; ${clock()}` };
  }
  return undefined;
}

/** The refusal of a certificate over which a reader of ours threw: what cannot be verified is refused. */
export function refuseUnreadable(error: unknown): VerificationResult {
  const detail = error instanceof Fault ? (error.detail ?? error.code) : `certificate: ${String(error)}`;
  return { code: 'malformed_cert', detail };
}
