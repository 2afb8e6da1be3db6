// Who may answer for an issuer (RFC 6960 section 4.2.2.2): the issuer itself, or a certificate that it issued directly and
// marked with id-kp-OCSPSigning. A responder of the operator's choice that the issuer did not name is nobody.
import { X509Certificate } from 'node:crypto';
import { Fault } from '../base/fault.ts';
import { eachExtension } from '../certs/extensions.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { DerCursor, derTag } from '../asn1/der.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { isIssuedBy } from '../certs/issuer.ts';
import { verifyStrength, verifyDates } from '../trust/certificate-checks.ts';
import type { BasicResponse } from './reader.ts';
import { readNameKey } from '../certs/name-key.ts';
import { hashOfKey } from './request.ts';
import { findSignatureFlaw } from '../certs/signed-data.ts';

const ocspSigning = '1.3.6.1.5.5.7.3.9';

/** Critical extensions of a responder's certificate that are understood: key usage, names, basic constraints, usages. */
const understood: ReadonlySet<string> = new Set(['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.37']);

/**
 * undefined where the response is signed by somebody who may; else what is wrong, as the end of a sentence.
 * Whether a delegated responder is revoked itself is not asked: its issuer limits that by its lifetime (decision 0013).
 */
export function findSignerFlaw(response: BasicResponse, issuer: CertificateFacts, now: number): string | undefined {
  if (isNamed(response, issuer)) return findFlaw(response, issuer);
  let flaw = 'is signed by nobody who came with it or whom we know';
  for (const der of response.certificates) {
    let candidate: CertificateFacts;
    try {
      candidate = readFacts(der);
    } catch (error) {
      flaw = `brings a certificate that cannot be read: ${error instanceof Fault ? error.detail : String(error)}`;
      continue;
    }
    if (!isNamed(response, candidate)) continue;
    const found = verifyDelegate(candidate, issuer, now) ?? findFlaw(response, candidate);
    if (found === undefined) return undefined;
    flaw = found;
  }
  return flaw;
}

function findFlaw({ data }: BasicResponse, signer: CertificateFacts): string | undefined {
  return findSignatureFlaw(data, new X509Certificate(signer.der).publicKey);
}

/** True where responderID means this certificate. */
function isNamed({ responder }: BasicResponse, facts: CertificateFacts): boolean {
  if (responder.by === 'key') return responder.value.equals(hashOfKey(facts));
  const cursor = new DerCursor(responder.value);
  return readNameKey(cursor, cursor.expect(derTag.sequence, 'responderID'), 'responderID') === facts.subjectKey;
}

function verifyDelegate(responder: CertificateFacts, issuer: CertificateFacts, now: number): string | undefined {
  const who = 'is signed by a responder';
  // anyExtendedKeyUsage does not do: a CA's every server certificate could answer for it.
  if (responder.extendedKeyUsage?.includes(ocspSigning) !== true) return `${who} without id-kp-OCSPSigning`;
  const late = verifyDates(responder, now);
  if (late !== undefined) return `${who} whose certificate is not valid: ${late.detail}`;
  const weak = verifyStrength(responder);
  if (weak !== undefined) return `${who} that is too weak: ${weak.detail}`;
  const unknown = findUnknownCritical(responder);
  if (unknown !== undefined) return `${who} with the unknown critical extension ${unknown}`;
  return isIssuedBy(responder, issuer) ? undefined : `${who} that the issuer of the certificate did not certify`;
}

function findUnknownCritical(responder: CertificateFacts): string | undefined {
  for (const { oid, critical } of eachExtension(responder)) if (critical && !understood.has(oid)) return oid;
  return undefined;
}
