// The client connections of one worker: counted, drained, and judged again when trust changes. A connection never lives on
// under rules that would not let it in today (architecture.md, decision 7).
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { OcspChecker } from '../ocsp/checker.ts';
import type { Peer } from '../downstream/peer.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import { judgeAgain } from '../downstream/re-evaluate.ts';
import type { Client } from '../flow/client.ts';
import type { Http1ServerConnection } from '../http1/server.ts';
import type { Judgement } from '../trust/certificate-checks.ts';
import type { Identity, VerdictCode } from '../trust/verdict.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import { type Departure, Departures } from '../downstream/closed-connections.ts';

type Open = {
  readonly connection: Http1ServerConnection;
  readonly client: Client;
  /** Why it has to end; undefined while it is welcome. */
  distrusted: VerdictCode | undefined;
  /** Earliest notAfter of its chain and anchor, milliseconds since the epoch; Infinity without a certificate. */
  readonly validUntil: number;
};

/** `policies`: those in force; `ocsp`: the answers so far. */
export type TrustInForce = { readonly policies: () => PolicyTable; readonly ocsp: () => OcspChecker };

/** How often the clock is compared with the certificates of open connections. */
const sweepMs = 500;

/** For a connection whose policy is gone; else the policy says. */
const defaultGraceMs = 500;

export class OpenConnections {
  readonly #open = new Set<Open>();
  readonly #clock: Clock;
  #sweeping = false;
  /** Clock.now() of the last sweep. */
  #sweptAt = 0;
  readonly #metrics: MetricCatalogue;
  readonly #policies: () => PolicyTable;
  readonly #ocsp: () => OcspChecker;
  readonly #report: (departure: Departure) => void;
  #onEmpty: (() => void) | undefined;

  /** `report`: told of those that are closed because trust changed. */
  constructor(clock: Clock, metrics: MetricCatalogue, trust: TrustInForce, report: (departure: Departure) => void) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#policies = trust.policies;
    this.#ocsp = trust.ocsp;
    this.#report = report;
  }

  /** Clients over TLS that are welcome. */
  *peers(): Iterable<Peer> {
    for (const { client, distrusted } of this.#open) {
      if (client.peer.secure && distrusted === undefined) yield client.peer;
    }
  }

  /** Forgotten by itself when the socket closes. */
  add(socket: Socket, connection: Http1ServerConnection, client: Client): void {
    const open: Open = { connection, client, distrusted: undefined, validUntil: validUntilOf(client.peer.identity) };
    this.#open.add(open);
    if (client.peer.identity !== undefined) this.#watch();
    socket.once('close', () => {
      this.#open.delete(open);
      if (this.#open.size === 0) this.#onEmpty?.();
    });
  }

  count(): { secure: number; plain: number } {
    let secure = 0;
    for (const { client } of this.#open) if (client.peer.secure) secure++;
    return { secure, plain: this.#open.size - secure };
  }

  /** Connections that are not closed yet although their certificate is revoked. */
  countRevoked(): number {
    let count = 0;
    for (const { distrusted } of this.#open) if (distrusted === 'revoked') count++;
    return count;
  }

  /**
   * Ends the connections that the policies of today would not let in: those without a request in flight at once, the others
   * when it is answered, or when their policy's patience ends.
   */
  judgeAgain(): void {
    const world = { policies: this.#policies(), now: this.#clock.now(), ocsp: this.#ocsp() };
    const departures = new Departures();
    for (const open of this.#open) {
      const { peer } = open.client;
      if (!peer.secure || open.distrusted !== undefined) continue;
      const found = judgeAgain(peer, world);
      this.#metrics.trustRejudged.labels({ result: found?.code ?? 'ok' }).inc();
      if (found !== undefined) this.#distrust(open, found, departures);
    }
    departures.tell(this.#report);
  }

  #distrust(open: Open, judgement: Judgement, departures: Departures): void {
    open.distrusted = judgement.code;
    const { peer } = open.client;
    departures.note(peer.policy, peer.identity, judgement);
    const policy = this.#policies().find(peer.serverName);
    open.connection.dismiss();
    const graceMs = policy?.clientAuth?.distrustGraceMs ?? defaultGraceMs;
    if (graceMs === 0) open.connection.destroy();
    else this.#clock.after(graceMs, () => open.connection.destroy());
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
    if (policies.some(({ trust }) => trust?.crls?.hasStaled(this.#sweptAt, now) === true)) this.judgeAgain();
    const departures = new Departures();
    let again = false;
    for (const open of this.#open) {
      const { identity } = open.client.peer;
      if (identity === undefined || open.distrusted !== undefined) continue;
      if (open.validUntil < now) {
        this.#metrics.trustRejudged.labels({ result: 'expired' }).inc();
        const detail = `its chain was valid until ${new Date(open.validUntil).toISOString()}`;
        this.#distrust(open, { code: 'expired', detail }, departures);
      } else again = true;
    }
    departures.tell(this.#report);
    if (again) this.#watch();
  }

  /** Politely closes all of them, after the request that a new one is about to send. */
  drainAfterFirst(): void {
    for (const { connection } of this.#open) connection.drainAfterFirst();
  }

  /** Politely closes all of them; resolves when the last is gone. */
  async drain(): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const { connection } of this.#open) connection.drain();
    if (this.#open.size > 0) await empty;
  }

  destroyAll(): void {
    for (const { connection } of this.#open) connection.destroy();
  }
}

function validUntilOf(identity: Identity | undefined): number {
  if (identity === undefined) return Infinity;
  return Math.min(identity.anchor?.notAfter ?? Infinity, ...identity.chain.map(({ notAfter }) => notAfter));
}
