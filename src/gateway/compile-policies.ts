// From loaded policies to the table that says which policy a name belongs to, each with its own TLS contexts.
import { wildcardHost } from '../base/host.ts';
import type { CrlConfig, GatewayConfig, OcspConfig } from '../config/gateway-config.ts';
import type { OcspSettings } from '../edge/client-trust.ts';
import { EdgePolicy } from '../edge/edge-policy.ts';
import type { StapleBook } from '../edge/staple-book.ts';
import { PolicyTable } from '../edge/policy-table.ts';
import type { CrlSettings } from '../pki/crl-set.ts';
import type { CrlLookup } from './crl-store.ts';
import type { LoadedConfig, LoadedPolicy } from './loaded.ts';

type Resumption = LoadedConfig['config']['tls']['sessionResumption'];

/**
 * Throws where OpenSSL rejects a certificate, key, cipher or curve. `secret`: for session tickets, shared by all workers;
 * `staples`: the OCSP responses that are there, used where stapling is on.
 */
export function compilePolicies(
  loaded: LoadedConfig,
  secret: Buffer,
  crls: CrlLookup,
  staples?: StapleBook,
): PolicyTable {
  const { tls } = loaded.config;
  const compiled = new Map<string, EdgePolicy>();
  const stapled = tls.ocspStapling.enabled ? staples : undefined;
  for (const policy of loaded.policies)
    compiled.set(policy.config.name, compilePolicy(policy, tls.sessionResumption, secret, crls, stapled));
  const find = (name: string): EdgePolicy => {
    const policy = compiled.get(name);
    if (policy === undefined) throw new RangeError(`policy ${name} was not loaded`);
    return policy;
  };
  return makePolicyTable(loaded.config, certificateNames(loaded), find);
}

/** DNS names of the certificates that hosts of no policy of their own are served with. */
export function certificateNames(loaded: LoadedConfig): readonly string[] {
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
  resumption: Resumption,
  secret: Buffer,
  crls: CrlLookup,
  staples: StapleBook | undefined,
): EdgePolicy {
  const { clientAuth } = config;
  // Absent anchors never mean "whoever the public roots vouch for" (N22).
  if (clientAuth !== undefined && (anchors === undefined || (anchors.length === 0 && trustDomains.length === 0))) {
    throw new RangeError(`policy ${config.name} asks for client certificates but has no anchors`);
  }
  return new EdgePolicy({
    name: config.name,
    minVersion: config.minVersion,
    maxVersion: config.maxVersion,
    ciphers: config.cipherSuites,
    curves: config.curves,
    certificates: certificates.map(({ chainPem, keyPem, names }) => ({ certPem: chainPem, keyPem, names })),
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
              crls: crlKey === undefined ? [] : crls.find(crlKey),
            },
            ocsp: clientAuth.ocsp && ocspSettings(clientAuth.ocsp),
            spiffe: clientAuth.spiffe && { trustDomains: clientAuth.spiffe.trustDomains, bundles: trustDomains },
          },
    staples,
    resumption: { enabled: resumption.enabled, lifetimeS: Math.floor(resumption.lifetimeMs / 1000), secret },
  });
}

export function crlSettings({ onMissing, onStale, scope }: CrlConfig): CrlSettings {
  return { onMissing, onStale, scope };
}

/** Without its place: that does not decide trust, and must not end sessions when a line moves. */
function ocspSettings({ mode, responder, allowedHosts, timeoutMs, refreshMs }: OcspConfig): OcspSettings {
  return { mode, responder, allowedHosts, timeoutMs, refreshMs };
}
