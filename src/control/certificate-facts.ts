// A certificate as the API shows it.
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { escapeForLog } from '../base/log-text.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import type { CertificateView } from './view.ts';
import { expiryState, expiryStateOf } from './shown-pair.ts';

/** Whoever issued it chose the text: nothing of it moves a cursor or hides, and none of it is without end. */
const maxText = 512;
const maxSans = 250;

export const certificateFacts = z.strictObject({
  subject: z.string(),
  issuer: z.string(),
  serial: z.string().describe('Hexadecimal.'),
  sha256: z.string(),
  spkiSha256: z.string().describe('Base64.'),
  sans: z.array(z.strictObject({ type: z.string(), value: z.string() })),
  sanCount: z.int().describe('At most 250 are listed.'),
  notBefore: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  state: expiryState,
  isCa: z.boolean(),
  extendedKeyUsage: z.array(z.string()).nullable().describe('OIDs; null: for every purpose.'),
  key: z.string(),
});

export function showFacts(facts: CertificateFacts, now: number): z.output<typeof certificateFacts> {
  const { subject, issuer, serial, sha256, spkiSha256, sans, notBefore, notAfter, isCa, extendedKeyUsage, key } = facts;
  return {
    subject: escapeForLog(subject, maxText),
    issuer: escapeForLog(issuer, maxText),
    serial,
    sha256,
    spkiSha256,
    sans: sans.slice(0, maxSans).map(({ type, value }) => ({ type, value: escapeForLog(value, maxText) })),
    sanCount: sans.length,
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
    state: expiryStateOf(facts, now),
    isCa,
    extendedKeyUsage: extendedKeyUsage === undefined ? null : [...extendedKeyUsage],
    key,
  };
}

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Read once for each object that has them, and forgotten with it. */
const known = new WeakMap<object, readonly CertificateFacts[]>();

/** Of PEM that was checked before. `owner`: of a view, which another generation replaces. */
export function readCertificates(owner: object, pem: string): readonly CertificateFacts[] {
  const facts = known.get(owner) ?? (pem.match(block) ?? []).map((one) => readFacts(new X509Certificate(one).raw));
  known.set(owner, facts);
  return facts;
}

export function factsOf(owner: object, pem: string, now: number): z.output<typeof certificateFacts>[] {
  return readCertificates(owner, pem).map((one) => showFacts(one, now));
}

/** Undefined for a chain that is empty. */
export function leafOf(one: CertificateView): CertificateFacts | undefined {
  return readCertificates(one, one.chainPem)[0];
}
