// Judges a connection that is already open by the rules of today: would it be let in now? Full path building belongs to
// OpenSSL at the handshake; here certificates that were verified once are followed again to today's anchors.
import { X509Certificate } from 'node:crypto';
import type { AnchorSet } from '../trust/anchor-set.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { judgeChainStrength, type Judgement, judgeUnreadable } from '../trust/certificate-checks.ts';
import { findPathConstraint } from '../trust/path-constraints.ts';
import type { Identity } from '../trust/verdict.ts';
import type { KnownChain } from './chain-cache.ts';
import type { ClientTrust } from './client-trust.ts';
import type { EdgePolicy } from './trust-policy.ts';
import { judgeIdentity } from './verify-identity.ts';
import type { OcspChecker } from '../ocsp/checker.ts';
import type { Peer } from './peer.ts';
import type { PolicyTable } from './policy-table.ts';

/** What an open connection is judged by. `now`: milliseconds since the epoch; `ocsp`: the answers so far. */
export type RejudgeWorld = {
  readonly policies: PolicyTable;
  readonly now: number;
  readonly ocsp: OcspChecker | undefined;
};

/**
 * Why the connection must end; undefined where it may stay. Errs on the closing side, and never throws: one certificate that
 * cannot be judged must not keep the others from it.
 */
export function judgeAgain(peer: Peer, world: RejudgeWorld): Judgement | undefined {
  try {
    return judge(peer, world);
  } catch (error) {
    return judgeUnreadable(error);
  }
}

function judge(peer: Peer, world: RejudgeWorld): Judgement | undefined {
  const { policies } = world;
  const policy = policies.find(peer.serverName);
  if (policy === undefined || policy.name !== peer.policy) {
    return { code: 'unknown_sni', detail: 'its server name belongs to another policy now' };
  }
  const unchanged = policy.digest === peer.policyDigest;
  return (unchanged ? undefined : judgeTerms(peer, policy)) ?? judgePeer(peer, policy, unchanged, world);
}

function judgeTerms({ identity, verdict }: Peer, policy: EdgePolicy): Judgement | undefined {
  // 'TLSv1.2' and 'TLSv1.3' compare as text.
  if (verdict === undefined || verdict.version < policy.minVersion || verdict.version > policy.maxVersion) {
    return {
      code: 'protocol_mismatch',
      detail: `its TLS version is not between ${policy.minVersion} and ${policy.maxVersion}`,
    };
  }
  if (identity === undefined) {
    return policy.clientAuth?.required === true
      ? { code: 'no_client_cert', detail: 'the policy requires a client certificate now' }
      : undefined;
  }
  // An identity that nobody vouches for any more must not be forwarded any longer.
  return policy.trust === undefined
    ? { code: 'untrusted_issuer', detail: 'the policy asks for no client certificate any more' }
    : undefined;
}

function judgePeer(
  { identity }: Peer,
  policy: EdgePolicy,
  unchanged: boolean,
  { now, ocsp }: RejudgeWorld,
): Judgement | undefined {
  const { trust, clientAuth } = policy;
  if (identity === undefined || trust === undefined || clientAuth === undefined) return undefined;
  const { leaf, chain, anchor } = identity;
  const judgeKnown = (known: KnownChain | undefined): Judgement | undefined =>
    judgeIdentity(leaf, known, { trust, maxDepth: clientAuth.maxDepth, ocsp }, now);
  if (unchanged) return judgeKnown(anchor && { chain, anchor, weakness: undefined });
  const anchors = trust.anchorsFor(leaf);
  if ('code' in anchors) return anchors;
  // The way that was verified at the handshake still leads to an anchor: a hundredth of the cost of finding it again. Not
  // where trust hangs on which anchor it is, nor where a CA of it is constrained: OpenSSL may have gone by another one.
  const holds = anchor !== undefined && !trust.needsChain && anchors.holds(anchor);
  if (holds && findPathConstraint(chain, anchor) === undefined) {
    const kept = judgeKnown({ chain, anchor, weakness: judgeChainStrength(chain, trust.keyFloor) });
    if (kept === undefined) return undefined;
  }
  const found = findChain(identity, anchors, trust, now);
  return 'code' in found ? found : judgeKnown(found);
}

function findChain(
  { leaf, chain }: Identity,
  anchors: AnchorSet,
  trust: ClientTrust,
  now: number,
): KnownChain | Judgement {
  const [certificate, ...above] = chain.map(({ der }) => new X509Certificate(der));
  if (certificate === undefined) return { code: 'untrusted_issuer', detail: 'its chain is not known' };
  const path = anchors.findPath(certificate, above, now);
  if (path === undefined) return trust.explainNoPath(leaf, certificate, above);
  const today = path.chain.map(({ raw }) => chain.find(({ der }) => der.equals(raw)) ?? readFacts(raw));
  const constrained = trust.judgePath(today, path, undefined);
  if (constrained !== undefined) return constrained;
  return { chain: today, anchor: path.anchor, weakness: judgeChainStrength(today, trust.keyFloor) };
}
