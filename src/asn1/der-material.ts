// What a piece of DER is, by its outermost structure alone: enough to give it the PEM label under which it is read and verified
// like any other, or to say which command makes PEM of it. Whether it is a good key or certificate is not said here.
import { encodePem } from './der-writer.ts';

/** The bytes as PEM text; undefined where they are not, from the first to the last, one certificate, CRL, request or private key. */
export function wrapDer(der: Buffer): string | undefined {
  const parts = readWhole(der);
  const label = parts && labelOf(der, parts);
  return label === undefined ? undefined : encodePem(label, der);
}

/** A file of which OpenSSL or Java can make PEM. */
export type ForeignFormat = 'PKCS #12' | 'PKCS #7' | 'Java key store';

/** What else the bytes are; undefined where that is not known. */
export function findForeignFormat(bytes: Buffer): ForeignFormat | undefined {
  const magic = bytes.toString('hex', 0, 4);
  if (magic === 'feedfeed' || magic === 'cececece') return 'Java key store';
  // Only its beginning: what was cut off is as much of this kind, and may be written in BER.
  const [outer] = readParts(bytes, 0, bytes.length);
  if (outer?.tag !== sequence) return undefined;
  const [first, second] = readParts(bytes, outer.content, bytes.length);
  if (first?.tag === objectId) return isPkcs7(bytes, first) ? 'PKCS #7' : undefined;
  if (first?.tag !== integer || bytes[first.content] !== 3 || second?.tag !== sequence) return undefined;
  const [type] = readParts(bytes, second.content, bytes.length);
  return type !== undefined && isPkcs7(bytes, type) ? 'PKCS #12' : undefined;
}

/** The commands that make PEM of it. `file`: as it stands in them. */
export function conversionOf(format: ForeignFormat, file: string): string {
  if (format === 'PKCS #7') return `Convert it: openssl pkcs7 -inform der -in ${file} -print_certs -out ${file}.pem.`;
  if (format === 'Java key store') {
    const store = `${file}.p12`;
    return `Convert it: keytool -importkeystore -srckeystore ${file} -destkeystore ${store} -deststoretype PKCS12. ${conversionOf('PKCS #12', store)}`;
  }
  return `Take it apart: openssl pkcs12 -in ${file} -nokeys -out ${file}.crt, and for the key: openssl pkcs12 -in ${file} -nocerts -nodes -out ${file}.key (files of old programs need -legacy, too). Or name it in p12 with its password, in place of cert and key.`;
}

type Part = { readonly tag: number; readonly content: number; readonly end: number };

const maxParts = 16;
const [integer, bits, octets, objectId, sequence] = [0x02, 0x03, 0x04, 0x06, 0x30];
const times: ReadonlySet<number> = new Set([0x17, 0x18]);
/** 1.2.840.113549.1.7: PKCS #7, with whatever it holds. */
const pkcs7 = Buffer.from('2a864886f70d0107', 'hex');

function isPkcs7(bytes: Buffer, { tag, content }: Part): boolean {
  return tag === objectId && bytes.subarray(content, content + pkcs7.length).equals(pkcs7);
}

function labelOf(der: Buffer, parts: readonly Part[]): string | undefined {
  const tags = parts.map(({ tag }) => tag);
  const [first, second, third] = tags;
  if (first === sequence && second === sequence && third === bits && tags.length === 3)
    return signedLabel(der, parts[0]);
  if (first === integer && second === sequence && third === octets) return 'PRIVATE KEY';
  if (first === integer && second === octets) return 'EC PRIVATE KEY';
  if (first === integer && tags.length === 9 && tags.every((tag) => tag === integer)) return 'RSA PRIVATE KEY';
  return first === sequence && second === octets && tags.length === 2 ? 'ENCRYPTED PRIVATE KEY' : undefined;
}

/** Certificate, CertificateList and CertificationRequest look alike from outside. */
function signedLabel(der: Buffer, signed: Part | undefined): string | undefined {
  const tags = signed === undefined ? [] : readParts(der, signed.content, signed.end).map(({ tag }) => tag);
  if (tags.some((tag) => times.has(tag))) return 'X509 CRL';
  return tags.length >= 6 ? 'CERTIFICATE' : 'CERTIFICATE REQUEST';
}

/** The parts of a SEQUENCE that is all there is; undefined where it is not. */
function readWhole(der: Buffer): Part[] | undefined {
  const [outer, more] = readParts(der, 0, der.length);
  if (outer?.tag !== sequence || outer.end !== der.length || more !== undefined) return undefined;
  const parts = readParts(der, outer.content, outer.end);
  const last = parts.at(-1);
  return last === undefined || last.end > outer.end ? undefined : parts;
}

/** The elements from `at` to `end`, as far as they can be read. */
function readParts(der: Buffer, at: number, end: number): Part[] {
  const parts: Part[] = [];
  for (let next = at; next < end && parts.length < maxParts; ) {
    const part = readElement(der, next);
    if (part === undefined) break;
    parts.push(part);
    next = part.end;
  }
  return parts;
}

function readElement(der: Buffer, at: number): Part | undefined {
  const [tag, short] = [der[at], der[at + 1]];
  if (tag === undefined || short === undefined) return undefined;
  if (short < 0x80) return { tag, content: at + 2, end: at + 2 + short };
  const count = short & 0x7f;
  // BER: it ends where its end is written.
  if (count === 0) return { tag, content: at + 2, end: der.length };
  if (count > 4 || at + 2 + count > der.length) return undefined;
  const content = at + 2 + count;
  return { tag, content, end: content + der.readUIntBE(at + 2, count) };
}
