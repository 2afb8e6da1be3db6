// SPIFFE IDs in certificates (standards SPIFFE-ID and X509-SVID): exactly one URI SAN, `spiffe://<trust domain>/<path>`, in a
// leaf that may issue nothing. Text that is not exactly of that form names nobody; there is no normalising.
import { eachExtension } from './certificate-extensions.ts';
import { derTag } from './der.ts';
import type { CertificateFacts } from './facts.ts';

export type SpiffeId = { readonly id: string; readonly trustDomain: string };

/** SPIFFE-ID section 2.3. */
const maxIdBytes = 2048;
const maxTrustDomainBytes = 255;

/** Why a certificate carries no SPIFFE ID, for a sentence that starts with the certificate. */
export type NoSpiffeId = { readonly detail: string };

/** The SPIFFE ID of a certificate; undefined where it has none, or is not a well-formed X509-SVID. Never throws. */
export function findSpiffeId(leaf: Pick<CertificateFacts, 'sans' | 'isCa' | 'der'>): SpiffeId | undefined {
  const found = readSvid(leaf);
  return 'id' in found ? found : undefined;
}

/** As findSpiffeId, with the reason where there is none. */
export function readSvid(leaf: Pick<CertificateFacts, 'sans' | 'isCa' | 'der'>): SpiffeId | NoSpiffeId {
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
  if (mayIssue(leaf)) return { detail: 'its key usage allows issuing, so it identifies no workload' };
  return parsed;
}

/** Lower-case scheme and domain, no port, no user, no escapes, no query; at least one segment, none empty, `.` or `..`. */
function findParts(uri: string): SpiffeId | undefined {
  if (uri.length > maxIdBytes) return undefined;
  const parts = /^spiffe:\/\/([a-z0-9._-]+)((?:\/[A-Za-z0-9._-]+)+)$/.exec(uri);
  const [, trustDomain = '', path = ''] = parts ?? [];
  if (trustDomain === '' || trustDomain.length > maxTrustDomainBytes) return undefined;
  return path.split('/').some((segment) => segment === '.' || segment === '..') ? undefined : { id: uri, trustDomain };
}

/** True where the key usage has keyCertSign or cRLSign, or cannot be read (X509-SVID section 5.2). */
function mayIssue(leaf: Pick<CertificateFacts, 'der'>): boolean {
  try {
    for (const { oid, value } of eachExtension(leaf)) {
      if (oid !== '2.5.29.15') continue;
      const bits = value.expect(derTag.bitString, 'keyUsage');
      // The first content byte counts unused bits; keyCertSign and cRLSign are bits 5 and 6 of the next.
      return bits.end - bits.content < 2 || ((value.der[bits.content + 1] as number) & 0x06) !== 0;
    }
    return false;
  } catch {
    return true;
  }
}
