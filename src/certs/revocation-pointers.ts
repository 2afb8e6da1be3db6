// What a certificate says about where to ask for its revocation, and what it may do about that of others. Read on demand:
// nothing here identifies anybody, and nothing is fetched from it unless the configuration allows the host (incident 17).
import { eachExtension } from './extensions.ts';
import { type DerCursor, derTag, malformed, readObjectId } from '../asn1/der.ts';
import type { CertificateFacts } from './facts.ts';

export type CertificatePointers = {
  /** URIs of cRLDistributionPoints (RFC 5280 section 4.2.1.13). */
  readonly crlUrls: readonly string[];
  /** OCSP URIs of authorityInfoAccess (section 4.2.2.1). */
  readonly ocspUrls: readonly string[];
  /** status_request is among its TLS features (RFC 7633): its server promises to staple. */
  readonly mustStaple: boolean;
  /** Key usage is absent or has cRLSign (section 4.2.1.3). */
  readonly maySignCrls: boolean;
  /** It carries id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1). */
  readonly ocspNoCheck: boolean;
};

const maxUrls = 16;
const maxUrlBytes = 2048;

/** Throws Fault('malformed_cert'). */
export function readPointers(certificate: CertificateFacts): CertificatePointers {
  const found = { crlUrls: [] as string[], ocspUrls: [] as string[], mustStaple: false, maySignCrls: true };
  let ocspNoCheck = false;
  for (const { oid, value } of eachExtension(certificate)) {
    switch (oid) {
      case '2.5.29.15':
        found.maySignCrls = readCrlSign(value);
        break;
      case '2.5.29.31':
        found.crlUrls = readDistributionPoints(value.enter(derTag.sequence, 'cRLDistributionPoints'));
        break;
      case '1.3.6.1.5.5.7.1.1':
        found.ocspUrls = readOcspUrls(value.enter(derTag.sequence, 'authorityInfoAccess'));
        break;
      case '1.3.6.1.5.5.7.1.24':
        found.mustStaple = readFeatures(value.enter(derTag.sequence, 'TLS features'));
        break;
      case '1.3.6.1.5.5.7.48.1.5':
        ocspNoCheck = true;
        break;
      default:
    }
  }
  return { ...found, ocspNoCheck };
}

function readCrlSign(value: DerCursor): boolean {
  const bits = value.expect(derTag.bitString, 'keyUsage');
  // The first content byte counts unused bits; cRLSign is bit 6 of the first byte of bits.
  return bits.end - bits.content >= 2 && ((value.der[bits.content + 1] as number) & 0x02) !== 0;
}

/** URIs of `SEQUENCE OF DistributionPoint`; also the form inside a CRL's issuingDistributionPoint. */
function readDistributionPoints(points: DerCursor): string[] {
  const urls: string[] = [];
  while (!points.done) {
    const point = points.enter(derTag.sequence, 'distributionPoint');
    if (point.tag === 0xa0) readPointNames(point.enter(0xa0, 'distributionPoint'), urls);
  }
  return urls;
}

/** DistributionPointName: `fullName [0]` counts, a name relative to the issuer's is nothing we could fetch. */
export function readPointNames(name: DerCursor, urls: string[]): void {
  if (name.tag !== 0xa0) return;
  const names = name.enter(0xa0, 'fullName');
  while (!names.done) {
    const element = names.next('fullName');
    if (element.tag === 0x86) addUrl(urls, names.der, element.content, element.end);
  }
}

function readOcspUrls(list: DerCursor): string[] {
  const urls: string[] = [];
  while (!list.done) {
    const access = list.enter(derTag.sequence, 'accessDescription');
    const method = access.expect(derTag.objectId, 'accessMethod');
    const place = access.next('accessLocation');
    if (readObjectId(list.der, method.content, method.end) === '1.3.6.1.5.5.7.48.1' && place.tag === 0x86)
      addUrl(urls, list.der, place.content, place.end);
  }
  return urls;
}

function readFeatures(list: DerCursor): boolean {
  let mustStaple = false;
  while (!list.done) {
    const feature = list.expect(derTag.integer, 'TLS feature');
    // status_request(5), RFC 6066 section 8.
    if (feature.end - feature.content === 1 && list.der[feature.content] === 5) mustStaple = true;
  }
  return mustStaple;
}

function addUrl(urls: string[], der: Buffer, start: number, end: number): void {
  if (end - start > maxUrlBytes || urls.length >= maxUrls) throw malformed('too many or too long URLs');
  urls.push(der.toString('latin1', start, end));
}
