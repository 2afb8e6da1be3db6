// What is sent to an OCSP responder to ask about one certificate (RFC 6960 section 4.1, the profile of RFC 5019). Unsigned,
// one certificate, no nonce: most responders sign in advance and ignore it, and freshness comes from thisUpdate and
// nextUpdate (decision 0013).
import { hash } from 'node:crypto';
import { derTag, malformed } from '../asn1/der.ts';
import { encodeDer, encodeObjectId } from '../asn1/der-writer.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { splitCertificate } from '../certs/facts-reader.ts';

/** CertID: names a certificate by its issuer and serial. SHA-1, as every responder indexes by it (RFC 5019 section 2.1.1). */
export type OcspCertId = {
  /** SHA-1 of the DER of the issuer's name, as its own certificate spells it. An identifier, not a security measure: what answers is signed anew by SHA-2. */
  readonly issuerNameHash: Buffer;
  /** SHA-1 over the bits of the issuer's public key. */
  readonly issuerKeyHash: Buffer;
  /** Content bytes of the serial's INTEGER. */
  readonly serial: Buffer;
};

export const sha1Id = '1.3.14.3.2.26';

/** `issuer` must be the one whose key signed the certificate. Throws Fault('malformed_cert'). */
export function makeCertId(certificate: CertificateFacts, issuer: CertificateFacts): OcspCertId {
  const { serial } = splitCertificate(certificate.der);
  const { subject } = splitCertificate(issuer.der);
  return {
    // RFC 6960 says the issuer's name in the certificate; responders index by the CA's own spelling, as OpenSSL, Go and Java
    // ask, and know nobody under the other one.
    issuerNameHash: sha1(issuer.der.subarray(subject.start, subject.end)),
    issuerKeyHash: hashOfKey(issuer),
    serial: certificate.der.subarray(serial.content, serial.end),
  };
}

/** SHA-1 over the bits of a certificate's public key, without tag, length and count of unused bits. */
export function hashOfKey({ der }: CertificateFacts): Buffer {
  const { cursor, publicKey } = splitCertificate(der);
  const info = cursor.inside(publicKey);
  info.expect(derTag.sequence, 'public key algorithm');
  const bits = info.expect(derTag.bitString, 'public key');
  if (bits.end - bits.content < 1) throw malformed('public key: empty');
  return sha1(der.subarray(bits.content + 1, bits.end));
}

/** DER of an OCSPRequest for one certificate. */
export function encodeOcspRequest(id: OcspCertId): Buffer {
  const request = encodeDer(derTag.sequence, encodeCertId(id));
  const tbsRequest = encodeDer(derTag.sequence, encodeDer(derTag.sequence, request));
  return encodeDer(derTag.sequence, tbsRequest);
}

export function encodeCertId(id: OcspCertId): Buffer {
  return encodeDer(
    derTag.sequence,
    encodeDer(derTag.sequence, encodeObjectId(sha1Id), Buffer.from([5, 0])),
    encodeDer(derTag.octetString, id.issuerNameHash),
    encodeDer(derTag.octetString, id.issuerKeyHash),
    encodeDer(derTag.integer, id.serial),
  );
}

function sha1(bytes: Buffer): Buffer {
  return hash('sha1', bytes, 'buffer');
}
