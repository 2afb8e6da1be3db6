// SPIFFE IDs in certificates (standards SPIFFE-ID and X509-SVID): exactly one URI SAN, `spiffe://<trust domain>/<path>`, in a
// leaf that may sign and may issue nothing. Extended key usage is left to the purpose of the side that it stands on. Text that is not exactly of that form names nobody; there is no normalising.
import { eachExtension } from './extensions.ts';
import { derTag, malformed } from '../asn1/der.ts';
import type { CertificateFacts } from './facts.ts';

export type SpiffeId = { readonly id: string; readonly trustDomain: string };

/** What is looked at. */
export type SvidFacts = Pick<CertificateFacts, 'sans' | 'isCa' | 'der' | 'subject'>;

/** SPIFFE-ID section 2.3. */
const maxIdBytes = 2048;
const maxTrustDomainBytes = 255;

/** Why a certificate carries no SPIFFE ID, for a sentence that starts with the certificate. */
export type NoSpiffeId = { readonly detail: string };

/** The SPIFFE ID of a certificate; undefined where it has none, or is not a well-formed X509-SVID. Never throws. */
export function findSpiffeId(leaf: SvidFacts): SpiffeId | undefined {
  const found = readSvid(leaf);
  return 'id' in found ? found : undefined;
}

/** As findSpiffeId, with the reason where there is none. */
export function readSvid(leaf: SvidFacts): SpiffeId | NoSpiffeId {
  let uri: string | undefined;
  for (const { type, value } of leaf.sans) {
    if (type !== 'URI') continue;
    if (uri !== undefined) return { detail: 'it carries more than one URI, a SPIFFE certificate carries exactly one' };
    uri = value;
  }
  if (uri === undefined) return { detail: 'it carries no URI, so no SPIFFE ID' };
  const parsed = findParts(uri);
  if (parsed === undefined) return { detail: 'its URI is not a SPIFFE ID' };
  if (leaf.isCa) return { detail: 'it is a CA certificate, which identifies no workload' };
  const flaw = findLeafFlaw(leaf);
  return flaw === undefined ? parsed : { detail: flaw };
}

/** Lower-case scheme and domain, no port, no user, no escapes, no query; at least one segment, none empty, `.` or `..`. */
function findParts(uri: string): SpiffeId | undefined {
  if (uri.length > maxIdBytes) return undefined;
  const parts = /^spiffe:\/\/([a-z0-9._-]+)((?:\/[A-Za-z0-9._-]+)+)$/.exec(uri);
  const [, trustDomain = '', path = ''] = parts ?? [];
  if (trustDomain === '' || trustDomain.length > maxTrustDomainBytes) return undefined;
  return path.split('/').some((segment) => segment === '.' || segment === '..') ? undefined : { id: uri, trustDomain };
}

/** Names of bits of KeyUsage (RFC 5280 section 4.2.1.3), in the first of its bytes. */
const usage = { digitalSignature: 0x80, keyCertSign: 0x04, crlSign: 0x02 } as const;

/** What X509-SVID sections 3.1 and 4.3 ask of a leaf besides its name; undefined where it is all there. */
function findLeafFlaw(leaf: SvidFacts): string | undefined {
  try {
    const { keyUsage, isUsageCritical, isSanCritical } = readMarks(leaf);
    if (keyUsage === undefined) return 'it has no key usage, which a SPIFFE certificate must have';
    if ((keyUsage & (usage.keyCertSign | usage.crlSign)) !== 0)
      return 'its key usage allows issuing, so it identifies no workload';
    if ((keyUsage & usage.digitalSignature) === 0) return 'its key usage lacks digitalSignature';
    if (!isUsageCritical) return 'its key usage is not critical, as that of a SPIFFE certificate must be';
    if (leaf.subject === '' && !isSanCritical) return 'its subject is empty and its names are not critical';
    return undefined;
  } catch {
    return 'its key usage cannot be read';
  }
}

/**
 * What the same standard asks of a CA between leaf and anchor (sections 3.2, 4.1, 4.3); undefined where it may stand there. The
 * anchor is what the operator says it is. For a sentence that starts with the CA.
 */
export function findSigningFlaw(ca: CertificateFacts): string | undefined {
  if (!ca.isCa) return 'is no CA';
  try {
    const { keyUsage } = readMarks(ca);
    if (keyUsage === undefined || (keyUsage & usage.keyCertSign) === 0)
      return 'has no key usage keyCertSign, which a CA of a trust domain must have';
  } catch {
    return 'has a key usage that cannot be read';
  }
  const uris = ca.sans.filter(({ type }) => type === 'URI');
  if (uris.length > 1) return 'carries more than one URI';
  const [uri] = uris;
  if (uri === undefined || !/^spiffe:/i.test(uri.value)) return undefined;
  return uri.value.length <= maxIdBytes && /^spiffe:\/\/[a-z0-9._-]{1,255}$/.test(uri.value)
    ? undefined
    : 'carries a SPIFFE ID with a path, so it is a workload and no CA';
}

type Marks = { keyUsage: number | undefined; isUsageCritical: boolean; isSanCritical: boolean };

/** Throws Fault('malformed_cert'). */
function readMarks(certificate: Pick<CertificateFacts, 'der'>): Marks {
  const marks: Marks = { keyUsage: undefined, isUsageCritical: false, isSanCritical: false };
  for (const { oid, critical, value } of eachExtension(certificate)) {
    if (oid === '2.5.29.17') marks.isSanCritical = critical;
    if (oid !== '2.5.29.15') continue;
    const bits = value.expect(derTag.bitString, 'keyUsage');
    // The first content byte counts unused bits.
    if (bits.end - bits.content < 2) throw malformed('keyUsage: no bits');
    marks.keyUsage = value.der[bits.content + 1];
    marks.isUsageCritical = critical;
  }
  return marks;
}
