// How a server refused our certificate, or the lack of one: an alert, a bare close, or a page. With TLS 1.3 it comes only after the
// handshake (N12, N24); and what refuses need not be what TLS ends at.
import type { FaultCode } from '../base/fault.ts';
import { escapeForLog } from '../base/log-text.ts';
import { findAlert, findCertificateAlert, verifyHandshakeError } from '../trust/handshake-error.ts';
import { quoteSubject } from '../trust/issuer-diagnosis.ts';
import type { Answer, Refusal as AnswerRefusal } from './answer.ts';
import { deadlineRaw } from './connect.ts';
import type { ProbeEvidence } from './probe-tls.ts';
import type { OwnCertificate } from './target.ts';

export type OwnRefusal = {
  readonly code: FaultCode;
  readonly cause: string;
  readonly raw: string;
  readonly remedy?: string;
  /** It leaves open what is wrong: a look at our certificate may tell. */
  readonly isVague: boolean;
};

/** Alerts that say what is wrong with the certificate. */
const spoken: Readonly<Record<string, FaultCode>> = {
  certificate_revoked: 'revoked',
  unknown_ca: 'untrusted_issuer',
  unsupported_certificate: 'wrong_purpose',
  access_denied: 'policy_denied',
};

/** undefined where nothing says that it did. */
export function findRefusal(
  evidence: ProbeEvidence,
  answer: Answer | undefined,
  own: OwnCertificate | undefined,
): OwnRefusal | undefined {
  const { transcript, failure } = evidence;
  if (answer !== undefined) return readAnswer(evidence, answer, own);
  if (transcript.request === undefined && !transcript.renegotiated) return undefined;
  const raw = failure?.raw ?? '';
  if (raw === deadlineRaw) return undefined;
  const isMissing = own === undefined || transcript.sentCertificates === 0;
  const alert = findAlert(raw);
  const isAboutUs = findCertificateAlert(raw) !== undefined || !evidence.established || transcript.renegotiated;
  if (alert !== undefined && isAboutUs) return readAlert(alert, raw, own, isMissing, transcript.renegotiated);
  return evidence.closed ? readClose(evidence, raw, isMissing) : undefined;
}

function readAlert(
  alert: string,
  raw: string,
  own: OwnCertificate | undefined,
  isMissing: boolean,
  renegotiated: boolean,
): OwnRefusal {
  const when = renegotiated ? ' for this path, in a renegotiation of TLS 1.2,' : '';
  if (isMissing || own === undefined) {
    const cause = `the server requires a client certificate${when} and got none (alert ${alert})`;
    const remedy =
      own === undefined ? undefined : `It takes no signature that a key such as ours (${own.leaf.key}) can make.`;
    return { code: 'no_client_cert', cause, raw, isVague: false, ...(remedy === undefined ? {} : { remedy }) };
  }
  if (alert === 'certificate_expired') return readExpired(raw, own);
  // The words for handshake_failure are those for a missing certificate.
  const isBare = alert === 'handshake_failure' || alert === 'certificate_required';
  const says = verifyHandshakeError(raw, { leg: 2, sawPeerCertificate: true, peer: 'the server' })?.detail ?? alert;
  const cause = isBare ? `the server refused our certificate with the alert ${alert}` : says;
  const code = spoken[alert] ?? 'refused_by_peer';
  // An issuer that OpenSSL knows by name only, or whose CRL it lacks, is "unknown" to it as well.
  const remedy = code === 'untrusted_issuer' ? { remedy: unknownCaRemedy(own) } : {};
  return {
    code,
    cause: `${cause}${renegotiated ? ' (in a renegotiation of TLS 1.2)' : ''}`,
    raw,
    isVague: code === 'refused_by_peer',
    ...remedy,
  };
}

function unknownCaRemedy({ leaf }: OwnCertificate): string {
  const key = leaf.authorityKeyId === undefined ? '' : ` with the key id ${leaf.authorityKeyId}`;
  return `Give the server the CA "${escapeForLog(leaf.issuer, 120)}"${key}, or use a certificate from one that it has, with its intermediates in --cert. Where the server has a CA of that name, look at its key (was it made twice?), and at whether a CRL of it is missing.`;
}

/** BoringSSL (Envoy) and OpenSSL send it for a list of revoked certificates that is past its date, too. */
function readExpired(raw: string, { leaf, doubts }: OwnCertificate): OwnRefusal {
  const says = 'the server sent the alert certificate_expired';
  const dated = doubts.some(({ code }) => code === 'expired' || code === 'not_yet_valid');
  if (dated) return { code: 'expired', cause: says, raw, isVague: true };
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
  const cause = `${says}, but by our clock ${quoteSubject(leaf)} is valid, from ${day(leaf.notBefore)} to ${day(leaf.notAfter)}: its CRL is out of date (Envoy and OpenSSL send the same alert for that), a CA certificate that it trusts has expired, or its clock is wrong`;
  const remedy =
    'Renewing our certificate does not help. On the server look at nextUpdate of its CRL (openssl crl -noout -nextupdate), at the dates of its CA file, and at its clock.';
  return { code: 'refused_by_peer', cause, raw, remedy, isVague: true };
}

function readClose({ transcript, established, asked }: ProbeEvidence, raw: string, isMissing: boolean): OwnRefusal {
  const how = raw === '' || !established ? 'closed the connection' : 'reset the connection';
  const end = asked
    ? 'after our request, without a word: either it refuses so, or it is no HTTP server'
    : 'right after the handshake, without a word: so do servers that refuse without an alert';
  const what = isMissing ? 'got none' : 'got ours';
  const when = transcript.renegotiated ? 'a client certificate in a renegotiation' : 'a client certificate';
  const cause = `the server asked for ${when}, ${what} and ${how} ${established ? end : 'without an alert'}`;
  return { code: isMissing ? 'no_client_cert' : 'refused_by_peer', cause, raw, isVague: !isMissing };
}

function readAnswer(
  { transcript }: ProbeEvidence,
  { refusal, denied, shown, status }: Answer,
  own: OwnCertificate | undefined,
): OwnRefusal | undefined {
  const { request, complete, renegotiated, sentCertificates } = transcript;
  if (refusal?.aboutCertificate === true) {
    const isVague = refusal.code === 'refused_by_peer';
    const wantsOne = refusal.code === 'no_client_cert' && refusal.asksLate !== true && !renegotiated;
    if (wantsOne && request === undefined && complete) return endedInBetween(refusal, 'asked for none');
    if (wantsOne && (sentCertificates ?? 0) > 0) return endedInBetween(refusal, 'asked for one and got ours');
    return { ...refusal, isVague };
  }
  if (request === undefined || !denied || (own !== undefined && sentCertificates !== 0)) return undefined;
  const cause = `the server asked for a client certificate, got none, let the handshake pass all the same, and answered ${shown}: it wants one for what was asked for`;
  return { code: 'no_client_cert', cause, raw: `HTTP ${status}`, isVague: false };
}

/** What wants a certificate is not what the connection ends at. */
function endedInBetween(refusal: AnswerRefusal, here: string): OwnRefusal {
  const cause = `${refusal.cause}, but what our TLS ends at ${here}: something in between (a load balancer, a CDN, a proxy) ends TLS, and the server behind it never sees our certificate`;
  const remedy =
    'Another --cert does not help. Have the box in between pass TLS through (TCP, by server name), or give it a certificate of its own for the server behind it.';
  return { code: 'no_client_cert', cause, raw: refusal.raw, remedy, isVague: false };
}
