// What a certificate says about the certificate of its issuer, for sentences about one that was not found: claims of whoever made
// it, by which nothing is decided and nothing is fetched (incident 17).
import { type DerCursor, derTag, readObjectId } from '../asn1/der.ts';
import { eachExtension } from './extensions.ts';
import type { CertificateFacts } from './facts.ts';
import { readNameKey } from './name-key.ts';

export type IssuerHints = {
  /** authorityCertSerialNumber: the serial number of the issuer's certificate, as in CertificateFacts. */
  readonly serial: string | undefined;
  /** authorityCertIssuer: the key (name-key.ts) of the name of who issued the issuer's certificate. */
  readonly above: string | undefined;
  /** Where the issuer's certificate can be had (RFC 5280 section 4.2.2.1): the first http URL; undefined where there is none. */
  readonly url: string | undefined;
};

const authorityKeyIdentifier = '2.5.29.35';
const authorityInfoAccess = '1.3.6.1.5.5.7.1.1';
const caIssuers = '1.3.6.1.5.5.7.48.2';
const maxUrlBytes = 200;

const nothing: IssuerHints = { serial: undefined, above: undefined, url: undefined };

/** Never throws: what cannot be read says nothing. */
export function readIssuerHints(certificate: CertificateFacts): IssuerHints {
  try {
    return readHints(certificate);
  } catch {
    return nothing;
  }
}

function readHints(certificate: CertificateFacts): IssuerHints {
  let named: Pick<IssuerHints, 'serial' | 'above'> = { serial: undefined, above: undefined };
  let url: string | undefined;
  for (const { oid, value } of eachExtension(certificate)) {
    if (oid === authorityKeyIdentifier) named = readNamedIssuer(value.enter(derTag.sequence, 'authorityKeyIdentifier'));
    if (oid === authorityInfoAccess) url = findCertificateUrl(value.enter(derTag.sequence, 'authorityInfoAccess'));
  }
  return { ...named, url };
}

function readNamedIssuer(body: DerCursor): Pick<IssuerHints, 'serial' | 'above'> {
  let above: string | undefined;
  let serial: string | undefined;
  while (!body.done) {
    const element = body.next('authorityKeyIdentifier');
    if (element.tag === 0xa1) above = findDirectoryName(body.inside(element));
    if (element.tag === 0x82)
      serial = body.der.toString('hex', element.content, element.end).replace(/^00(?=[0-9a-f])/, '');
  }
  return { above, serial };
}

function findDirectoryName(names: DerCursor): string | undefined {
  while (!names.done) {
    const element = names.next('authorityCertIssuer');
    if (element.tag !== 0xa4) continue;
    const name = names.inside(element);
    return readNameKey(name, name.expect(derTag.sequence, 'authorityCertIssuer'), 'authorityCertIssuer');
  }
  return undefined;
}

function findCertificateUrl(list: DerCursor): string | undefined {
  while (!list.done) {
    const access = list.enter(derTag.sequence, 'accessDescription');
    const { content, end } = access.expect(derTag.objectId, 'accessMethod');
    const place = access.next('accessLocation');
    if (readObjectId(list.der, content, end) !== caIssuers || place.tag !== 0x86) continue;
    if (place.end - place.content > maxUrlBytes) continue;
    const url = list.der.toString('latin1', place.content, place.end);
    if (/^https?:/i.test(url)) return url;
  }
  return undefined;
}
