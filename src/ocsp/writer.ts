// Writes OCSP responses (RFC 6960 section 4.2), right and wrong ones, for tests: states that `openssl ocsp` cannot be
// brought into. The counterpart of reader.ts; nothing here is used by the gateway.
import { createPrivateKey } from 'node:crypto';
import { encodeAlgorithm, encodeExtension, encodeSignature, type SignatureHash } from '../certs/certificate-writer.ts';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeObjectId } from '../asn1/der-writer.ts';
import { readFacts, splitCertificate } from '../certs/facts-reader.ts';
import { encodeCertId, hashOfKey, type OcspCertId } from './request.ts';

export type SingleDraft = {
  readonly id: OcspCertId;
  readonly status?: 'good' | 'revoked' | 'unknown';
  /** CRLReason, where revoked. */
  readonly reason?: number;
  readonly revokedAt?: number;
  /** Milliseconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate?: number;
  readonly extension?: { readonly oid: string; readonly critical: boolean };
};

export type ResponseDraft = {
  readonly signer: { readonly der: Buffer; readonly keyPem: string };
  readonly responses: readonly SingleDraft[];
  readonly producedAt: number;
  /** How the signer is named; default key. */
  readonly by?: 'key' | 'name';
  readonly hash?: SignatureHash;
  /** Certificates that go along, DER. */
  readonly certificates?: readonly Buffer[];
  readonly extension?: { readonly oid: string; readonly critical: boolean };
  readonly breakSignature?: boolean;
};

/** DER of an OCSPResponse with a basic response in it. */
export function writeOcspResponse(draft: ResponseDraft): Buffer {
  const { signer, hash = 'sha256', certificates = [], breakSignature = false } = draft;
  const key = createPrivateKey(signer.keyPem);
  const data = encodeDer(
    derTag.sequence,
    encodeResponder(draft),
    encodeGeneralizedTime(draft.producedAt),
    encodeDer(derTag.sequence, ...draft.responses.map(encodeSingle)),
    ...encodeExtensions(draft.extension),
  );
  const signature = encodeSignature(data, key, hash);
  if (breakSignature) signature[signature.length - 1] = (signature.at(-1) as number) ^ 1;
  const basic = encodeDer(
    derTag.sequence,
    data,
    encodeAlgorithm(key, hash),
    signature,
    ...(certificates.length === 0 ? [] : [encodeDer(0xa0, encodeDer(derTag.sequence, ...certificates))]),
  );
  const bytes = encodeDer(
    derTag.sequence,
    encodeObjectId('1.3.6.1.5.5.7.48.1.1'),
    encodeDer(derTag.octetString, basic),
  );
  return encodeDer(derTag.sequence, encodeStatus(0), encodeDer(0xa0, bytes));
}

/** DER of a response without an answer: 1 malformedRequest, 2 internalError, 3 tryLater, 5 sigRequired, 6 unauthorized. */
export function writeOcspRefusal(status: number): Buffer {
  return encodeDer(derTag.sequence, encodeStatus(status));
}

function encodeStatus(status: number): Buffer {
  return encodeDer(0x0a, Buffer.from([status]));
}

function encodeResponder({ signer, by = 'key' }: ResponseDraft): Buffer {
  if (by === 'key') return encodeDer(0xa2, encodeDer(derTag.octetString, hashOfKey(readFacts(signer.der))));
  const { subject } = splitCertificate(signer.der);
  return encodeDer(0xa1, signer.der.subarray(subject.start, subject.end));
}

function encodeSingle(single: SingleDraft): Buffer {
  return encodeDer(
    derTag.sequence,
    encodeCertId(single.id),
    encodeCertStatus(single),
    encodeGeneralizedTime(single.thisUpdate),
    ...(single.nextUpdate === undefined ? [] : [encodeDer(0xa0, encodeGeneralizedTime(single.nextUpdate))]),
    ...encodeExtensions(single.extension),
  );
}

function encodeCertStatus({ status = 'good', revokedAt, reason, thisUpdate }: SingleDraft): Buffer {
  if (status !== 'revoked') return encodeDer(status === 'good' ? 0x80 : 0x82);
  const why = reason === undefined ? [] : [encodeDer(0xa0, encodeStatus(reason))];
  return encodeDer(0xa1, encodeGeneralizedTime(revokedAt ?? thisUpdate), ...why);
}

function encodeExtensions(extension: ResponseDraft['extension']): Buffer[] {
  if (extension === undefined) return [];
  const one = encodeExtension({ ...extension, value: encodeDer(derTag.octetString, Buffer.from('x')) });
  return [encodeDer(0xa1, encodeDer(derTag.sequence, one))];
}

function encodeGeneralizedTime(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replace(/[-:T]|\.\d+/g, '');
  return encodeDer(derTag.generalizedTime, Buffer.from(text));
}
