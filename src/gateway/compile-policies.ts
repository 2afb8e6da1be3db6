// From loaded policies to the table that says which policy a name belongs to, each with its own TLS contexts.
import { wildcardHost } from '../base/host.ts';
import type { CrlConfig, GatewayConfig, OcspConfig } from '../config/gateway-config.ts';
import type { OcspSettings } from '../trust/revocation.ts';
import { TrustPolicy } from '../downstream/trust-policy.ts';
import type { SessionStore } from '../downstream/session-store.ts';
import type { Staples } from '../ocsp/staples.ts';
import { PolicyTable } from '../downstream/policy-table.ts';
import { CrlSet, type CrlSettings } from '../crl/crl-set.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { isSame } from '../loading/is-same.ts';
import type { LoadedRules, LoadedPolicy } from '../loading/loaded.ts';

type Resumption = LoadedRules['config']['tls']['sessionResumption'];

/** What is compiled of one policy, and what it was compiled from: where that is the same, the next generation takes it over. */
export type CompiledPolicy = { readonly from: LoadedPolicy; readonly terms: Terms; readonly policy: TrustPolicy };

/** What a policy is compiled from beside its own. */
type Terms = {
  readonly enabled: boolean;
  readonly lifetimeMs: number;
  readonly staples: boolean;
  readonly sessions: boolean;
  readonly http2: boolean;
};

/**
 * Policies that are made as a whole before a generation is accepted; of more, each is made by its first handshake. What OpenSSL says to
 * their certificates, keys and CAs is known by then: whoever loaded them has asked (loading/openssl-proof.ts).
 */
const eagerPolicies = 100;

export type PolicyCompiler = {
  readonly compiled: ReadonlyMap<string, CompiledPolicy>;
  /** Compiles one policy, or takes it over. Throws where OpenSSL rejects its material. */
  add(policy: LoadedPolicy): void;
  /** All of `loaded.policies` were added. */
  finish(): PolicyTable;
};

/**
 * Policy by policy, so that a caller can pause between them. `secret`, `crls`, `staples` as below; `before`: what is active,
 * by name. A policy that is taken over keeps its CRLs, which are replaced wherever it serves, and its ticket keys until it is
 * told of others (EdgePolicy.rotate). `sessions`: where sessions are kept; absent: tickets.
 */
export function policyCompiler(
  loaded: LoadedRules,
  secret: Buffer,
  crls: CrlLookup,
  staples?: Staples,
  before?: ReadonlyMap<string, CompiledPolicy>,
  sessions?: SessionStore,
): PolicyCompiler {
  const { tls, http2 } = loaded.config;
  const { sessionResumption: resumption } = tls;
  const compiled = new Map<string, CompiledPolicy>();
  const stapled = tls.ocspStapling.enabled ? staples : undefined;
  const terms: Terms = {
    enabled: resumption.enabled,
    lifetimeMs: resumption.lifetimeMs,
    staples: stapled !== undefined,
    sessions: sessions !== undefined,
    http2: http2.enabled,
  };
  return {
    compiled,
    add(policy) {
      const { name } = policy.config;
      const same = before?.get(name);
      if (same !== undefined && isSame(same.terms, terms) && isSame(same.from, policy)) {
        compiled.set(name, same.from === policy ? same : { ...same, from: policy });
        return;
      }
      const asked = { ...resumption, secret, sessions };
      const isLazy = compiled.size >= eagerPolicies;
      compiled.set(name, {
        from: policy,
        terms,
        policy: compilePolicy(policy, asked, crls, stapled, { http2: http2.enabled, isLazy }),
      });
    },
    finish: () => assembleTable(loaded, compiled),
  };
}

/**
 * Throws where OpenSSL rejects a certificate, key, cipher or curve. `secret`: for session tickets, shared by all workers;
 * `staples`: the OCSP responses that are there, used where stapling is on.
 */
export function compilePolicies(loaded: LoadedRules, secret: Buffer, crls: CrlLookup, staples?: Staples): PolicyTable {
  const compiler = policyCompiler(loaded, secret, crls, staples);
  for (const policy of loaded.policies) compiler.add(policy);
  return compiler.finish();
}

function assembleTable(loaded: LoadedRules, compiled: ReadonlyMap<string, CompiledPolicy>): PolicyTable {
  const find = (name: string): TrustPolicy => {
    const policy = compiled.get(name)?.policy;
    if (policy === undefined) throw new RangeError(`policy ${name} was not loaded`);
    return policy;
  };
  return makePolicyTable(loaded.config, certificateNames(loaded), find);
}

/** DNS names of the certificates that hosts of no policy of their own are served with. */
export function certificateNames(loaded: LoadedRules): readonly string[] {
  const { gateway } = loaded.config.tls;
  return (
    loaded.policies.find(({ config }) => config.name === gateway.name)?.certificates.flatMap(({ names }) => names) ?? []
  );
}

/** Which policy a name belongs to, whatever a policy is. `find`: by its name. */
export function makePolicyTable<P extends { readonly name: string }>(
  { tls, routes }: GatewayConfig,
  certificateHosts: readonly string[],
  find: (name: string) => P,
): PolicyTable<P> {
  const routeHosts = routes.flatMap((route) => route.hosts.map(wildcardHost));
  return new PolicyTable({
    gateway: find(tls.gateway.name),
    policies: tls.policies.map((policy) => ({ policy: find(policy.name), hosts: policy.hosts })),
    knownHosts: [...routeHosts, ...certificateHosts],
    defaultPolicy: tls.defaultPolicy === undefined ? undefined : find(tls.defaultPolicy),
  });
}

function compilePolicy(
  { config, certificates, anchors, trustDomains, crlKey }: LoadedPolicy,
  resumption: Resumption & { readonly secret: Buffer; readonly sessions: SessionStore | undefined },
  crls: CrlLookup,
  staples: Staples | undefined,
  { http2, isLazy }: { readonly http2: boolean; readonly isLazy: boolean },
): TrustPolicy {
  const { clientAuth } = config;
  // Absent anchors never mean "whoever the public roots vouch for" (N22).
  if (clientAuth !== undefined && (anchors === undefined || (anchors.length === 0 && trustDomains.length === 0))) {
    throw new RangeError(`policy ${config.name} asks for client certificates but has no anchors`);
  }
  return new TrustPolicy({
    name: config.name,
    minVersion: config.minVersion,
    maxVersion: config.maxVersion,
    ciphers: config.cipherSuites,
    curves: config.curves,
    certificates: certificates.map(({ chainPem, keyPem, keyType, names }) => ({
      certPem: chainPem,
      keyPem,
      keyType,
      names,
    })),
    isLazy,
    clientAuth:
      clientAuth === undefined
        ? undefined
        : {
            required: clientAuth.required,
            onFailure: clientAuth.onFailure,
            maxDepth: clientAuth.maxDepth,
            distrustGraceMs: clientAuth.distrustGraceMs,
            caPem: anchors ?? [],
            partialChain: clientAuth.partialChain,
            minKeyBits: clientAuth.minKeyBits,
            rules: clientAuth,
            crl: clientAuth.crl && {
              settings: crlSettings(clientAuth.crl),
              list: new CrlSet(crlKey === undefined ? [] : crls.find(crlKey), crlSettings(clientAuth.crl)),
            },
            ocsp: clientAuth.ocsp && ocspSettings(clientAuth.ocsp),
            spiffe: clientAuth.spiffe && { trustDomains: clientAuth.spiffe.trustDomains, bundles: trustDomains },
          },
    staples,
    http2,
    resumption: { ...resumption, lifetimeS: Math.floor(resumption.lifetimeMs / 1000) },
  });
}

export function crlSettings({ onMissing, onStale, scope }: CrlConfig): CrlSettings {
  return { onMissing, onStale, scope };
}

/** Without its place: that does not decide trust, and must not end sessions when a line moves. */
function ocspSettings({ mode, responder, allowedHosts, timeoutMs, refreshMs }: OcspConfig): OcspSettings {
  return { mode, responder, allowedHosts, timeoutMs, refreshMs };
}
