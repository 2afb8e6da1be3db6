// Writes a certification request (PKCS #10, RFC 2986) for a key of ours: what a CA is asked for, names as an extension request (RFC 2985
// section 5.4.2). What is asked for is the caller's; what comes back is verified by the caller too, since a CA may issue something else.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeName, encodeObjectId, encodeUnsigned, type Rdn } from '../asn1/der-writer.ts';
import { encodeAlgorithm, encodeExtension, encodeSignature } from './certificate-writer.ts';
import type { San } from './facts.ts';
import { encodeSan } from './san-writer.ts';

const extensionRequest = '1.2.840.113549.1.9.14';
const subjectAltName = '2.5.29.17';

export type CertificateRequest = {
  /** Empty where the names alone say who it is for. */
  readonly subject: readonly Rdn[];
  readonly sans: readonly San[];
};

/** DER of the request, signed by `key`. */
export function writeCsr({ subject, sans }: CertificateRequest, key: KeyObject): Buffer {
  const names = encodeDer(derTag.sequence, ...sans.map(encodeSan));
  const extension = encodeExtension({ oid: subjectAltName, critical: subject.length === 0, value: names });
  const attributes =
    sans.length === 0
      ? []
      : [
          encodeDer(
            derTag.sequence,
            encodeObjectId(extensionRequest),
            encodeDer(derTag.set, encodeDer(derTag.sequence, extension)),
          ),
        ];
  const info = encodeDer(
    derTag.sequence,
    encodeUnsigned(Buffer.from([0])),
    encodeName(subject),
    createPublicKey(key).export({ format: 'der', type: 'spki' }),
    encodeDer(0xa0, ...attributes),
  );
  const algorithm = encodeAlgorithm(key, 'sha256');
  return encodeDer(derTag.sequence, info, algorithm, encodeSignature(info, key, 'sha256'));
}
