// The verdict on a backend, after its handshake and before the first byte of a request: chain as OpenSSL saw it, then dates,
// purpose, strength, revocation, pins and names from the DER. A resumed session, and an open connection when CRLs change, are
// verified by the same function.
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { Fault } from '../base/fault.ts';
import { diagnose } from '../trust/diagnose.ts';
import { readFacts } from '../certs/facts-reader.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { coversHost, explainNotCovered } from '../certs/host-coverage.ts';
import { verifyStrength, type VerificationResult, verifyDates } from '../trust/certificate-checks.ts';
import { hasPurpose, serverAuth } from '../certs/extended-key-usage.ts';
import { sentChain, verifyErrorOf } from '../certs/sent-chain.ts';
import type { Verdict, VerdictCode } from '../trust/verdict.ts';
import type { Endpoint } from './endpoint.ts';
import type { Ticket } from './tickets.ts';
import type { TlsIdentity } from './tls-identity.ts';

export type BackendVerification = {
  readonly verdict: Verdict;
  /** The verdict of the full handshake, where this one resumed its session. */
  readonly root: Verdict | undefined;
  /** Earliest notAfter of the chain; 0 where the verdict is not ok, Infinity where nothing is verified. */
  readonly validUntil: number;
};

/** Certificates whose chain is good: leaf first. `anchor` is known where revocation counts. */
export type Presented = Pick<Verdict, 'chain' | 'anchor'>;

type Finding = { readonly code: VerdictCode; readonly raw: string; readonly detail: string };

/** Certificates looked at in what a backend sends. */
const maxChain = 16;

/** `ticket`: the session that was offered, if any. `now`: milliseconds since the epoch. Never throws. */
export function verifyBackend(
  socket: TLSSocket,
  identity: TlsIdentity,
  endpoint: Endpoint,
  ticket: Ticket | undefined,
  now: number,
): BackendVerification {
  try {
    return verify(socket, identity, endpoint, ticket, now);
  } catch (error) {
    const detail = error instanceof Fault ? error.detail : undefined;
    return refuse(
      socket,
      'malformed_cert',
      detail ?? `the certificate of the backend cannot be read: ${String(error)}`,
    );
  }
}

function verify(
  socket: TLSSocket,
  identity: TlsIdentity,
  endpoint: Endpoint,
  ticket: Ticket | undefined,
  now: number,
): BackendVerification {
  const sent = sentChain(socket.getPeerX509Certificate(), maxChain);
  const root = socket.isSessionReused() ? ticket?.verdict : undefined;
  // Node shows a client no certificate on a resumed TLS 1.3 session; the session is proof of the one it was made under.
  if (
    socket.isSessionReused() &&
    (root === undefined || (sent[0] !== undefined && !root.leaf?.der.equals(sent[0].raw)))
  ) {
    return refuse(socket, 'malformed_cert', 'the backend resumed a session that does not belong to its certificate');
  }
  const raw = verifyErrorOf(socket);
  const presented: Presented | undefined = root ?? findPresented(identity, sent, raw, now);
  const leaf = presented?.chain[0];
  if (presented === undefined || leaf === undefined) {
    return refuse(socket, 'malformed_cert', 'the backend presented no certificate');
  }
  const found = findFault(raw, identity, leaf, presented, endpoint, now);
  const finding = identity.verify
    ? found
    : { ...found, code: 'ok' as const, detail: 'not verified: insecureSkipVerify' };
  const { chain, anchor } = presented;
  const verdict: Verdict = { ...frame(socket), ...finding, leaf, chain, anchor };
  if (verdict.code !== 'ok') return { verdict, root: undefined, validUntil: 0 };
  return { verdict, root, validUntil: identity.verify ? validUntil(presented) : Infinity };
}

/** What was sent, leaf first; where revocation counts, the path to the anchor instead, for each issuer on it must be known. */
function findPresented(identity: TlsIdentity, sent: readonly X509Certificate[], raw: string, now: number): Presented {
  const [leaf, ...above] = sent;
  const path =
    leaf === undefined || raw !== '' || identity.crls === undefined ? undefined : identity.findPath(leaf, above, now);
  return { chain: (path?.chain ?? sent).map((one) => readFacts(one.raw)), anchor: path?.anchor };
}

/** Earliest notAfter, milliseconds since the epoch. */
export function validUntil({ chain, anchor }: Presented): number {
  return Math.min(anchor?.notAfter ?? Infinity, ...chain.map(({ notAfter }) => notAfter));
}

function findFault(
  raw: string,
  identity: TlsIdentity,
  leaf: CertificateFacts,
  presented: Presented,
  endpoint: Endpoint,
  now: number,
): Finding {
  if (raw !== '') {
    const above = presented.chain.slice(1);
    const { code, detail } = diagnose({ raw, leg: 2, leaf, chain: above, anchors: identity.anchors, now });
    // An error is an error: whatever the diagnosis says, it is never ok.
    return { code: code === 'ok' ? 'untrusted_issuer' : code, raw, detail };
  }
  return { ...(verifyStanding(presented, identity, endpoint, now) ?? { code: 'ok', detail: '' }), raw };
}

/**
 * Would a certificate whose chain was found good be let in now? undefined where it would. In the order of docs/verification.md: dates →
 * purpose → strength → revocation → pins → names; rules on names replace the check of the host name.
 */
export function verifyStanding(
  { chain, anchor }: Presented,
  identity: TlsIdentity,
  endpoint: Endpoint,
  now: number,
): VerificationResult | undefined {
  const [leaf] = chain;
  if (leaf === undefined) return { code: 'malformed_cert', detail: 'the backend presented no certificate' };
  for (const certificate of anchor === undefined ? chain : [...chain, anchor]) {
    const outdated = verifyDates(certificate, now);
    if (outdated !== undefined) return outdated;
  }
  if (!hasPurpose(leaf, serverAuth)) {
    return { code: 'wrong_purpose', detail: 'its extended key usage lacks serverAuth' };
  }
  return (
    verifyStrength(leaf) ??
    verifyRevocation(chain, anchor, identity, now) ??
    identity.rules.verify(leaf) ??
    (identity.rules.hasNames ? undefined : verifyHost(leaf, identity.expectedName(endpoint)))
  );
}

function verifyRevocation(
  chain: readonly CertificateFacts[],
  anchor: CertificateFacts | undefined,
  { crls }: TlsIdentity,
  now: number,
): VerificationResult | undefined {
  if (crls === undefined) return undefined;
  // OpenSSL found one. That we do not must not mean that nobody looks for revoked issuers.
  if (anchor === undefined) return { code: 'untrusted_issuer', detail: 'its chain leads to no CA that we trust' };
  return crls.verify(chain, anchor, now);
}

function verifyHost(leaf: CertificateFacts, wanted: string): VerificationResult | undefined {
  if (coversHost(leaf, wanted)) return undefined;
  const detail = `the certificate of the backend does not cover ${wanted}: ${explainNotCovered(leaf, wanted)}`;
  return { code: 'name_mismatch', detail };
}

function frame(socket: TLSSocket): Pick<Verdict, 'chainKnown' | 'resumed' | 'version' | 'cipher'> {
  return {
    chainKnown: true,
    resumed: socket.isSessionReused(),
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
  };
}

function refuse(socket: TLSSocket, code: VerdictCode, detail: string): BackendVerification {
  const verdict: Verdict = { ...frame(socket), code, raw: '', detail, leaf: undefined, chain: [], anchor: undefined };
  return { verdict, root: undefined, validUntil: 0 };
}
