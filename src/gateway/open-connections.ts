// The client connections of one worker: counted, drained, and re-evaluated when trust changes. A connection never lives on
// under rules that would not let it in today (decision 10).
import type { Clock } from '../base/clock.ts';
import { Slices } from '../base/slices.ts';
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

class Open {
  readonly connection: ClientConnection;
  /** Whose requests it serves. */
  readonly client: Client;
  /** Earliest notAfter of its chain and anchor, milliseconds since the epoch; Infinity without a certificate. */
  readonly validUntil: number;
  readonly #settle: (open: Open) => void;

  constructor(connection: ClientConnection, client: Client, settle: (open: Open) => void) {
    this.connection = connection;
    this.client = client;
    this.validUntil = validUntilOf(client.peer.identity);
    this.#settle = settle;
  }

  /** For a client that asks for something before its turn has come. */
  settle(): void {
    this.#settle(this);
  }
}

/** `policies`: the active ones; `ocsp`: the answers so far. */
export type ActiveTrust = { readonly policies: () => PolicyTable; readonly ocsp: () => OcspChecker };

/** How often the clock is compared with the certificates of open connections. */
const sweepMs = 500;

/** For a connection whose policy is gone, or asks for no certificate any more; else the policy says. */
const graceWithoutPolicyMs = 500;

export class OpenConnections implements ClientConnectionOwner {
  readonly #open = new Map<ClientConnection, Open>();
  /** Those that are looked at in slices since trust changed, and how far that is. */
  #queue: readonly Open[] = [];
  #next = 0;
  #isJudging = false;
  /** What came of it so far. */
  #closed = new ClosedConnections();
  readonly #settle = (open: Open): void => this.#judge(open);
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
    this.#open.set(connection, new Open(connection, client, this.#settle));
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
   * when it is answered, or when the `distrustGrace` of their policy ends. In slices, where there are many: a client that asks for
   * something before its turn is looked at first (Client.distrust), so that nothing is served by the trust of before.
   */
  reEvaluate(): void {
    this.#judgeAll(
      [...this.#open.values()].filter(({ client }) => client.peer.secure && client.distrusted === undefined),
    );
  }

  #judgeAll(all: readonly Open[]): void {
    // Whoever has waited comes first: changes that follow one another must not keep the last ones from their turn.
    const waiting = this.#queue.slice(this.#next).filter(({ client }) => client.unsettled !== undefined);
    this.#queue = [...waiting, ...all.filter(({ client }) => client.unsettled === undefined)];
    this.#next = 0;
    for (const open of all) open.client.unsettled = open;
    if (!this.#isJudging) void this.#judgeInSlices();
  }

  /** Begins at once: few are done when it returns. */
  async #judgeInSlices(): Promise<void> {
    this.#isJudging = true;
    const slices = new Slices(this.#clock);
    for (let open = this.#queue[this.#next++]; open !== undefined; open = this.#queue[this.#next++]) {
      this.#judge(open);
      const pause = slices.pause();
      if (pause !== undefined) await pause;
    }
    this.#isJudging = false;
    this.#queue = [];
    this.#next = 0;
    const closed = this.#closed;
    this.#closed = new ClosedConnections();
    closed.tell(this.#report);
  }

  #judge(open: Open): void {
    const { client, connection, validUntil } = open;
    if (client.unsettled === undefined) return;
    if (client.distrusted !== undefined || !this.#open.has(connection)) {
      client.unsettled = undefined;
      return;
    }
    const now = this.#clock.now();
    const found =
      validUntil < now
        ? ({ code: 'expired', detail: `its chain was valid until ${new Date(validUntil).toISOString()}` } as const)
        : reEvaluate(client.peer, { policies: this.#policies(), now, ocsp: this.#ocsp() });
    // Not before it is known: who could not be judged is no client that was, and asks in vain until he is.
    client.unsettled = undefined;
    this.#metrics.trustReEvaluated.labels({ result: found?.code ?? 'ok' }).inc();
    if (found !== undefined) this.#distrust(open, found);
  }

  #distrust(open: Open, result: VerificationResult): void {
    open.client.distrusted = result;
    const { peer } = open.client;
    this.#closed.note(peer.policy, peer.identity, result);
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
    if (policies.some(({ revocations }) => revocations?.hasStaled(this.#sweptAt, now) === true)) this.reEvaluate();
    const expired: Open[] = [];
    let again = false;
    for (const open of this.#open.values()) {
      const { peer, distrusted } = open.client;
      if (peer.identity === undefined || distrusted !== undefined) continue;
      if (open.validUntil < now) expired.push(open);
      else again = true;
    }
    if (expired.length > 0) this.#judgeAll(expired);
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
