// Which policies the hosts of a route fall under, told from the configuration alone: what the policy table (edge) decides for
// one server name, for patterns of names.
import type { PolicyConfig, TlsConfig } from './gateway-config.ts';

export type ServedHost = {
  /** As the route writes it, canonical; '' for every host. */
  readonly host: string;
  readonly policies: readonly PolicyConfig[];
};

export class RoutePolicies {
  /** The gateway's own first. */
  readonly all: readonly PolicyConfig[];
  readonly #owners: ReadonlyMap<string, PolicyConfig>;
  readonly #gateway: PolicyConfig;
  readonly #byDefault: PolicyConfig | undefined;
  readonly #everything: readonly ServedHost[];

  constructor(tls: TlsConfig) {
    this.#gateway = tls.gateway;
    this.all = [tls.gateway, ...tls.policies];
    this.#byDefault = tls.policies.find(({ name }) => name === tls.defaultPolicy);
    this.#owners = new Map(tls.policies.flatMap((policy) => policy.hosts.map((host) => [host, policy] as const)));
    this.#everything = [{ host: '', policies: this.all }];
  }

  /** One entry for each of a route's hosts; a route without hosts is served under every policy. */
  of(hosts: readonly string[]): readonly ServedHost[] {
    if (hosts.length === 0) return this.#everything;
    return hosts.map((host) => ({ host, policies: this.#policiesOf(host) }));
  }

  /** Every policy that serves a host of the pattern: the one it falls under, and for wildcards those of hosts below it. */
  #policiesOf(pattern: string): PolicyConfig[] {
    const suffix = /^(?:\*|\{[^}]*\})(\..+)$/.exec(pattern)?.[1];
    const above = this.#findOwner(suffix === undefined ? pattern : `*${suffix}`) ?? this.#outside(pattern);
    if (suffix === undefined) return [above];
    const below = [...this.#owners].filter(([host]) => host.endsWith(suffix)).map(([, policy]) => policy);
    return [...new Set([above, ...below])];
  }

  /** Clients send no server name for an address, so the default policy takes it (policy-table.ts); the rest is the gateway's. */
  #outside(pattern: string): PolicyConfig {
    const address = pattern.startsWith('[') || /^[\d.]+$/.test(pattern);
    return (address ? this.#byDefault : undefined) ?? this.#gateway;
  }

  /** Exact, then the longest `*.suffix` around it. */
  #findOwner(host: string): PolicyConfig | undefined {
    const exact = this.#owners.get(host);
    if (exact !== undefined) return exact;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const found = this.#owners.get(`*${host.slice(dot)}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
