// Takes an OCSP response apart (RFC 6960 section 4.2), strictly and within bounds. Knows structure only: whether it answers
// our question, who signed it and when it holds is verified in response.ts.
import { DerCursor, type DerElement, derTag, malformed, readObjectId, readTime } from '../asn1/der.ts';
import { nameSignatureAlgorithm } from '../certs/signature-algorithm.ts';
import type { SignedData } from '../certs/signed-data.ts';

export const maxOcspResponseBytes = 64 * 1024;
const maxSingleResponses = 256;
const maxResponderCertificates = 8;
const maxExtensions = 32;

const basicResponseId = '1.3.6.1.5.5.7.48.1.1';

/** responseStatus values that carry no answer (RFC 6960 section 4.2.1); 4 is not used. */
const refusals: ReadonlyMap<number, string> = new Map([
  [1, 'malformedRequest'],
  [2, 'internalError'],
  [3, 'tryLater'],
  [5, 'sigRequired'],
  [6, 'unauthorized'],
]);

const reasons: ReadonlyMap<number, string> = new Map([
  [0, 'unspecified'],
  [1, 'keyCompromise'],
  [2, 'cACompromise'],
  [3, 'affiliationChanged'],
  [4, 'superseded'],
  [5, 'cessationOfOperation'],
  [6, 'certificateHold'],
  [8, 'removeFromCRL'],
  [9, 'privilegeWithdrawn'],
  [10, 'aACompromise'],
]);

/** What was said of one certificate. Times in milliseconds since the epoch. */
export type SingleResponse = {
  /** Dotted OID of the hash in its CertID. */
  readonly hashAlgorithm: string;
  readonly issuerNameHash: Buffer;
  readonly issuerKeyHash: Buffer;
  readonly serial: Buffer;
  readonly status: 'good' | 'revoked' | 'unknown';
  readonly revokedAt: number | undefined;
  /** As RFC 5280 section 5.3.1 names it. */
  readonly reason: string | undefined;
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  /** OIDs of critical extensions. */
  readonly critical: readonly string[];
};

export type BasicResponse = {
  readonly kind: 'basic';
  readonly data: SignedData;
  readonly responder: { readonly by: 'name' | 'key'; readonly value: Buffer };
  readonly producedAt: number;
  readonly responses: readonly SingleResponse[];
  /** DER of the certificates that came along. */
  readonly certificates: readonly Buffer[];
  /** OIDs of critical extensions of the response as a whole. */
  readonly critical: readonly string[];
};

/** Throws Fault('malformed_cert'). `refused`: the responder answered, without an answer; `status` as RFC 6960 names it. */
export function readOcspResponse(der: Buffer): BasicResponse | { readonly kind: 'refused'; readonly status: string } {
  if (der.length > maxOcspResponseBytes) throw malformed(`over ${maxOcspResponseBytes} bytes`);
  const outer = new DerCursor(der);
  const response = outer.enter(derTag.sequence, 'OCSPResponse');
  outer.finish('OCSPResponse');
  const status = readSmall(response, enumerated, 'responseStatus');
  if (status !== 0) {
    const name = refusals.get(status);
    if (name === undefined) throw malformed(`responseStatus ${status} means nothing`);
    return { kind: 'refused', status: name };
  }
  const wrapper = response.enter(0xa0, 'responseBytes');
  response.finish('OCSPResponse');
  const bytes = wrapper.enter(derTag.sequence, 'responseBytes');
  wrapper.finish('responseBytes');
  const type = bytes.expect(derTag.objectId, 'responseType');
  const typeId = readObjectId(der, type.content, type.end);
  if (typeId !== basicResponseId) throw malformed(`responseType ${typeId} is not a basic response`);
  const inner = bytes.enter(derTag.octetString, 'response');
  bytes.finish('responseBytes');
  return readBasicResponse(inner);
}

const enumerated = 0x0a;

function readBasicResponse(inner: DerCursor): BasicResponse {
  const { der } = inner;
  const basic = inner.enter(derTag.sequence, 'BasicOCSPResponse');
  inner.finish('BasicOCSPResponse');
  const signed = basic.expect(derTag.sequence, 'tbsResponseData');
  const algorithm = nameSignatureAlgorithm(basic, basic.expect(derTag.sequence, 'signatureAlgorithm'));
  const signature = basic.expect(derTag.bitString, 'signature');
  if (der[signature.content] !== 0) throw malformed('signature: not a whole number of bytes');
  const certificates: Buffer[] = [];
  if (!basic.done) {
    const wrapper = basic.enter(0xa0, 'certs');
    const list = wrapper.enter(derTag.sequence, 'certs');
    wrapper.finish('certs');
    while (!list.done) {
      const { start, end } = list.expect(derTag.sequence, 'certs');
      if (certificates.push(der.subarray(start, end)) > maxResponderCertificates)
        throw malformed(`more than ${maxResponderCertificates} certificates`);
    }
  }
  basic.finish('BasicOCSPResponse');
  return {
    kind: 'basic',
    data: {
      signed: der.subarray(signed.start, signed.end),
      algorithm,
      signature: der.subarray(signature.content + 1, signature.end),
    },
    certificates,
    ...readResponseData(basic.inside(signed)),
  };
}

function readResponseData(data: DerCursor): Pick<BasicResponse, 'responder' | 'producedAt' | 'responses' | 'critical'> {
  if (data.tag === 0xa0) {
    const wrapper = data.enter(0xa0, 'version');
    if (readSmall(wrapper, derTag.integer, 'version') !== 0) throw malformed('version: not 1');
    wrapper.finish('version');
  }
  const responder = readResponder(data);
  const producedAt = readGeneralizedTime(data, 'producedAt');
  const responses: SingleResponse[] = [];
  const list = data.enter(derTag.sequence, 'responses');
  while (!list.done) {
    if (responses.push(readSingle(list.enter(derTag.sequence, 'SingleResponse'))) > maxSingleResponses)
      throw malformed(`more than ${maxSingleResponses} responses`);
  }
  const critical = data.tag === 0xa1 ? readCritical(data.enter(0xa1, 'responseExtensions')) : [];
  data.finish('tbsResponseData');
  return { responder, producedAt, responses, critical };
}

function readResponder(data: DerCursor): BasicResponse['responder'] {
  const { der } = data;
  if (data.tag === 0xa1) {
    const wrapper = data.enter(0xa1, 'responderID');
    const name = wrapper.expect(derTag.sequence, 'responderID');
    wrapper.finish('responderID');
    return { by: 'name', value: der.subarray(name.start, name.end) };
  }
  const wrapper = data.enter(0xa2, 'responderID');
  const key = wrapper.expect(derTag.octetString, 'responderID');
  wrapper.finish('responderID');
  return { by: 'key', value: der.subarray(key.content, key.end) };
}

function readSingle(single: DerCursor): SingleResponse {
  const id = readCertId(single.enter(derTag.sequence, 'certID'));
  const status = readStatus(single);
  const thisUpdate = readGeneralizedTime(single, 'thisUpdate');
  let nextUpdate: number | undefined;
  if (single.tag === 0xa0) {
    const wrapper = single.enter(0xa0, 'nextUpdate');
    nextUpdate = readGeneralizedTime(wrapper, 'nextUpdate');
    wrapper.finish('nextUpdate');
  }
  const critical = single.tag === 0xa1 ? readCritical(single.enter(0xa1, 'singleExtensions')) : [];
  single.finish('SingleResponse');
  return { ...id, ...status, thisUpdate, nextUpdate, critical };
}

function readCertId(
  id: DerCursor,
): Pick<SingleResponse, 'hashAlgorithm' | 'issuerNameHash' | 'issuerKeyHash' | 'serial'> {
  const { der } = id;
  const algorithm = id.enter(derTag.sequence, 'hashAlgorithm');
  const oid = algorithm.expect(derTag.objectId, 'hashAlgorithm');
  const bytes = ({ content, end }: DerElement): Buffer => der.subarray(content, end);
  const issuerNameHash = bytes(id.expect(derTag.octetString, 'issuerNameHash'));
  const issuerKeyHash = bytes(id.expect(derTag.octetString, 'issuerKeyHash'));
  const serial = bytes(id.expect(derTag.integer, 'serialNumber'));
  id.finish('certID');
  return { hashAlgorithm: readObjectId(der, oid.content, oid.end), issuerNameHash, issuerKeyHash, serial };
}

function readStatus(single: DerCursor): Pick<SingleResponse, 'status' | 'revokedAt' | 'reason'> {
  if (single.tag === 0xa1) {
    const info = single.enter(0xa1, 'revoked');
    const revokedAt = readGeneralizedTime(info, 'revocationTime');
    let reason: string | undefined;
    if (info.tag === 0xa0) {
      const wrapper = info.enter(0xa0, 'revocationReason');
      const value = readSmall(wrapper, enumerated, 'revocationReason');
      wrapper.finish('revocationReason');
      reason = reasons.get(value) ?? `reason ${value}`;
    }
    info.finish('revoked');
    return { status: 'revoked', revokedAt, reason };
  }
  const element = single.next('certStatus');
  if (element.end !== element.content) throw malformed('certStatus: not empty');
  if (element.tag !== 0x80 && element.tag !== 0x82) throw malformed('certStatus: no such choice');
  return { status: element.tag === 0x80 ? 'good' : 'unknown', revokedAt: undefined, reason: undefined };
}

/** OIDs of the critical ones among `[1] EXPLICIT Extensions`. */
function readCritical(wrapper: DerCursor): string[] {
  const list = wrapper.enter(derTag.sequence, 'extensions');
  wrapper.finish('extensions');
  const critical: string[] = [];
  for (let count = 0; !list.done; count += 1) {
    if (count >= maxExtensions) throw malformed(`more than ${maxExtensions} extensions`);
    const extension = list.enter(derTag.sequence, 'extension');
    const oid = extension.expect(derTag.objectId, 'extension');
    if (extension.tag === derTag.boolean) {
      const flag = extension.next('extension');
      // Anything but a plain FALSE is taken for critical.
      if (flag.end - flag.content !== 1 || extension.der[flag.content] !== 0)
        critical.push(readObjectId(extension.der, oid.content, oid.end));
    }
    extension.expect(derTag.octetString, 'extension');
    extension.finish('extension');
  }
  return critical;
}

function readGeneralizedTime(cursor: DerCursor, what: string): number {
  return readTime(cursor.der, cursor.expect(derTag.generalizedTime, what), what);
}

/** An INTEGER or ENUMERATED of one byte, not negative. */
function readSmall(cursor: DerCursor, tag: number, what: string): number {
  const { content, end } = cursor.expect(tag, what);
  const value = cursor.der[content] ?? 0xff;
  if (end - content !== 1 || value > 0x7f) throw malformed(`${what}: out of range`);
  return value;
}
