// Where the connections of a port go: the target of one forward with the addresses that its name has now.
import type { Clock } from '../base/clock.ts';
import type { Forward } from '../config/gateway-config.ts';
import type { NameResolver } from '../dns/name-resolver.ts';
import { PolicyTable } from '../downstream/policy-table.ts';
import { Addresses } from '../upstream/addresses.ts';
import { endpointLabel } from '../upstream/endpoint.ts';

export type TargetOptions = {
  readonly resolver: NameResolver;
  readonly clock: Clock;
  readonly random: () => number;
};

export class Target {
  /** `host:port`. */
  readonly name: string;
  readonly port: number;
  readonly proxyProtocol: 1 | 2 | undefined;
  readonly addresses: Addresses;

  constructor(forward: Forward, { resolver, clock, random }: TargetOptions) {
    const { host, port, sendProxyProtocol } = forward;
    this.name = endpointLabel({ scheme: 'http', host, port });
    this.port = port;
    this.proxyProtocol = sendProxyProtocol;
    this.addresses = new Addresses({ host, resolver, clock, random, onChange: () => undefined });
  }

  close(): void {
    this.addresses.close();
  }
}

/** The targets of one port, by the server name that a client says, or the one for all. */
export class Targets {
  /** The one for everybody; undefined where the server name decides. */
  readonly only: Target | undefined;
  readonly #all: readonly Target[];
  readonly #byName: PolicyTable<Target> | undefined;

  constructor(forwards: readonly Forward[], options: TargetOptions) {
    const entries = forwards.map((forward) => ({ policy: new Target(forward, options), hosts: forward.serverNames }));
    this.#all = entries.map(({ policy }) => policy);
    const [first] = entries;
    this.only = first?.hosts.length === 0 ? first.policy : undefined;
    this.#byName =
      first === undefined || this.only !== undefined
        ? undefined
        : new PolicyTable({ policies: entries, gateway: first.policy, knownHosts: [], defaultPolicy: undefined });
  }

  /** Undefined for a name that leads nowhere, and for none. */
  find(serverName: string | undefined): Target | undefined {
    return this.#byName?.find(serverName);
  }

  close(): void {
    for (const target of this.#all) target.close();
  }
}
