// A certificate as the API shows it.
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { isNearExpiry } from '../certs/expiry.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';

export const certificateFacts = z.strictObject({
  subject: z.string(),
  issuer: z.string(),
  serial: z.string().describe('Hexadecimal.'),
  sha256: z.string(),
  spkiSha256: z.string().describe('Base64.'),
  sans: z.array(z.strictObject({ type: z.string(), value: z.string() })),
  notBefore: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  state: z.enum(['valid', 'expiresSoon', 'expired', 'notYetValid']),
  isCa: z.boolean(),
  extendedKeyUsage: z.array(z.string()).nullable().describe('OIDs; null: for every purpose.'),
  key: z.string(),
});

export function showFacts(facts: CertificateFacts, now: number): z.output<typeof certificateFacts> {
  const { subject, issuer, serial, sha256, spkiSha256, sans, notBefore, notAfter, isCa, extendedKeyUsage, key } = facts;
  return {
    subject,
    issuer,
    serial,
    sha256,
    spkiSha256,
    sans: sans.map(({ type, value }) => ({ type, value })),
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
    state: stateOf(facts, now),
    isCa,
    extendedKeyUsage: extendedKeyUsage === undefined ? null : [...extendedKeyUsage],
    key,
  };
}

function stateOf(facts: CertificateFacts, now: number): z.output<typeof certificateFacts>['state'] {
  if (now > facts.notAfter) return 'expired';
  if (now < facts.notBefore) return 'notYetValid';
  return isNearExpiry(facts, now) ? 'expiresSoon' : 'valid';
}

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Read once for each object that has them, and forgotten with it. */
const known = new WeakMap<object, readonly CertificateFacts[]>();

/** Of PEM that was checked before. `owner`: of a view, which another generation replaces. */
export function factsOf(owner: object, pem: string, now: number): z.output<typeof certificateFacts>[] {
  const facts = known.get(owner) ?? (pem.match(block) ?? []).map((one) => readFacts(new X509Certificate(one).raw));
  known.set(owner, facts);
  return facts.map((one) => showFacts(one, now));
}
