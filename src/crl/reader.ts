// Reads a certificate revocation list (RFC 5280 section 5) from its DER. What it cannot honour in full (delta, indirect,
// partitioned by reason) it refuses: half of a CRL would pass for all of it. The signature is verified in issuer.ts.
import { type CrlEntries, indirect, readCrlEntries } from './entries.ts';
import { readAuthorityKeyId } from '../certs/authority-key-id.ts';
import { CrlRejection, refusalOf } from './rejection.ts';
import { readPointNames } from '../certs/revocation-pointers.ts';
import { checkInteger, DerCursor, type DerElement, derTag, malformed, readObjectId, readTime } from '../asn1/der.ts';
import { readName } from '../asn1/distinguished-name.ts';
import { readNameKey } from '../certs/name-key.ts';
import { nameSignatureAlgorithm } from '../certs/signature-algorithm.ts';
import type { SignedData } from '../certs/signed-data.ts';

/** Three million entries, about. */
export const maxCrlBytes = 128 * 1024 * 1024;
const maxExtensions = 100;
/** RFC 5280 section 5.2.3. */
const maxNumberBytes = 21;
/** 128 MiB need four bytes of length. */
const lengthBytes = 4;

export type CrlExtensions = {
  /** Hexadecimal. */
  number: string | undefined;
  authorityKeyId: string | undefined;
  covers: 'all' | 'leaf' | 'ca';
  distributionPoints: readonly string[];
};

export type ParsedCrl = Readonly<CrlExtensions> & {
  readonly der: Buffer;
  readonly signed: SignedData;
  /** RFC 4514 text. */
  readonly issuer: string;
  /** The same name for comparing (name-key.ts). */
  readonly issuerKey: string;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly entries: CrlEntries;
};

/** Throws CrlRefusal and nothing else; keeps `der`, does not copy it. */
export function readCrl(der: Buffer): ParsedCrl {
  try {
    return read(der);
  } catch (error) {
    throw refusalOf(error);
  }
}

function read(der: Buffer): ParsedCrl {
  if (der.length > maxCrlBytes)
    throw new CrlRejection('crl_too_large', `it has ${der.length} bytes, over the limit of ${maxCrlBytes}`, '');
  const outer = new DerCursor(der, 0, der.length, lengthBytes);
  const list = outer.enter(derTag.sequence, 'CertificateList');
  outer.finish('CertificateList');
  const tbsElement = list.expect(derTag.sequence, 'tbsCertList');
  const algorithm = list.expect(derTag.sequence, 'signatureAlgorithm');
  const signature = list.expect(derTag.bitString, 'signatureValue');
  list.finish('CertificateList');
  if (signature.end - signature.content < 2 || der[signature.content] !== 0) throw malformed('signatureValue: no bits');

  const tbs = list.inside(tbsElement);
  const isV2 = tbs.tag === derTag.integer;
  if (isV2) {
    const version = tbs.next('version');
    if (version.end - version.content !== 1 || der[version.content] !== 1) throw malformed('version: not 2');
  }
  const inner = tbs.expect(derTag.sequence, 'signature algorithm');
  if (der.compare(der, inner.start, inner.end, algorithm.start, algorithm.end) !== 0)
    throw malformed('the two signature algorithms differ');
  const issuer = tbs.expect(derTag.sequence, 'issuer');
  const thisUpdate = readTime(der, tbs.next('thisUpdate'), 'thisUpdate');
  const nextUpdate = readNextUpdate(tbs);
  const revoked = tbs.tag === derTag.sequence ? tbs.next('revokedCertificates') : undefined;
  const extensions = readExtensions(tbs, isV2);
  tbs.finish('tbsCertList');
  return {
    der,
    signed: {
      signed: der.subarray(tbsElement.start, tbsElement.end),
      algorithm: nameSignatureAlgorithm(list, algorithm),
      signature: der.subarray(signature.content + 1, signature.end),
    },
    issuer: readName(tbs, issuer, 'issuer'),
    issuerKey: readNameKey(tbs, issuer, 'issuer'),
    thisUpdate,
    nextUpdate,
    ...extensions,
    entries: readCrlEntries(der, revoked),
  };
}

function readNextUpdate(tbs: DerCursor): number {
  if (tbs.tag === derTag.utcTime || tbs.tag === derTag.generalizedTime)
    return readTime(tbs.der, tbs.next('nextUpdate'), 'nextUpdate');
  throw new CrlRejection(
    'crl_unsupported',
    'it has no nextUpdate, so nobody could tell when it is out of date',
    'Have the CA issue CRLs with a nextUpdate (openssl: default_crl_days).',
  );
}

function readExtensions(tbs: DerCursor, isV2: boolean): CrlExtensions {
  const found: CrlExtensions = {
    number: undefined,
    authorityKeyId: undefined,
    covers: 'all',
    distributionPoints: [],
  };
  if (tbs.tag !== 0xa0) return found;
  if (!isV2) throw malformed('crlExtensions: not in version 1');
  const wrapper = tbs.enter(0xa0, 'crlExtensions');
  const list = wrapper.enter(derTag.sequence, 'crlExtensions');
  wrapper.finish('crlExtensions');
  const seen = new Set<string>();
  while (!list.done) {
    const extension = list.enter(derTag.sequence, 'extension');
    const oid = extension.expect(derTag.objectId, 'extension');
    const critical = extension.tag === derTag.boolean && readBoolean(extension.next('critical'), tbs.der, 'critical');
    const value = extension.expect(derTag.octetString, 'extension');
    extension.finish('extension');
    const id = readObjectId(tbs.der, oid.content, oid.end);
    if (seen.has(id) || seen.size >= maxExtensions) throw malformed(`extension ${id}: twice, or one too many`);
    seen.add(id);
    readExtension(id, critical, list.inside(value), found);
  }
  return found;
}

function readExtension(id: string, critical: boolean, value: DerCursor, found: CrlExtensions): void {
  switch (id) {
    case '2.5.29.20':
      found.number = readNumber(value);
      return;
    case '2.5.29.35':
      found.authorityKeyId = readAuthorityKeyId(value);
      return;
    case '2.5.29.28':
      readIssuingDistributionPoint(value, found);
      return;
    case '2.5.29.27':
      throw new CrlRejection(
        'crl_unsupported',
        'it is a delta CRL: it says only what changed since another one',
        'Use the complete CRL of the CA.',
      );
    default:
      if (!critical) return;
      throw new CrlRejection(
        'crl_unsupported',
        `its critical extension ${id} is not known here`,
        'Have the CA issue a CRL without it.',
      );
  }
}

function readNumber(value: DerCursor): string {
  const number = value.expect(derTag.integer, 'cRLNumber');
  value.finish('cRLNumber');
  checkInteger(value.der, number, 'cRLNumber');
  const { content, end } = number;
  if (end - content > maxNumberBytes || (value.der[content] as number) >= 0x80)
    throw malformed('cRLNumber: negative or too long');
  const hex = value.der.toString('hex', content, end);
  return hex.length > 2 && hex.startsWith('00') ? hex.slice(2) : hex;
}

/** Section 5.2.5. */
function readIssuingDistributionPoint(value: DerCursor, found: CrlExtensions): void {
  const what = 'issuingDistributionPoint';
  const body = value.enter(derTag.sequence, what);
  value.finish(what);
  if (body.tag === 0xa0) found.distributionPoints = readPoint(body.enter(0xa0, what));
  const flags = new Map<number, boolean>();
  while (!body.done) {
    const element = body.next(what);
    if (element.tag < 0x81 || element.tag > 0x85 || flags.has(element.tag)) throw malformed(`${what}: unknown part`);
    flags.set(element.tag, element.tag === 0x83 || readBoolean(element, body.der, what));
  }
  if (flags.get(0x84) === true) throw indirect();
  if (flags.get(0x83) === true) throw partial('it covers some reasons of revocation only (onlySomeReasons)');
  if (flags.get(0x85) === true) throw partial('it covers attribute certificates only');
  const [leaf, ca] = [flags.get(0x81) === true, flags.get(0x82) === true];
  if (leaf && ca) throw malformed(`${what}: both kinds of certificates excluded`);
  found.covers = leaf ? 'leaf' : ca ? 'ca' : 'all';
}

function readPoint(name: DerCursor): readonly string[] {
  const urls: string[] = [];
  readPointNames(name, urls);
  // Without a name to compare, its part of the certificates would pass for all of them.
  if (urls.length === 0) throw partial('its distribution point is not named by a URI');
  return urls;
}

function partial(why: string): CrlRejection {
  return new CrlRejection('crl_unsupported', why, 'Use the complete CRL of the CA.');
}

function readBoolean(element: DerElement, der: Buffer, what: string): boolean {
  const byte = der[element.content] as number;
  if (element.end - element.content !== 1 || (byte !== 0 && byte !== 0xff)) throw malformed(`${what}: bad boolean`);
  return byte === 0xff;
}
