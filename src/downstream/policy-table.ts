// Which trust policy a server name belongs to: one look-up, used for the ClientHello's name and again for the Host of each
// request, so that the two can never disagree (incidents 3 and 4). Immutable; compiled with each generation.
import { canonicalHostName } from '../base/host.ts';
import type { TrustPolicy } from './trust-policy.ts';

/** `P`: what is found, known by its name. */
export type PolicyTableEntry<P = TrustPolicy> = {
  readonly policy: P;
  /** Canonical names and `*.suffix` patterns, the latter for one or more labels in front of the suffix. */
  readonly hosts: readonly string[];
};

export type PolicyTableOptions<P = TrustPolicy> = {
  /** Earlier entries win where two name the same host (the configuration refuses that). */
  readonly policies: readonly PolicyTableEntry<P>[];
  /** The policy for hosts that the gateway knows (from routes and certificates) and no other policy names. */
  readonly gateway: P;
  /** Names and `*.suffix` patterns of those hosts; what is neither is left out. */
  readonly knownHosts: readonly string[];
  /** For absent and unknown names; undefined = refuse. */
  readonly defaultPolicy: P | undefined;
};

export class PolicyTable<P extends { readonly name: string } = TrustPolicy> {
  /** Every policy once, the gateway's first. */
  readonly policies: readonly P[];
  readonly defaultPolicy: P | undefined;
  readonly #exact = new Map<string, P>();
  readonly #suffixes = new Map<string, P>();

  constructor(options: PolicyTableOptions<P>) {
    this.policies = [...new Set([options.gateway, ...options.policies.map((entry) => entry.policy)])];
    this.defaultPolicy = options.defaultPolicy;
    for (const { policy, hosts } of options.policies) {
      for (const host of hosts) {
        // Dropping a name that a policy claims would give its hosts to a policy that may be laxer.
        if (!this.#add(host, policy)) throw new Error(`policy ${policy.name}: ${JSON.stringify(host)} is not a host`);
      }
    }
    // A known host below another policy's wildcard stays with that policy: the gateway claims nothing, it takes the rest.
    for (const host of options.knownHosts) {
      const claimed = host.startsWith('*.') ? this.#findSuffix(host, 1) : this.#findNamed(host);
      if (claimed === undefined) this.#add(host, options.gateway);
    }
  }

  /**
   * The policy of a server name or host without port, in any spelling. Absent names, IP addresses and what is no host
   * name are all the same: they get the default policy, if there is one.
   */
  find(serverName: string | undefined): P | undefined {
    if (serverName === undefined) return this.defaultPolicy;
    return this.#findNamed(serverName) ?? this.defaultPolicy;
  }

  #findNamed(text: string): P | undefined {
    const name = canonicalHostName(text);
    if (name === undefined) return undefined;
    return this.#exact.get(name) ?? (this.#suffixes.size === 0 ? undefined : this.#findSuffix(name, name.indexOf('.')));
  }

  /** The longest suffix that starts behind a dot, from `firstDot` on; a name has at most 127 labels. */
  #findSuffix(name: string, firstDot: number): P | undefined {
    for (let dot = firstDot; dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const found = this.#suffixes.get(name.slice(dot + 1));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #add(host: string, policy: P): boolean {
    const wildcard = host.startsWith('*.');
    const name = canonicalHostName(wildcard ? host.slice(2) : host);
    if (name === undefined) return false;
    const map = wildcard ? this.#suffixes : this.#exact;
    if (!map.has(name)) map.set(name, policy);
    return true;
  }
}
