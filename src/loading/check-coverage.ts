// Which hosts a policy serves, and which of them none of its certificates covers: a warning, since a client that does not look
// would be served all the same.
import { wildcardHost } from '../base/host.ts';
import type { GatewayConfig, PolicyConfig } from '../config/gateway-config.ts';
import type { Place } from '../yaml/place.ts';
import { coversHost, explainNotCovered } from '../certs/host-coverage.ts';
import { materialWarning } from '../base/material-problem.ts';
import type { MaterialLoader, UsablePair } from './material-loader.ts';

export type ServedHost = { readonly host: string; readonly place: Place };

/** The hosts that a policy serves: its own, or for the gateway's policy those of the routes that no other names. */
export function hostsOf(policy: PolicyConfig, config: GatewayConfig): ServedHost[] {
  if (policy !== config.tls.gateway) return policy.hosts.map((host) => ({ host, place: policy.place }));
  const taken = new Set(config.tls.policies.flatMap((other) => other.hosts));
  return config.routes.flatMap((route) =>
    route.hosts.filter((host) => !taken.has(host)).map((host) => ({ host, place: route.place })),
  );
}

/** What the certificates of a policy are for. */
export class Coverage {
  readonly #leaves;
  readonly #names: ReadonlySet<string>;
  /** One of them is not known yet, and may be for any host. */
  readonly #isOpen: boolean;

  constructor(pairs: readonly UsablePair[]) {
    this.#isOpen = pairs.some(({ isStandIn }) => isStandIn);
    this.#leaves = pairs.flatMap(({ checked }) => (checked.leaf === undefined ? [] : [checked.leaf]));
    this.#names = new Set(this.#leaves.flatMap((leaf) => leaf.sans.map((san) => san.value.toLowerCase())));
  }

  /** `pattern`: a name, or `*.` and a name. */
  has(pattern: string): boolean {
    if (this.#isOpen) return true;
    return pattern.startsWith('*.') ? this.#names.has(pattern) : this.#leaves.some((leaf) => coversHost(leaf, pattern));
  }

  /** Why not, where there is one certificate only; else ''. */
  explain(pattern: string): string {
    const [first] = this.#leaves;
    return this.#leaves.length === 1 && first !== undefined ? `: ${explainNotCovered(first, pattern)}` : '';
  }
}

/** Warns of each host, once, that no certificate covers. */
export function checkCoverage(hosts: readonly ServedHost[], coverage: Coverage, loader: MaterialLoader): void {
  const seen = new Set<string>();
  for (const { host, place } of hosts) {
    const pattern = wildcardHost(host);
    if (seen.has(pattern)) continue;
    seen.add(pattern);
    if (coverage.has(pattern)) continue;
    loader.add(
      place,
      materialWarning(
        'host_not_covered',
        `no certificate covers the host ${host}${coverage.explain(pattern)}`,
        'Have a certificate issued with this name as a DNS SAN, or correct the name.',
      ),
    );
  }
}
