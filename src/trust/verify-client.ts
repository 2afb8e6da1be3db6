// The verdict on a client, after the handshake and before any HTTP byte: docs/verification.md. OpenSSL's result is necessary, never
// sufficient; the certificate that signed the handshake is the identity (incident 16). On a resumed session OpenSSL repeats
// nothing, so everything is verified again here (incident 2).
import { X509Certificate } from 'node:crypto';
import { diagnose } from './diagnose.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { FactsCache } from '../certs/facts-cache.ts';
import { type VerificationResult, refuseUnreadable } from './certificate-checks.ts';
import { sentChain } from '../certs/sent-chain.ts';
import type { Verdict } from './verdict.ts';
import type { AnchorSet } from './anchor-set.ts';
import type { ChainCache } from './chain-cache.ts';
import type { ClientTrust } from './client-trust.ts';
import { rawOfBest } from './best-reason.ts';
import { type ChainResult, establishChain } from './establish-chain.ts';
import type { EstablishedChain } from './established-chain.ts';
import type { Intermediates } from './intermediates.ts';
import { type Requirements, verifyStanding } from './verify-standing.ts';

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
  readonly group?: string | undefined;
};

export type ClientVerificationInput = {
  readonly policy: {
    /** Of everything that decides trust. */
    readonly digest: string;
    readonly clientAuth: { readonly required: boolean; readonly maxDepth: number } | undefined;
    readonly trust: ClientTrust | undefined;
  };
  readonly facts: FactsCache;
  readonly chains: ChainCache;
  readonly intermediates: Intermediates;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/** Never throws: what cannot be verified is refused. */
export function verifyClient(proof: ClientProof, input: ClientVerificationInput): Verdict {
  const { clientAuth, trust } = input.policy;
  if (clientAuth === undefined || trust === undefined) return verdictOf(proof, accepted);
  if (proof.leaf === undefined) {
    if (clientAuth.required) {
      return verdictOf(proof, { code: 'no_client_cert', detail: 'the client sent no certificate' });
    }
    return verdictOf(proof, accepted);
  }
  let leaf: CertificateFacts | undefined;
  try {
    leaf = input.facts.read(proof.leaf.raw);
    const requirements = trust.requirements(clientAuth.maxDepth, undefined);
    return verifyLeafAndChain(proof, proof.leaf, leaf, { ...input, trust, requirements });
  } catch (error) {
    return verdictOf(proof, refuseUnreadable(error), leaf);
  }
}

type Context = ClientVerificationInput & { readonly trust: ClientTrust; readonly requirements: Requirements };

function verifyLeafAndChain(
  proof: ClientProof,
  certificate: X509Certificate,
  leaf: CertificateFacts,
  context: Context,
): Verdict {
  const { policy, trust, requirements, now } = context;
  let known = proof.authorized ? context.chains.find(policy.digest, leaf.sha256) : undefined;
  let refusal = known && verifyStanding(leaf, known, requirements, now);
  // A CA above it may have been renewed since, or replaced: what refused is looked for again.
  if (known === undefined || refusal !== undefined) {
    const sent = sentChain(certificate, maxSentCertificates + 1).slice(1);
    if (sent.length >= maxSentCertificates) {
      const detail = `the client sent more than ${maxSentCertificates} certificates`;
      return verdictOf(proof, { code: 'chain_too_deep', detail }, leaf);
    }
    if (!proof.authorized) return refuse(proof, certificate, leaf, sent, context);
    const anchors = trust.anchorsFor(leaf);
    if ('code' in anchors) return verdictOf(proof, anchors, leaf, [leaf]);
    const above = proof.resumed ? knownAbove(leaf, context) : sent;
    const found = learnChain(certificate, above, leaf, anchors, context);
    if ('code' in found && !proof.resumed) return verdictOf({ ...proof, raw: 'NO_PATH' }, found, leaf);
    // A session that is resumed where its chain is not known: not better than the chain that was.
    if ('code' in found) refusal = verifyStanding(leaf, known, requirements, now);
    else ({ known, refusal } = found);
  }
  return verdictOf(proof, refusal ?? accepted, leaf, known?.chain ?? [leaf], known !== undefined, known?.anchor);
}

type Learned = { readonly known: EstablishedChain; readonly refusal: VerificationResult | undefined };

/**
 * Finds the path to an anchor and keeps it; a leaf directly below an anchor needs nothing that was sent. A refusal where
 * there is none to rely on: OpenSSL accepted it, but it knows no trust domains, and a Node that verified against nothing
 * must not pass (N21).
 */
function learnChain(
  certificate: X509Certificate,
  sent: readonly X509Certificate[],
  leaf: CertificateFacts,
  anchors: AnchorSet,
  { policy, trust, requirements, facts, chains, intermediates, now }: Context,
): Learned | VerificationResult {
  const request = { leaf, certificate, sent, anchors, read: (der: Buffer) => facts.read(der), now };
  const found: ChainResult = establishChain({ ...request, requirements, paths: trust, constraints: 'openssl' });
  const { known, refusal, isLasting } = found;
  if (known === undefined) return refusal ?? trust.explainNoPath(request);
  if (refusal === undefined) for (const intermediate of known.chain.slice(1)) intermediates.learn(intermediate);
  if (isLasting) chains.add(policy.digest, known);
  return { known, refusal };
}

function refuse(
  proof: ClientProof,
  certificate: X509Certificate,
  leaf: CertificateFacts,
  sent: readonly X509Certificate[],
  { trust, requirements, facts, intermediates: known, now }: Context,
): Verdict {
  const chain = sent.map(({ raw }) => facts.read(raw));
  const request = { leaf, certificate, sent, anchors: trust.all, read: (der: Buffer) => facts.read(der), now };
  const best = establishChain({ ...request, requirements, paths: undefined, constraints: 'nobody' });
  const raw = rawOfBest(proof.raw, best);
  // Of what was sent only the best path is looked at, where there is one that fails: the rest is not the reason.
  const path = best.known === undefined || best.refusal === undefined ? chain : best.known.chain.slice(1);
  const found = diagnose({
    raw,
    leg: 1,
    leaf,
    chain: path,
    bundle: trust.bundle,
    anchor: best.known?.anchor,
    now,
    known,
  });
  return verdictOf(proof, found, leaf, [leaf, ...chain]);
}

/** A resumed session brings no intermediates (N10); those that other clients sent may be the ones. */
function knownAbove(leaf: CertificateFacts, { intermediates }: Context): X509Certificate[] {
  const above = new Set<CertificateFacts>();
  for (const issuer of intermediates.findIssuers(leaf)) above.add(issuer);
  for (const one of above) {
    for (const issuer of intermediates.findIssuers(one)) if (above.size < maxSentCertificates) above.add(issuer);
  }
  return [...above].map(({ der }) => new X509Certificate(der));
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
    remedy: result.remedy,
    leaf,
    chain,
    chainKnown,
    anchor,
    resumed: proof.resumed,
    version: proof.version,
    cipher: proof.cipher,
    group: proof.group,
  };
}
