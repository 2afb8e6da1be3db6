// Our side of the diagnosis: did the server ask for a certificate, did ours go out, and what became of it. Why a server refused is
// own-refusal.ts.
import type { FaultCode } from '../base/fault.ts';
import { escapeForLog } from '../base/log-text.ts';
import { quoteSubject } from '../trust/issuer-diagnosis.ts';
import type { Answer } from './answer.ts';
import { findDoubts } from './own-doubts.ts';
import { findRefusal } from './own-refusal.ts';
import type { ProbeEvidence } from './probe-tls.ts';
import { broken, passed, type Step, unclear } from './step.ts';
import type { OwnCertificate, Target } from './target.ts';
import type { Transcript } from './transcript.ts';

const maxNamesShown = 5;

/** Step client_auth. */
export function verifyRequest({ request, complete, renegotiated }: Transcript): Step {
  if (renegotiated)
    return passed(
      'client_auth',
      'the server asks for nothing at first, and again once it knows the path (renegotiation of TLS 1.2); from which CAs cannot be seen',
    );
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
export function verifyOwn(evidence: ProbeEvidence, answer: Answer | undefined, target: Target, now: number): Step {
  const { own } = target;
  const { transcript } = evidence;
  const doubts = findDoubts(target, transcript.request, now);
  const sent = describeSent(target, transcript);
  const notes = doubts.map(({ message }) => message);
  const refusal = findRefusal(evidence, answer, own);
  if (refusal !== undefined) {
    const [doubt] = doubts;
    const { isVague, ...failure } = refusal;
    // What the server leaves open, a look at our certificate may answer; where it is exact, its word counts.
    if (doubt === undefined && isVague && failure.remedy === undefined)
      return broken('own', sent, { ...failure, ...adviseOnName(own, transcript) }, notes);
    if (doubt === undefined || (!isVague && !isSameMatter(doubt.code, refusal.code)))
      return broken('own', sent, failure, notes);
    const cause = `${refusal.cause}; most likely because ${doubt.message}`;
    return broken('own', sent, { code: doubt.code, cause, raw: refusal.raw }, notes.slice(1));
  }
  if (transcript.renegotiated) return passed('own', sent, notes);
  if (transcript.request === undefined) return verifyUnasked(sent, target, transcript, answer);
  if (own === undefined && answer === undefined) return unclear('own', sent);
  if (own === undefined) return passed('own', `${sent}; the server goes on without one`);
  if (answer?.denied !== true) return passed('own', sent, notes);
  const note = `it was taken in the handshake, and the answer is ${answer.shown}: either what is asked for is not allowed to it, or the server only asks, and leaves it to this answer to refuse a certificate that it could not verify`;
  return unclear('own', sent, [...notes, note]);
}

/** A server that names our issuer and refuses all the same: it may have another CA of that name, which shows nowhere from here. */
function adviseOnName(own: OwnCertificate | undefined, { request }: Transcript): { readonly remedy?: string } {
  const named = own?.chain.find(({ issuerKey }) => request?.authorityKeys.has(issuerKey) === true);
  if (named === undefined) return {};
  const key = named.authorityKeyId === undefined ? '' : ` (ours was signed with the key id ${named.authorityKeyId})`;
  const remedy = `The log of the server says why. It names our issuer, "${escapeForLog(named.issuer, 120)}": if its CA of that name has another key${key}, the CA was made twice; else its CRL, its depth or its rules refuse ours.`;
  return { remedy };
}

/** Servers have one word for an issuer that nobody has and for one that was not sent. */
function isSameMatter(doubt: FaultCode, refusal: FaultCode): boolean {
  return doubt === refusal || (doubt === 'missing_intermediate' && refusal === 'untrusted_issuer');
}

/** Nobody asked: nothing that this connection shows can be wrong with our certificate. */
function verifyUnasked(sent: string, { own }: Target, { complete }: Transcript, answer: Answer | undefined): Step {
  if (own === undefined || !complete) return passed('own', sent);
  const denied = answer?.denied === true ? `, and the answer is ${answer.shown}` : '';
  const note = `if this server should ask for one, then something in between ends TLS${denied} (a load balancer, a CDN, a proxy: does the certificate above belong to the server itself?), or another server name or port is the one that asks`;
  return unclear('own', sent, [note]);
}

function describeSent({ own, words }: Target, transcript: Transcript): string {
  const { request, complete, renegotiated, sentCertificates } = transcript;
  if (renegotiated)
    return own === undefined ? `none sent: ${words.without}` : `${quoteSubject(own.leaf)} sent when it was asked for`;
  if (request === undefined) {
    if (own === undefined) return `none to send: ${words.without}`;
    return complete ? `${quoteSubject(own.leaf)} not sent: the server did not ask` : quoteSubject(own.leaf);
  }
  if (own === undefined) return `none sent: ${words.without}`;
  if (sentCertificates === undefined) return `${quoteSubject(own.leaf)}; it cannot be seen whether it was sent`;
  if (sentCertificates === 0)
    return `${quoteSubject(own.leaf)} not sent: the server takes no signature that its key (${own.leaf.key}) can make`;
  const above = sentCertificates - 1;
  return `${quoteSubject(own.leaf)} sent, with ${above === 0 ? 'no intermediate' : `${above} more`}`;
}
