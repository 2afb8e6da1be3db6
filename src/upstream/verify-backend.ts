// The verdict on a backend, after its handshake and before the first byte of a request: OpenSSL's result is necessary, the path to
// an anchor and everything on it is verified again (docs/verification.md). A backend is judged by its path, not by everything that
// it sends. A resumed session, and an open connection when CRLs change, are verified by the same functions.
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { Fault } from '../base/fault.ts';
import { findGroupName } from '../base/tls-group.ts';
import { serverAuth } from '../certs/extended-key-usage.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { sentChain, verifyErrorOf } from '../certs/sent-chain.ts';
import { defaultKeyFloor, type VerificationResult } from '../trust/certificate-checks.ts';
import { diagnose } from '../trust/diagnose.ts';
import { rawOfBest } from '../trust/best-reason.ts';
import { type ChainRequest, type ChainResult, establishChain } from '../trust/establish-chain.ts';
import type { EstablishedChain } from '../trust/established-chain.ts';
import type { Intermediates } from '../trust/intermediates.ts';
import type { Verdict, VerdictCode } from '../trust/verdict.ts';
import { type Requirements, verifyStanding } from '../trust/verify-standing.ts';
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

/** Certificates whose path to `anchor` is good: leaf first. */
export type Presented = Pick<Verdict, 'chain' | 'anchor'>;

type Finding = VerificationResult & { readonly raw: string } & Presented;

/** Certificates looked at in what a backend sends. */
const maxChain = 16;

/** `ticket`: the session that was offered, if any. `now`: milliseconds since the epoch. Never throws. */
export function verifyBackend(
  socket: TLSSocket,
  identity: TlsIdentity,
  endpoint: Endpoint,
  ticket: Ticket | undefined,
  intermediates: Intermediates,
  now: number,
): BackendVerification {
  try {
    return verify(socket, identity, endpoint, ticket, intermediates, now);
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
  intermediates: Intermediates,
  now: number,
): BackendVerification {
  const [certificate, ...sent] = sentChain(socket.getPeerX509Certificate(), maxChain);
  const root = socket.isSessionReused() ? ticket?.verdict : undefined;
  // Node shows a client no certificate on a resumed TLS 1.3 session; the session is proof of the one it was made under.
  if (
    socket.isSessionReused() &&
    (root === undefined || (certificate !== undefined && !root.leaf?.der.equals(certificate.raw)))
  ) {
    return refuse(socket, 'malformed_cert', 'the backend resumed a session that does not belong to its certificate');
  }
  const leaf = root?.chain[0] ?? (certificate && readFacts(certificate.raw));
  if (leaf === undefined) return refuse(socket, 'malformed_cert', 'the backend presented no certificate');
  const raw = verifyErrorOf(socket);
  let finding: Finding;
  if (!identity.verify) {
    const detail = 'not verified: insecureSkipVerify';
    finding = { code: 'ok', raw, detail, chain: root?.chain ?? [leaf, ...readable(sent)], anchor: undefined };
  } else if (raw !== '') {
    const best = certificate && establishChain(requestOf(leaf, certificate, sent, identity, endpoint, now, 'nobody'));
    finding = explain(raw, leaf, root?.chain.slice(1) ?? readable(sent), best, identity, intermediates, now);
  } else if (root === undefined && certificate !== undefined) {
    finding = findPath(leaf, certificate, sent, identity, endpoint, now);
    if (finding.code === 'ok') for (const ca of finding.chain.slice(1)) intermediates.learn(ca);
  } else {
    const presented = root ?? { chain: [leaf], anchor: undefined };
    const refusal = verifyPresented(presented, identity, endpoint, now);
    finding = { ...(refusal ?? accepted), raw, chain: presented.chain, anchor: presented.anchor };
  }
  const verdict: Verdict = { ...frame(socket), ...finding, leaf };
  if (verdict.code !== 'ok') return { verdict, root: undefined, validUntil: 0 };
  return { verdict, root, validUntil: identity.verify ? validUntil(finding) : Infinity };
}

const accepted: VerificationResult = { code: 'ok', detail: '' };

/** OpenSSL found a way; which one it does not tell. */
function findPath(
  leaf: CertificateFacts,
  certificate: X509Certificate,
  sent: readonly X509Certificate[],
  identity: TlsIdentity,
  endpoint: Endpoint,
  now: number,
): Finding {
  const found = establishChain(requestOf(leaf, certificate, sent, identity, endpoint, now, 'openssl'));
  const { known } = found;
  const refusal = known === undefined ? (found.refusal ?? noPath) : found.refusal;
  return { ...(refusal ?? accepted), raw: '', chain: known?.chain ?? [leaf], anchor: known?.anchor };
}

/** OpenSSL found one. That we do not must not mean that nobody looks for revoked issuers. */
const noPath: VerificationResult = { code: 'untrusted_issuer', detail: 'its chain leads to no CA that we trust' };

function explain(
  raw: string,
  leaf: CertificateFacts,
  sent: readonly CertificateFacts[],
  best: ChainResult | undefined,
  { anchors }: TlsIdentity,
  known: Intermediates,
  now: number,
): Finding {
  // Of what was sent only the best path is looked at, where there is one that fails: the rest is not the reason.
  const chain = (best?.refusal && best.known?.chain.slice(1)) ?? sent;
  const { code, detail, remedy } = diagnose({
    raw: best === undefined ? raw : rawOfBest(raw, best),
    leg: 2,
    leaf,
    chain,
    bundle: anchors?.bundle,
    anchor: best?.known?.anchor,
    now,
    known,
  });
  // An error is an error: whatever the diagnosis says, it is never ok.
  const why = { code: code === 'ok' ? ('untrusted_issuer' as const) : code, detail, ...(remedy && { remedy }) };
  return { ...why, raw, chain: [leaf, ...sent], anchor: undefined };
}

/** What of it can be read: nobody depends on the rest. */
function readable(sent: readonly X509Certificate[]): CertificateFacts[] {
  return sent.flatMap(({ raw }) => {
    try {
      return [readFacts(raw)];
    } catch {
      return [];
    }
  });
}

/** Earliest notAfter, milliseconds since the epoch. */
export function validUntil({ chain, anchor }: Presented): number {
  return Math.min(anchor?.notAfter ?? Infinity, ...chain.map(({ notAfter }) => notAfter));
}

/**
 * Would a certificate whose path was found good be let in now? undefined where it would. Where a CA of that path is good no
 * longer, another way with the same certificates will do. Throws Fault('malformed_cert').
 */
export function verifyPresented(
  { chain, anchor }: Presented,
  identity: TlsIdentity,
  endpoint: Endpoint,
  now: number,
): VerificationResult | undefined {
  const [leaf] = chain;
  if (leaf === undefined) return { code: 'malformed_cert', detail: 'the backend presented no certificate' };
  if (anchor === undefined) return noPath;
  // Strength does not change with time: it was verified when the path was found.
  const known: EstablishedChain = { chain, anchor, weakness: undefined };
  const refusal = verifyStanding(leaf, known, requirementsOf(identity, endpoint), now);
  if (refusal === undefined) return undefined;
  const [certificate, ...sent] = chain.map(({ der }) => new X509Certificate(der));
  if (certificate === undefined) return refusal;
  const again = establishChain(requestOf(leaf, certificate, sent, identity, endpoint, now, 'nobody'));
  return again.known !== undefined && again.refusal === undefined ? undefined : refusal;
}

function requestOf(
  leaf: CertificateFacts,
  certificate: X509Certificate,
  sent: readonly X509Certificate[],
  identity: TlsIdentity,
  endpoint: Endpoint,
  now: number,
  constraints: ChainRequest['constraints'],
): ChainRequest {
  const { anchors } = identity;
  if (anchors === undefined) throw new RangeError('no anchors to verify backends with');
  const requirements = requirementsOf(identity, endpoint);
  return { leaf, certificate, sent, anchors, read: readFacts, now, requirements, paths: undefined, constraints };
}

function requirementsOf(identity: TlsIdentity, endpoint: Endpoint): Requirements {
  return {
    purpose: serverAuth,
    keyFloor: defaultKeyFloor,
    maxDepth: Infinity,
    needsChain: true,
    revocations: identity.crls,
    ocsp: undefined,
    rules: identity.rules,
    host: identity.expectedName(endpoint),
    acceptsCommonName: identity.acceptsCommonName,
  };
}

function frame(socket: TLSSocket): Pick<Verdict, 'chainKnown' | 'resumed' | 'version' | 'cipher' | 'group'> {
  return {
    group: groupOf(socket),
    chainKnown: true,
    resumed: socket.isSessionReused(),
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
  };
}

function groupOf(socket: TLSSocket): string | undefined {
  const info = socket.getEphemeralKeyInfo();
  return info !== null && 'name' in info && typeof info.name === 'string' ? findGroupName(info.name) : undefined;
}

function refuse(socket: TLSSocket, code: VerdictCode, detail: string): BackendVerification {
  const verdict: Verdict = { ...frame(socket), code, raw: '', detail, leaf: undefined, chain: [], anchor: undefined };
  return { verdict, root: undefined, validUntil: 0 };
}
