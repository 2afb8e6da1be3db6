// The verdict on a client, after the handshake and before any HTTP byte: order of checks of docs/verification.md. OpenSSL's result is
// necessary, never sufficient; the certificate that signed the handshake is the identity (incident 16). On a resumed session
// OpenSSL repeats nothing, so everything is re-evaluated here (incident 2).
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { diagnose } from '../trust/diagnose.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { FactsCache } from '../certs/facts-cache.ts';
import { verifyChainStrength, type VerificationResult, refuseUnreadable } from '../trust/certificate-checks.ts';
import { sentChain, verifyErrorOf } from '../certs/sent-chain.ts';
import type { Verdict } from '../trust/verdict.ts';
import type { AnchorSet } from '../trust/anchor-set.ts';
import type { ChainCache, KnownChain } from './chain-cache.ts';
import type { ClientTrust } from './client-trust.ts';
import type { TrustPolicy } from './trust-policy.ts';
import type { Intermediates } from './intermediates.ts';
import { verifyIdentity } from './verify-identity.ts';

/** Certificates that a client may send; a longer list is refused before it costs anything (incident 21). */
const maxSentCertificates = 16;

const accepted: VerificationResult = { code: 'ok', detail: '' };

/** What the TLS layer says. */
export type ClientProof = {
  /** OpenSSL verified the chain (for a resumed session: when the session was made). */
  readonly authorized: boolean;
  readonly raw: string;
  /** The certificate that signed CertificateVerify; undefined where none was sent. */
  readonly leaf: X509Certificate | undefined;
  readonly resumed: boolean;
  readonly version: string;
  readonly cipher: string;
};

export type ClientVerificationInput = {
  readonly policy: TrustPolicy;
  readonly facts: FactsCache;
  readonly chains: ChainCache;
  readonly intermediates: Intermediates;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/** What Node says of a finished handshake; `asked`: for a certificate. */
export function readProof(socket: TLSSocket, asked: boolean): ClientProof {
  return {
    authorized: socket.authorized,
    raw: verifyErrorOf(socket),
    leaf: asked ? socket.getPeerX509Certificate() : undefined,
    resumed: socket.isSessionReused(),
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
  };
}

/** Never throws: what cannot be verified is refused. */
export function verifyClient(proof: ClientProof, dependencies: ClientVerificationInput): Verdict {
  const { clientAuth, trust } = dependencies.policy;
  if (clientAuth === undefined || trust === undefined) return verdictOf(proof, accepted);
  if (proof.leaf === undefined) {
    if (clientAuth.required) {
      return verdictOf(proof, { code: 'no_client_cert', detail: 'the client sent no certificate' });
    }
    return verdictOf(proof, accepted);
  }
  let leaf: CertificateFacts | undefined;
  try {
    leaf = dependencies.facts.read(proof.leaf.raw);
    return verifyLeafAndChain(proof, proof.leaf, leaf, { ...dependencies, trust, maxDepth: clientAuth.maxDepth });
  } catch (error) {
    return verdictOf(proof, refuseUnreadable(error), leaf);
  }
}

type TrustWorld = ClientVerificationInput & { readonly trust: ClientTrust; readonly maxDepth: number };

function verifyLeafAndChain(
  proof: ClientProof,
  certificate: X509Certificate,
  leaf: CertificateFacts,
  dependencies: TrustWorld,
): Verdict {
  const { policy, trust, now } = dependencies;
  let known = proof.authorized ? dependencies.chains.find(policy.digest, leaf.sha256) : undefined;
  let refusal = known && verifyIdentity(leaf, known, dependencies, now);
  // A CA above it may have been renewed since, or replaced: what refused is looked for again.
  if (known === undefined || refusal !== undefined) {
    const sent = sentChain(certificate, maxSentCertificates + 1).slice(1);
    if (sent.length >= maxSentCertificates) {
      const detail = `the client sent more than ${maxSentCertificates} certificates`;
      return verdictOf(proof, { code: 'chain_too_deep', detail }, leaf);
    }
    if (!proof.authorized) {
      const chain = sent.map(({ raw }) => dependencies.facts.read(raw));
      const { bundle: anchors } = trust;
      const found = diagnose({ raw: proof.raw, leg: 1, leaf, chain, anchors, now, known: dependencies.intermediates });
      return verdictOf(proof, found, leaf, [leaf, ...chain]);
    }
    const anchors = trust.anchorsFor(leaf);
    if ('code' in anchors) return verdictOf(proof, anchors, leaf, [leaf]);
    const found = learnChain(
      certificate,
      proof.resumed ? knownAbove(leaf, dependencies) : sent,
      leaf,
      anchors,
      dependencies,
    );
    if ('code' in found && !proof.resumed) return verdictOf({ ...proof, raw: 'NO_PATH' }, found, leaf);
    // A session that is resumed where its chain is not known: not better than the chain that was.
    known = 'code' in found ? known : found;
    refusal = verifyIdentity(leaf, known, dependencies, now);
  }
  return verdictOf(proof, refusal ?? accepted, leaf, known?.chain ?? [leaf], known !== undefined, known?.anchor);
}

/**
 * Finds the path to an anchor and keeps it; a leaf directly below an anchor needs nothing that was sent. A result where
 * there is none to rely on: OpenSSL accepted it, but it knows no trust domains, and a Node that verified against nothing
 * must not pass (N21).
 */
function learnChain(
  certificate: X509Certificate,
  above: readonly X509Certificate[],
  leaf: CertificateFacts,
  anchors: AnchorSet,
  { policy, trust, facts, chains, intermediates: known, now }: TrustWorld,
): KnownChain | VerificationResult {
  const path = anchors.findPath(certificate, above, now);
  if (path === undefined) return trust.explainNoPath(leaf, certificate, above);
  const intermediates = path.chain.slice(1).map(({ raw }) => facts.read(raw));
  const chain = [leaf, ...intermediates];
  const constrained = trust.verifyPath(chain, path, above);
  if (constrained !== undefined) return constrained;
  for (const intermediate of intermediates) known.learn(intermediate);
  const weakness = verifyChainStrength(chain, trust.keyFloor);
  const found = { chain, anchor: path.anchor, weakness };
  chains.add(policy.digest, found);
  return found;
}

/** A resumed session brings no intermediates (N10); those that other clients sent may be the ones. */
function knownAbove(leaf: CertificateFacts, { intermediates, maxDepth }: TrustWorld): X509Certificate[] {
  const above: X509Certificate[] = [];
  let next = intermediates.findIssuer(leaf);
  while (next !== undefined && above.length < maxDepth) {
    above.push(new X509Certificate(next.der));
    next = intermediates.findIssuer(next);
  }
  return above;
}

function verdictOf(
  proof: ClientProof,
  result: VerificationResult,
  leaf?: CertificateFacts,
  chain: readonly CertificateFacts[] = leaf === undefined ? [] : [leaf],
  chainKnown = !proof.resumed,
  anchor?: CertificateFacts,
): Verdict {
  return {
    code: result.code,
    raw: result.code === 'ok' ? '' : proof.raw,
    detail: result.detail,
    leaf,
    chain,
    chainKnown,
    anchor,
    resumed: proof.resumed,
    version: proof.version,
    cipher: proof.cipher,
  };
}
