// One generation of rules: everything that a request needs, compiled from a LoadedRules, immutable once made. A new one is
// built beside the old; what has not changed (pools, health) is taken over, so that warm connections survive a reload.
import type { Slices } from '../base/slices.ts';
import type { TrustPolicy } from '../downstream/trust-policy.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import type { DownstreamState } from '../downstream/dependencies.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import { ProxySources } from '../downstream/proxy-sources.ts';
import type { SessionStore } from '../downstream/session-store.ts';
import type { TicketKeys } from '../downstream/ticket-ring.ts';
import { ticketEpoch, TicketSecret, type TicketSeed } from '../downstream/ticket-secret.ts';
import type { FilterServices } from '../filters/dependencies.ts';
import type { Staples } from '../ocsp/staples.ts';
import { TrafficHealth } from '../flow/traffic-health.ts';
import type { Route, Serving } from '../flow/serving.ts';
import type { Forwarding } from '../forwarding/forwarding.ts';
import type { StripList } from '../forwarding/strip-list.ts';
import { RouteTable } from '../routing/route-table.ts';
import { RouteRule } from '../trust/route-rule.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { Pools } from '../upstream/pools.ts';
import { CrlSet } from '../crl/crl-set.ts';
import { type CompiledPolicy, crlSettings, policyCompiler } from './compile-policies.ts';
import { RouteCompiler } from './compile-routes.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { stripListOf } from './strip-list-of.ts';
import type { LoadedRules } from '../loading/loaded.ts';

export type GenerationInput = {
  readonly number: number;
  readonly loaded: LoadedRules;
  /** Shared by all workers. */
  readonly ticketSeed: TicketSeed;
  /** Of this worker, over all generations. */
  readonly sessions: SessionStore;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What is known of revocation at this moment. */
  readonly crls: CrlLookup;
  /** OCSP responses for our certificates, as they come. */
  readonly staples: Staples;
  readonly forwarding: Forwarding;
  readonly pools: Pools;
  readonly metrics: MetricCatalogue;
  readonly filterServices: FilterServices;
};

type Parts = {
  readonly compiled: ReadonlyMap<string, CompiledPolicy>;
  readonly policies: PolicyTable;
  readonly routes: RouteTable<Route>;
};

export class Generation implements Serving {
  readonly number: number;
  readonly loaded: LoadedRules;
  readonly policies: PolicyTable;
  readonly routes: RouteTable<Route>;
  readonly strip: StripList;
  readonly forwarding: Forwarding;
  readonly health: TrafficHealth | undefined;
  readonly securePort: number | undefined;
  readonly redirectPort: number | undefined;
  readonly clientLimits: Serving['clientLimits'];
  readonly pools: Pools;
  readonly #downstream: DownstreamState;
  readonly #downstreamByPoint = new Map<string, DownstreamState>();
  readonly #compiled: ReadonlyMap<string, CompiledPolicy>;
  readonly #uris = new Map<string, readonly string[]>();
  /** By policy; empty where no policy has a default. */
  readonly #defaultRules = new Map<string, RouteRule>();

  private constructor(input: GenerationInput, parts: Parts) {
    const { config, policies } = input.loaded;
    this.number = input.number;
    this.loaded = input.loaded;
    this.forwarding = input.forwarding;
    this.health = config.trafficHealth && new TrafficHealth(config.trafficHealth);
    this.pools = input.pools;
    this.strip = stripListOf(
      config,
      parts.routes.routes.flatMap(({ filters }) => filters),
    );
    const { web, webSecure } = config.entryPoints;
    this.redirectPort = web.redirectPort;
    this.securePort = webSecure.enabled ? webSecure.port : undefined;
    this.#compiled = parts.compiled;
    this.policies = parts.policies;
    const { handshakeTimeoutMs, handshakesPerSecond, pendingHandshakes } = config.tls;
    const { connections, requests, handshakesPerSecond: handshakesPerClient } = config.clientLimits;
    const points = listEntryPoints(config.entryPoints);
    const sources = new Map(
      points.map(({ name, proxyProtocol }) => [name, proxyProtocol && new ProxySources(proxyProtocol)]),
    );
    const balancers = [...sources.values()].filter((one) => one !== undefined);
    const isExempt = (address: string): boolean =>
      this.forwarding.isTrustedProxy(address) || balancers.some((one) => one.isBalancer(address));
    this.clientLimits = { requests, isExempt };
    const downstream = {
      proxySources: undefined,
      connectionsPerClient: connections,
      isExempt,
      handshakeTimeoutMs,
      pendingHandshakes,
      policies: parts.policies,
      handshakesPerSecond,
      handshakesPerClient,
    };
    this.#downstream = downstream;
    for (const [name, proxySources] of sources) this.#downstreamByPoint.set(name, { ...downstream, proxySources });
    this.routes = parts.routes;
    const byDefault = RouteRule.byDefault();
    for (const { config: policy, certificates } of policies) {
      this.#uris.set(policy.name, certificates[0]?.uris ?? []);
      if (policy.routesRequireClientCert) this.#defaultRules.set(policy.name, byDefault);
    }
  }

  /**
   * Builds in slices, so that who is served meanwhile does not wait. Policies that are the same as in `before`, the generation
   * active, are taken over. Rejects where OpenSSL rejects what the checks let pass, or `isWanted` says no on the way: the
   * caller keeps the generation before, and closes `pools`.
   */
  static async build(
    input: GenerationInput,
    slices: Slices,
    before: Generation | undefined,
    isWanted: () => boolean,
  ): Promise<Generation> {
    const pace = async (pause: Promise<void>): Promise<void> => {
      await pause;
      if (!isWanted()) throw new Error(`generation ${input.number} is not wanted any more`);
    };
    const { loaded } = input;
    const routes: Route[] = [];
    try {
      const taken = before === undefined ? undefined : before.#compiled;
      const tickets = new TicketSecret(input.ticketSeed);
      const epoch = ticketEpoch(input.now, loaded.config.tls.sessionResumption.rotationMs);
      const sessions = input.ticketSeed.isAlone === true ? input.sessions : undefined;
      const compiler = policyCompiler(loaded, tickets.at(epoch), input.crls, input.staples, taken, sessions);
      for (const policy of loaded.policies) {
        compiler.add(policy);
        const pause = slices.pause();
        if (pause !== undefined) await pace(pause);
      }
      const routeCompiler = new RouteCompiler(loaded, input);
      for (const route of loaded.routes) {
        routes.push(routeCompiler.compile(route));
        const pause = slices.pause();
        if (pause !== undefined) await pace(pause);
      }
      const table = await RouteTable.build(routes, slices);
      const generation = new Generation(input, {
        compiled: compiler.compiled,
        policies: compiler.finish(),
        routes: table,
      });
      input.pools.beginChecks();
      return generation;
    } catch (error) {
      for (const route of routes) route.cluster.close();
      throw error;
    }
  }

  /**
   * What a connection to this entry point needs on its way to a verdict, or to plain HTTP. One that the configuration does not name
   * any more is open until the next start: nobody's PROXY header counts there.
   */
  downstreamAt(entryPoint: string): DownstreamState {
    return this.#downstreamByPoint.get(entryPoint) ?? this.#downstream;
  }

  ownUris(policy: TrustPolicy): readonly string[] {
    return this.#uris.get(policy.name) ?? [];
  }

  ruleOf(route: Route, policy: TrustPolicy | undefined): RouteRule | undefined {
    if (route.rule !== undefined || this.#defaultRules.size === 0) return route.rule;
    // Without a policy nobody has said that the route may be open.
    return policy === undefined ? [...this.#defaultRules.values()][0] : this.#defaultRules.get(policy.name);
  }

  /**
   * Session tickets under these keys, in all policies: from their next handshake on, and in slices, so that no policy keeps keys of the
   * past because nobody comes.
   */
  setTicketKeys({ issuing, accepted }: TicketKeys, slices: Slices): void {
    const due = { secret: Uint8Array.from(issuing), accepted };
    for (const policy of this.policies.policies) policy.rotateSoon(due);
    void this.#rotateAll(slices).then(() => due.secret.fill(0));
  }

  async #rotateAll(slices: Slices): Promise<void> {
    for (const policy of this.policies.policies) {
      policy.rotateNow();
      const pause = slices.pause();
      if (pause !== undefined) await pause;
    }
  }

  /** Activates refreshed CRLs; open connections to clients are verified by who calls this. */
  replaceCrls(crls: CrlLookup): void {
    const policies = new Map(this.policies.policies.map((policy) => [policy.name, policy]));
    for (const { config, crlKey } of this.loaded.policies) {
      const asked = config.clientAuth?.crl;
      if (crlKey === undefined || asked === undefined) continue;
      policies.get(config.name)?.replaceRevocations(new CrlSet(crls.find(crlKey), crlSettings(asked)));
    }
    const keys = new Set(this.loaded.routes.map(({ tls }) => tls.crlKey));
    for (const key of keys) if (key !== undefined) this.pools.replaceCrls(key, crls.find(key));
  }

  /** What the next generation did not take over drains. */
  close(): void {
    for (const route of this.routes.routes) route.cluster.close();
    this.pools.close();
  }
}
