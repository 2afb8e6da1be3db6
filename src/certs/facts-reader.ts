// Reads CertificateFacts out of a certificate's DER (RFC 5280 section 4), and refuses what must not be guessed at: names
// with control bytes, foreign encodings, oversized or endless SAN lists (incidents 7, 8, 11, 21; N17). Never looks at the
// text that OpenSSL or Node print. Chains, dates and purposes are verified elsewhere.
import { hash } from 'node:crypto';
import { readAuthorityKeyId } from './authority-key-id.ts';
import { checkInteger, DerCursor, type DerElement, derTag, malformed, readObjectId, readTime } from '../asn1/der.ts';
import { readCommonNames, readName } from '../asn1/distinguished-name.ts';
import type { CertificateFacts, San } from './facts.ts';
import { readNameKey } from './name-key.ts';
import { readPublicKey } from './public-key.ts';
import { readSans } from './san-reader.ts';

export const maxCertificateBytes = 256 * 1024;
export const maxExtensions = 100;
const maxSerialBytes = 64;
const maxUsages = 100;

/** The parts of a certificate that readers share, as positions. */
export type CertificateParts = {
  readonly cursor: DerCursor;
  readonly serial: DerElement;
  readonly signatureAlgorithm: DerElement;
  readonly issuer: DerElement;
  readonly validity: DerElement;
  readonly subject: DerElement;
  readonly publicKey: DerElement;
  /** The SEQUENCE OF Extension; undefined where there are none. */
  readonly extensions: DerElement | undefined;
};

/** Everything we know of a certificate. Throws Fault('malformed_cert') and nothing else; keeps `der`, does not copy it. */
export function readFacts(der: Buffer): CertificateFacts {
  const parts = splitCertificate(der);
  const { cursor } = parts;
  const validity = cursor.inside(parts.validity);
  const notBefore = readTime(der, validity.next('notBefore'), 'notBefore');
  const notAfter = readTime(der, validity.next('notAfter'), 'notAfter');
  validity.finish('validity');
  const extensions = readExtensions(parts);
  return {
    der,
    subject: readName(cursor, parts.subject, 'subject'),
    issuer: readName(cursor, parts.issuer, 'issuer'),
    subjectKey: readNameKey(cursor, parts.subject, 'subject'),
    issuerKey: readNameKey(cursor, parts.issuer, 'issuer'),
    serial: readSerial(der, parts.serial),
    sha256: hash('sha256', der, 'hex'),
    spkiSha256: hash('sha256', der.subarray(parts.publicKey.start, parts.publicKey.end), 'base64'),
    notBefore,
    notAfter,
    sans: extensions.sans,
    extendedKeyUsage: extensions.extendedKeyUsage,
    isCa: extensions.isCa,
    subjectKeyId: extensions.subjectKeyId,
    authorityKeyId: extensions.authorityKeyId,
    key: readPublicKey(cursor, parts.publicKey),
  };
}

/** Finds the fields of Certificate and TBSCertificate. Throws Fault('malformed_cert'). */
export function splitCertificate(der: Buffer): CertificateParts {
  if (der.length > maxCertificateBytes) throw malformed(`certificate: over ${maxCertificateBytes} bytes`);
  const outer = new DerCursor(der);
  const certificate = outer.enter(derTag.sequence, 'certificate');
  outer.finish('certificate');
  const tbs = certificate.enter(derTag.sequence, 'tbsCertificate');
  const signatureAlgorithm = certificate.expect(derTag.sequence, 'signatureAlgorithm');
  certificate.expect(derTag.bitString, 'signature');
  certificate.finish('certificate');

  if (tbs.tag === 0xa0) readVersion(tbs);
  const serial = tbs.expect(derTag.integer, 'serialNumber');
  const innerAlgorithm = tbs.expect(derTag.sequence, 'signature algorithm');
  if (
    der.compare(der, innerAlgorithm.start, innerAlgorithm.end, signatureAlgorithm.start, signatureAlgorithm.end) !== 0
  ) {
    throw malformed('certificate: the two signature algorithms differ');
  }
  const issuer = tbs.expect(derTag.sequence, 'issuer');
  const validity = tbs.expect(derTag.sequence, 'validity');
  const subject = tbs.expect(derTag.sequence, 'subject');
  const publicKey = tbs.expect(derTag.sequence, 'subjectPublicKeyInfo');
  if (tbs.tag === 0x81) tbs.next('issuerUniqueID');
  if (tbs.tag === 0x82) tbs.next('subjectUniqueID');
  let extensions: DerElement | undefined;
  if (tbs.tag === 0xa3) {
    const wrapper = tbs.enter(0xa3, 'extensions');
    extensions = wrapper.expect(derTag.sequence, 'extensions');
    wrapper.finish('extensions');
  }
  tbs.finish('tbsCertificate');
  return { cursor: certificate, serial, signatureAlgorithm, issuer, validity, subject, publicKey, extensions };
}

/** Common names of the subject, raw: for whoever asks for one by name, else only to say that a CN does not count. */
export function readSubjectCommonNames(facts: Pick<CertificateFacts, 'der'>): string[] {
  const { cursor, subject } = splitCertificate(facts.der);
  return readCommonNames(cursor, subject, 'subject');
}

/** Likewise of the issuer. */
export function readIssuerCommonNames(facts: Pick<CertificateFacts, 'der'>): string[] {
  const { cursor, issuer } = splitCertificate(facts.der);
  return readCommonNames(cursor, issuer, 'issuer');
}

function readVersion(tbs: DerCursor): void {
  const wrapper = tbs.enter(0xa0, 'version');
  const version = wrapper.expect(derTag.integer, 'version');
  wrapper.finish('version');
  const value = tbs.der[version.content] as number;
  if (version.end - version.content !== 1 || value > 2) throw malformed('version: not 1, 2 or 3');
}

function readSerial(der: Buffer, element: DerElement): string {
  checkInteger(der, element, 'serialNumber');
  const { content, end } = element;
  if (end - content > maxSerialBytes) throw malformed(`serialNumber: over ${maxSerialBytes} bytes`);
  const hex = der.toString('hex', content, end);
  const first = der[content] as number;
  if (first >= 0x80) {
    // Illegal, yet some old CAs made them; written as OpenSSL prints it, so that it can be found in the CA's records.
    const text = ((1n << BigInt((end - content) * 8)) - BigInt(`0x${hex}`)).toString(16);
    return `-${text.length % 2 === 0 ? text : `0${text}`}`;
  }
  return first === 0 && hex.length > 2 ? hex.slice(2) : hex;
}

type Extensions = {
  sans: readonly San[];
  extendedKeyUsage: readonly string[] | undefined;
  isCa: boolean;
  subjectKeyId: string | undefined;
  authorityKeyId: string | undefined;
};

function readExtensions(parts: CertificateParts): Extensions {
  const found: Extensions = {
    sans: [],
    extendedKeyUsage: undefined,
    isCa: false,
    subjectKeyId: undefined,
    authorityKeyId: undefined,
  };
  if (parts.extensions === undefined) return found;
  const { cursor } = parts;
  const { der } = cursor;
  const list = cursor.inside(parts.extensions);
  const seen = new Set<string>();
  while (!list.done) {
    const extension = list.enter(derTag.sequence, 'extension');
    const oid = extension.expect(derTag.objectId, 'extension');
    if (extension.tag === derTag.boolean) extension.next('extension');
    const value = extension.expect(derTag.octetString, 'extension');
    extension.finish('extension');
    const id = der.toString('latin1', oid.content, oid.end);
    // A second SAN extension that one side reads and the other does not would be two identities in one certificate.
    if (seen.has(id)) throw malformed(`extension ${readObjectId(der, oid.content, oid.end)} appears twice`);
    seen.add(id);
    if (seen.size > maxExtensions) throw malformed(`more than ${maxExtensions} extensions`);
    readExtension(id, cursor.inside(value), found);
  }
  return found;
}

function readExtension(id: string, value: DerCursor, found: Extensions): void {
  switch (id) {
    case '\x55\x1d\x11':
      found.sans = readSans(value);
      break;
    case '\x55\x1d\x13':
      found.isCa = readBasicConstraints(value);
      break;
    case '\x55\x1d\x25':
      found.extendedKeyUsage = readUsages(value);
      break;
    case '\x55\x1d\x0e': {
      const keyId = value.expect(derTag.octetString, 'subjectKeyIdentifier');
      value.finish('subjectKeyIdentifier');
      found.subjectKeyId = value.der.toString('hex', keyId.content, keyId.end);
      break;
    }
    case '\x55\x1d\x23':
      found.authorityKeyId = readAuthorityKeyId(value);
      break;
    default:
  }
}

function readBasicConstraints(value: DerCursor): boolean {
  const body = value.enter(derTag.sequence, 'basicConstraints');
  value.finish('basicConstraints');
  let isCa = false;
  if (body.tag === derTag.boolean) {
    const flag = body.next('basicConstraints');
    const byte = body.der[flag.content] as number;
    // An explicit FALSE breaks DER (it is the default) but is everywhere; anything besides 00 and ff is nobody's habit.
    if (flag.end - flag.content !== 1 || (byte !== 0 && byte !== 0xff))
      throw malformed('basicConstraints: bad boolean');
    isCa = byte === 0xff;
  }
  if (body.tag === derTag.integer) checkInteger(body.der, body.next('pathLenConstraint'), 'pathLenConstraint');
  body.finish('basicConstraints');
  return isCa;
}

function readUsages(value: DerCursor): readonly string[] {
  const list = value.enter(derTag.sequence, 'extKeyUsage');
  value.finish('extKeyUsage');
  const usages: string[] = [];
  while (!list.done) {
    const oid = list.expect(derTag.objectId, 'extKeyUsage');
    usages.push(readObjectId(list.der, oid.content, oid.end));
    if (usages.length > maxUsages) throw malformed(`more than ${maxUsages} extended key usages`);
  }
  return usages;
}
