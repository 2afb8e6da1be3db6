// Our side of the diagnosis: did the server ask for a certificate, did ours go out, and, where the server refused, what it
// said or left unsaid about it. With TLS 1.3 the refusal comes only after the handshake, as an alert, a bare close or a
// page (N12, N24).
import type { FaultCode } from '../base/fault.ts';
import { findAlert, findCertificateAlert, verifyHandshakeError } from '../trust/handshake-error.ts';
import { quoteSubject } from '../trust/issuer-diagnosis.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { Answer } from './answer.ts';
import { deadlineRaw } from './connect.ts';
import type { ProbeEvidence } from './probe-tls.ts';
import { broken, passed, type Step, unclear } from './step.ts';
import type { OwnCertificate, Target } from './target.ts';
import type { Transcript } from './transcript.ts';

const maxNamesShown = 5;

/** Step client_auth. */
export function verifyRequest({ request, complete }: Transcript): Step {
  if (request === undefined) {
    return complete
      ? passed('client_auth', 'the server does not ask for a client certificate')
      : unclear(
          'client_auth',
          'it cannot be seen whether the server asks for a client certificate; openssl s_client shows it',
        );
  }
  const { authorities } = request;
  if (authorities.length === 0)
    return passed('client_auth', 'the server asks for a client certificate and names no CA');
  const shown = authorities.slice(0, maxNamesShown).map((name) => `"${escapeForLog(name, 120)}"`);
  const more = authorities.length > maxNamesShown ? `, and ${authorities.length - maxNamesShown} more` : '';
  return passed('client_auth', `the server asks for a client certificate from ${shown.join(', ')}${more}`);
}

/** Step own. `answer` is undefined where the server said nothing within TLS. */
export function verifyOwn(evidence: ProbeEvidence, answer: Answer | undefined, { own }: Target): Step {
  const { transcript } = evidence;
  const doubts = own === undefined ? [] : findDoubts(own, transcript);
  const sent = describeSent(own, transcript);
  const notes = doubts.map(({ message }) => message);
  const refusal = findRefusal(evidence, answer, own);
  if (refusal !== undefined) {
    const [doubt] = doubts;
    // What the server leaves open, a look at our certificate may answer; where it is exact, its word counts.
    const vague = refusal.code === 'refused_by_peer';
    if (doubt === undefined || (!vague && doubt.code !== refusal.code)) return broken('own', sent, refusal, notes);
    const cause = `${refusal.cause}; most likely because ${doubt.message}`;
    return broken('own', sent, { code: doubt.code, cause, raw: refusal.raw }, notes.slice(1));
  }
  if (transcript.request === undefined) return passed('own', sent);
  if (own === undefined && answer === undefined) return unclear('own', sent);
  return passed('own', own === undefined ? `${sent}; the server goes on without one` : sent, notes);
}

function describeSent(own: OwnCertificate | undefined, { request, complete, sentCertificates }: Transcript): string {
  if (request === undefined) {
    if (own === undefined) return 'none to send (no --cert)';
    return complete ? `${quoteSubject(own.leaf)} not sent: the server did not ask` : quoteSubject(own.leaf);
  }
  if (own === undefined) return 'none sent: there is no --cert';
  if (sentCertificates === undefined) return `${quoteSubject(own.leaf)}; it cannot be seen whether it was sent`;
  if (sentCertificates === 0)
    return `${quoteSubject(own.leaf)} not sent: the server takes no signature that its key (${own.leaf.key}) can make`;
  const above = sentCertificates - 1;
  return `${quoteSubject(own.leaf)} sent, with ${above === 0 ? 'no intermediate' : `${above} more`}`;
}

type Doubt = { readonly code: FaultCode; readonly message: string };

const doubtCodes: ReadonlySet<string> = new Set<FaultCode>(['expired', 'not_yet_valid', 'wrong_purpose']);

/** What the server may dislike, as far as it can be seen from here; the surest first. */
function findDoubts(own: OwnCertificate, { request }: Transcript): Doubt[] {
  const doubts: Doubt[] = own.doubts
    .filter(({ code }) => doubtCodes.has(code))
    .map(({ code, message }) => ({ code: code as FaultCode, message: escapeForLog(message, 400) }));
  if (
    request !== undefined &&
    request.authorities.length > 0 &&
    !own.chain.some(({ issuerKey, subjectKey }) =>
      [issuerKey, subjectKey].some((name) => request.authorityKeys.has(name)),
    )
  ) {
    const top = own.chain.at(-1) ?? own.leaf;
    const message = `the issuer of our certificate, "${escapeForLog(top.issuer, 120)}", is not among the CAs that the server names; if it is an intermediate below one of them, append it to the --cert file`;
    doubts.push({ code: 'untrusted_issuer', message });
  }
  return doubts;
}

type Refusal = { readonly code: FaultCode; readonly cause: string; readonly raw: string };

/** Alerts that say what is wrong with the certificate. */
const spoken: Readonly<Record<string, FaultCode>> = {
  certificate_expired: 'expired',
  certificate_revoked: 'revoked',
  unknown_ca: 'untrusted_issuer',
  unsupported_certificate: 'wrong_purpose',
  access_denied: 'policy_denied',
};

function findRefusal(
  evidence: ProbeEvidence,
  answer: Answer | undefined,
  own: OwnCertificate | undefined,
): Refusal | undefined {
  const { transcript, failure, established, closed, asked } = evidence;
  if (answer !== undefined) {
    const refusal = answer.refusal;
    return refusal?.aboutCertificate === true ? refusal : undefined;
  }
  if (transcript.request === undefined) return undefined;
  const raw = failure?.raw ?? '';
  if (raw === deadlineRaw) return undefined;
  const isMissing = own === undefined || transcript.sentCertificates === 0;
  const alert = findAlert(raw);
  if (alert !== undefined && (findCertificateAlert(raw) !== undefined || !established)) {
    const says = verifyHandshakeError(raw, { leg: 2, sawPeerCertificate: true, peer: 'the server' })?.detail ?? alert;
    if (isMissing) {
      const cause = `the server requires a client certificate and got none (alert ${alert})`;
      return { code: 'no_client_cert', cause, raw };
    }
    // The words for handshake_failure are those for a missing certificate.
    const cause =
      alert === 'handshake_failure' || alert === 'certificate_required'
        ? `the server refused our certificate with the alert ${alert}`
        : says;
    return { code: spoken[alert] ?? 'refused_by_peer', cause, raw };
  }
  if (!closed) return undefined;
  const how = raw === '' || !established ? 'closed the connection' : 'reset the connection';
  const end = asked
    ? 'after our request, without a word: either it refuses so, or it is no HTTP server'
    : 'right after the handshake, without a word: so do servers that refuse without an alert';
  const what = isMissing ? 'got none' : 'got ours';
  const cause = `the server asked for a client certificate, ${what} and ${how} ${established ? end : 'without an alert'}`;
  return { code: isMissing ? 'no_client_cert' : 'refused_by_peer', cause, raw };
}
