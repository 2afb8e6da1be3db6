// The certificate that answers tls-alpn-01 (RFC 8737 section 3): for one name, signed by itself, with the digest of the key authorization
// in a critical extension that nothing but a validation understands.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeName, encodePem } from '../asn1/der-writer.ts';
import { dayMs } from '../base/clock.ts';
import { writeCertificate } from '../certs/certificate-writer.ts';
import { encodeSan } from '../certs/san-writer.ts';
import type { Identifier } from '../base/identifier.ts';
import { sanOf } from './identifier.ts';

const acmeIdentifier = '1.3.6.1.5.5.7.1.31';
const subjectAltName = '2.5.29.17';
/** A validation takes seconds; clocks may differ. */
const lifetimeMs = 7 * dayMs;

/** PEM of both. `now`: milliseconds since the epoch. */
export function makeChallengeCertificate(
  identifier: Identifier,
  authorization: string,
  now: number,
): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = encodeName([[['CN', 'ACME challenge']]]);
  const digest = createHash('sha256').update(authorization).digest();
  const der = writeCertificate(
    {
      serial: Buffer.from([1]),
      issuer: name,
      subject: name,
      notBefore: now - dayMs,
      notAfter: now + lifetimeMs,
      publicKey,
      extensions: [
        { oid: subjectAltName, critical: false, value: encodeDer(derTag.sequence, encodeSan(sanOf(identifier))) },
        { oid: acmeIdentifier, critical: true, value: encodeDer(derTag.octetString, digest) },
      ],
    },
    privateKey,
    'sha256',
  );
  return { cert: encodePem('CERTIFICATE', der), key: privateKey.export({ format: 'pem', type: 'pkcs8' }) };
}
