// The client connections of one worker: counted, drained, and re-evaluated when trust changes. A connection never lives on
// under rules that would not let it in today (decision 10).
import type { Clock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import type { OcspChecker } from '../ocsp/checker.ts';
import type { Peer } from '../downstream/peer.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import { reEvaluate } from '../downstream/re-evaluate.ts';
import type { Client } from '../flow/client.ts';
import type { ClientConnection, ClientConnectionOwner } from '../http/client-connection.ts';
import type { VerificationResult } from '../trust/certificate-checks.ts';
import type { Identity } from '../trust/verdict.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import { type ClosedConnection, ClosedConnections } from '../downstream/closed-connections.ts';

type Open = {
  readonly connection: ClientConnection;
  /** Whose requests it serves. */
  readonly client: Client;
  /** Earliest notAfter of its chain and anchor, milliseconds since the epoch; Infinity without a certificate. */
  readonly validUntil: number;
};

/** `policies`: the active ones; `ocsp`: the answers so far. */
export type ActiveTrust = { readonly policies: () => PolicyTable; readonly ocsp: () => OcspChecker };

/** How often the clock is compared with the certificates of open connections. */
const sweepMs = 500;

/** For a connection whose policy is gone, or asks for no certificate any more; else the policy says. */
const graceWithoutPolicyMs = 500;

export class OpenConnections implements ClientConnectionOwner {
  readonly #open = new Map<ClientConnection, Open>();
  /** By entry point. */
  readonly #counted = new Map([
    ['web', 0],
    ['webSecure', 0],
  ]);
  readonly #clock: Clock;
  #sweeping = false;
  /** Clock.now() of the last sweep. */
  #sweptAt = 0;
  readonly #metrics: MetricCatalogue;
  readonly #policies: () => PolicyTable;
  readonly #ocsp: () => OcspChecker;
  readonly #report: (one: ClosedConnection) => void;
  #onEmpty: (() => void) | undefined;

  /** `report`: told of those that are closed because trust changed. */
  constructor(clock: Clock, metrics: MetricCatalogue, trust: ActiveTrust, report: (one: ClosedConnection) => void) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#policies = trust.policies;
    this.#ocsp = trust.ocsp;
    this.#report = report;
  }

  /** Clients over TLS that are welcome. */
  *peers(): Iterable<Peer> {
    for (const { client } of this.#open.values()) {
      if (client.peer.secure && client.distrusted === undefined) yield client.peer;
    }
  }

  /** Takes a connection that has us for its owner, and forgets it when it is closed. */
  add(connection: ClientConnection, client: Client): void {
    this.#open.set(connection, { connection, client, validUntil: validUntilOf(client.peer.identity) });
    if (client.peer.identity !== undefined) this.#watch();
  }

  onClosed(connection: ClientConnection): void {
    this.#open.delete(connection);
    if (this.#open.size === 0) this.#onEmpty?.();
  }

  /** How many there are, and how many are not closed yet although their certificate is revoked. */
  setGauges(): void {
    // Those that have none left are counted too.
    for (const name of this.#counted.keys()) this.#counted.set(name, 0);
    let revoked = 0;
    for (const { client } of this.#open.values()) {
      this.#counted.set(client.entryPoint, (this.#counted.get(client.entryPoint) ?? 0) + 1);
      if (client.distrusted?.code === 'revoked') revoked++;
    }
    for (const [entryPoint, count] of this.#counted)
      this.#metrics.connectionsActive.labels({ entry_point: entryPoint }).set(count);
    this.#metrics.sessionsRevoked.labels({}).set(revoked);
  }

  /**
   * Ends the connections that the policies of today would not let in: those without a request in flight at once, the others
   * when it is answered, or when their `distrustGrace` of their policy ends.
   */
  reEvaluate(): void {
    const dependencies = { policies: this.#policies(), now: this.#clock.now(), ocsp: this.#ocsp() };
    const closed = new ClosedConnections();
    for (const open of this.#open.values()) {
      const { peer, distrusted } = open.client;
      if (!peer.secure || distrusted !== undefined) continue;
      const found = reEvaluate(peer, dependencies);
      this.#metrics.trustReEvaluated.labels({ result: found?.code ?? 'ok' }).inc();
      if (found !== undefined) this.#distrust(open, found, closed);
    }
    closed.tell(this.#report);
  }

  #distrust(open: Open, result: VerificationResult, closed: ClosedConnections): void {
    open.client.distrusted = result;
    const { peer } = open.client;
    closed.note(peer.policy, peer.identity, result);
    const policy = this.#policies().find(peer.serverName);
    open.connection.dismiss();
    const graceMs = policy?.clientAuth?.distrustGraceMs ?? graceWithoutPolicyMs;
    if (graceMs === 0) open.connection.destroy(open.client.distrust);
    else this.#clock.after(graceMs, () => open.connection.destroy(open.client.distrust));
  }

  #watch(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#sweptAt = this.#clock.now();
    this.#clock.after(sweepMs, () => this.#sweep());
  }

  /** A certificate of the chain may expire while its connection is open, and what is known of revocation too. */
  #sweep(): void {
    this.#sweeping = false;
    const now = this.#clock.now();
    const { policies } = this.#policies();
    if (policies.some(({ trust }) => trust?.revocations?.hasStaled(this.#sweptAt, now) === true)) this.reEvaluate();
    const closed = new ClosedConnections();
    let again = false;
    for (const open of this.#open.values()) {
      const { peer, distrusted } = open.client;
      if (peer.identity === undefined || distrusted !== undefined) continue;
      if (open.validUntil < now) {
        this.#metrics.trustReEvaluated.labels({ result: 'expired' }).inc();
        const detail = `its chain was valid until ${new Date(open.validUntil).toISOString()}`;
        this.#distrust(open, { code: 'expired', detail }, closed);
      } else again = true;
    }
    closed.tell(this.#report);
    if (again) this.#watch();
  }

  /** Politely closes all of them, after the request that a new one is about to send. */
  drainAfterFirst(): void {
    for (const connection of this.#open.keys()) connection.drainAfterFirst();
  }

  /** Politely closes all of them; resolves when the last is gone. */
  async drain(): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const connection of this.#open.keys()) connection.drain();
    if (this.#open.size > 0) await empty;
  }

  /** Requests that still run are over, with `fault`. */
  destroyAll(fault: Fault): void {
    for (const connection of this.#open.keys()) connection.destroy(fault);
  }
}

function validUntilOf(identity: Identity | undefined): number {
  if (identity === undefined) return Infinity;
  return Math.min(identity.anchor?.notAfter ?? Infinity, ...identity.chain.map(({ notAfter }) => notAfter));
}
