// The verdict on a backend, after its handshake and before the first byte of a request: chain as OpenSSL saw it, then
// validity, strength and names from the DER. On a resumed session everything that can have changed is checked again.
import type { TLSSocket } from 'node:tls';
import { Fault } from '../base/fault.ts';
import { diagnose } from '../pki/diagnose.ts';
import { readFacts } from '../pki/facts-reader.ts';
import type { CertificateFacts } from '../pki/facts.ts';
import { coversHost, explainNotCovered } from '../pki/host-coverage.ts';
import { checkStrength, judgeLeaf } from '../pki/judge.ts';
import type { Verdict, VerdictCode } from '../pki/verdict.ts';
import type { Endpoint } from './endpoint.ts';
import type { Ticket } from './tickets.ts';
import type { TlsIdentity } from './tls-identity.ts';

export type Judgement = {
  readonly verdict: Verdict;
  /** The verdict of the full handshake, where this one resumed its session. */
  readonly root: Verdict | undefined;
  /** Earliest notAfter of the chain; 0 where the verdict is not ok. */
  readonly validUntil: number;
};

type Finding = { readonly code: VerdictCode; readonly raw: string; readonly detail: string };

/** Certificates looked at in what a backend sends. */
const maxChain = 16;

/** `ticket`: the session that was offered, if any. `now`: milliseconds since the epoch. Never throws. */
export function judgeBackend(
  socket: TLSSocket,
  identity: TlsIdentity,
  endpoint: Endpoint,
  ticket: Ticket | undefined,
  now: number,
): Judgement {
  try {
    return judge(socket, identity, endpoint, ticket, now);
  } catch (error) {
    const detail = error instanceof Fault ? error.detail : undefined;
    return refuse(
      socket,
      'malformed_cert',
      detail ?? `the certificate of the backend cannot be read: ${String(error)}`,
    );
  }
}

function judge(
  socket: TLSSocket,
  identity: TlsIdentity,
  endpoint: Endpoint,
  ticket: Ticket | undefined,
  now: number,
): Judgement {
  const sent = readChain(socket);
  const root = socket.isSessionReused() ? ticket?.verdict : undefined;
  // Node shows a client no certificate on a resumed TLS 1.3 session; the session is proof of the one it was made under.
  if (socket.isSessionReused() && (root === undefined || (sent[0] !== undefined && !root.leaf?.der.equals(sent[0])))) {
    return refuse(socket, 'malformed_cert', 'the backend resumed a session that does not belong to its certificate');
  }
  const facts = root === undefined ? sent.map((der) => readFacts(der)) : root.chain;
  const leaf = facts[0];
  if (leaf === undefined) return refuse(socket, 'malformed_cert', 'the backend presented no certificate');
  const found = findFault(socket, identity, leaf, facts, identity.expectedName(endpoint), now);
  const finding = identity.verify
    ? found
    : { ...found, code: 'ok' as const, detail: 'not verified: insecureSkipVerify' };
  const verdict: Verdict = { ...frame(socket), ...finding, leaf, chain: facts, anchor: undefined };
  if (verdict.code !== 'ok') return { verdict, root: undefined, validUntil: 0 };
  return { verdict, root, validUntil: Math.min(...facts.map((certificate) => certificate.notAfter)) };
}

function findFault(
  socket: TLSSocket,
  identity: TlsIdentity,
  leaf: CertificateFacts,
  chain: readonly CertificateFacts[],
  wanted: string,
  now: number,
): Finding {
  const raw = verifyError(socket);
  if (raw !== '') {
    const { code, detail } = diagnose({ raw, leg: 2, leaf, chain: chain.slice(1), anchors: identity.anchors, now });
    // An error is an error: whatever the diagnosis says, it is never ok.
    return { code: code === 'ok' ? 'untrusted_issuer' : code, raw, detail };
  }
  for (const certificate of chain) {
    const outdated = judgeLeaf(certificate, { now });
    if (outdated !== undefined) return { ...outdated, raw };
  }
  const weak = checkStrength(leaf);
  if (weak !== undefined) return { ...weak, raw };
  if (coversHost(leaf, wanted)) return { code: 'ok', raw, detail: '' };
  const detail = `the certificate of the backend does not cover ${wanted}: ${explainNotCovered(leaf, wanted)}`;
  return { code: 'name_mismatch', raw, detail };
}

/** OpenSSL's verification result as Node reports it; '' where the chain is good. */
function verifyError(socket: TLSSocket): string {
  if (socket.authorized) return '';
  const error: unknown = socket.authorizationError;
  if (error instanceof Error) return (error as NodeJS.ErrnoException).code ?? error.message;
  return typeof error === 'string' && error !== '' ? error : 'UNSPECIFIED';
}

/** DER of what the backend sent, leaf first. */
function readChain(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length < maxChain) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

function frame(socket: TLSSocket): Pick<Verdict, 'chainKnown' | 'resumed' | 'version' | 'cipher'> {
  return {
    chainKnown: true,
    resumed: socket.isSessionReused(),
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
  };
}

function refuse(socket: TLSSocket, code: VerdictCode, detail: string): Judgement {
  const verdict: Verdict = { ...frame(socket), code, raw: '', detail, leaf: undefined, chain: [], anchor: undefined };
  return { verdict, root: undefined, validUntil: 0 };
}
