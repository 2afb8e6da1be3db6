// Judges a connection that is already open by the rules of today: would it be let in now? Full path building belongs to
// OpenSSL at the handshake; here certificates that were verified once are followed again to today's anchors.
import { X509Certificate } from 'node:crypto';
import { readFacts } from '../pki/facts-reader.ts';
import { checkStrength, type Judgement } from '../pki/judge.ts';
import type { Identity } from '../pki/verdict.ts';
import type { KnownChain } from './chain-cache.ts';
import type { ClientTrust } from './client-trust.ts';
import type { EdgePolicy } from './edge-policy.ts';
import { judgeIdentity } from './judge-identity.ts';
import type { OcspChecker } from './ocsp-checker.ts';
import type { Peer } from './peer.ts';
import type { PolicyTable } from './policy-table.ts';

/** What an open connection is judged by. `now`: milliseconds since the epoch; `ocsp`: the answers so far. */
export type RejudgeWorld = {
  readonly policies: PolicyTable;
  readonly now: number;
  readonly ocsp: OcspChecker | undefined;
};

/** Why the connection must end; undefined where it may stay. Errs on the closing side. */
export function judgeAgain(peer: Peer, world: RejudgeWorld): Judgement | undefined {
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
  let known: KnownChain | undefined;
  if (unchanged && anchor !== undefined) known = { chain, anchor, weakness: undefined };
  else if (!unchanged) {
    const found = findChain(identity, trust, now);
    if ('code' in found) return found;
    known = found;
  }
  return judgeIdentity(leaf, known, { trust, maxDepth: clientAuth.maxDepth, ocsp }, now);
}

function findChain({ leaf, chain }: Identity, trust: ClientTrust, now: number): KnownChain | Judgement {
  const anchors = trust.anchorsFor(leaf);
  if ('code' in anchors) return anchors;
  const [certificate, ...above] = chain.map(({ der }) => new X509Certificate(der));
  if (certificate === undefined) return { code: 'untrusted_issuer', detail: 'its chain is not known' };
  const path = anchors.findPath(certificate, above, now);
  if (path === undefined) return trust.explainNoPath(leaf, certificate, above);
  const constrained = trust.judgePath(leaf, path, above, true);
  if (constrained !== undefined) return constrained;
  const today = path.chain.map(({ raw }) => chain.find(({ der }) => der.equals(raw)) ?? readFacts(raw));
  const weakness = today.map((one) => checkStrength(one, trust.keyFloor)).find((weak) => weak !== undefined);
  return { chain: today, anchor: path.anchor, weakness };
}
