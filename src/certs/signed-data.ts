// Whether a signature over bytes of ours to verify (an OCSP response, a CRL) is good and strong enough: the algorithm must
// be one of a short list and fit the key. Certificates themselves are verified by OpenSSL.
import { constants, type KeyObject, verify } from 'node:crypto';

export type SignedData = {
  /** The bytes that were signed, their header included. */
  readonly signed: Buffer;
  /** In the words of nameSignatureAlgorithm. */
  readonly algorithm: string;
  /** Without the count of unused bits. */
  readonly signature: Buffer;
};

type Scheme = { readonly hash: string | null; readonly keyTypes: readonly string[]; readonly pss: boolean };

const scheme = (hash: string | null, keyTypes: readonly string[], pss = false): Scheme => ({ hash, keyTypes, pss });

/** SHA-1 and MD5 are missing on purpose: whoever can collide them could write the data. */
const schemes: ReadonlyMap<string, Scheme> = new Map([
  ['RSA with SHA-256', scheme('sha256', ['rsa'])],
  ['RSA with SHA-384', scheme('sha384', ['rsa'])],
  ['RSA with SHA-512', scheme('sha512', ['rsa'])],
  ['RSA-PSS with SHA-256', scheme('sha256', ['rsa', 'rsa-pss'], true)],
  ['RSA-PSS with SHA-384', scheme('sha384', ['rsa', 'rsa-pss'], true)],
  ['RSA-PSS with SHA-512', scheme('sha512', ['rsa', 'rsa-pss'], true)],
  ['ECDSA with SHA-256', scheme('sha256', ['ec'])],
  ['ECDSA with SHA-384', scheme('sha384', ['ec'])],
  ['ECDSA with SHA-512', scheme('sha512', ['ec'])],
  ['Ed25519', scheme(null, ['ed25519'])],
  ['Ed448', scheme(null, ['ed448'])],
]);

/** undefined where the signature is good; else why it is not, as the end of a sentence. Never throws. */
export function findSignatureFlaw({ signed, algorithm, signature }: SignedData, key: KeyObject): string | undefined {
  const found = schemes.get(algorithm);
  if (found === undefined) return `is signed by ${algorithm}, which is not accepted`;
  const { hash, keyTypes, pss } = found;
  if (!keyTypes.includes(key.asymmetricKeyType ?? '')) return `is signed by ${algorithm}, which does not fit the key`;
  const padding = pss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
    : undefined;
  try {
    return verify(hash, signed, padding === undefined ? key : { key, ...padding }, signature)
      ? undefined
      : 'has a signature that is not of this key';
  } catch {
    // A key or signature that OpenSSL cannot work with proves nothing.
    return 'has a signature that cannot be verified';
  }
}
