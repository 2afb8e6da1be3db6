// From errors of sockets and of OpenSSL to faults of the backend side (docs/verification.md). trust/handshake-error.ts knows what the codes mean;
// here is added what only this side knows: whether we offered a certificate, and how far the handshake had come.
import { Fault, type FaultCode } from '../base/fault.ts';
import { findAlert, findCertificateAlert, verifyHandshakeError } from '../trust/handshake-error.ts';
import type { LookUpFailure } from '../dns/name-resolver.ts';

/** What we know when a transport fails, as far as it helps to tell causes apart. */
export type TransportSituation = {
  readonly label: string;
  /** 'connect' before TCP is up, 'handshake' until TLS is done, 'open' afterwards. */
  readonly phase: 'connect' | 'handshake' | 'open';
  /** The client certificate that we have to offer (own-certificate.ts); undefined: none is configured. */
  readonly presents: string | undefined;
  /** True once the backend's certificate was read: version and cipher are agreed, so a refusal is about us. */
  readonly sawBackendCertificate: boolean;
  /** Version range we offer, for the sentence to the operator; '' without TLS. */
  readonly offered: string;
};

const errnoCodes: Readonly<Record<string, FaultCode>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
};

/** OpenSSL's or errno's code of an error; its message where it has none. */
export function rawCode(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.message.slice(0, 120);
}

/** The fault of a backend whose name leads nowhere. */
export function lookUpFault({ raw, detail }: LookUpFailure, label: string): Fault {
  return new Fault('dns', 'backend', { detail: `${label}: ${detail}`, raw });
}

/** The fault of a connection that was never usable. */
export function connectFault(error: Error, situation: TransportSituation): Fault {
  if (situation.phase !== 'connect') return handshakeFault(error, situation);
  // Happy eyeballs reports every address that was tried; the first cause stands for all.
  const cause = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
  const raw = rawCode(cause);
  const detail = `${situation.label}: ${cause.message}`;
  return new Fault(errnoCodes[raw] ?? 'unreachable', 'backend', { detail, raw, cause: error });
}

function handshakeFault(error: Error, situation: TransportSituation): Fault {
  const raw = rawCode(error);
  const { label, offered, presents, sawBackendCertificate } = situation;
  const options = { raw, cause: error };
  const { library } = error as { library?: string };
  const verified = verifyHandshakeError(raw, { leg: 2, sawPeerCertificate: sawBackendCertificate, library });
  if (sawBackendCertificate && presents === undefined && findCertificateAlert(raw) === 'missing') {
    return noClientCertificate(options, label);
  }
  if (!sawBackendCertificate && (verified === undefined || /^E[A-Z]+$/.test(raw))) {
    const detail = `${label} closed the connection in the TLS handshake, before it showed a certificate`;
    return new Fault('unreachable', 'backend', { ...options, detail });
  }
  const isAboutOurs = verified?.code === 'refused_by_peer' && findCertificateAlert(raw) !== undefined;
  if (verified === undefined || verified.code === 'ok' || verified.code === 'no_client_cert' || isAboutOurs) {
    return refusedByPeer(options, label, presents, verified?.detail ?? error.message.slice(0, 200));
  }
  const offer = verified.code === 'protocol_mismatch' ? ` (we offer ${offered})` : '';
  const { code, detail, remedy } = verified;
  return new Fault(code, 'backend', { ...options, detail: `${label}: ${detail}${offer}`, remedy });
}

/**
 * The fault of a connection on which TLS had been agreed: with TLS 1.3 the backend verifies our certificate only then, and
 * its refusal arrives as an alert on the first read (N24). Undefined where the error says nothing about that.
 */
export function lateRefusal(error: Error, situation: TransportSituation): Fault | undefined {
  const raw = rawCode(error);
  if (raw === 'ECONNRESET' || raw === 'EPIPE' || raw === 'EOF') return closedUnsaid(raw, error, situation);
  if (findCertificateAlert(raw) === undefined) return undefined;
  return handshakeFault(error, { ...situation, phase: 'handshake', sawBackendCertificate: true });
}

/** Some servers (Node's among them, N12) refuse a certificate by closing: a close proves nothing, so the code stays. */
function closedUnsaid(raw: string, cause: Error, { label, presents, offered }: TransportSituation): Fault {
  const perhaps =
    presents === undefined
      ? 'it may want a client certificate, and the route has none'
      : `it may not accept our client certificate (${presents})`;
  const hint = offered === '' ? '' : `; ${perhaps}: some servers close without a TLS alert`;
  const detail = `${label} closed a new connection without an answer${hint}`;
  return new Fault('backend_closed', 'backend', { raw, cause, detail });
}

type Origin = { readonly raw: string; readonly cause: Error };

function noClientCertificate(origin: Origin, label: string): Fault {
  const detail = `${label} requires a client certificate and the route has none: no clientCert is configured`;
  return new Fault('no_client_cert', 'backend', { ...origin, detail });
}

/** We had a certificate, so "none was sent" means that the backend named no CA that ours comes from, or dropped it. */
function refusedByPeer(origin: Origin, label: string, presents: string | undefined, why: string): Fault {
  const what = presents === undefined ? 'the connection' : `our client certificate (${presents})`;
  // BoringSSL (Envoy) and OpenSSL have no other word for it.
  const more = findAlert(origin.raw) === 'certificate_expired' ? ', or its own CRL is out of date' : '';
  const detail = `${label} refused ${what}: ${why}${more}`;
  return new Fault('refused_by_peer', 'backend', { ...origin, detail, ...(presents && { remedy: askTheBackend }) });
}

/** Where a backend did not like the certificate that we showed. */
export const askTheBackend =
  'Give the route a certificate from a CA that the backend accepts (`countersign explain backend` lists those it names), or have the CA of ours added there; the log of the backend has its reason.';
