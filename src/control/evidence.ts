// What is known at one moment, put into maps once: the configuration, what workers say, the clients that were seen. Relations and
// alerts are read off it.
import { type Clock, dayMs } from '../base/clock.ts';
import type { BackendHandshake } from '../gateway/backend-handshakes.ts';
import type { ClientSeen, ClientsSeen } from './clients-seen.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { Fleet } from './fleet.ts';
import type { GatewayShown } from './gateway-shape.ts';
import type { BackendStatus, GatewayStatus } from './gateway-status.ts';
import { indexBackends } from './service-shape.ts';
import type { ConfigView, PolicyView, TargetView } from './view.ts';

/** Each rejects with an ApiProblem. */
export type EvidenceSources = {
  readonly clock: Pick<Clock, 'now'>;
  readonly view: () => Promise<ConfigView>;
  readonly status: () => Promise<GatewayStatus>;
  readonly clients: () => Promise<ClientsSeen>;
  /** Also rejects with a StoreProblem. */
  readonly fleet: Pick<Fleet, 'read'>;
};

export class Evidence {
  readonly now: number;
  readonly view: ConfigView;
  readonly status: GatewayStatus;
  readonly clients: ClientsSeen;
  /** All on the store; none where it cannot be read, which this one tells of itself. */
  readonly fleet: readonly GatewayShown[];
  readonly policies: ReadonlyMap<string, PolicyView>;
  readonly targets: ReadonlyMap<string, TargetView>;
  /** By route and address. */
  readonly backends: ReadonlyMap<string, BackendStatus>;
  /** By address. */
  readonly handshakes: ReadonlyMap<string, BackendHandshake>;
  /** How many targets have an address. */
  readonly sharedBy: ReadonlyMap<string, number>;
  readonly servesTls: boolean;
  readonly #clients = new Map<string, ClientSeen[]>();

  constructor(
    view: ConfigView,
    status: GatewayStatus,
    clients: ClientsSeen,
    now: number,
    fleet: readonly GatewayShown[] = [],
  ) {
    this.now = now;
    this.fleet = fleet;
    this.view = view;
    this.status = status;
    this.clients = clients;
    this.policies = new Map(view.policies.map((one) => [one.id, one]));
    this.targets = new Map(view.targets.map((one) => [one.id, one]));
    this.backends = indexBackends(status);
    this.handshakes = new Map(status.handshakes.map((one) => [one.label, one]));
    const shared = new Map<string, number>();
    for (const { addresses } of view.targets)
      for (const address of addresses) shared.set(address, (shared.get(address) ?? 0) + 1);
    this.sharedBy = shared;
    this.servesTls = view.listeners.some(({ tls }) => tls);
    for (const client of clients.identities) {
      const known = this.#clients.get(client.policy);
      if (known === undefined) this.#clients.set(client.policy, [client]);
      else known.push(client);
    }
  }

  /** Last seen first. */
  clientsOf(policy: string): readonly ClientSeen[] {
    return this.#clients.get(policy) ?? [];
  }

  /** Who was let in before, and was refused when he came last, today. */
  regressed(policy: string): readonly ClientSeen[] {
    return this.clientsOf(policy).filter(
      ({ lastAccepted, code, lastSeen }) => lastAccepted !== null && code !== 'ok' && lastSeen > this.now - dayMs,
    );
  }
}

/** Rejects with an ApiProblem. */
export async function readEvidence({ view, status, clients, clock, fleet }: EvidenceSources): Promise<Evidence> {
  const [config, state, seen, gateways] = await Promise.all([view(), status(), clients(), readFleet(fleet)]);
  return new Evidence(config, state, seen, clock.now(), gateways);
}

async function readFleet(fleet: Pick<Fleet, 'read'>): Promise<readonly GatewayShown[]> {
  try {
    return (await fleet.read()).gateways;
  } catch (error) {
    if (error instanceof StoreProblem) return [];
    throw error;
  }
}
