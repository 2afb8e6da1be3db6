// Verifies an OCSP response in full (RFC 6960 section 3.2): it answers our question, somebody signed it who may, and it holds
// now. Nothing in it counts before all of that does. Pure: fetching and caching are ocsp/checker.ts.
import { Fault } from '../base/fault.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { type BasicResponse, readOcspResponse, type SingleResponse } from './reader.ts';
import { findSignerFlaw } from './responder.ts';
import { type OcspCertId, sha1Id } from './request.ts';

/** What a responder said, and it is proven. Times in milliseconds since the epoch. */
export type OcspAnswer = {
  readonly status: 'good' | 'revoked' | 'unknown';
  /** Set for `revoked`. */
  readonly revokedAt: number | undefined;
  readonly reason: string | undefined;
  readonly thisUpdate: number;
  /** Its nextUpdate, or where it has none thisUpdate and `maxAgeMs`. In the past for `revoked` only: that still holds. */
  readonly validUntil: number;
  readonly producedAt: number;
};

/** Why a response is no answer. */
export type OcspProblem =
  /** The responder says so itself: malformedRequest, internalError, tryLater, sigRequired, unauthorized. */
  | 'responder_refused'
  | 'malformed'
  | 'bad_signature'
  | 'wrong_certificate'
  | 'not_yet_valid'
  | 'expired'
  | 'critical_extension';

export type OcspResult =
  | { readonly ok: true; readonly answer: OcspAnswer }
  /** `detail`: one sentence. */
  | { readonly ok: false; readonly problem: OcspProblem; readonly detail: string };

export type OcspQuestion = {
  readonly id: OcspCertId;
  /** Who issued the certificate: its key or its delegate must have signed. */
  readonly issuer: CertificateFacts;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** How long after its thisUpdate a response without nextUpdate is relied on. */
  readonly maxAgeMs: number;
};

/** A responder's clock may be this much ahead of ours. */
const skewMs = 5 * 60_000;

/** Never throws. */
export function verifyOcspResponse(der: Buffer, question: OcspQuestion): OcspResult {
  try {
    const response = readOcspResponse(der);
    if (response.kind === 'refused') {
      return refuse('responder_refused', `the responder answers ${response.status}`);
    }
    return verifyBasic(response, question);
  } catch (error) {
    const why = error instanceof Fault ? (error.detail ?? error.code) : String(error);
    return refuse('malformed', `the response cannot be read: ${why}`);
  }
}

function verifyBasic(response: BasicResponse, question: OcspQuestion): OcspResult {
  const flaw = findSignerFlaw(response, question.issuer, question.now);
  if (flaw !== undefined) return refuse('bad_signature', `the response ${flaw}`);
  const [single, second] = response.responses.filter((one) => matches(one, question.id));
  if (single === undefined) return refuse('wrong_certificate', 'the response speaks of another certificate');
  if (second !== undefined) return refuse('malformed', 'the response speaks of the certificate twice');
  const [critical] = [...response.critical, ...single.critical];
  if (critical !== undefined) {
    return refuse('critical_extension', `the response has the unknown critical extension ${critical}`);
  }
  return verifyTimes(single, response.producedAt, question);
}

/** Exactly what we asked: another hash or an issuer that only shares its name is another certificate. */
function matches(single: SingleResponse, id: OcspCertId): boolean {
  return (
    single.hashAlgorithm === sha1Id &&
    single.issuerNameHash.equals(id.issuerNameHash) &&
    single.issuerKeyHash.equals(id.issuerKeyHash) &&
    single.serial.equals(id.serial)
  );
}

function verifyTimes(single: SingleResponse, producedAt: number, { now, maxAgeMs }: OcspQuestion): OcspResult {
  const { status, revokedAt, reason, thisUpdate, nextUpdate } = single;
  const clock = `our clock says ${iso(now)}`;
  if (thisUpdate > now + skewMs || producedAt > now + skewMs) {
    return refuse('not_yet_valid', `the response is of ${iso(Math.max(thisUpdate, producedAt))}; ${clock}`);
  }
  if (nextUpdate !== undefined && nextUpdate < thisUpdate) {
    return refuse('malformed', 'the response ends before it begins');
  }
  const validUntil = nextUpdate ?? thisUpdate + maxAgeMs;
  // Time does not heal a revocation: an old response that speaks of one still does (incident 13).
  if (validUntil < now && status !== 'revoked') {
    const end =
      nextUpdate === undefined ? `has no nextUpdate and is of ${iso(thisUpdate)}` : `ended ${iso(nextUpdate)}`;
    return refuse('expired', `the response ${end}; ${clock}`);
  }
  return { ok: true, answer: { status, revokedAt, reason, thisUpdate, validUntil, producedAt } };
}

function refuse(problem: OcspProblem, detail: string): OcspResult {
  return { ok: false, problem, detail };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
