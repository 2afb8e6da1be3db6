// The connections to one endpoint under one TLS identity, and who waits for one. Two identities never share a pool (incident
// 18), and a connection carries no further call once its certificate would not be let in.
import { Fault, toFault } from '../base/fault.ts';
import type { IndexedCrl } from '../crl/crl-set.ts';
import type { UpstreamDependencies } from './dependencies.ts';
import { Addresses } from './addresses.ts';
import type { CallWaiter } from './call-waiter.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { Dialer, type DialListener } from './dialer.ts';
import { Ejection } from './ejection.ts';
import { type Endpoint, endpointLabel } from './endpoint.ts';
import { type HealthState, reasonOf } from './health-state.ts';
import type { IdleBudget } from './idle-budget.ts';
import { AvailableConnections } from './available-connections.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { PooledConnectionOwner, PooledConnection } from './pooled-connection.ts';
import type { Share } from './shares.ts';
import type { TlsIdentity } from './tls-identity.ts';
import { type WaitListener, type WaitPlace, WaitQueue } from './wait-queue.ts';

/** What a call in progress has to end when its connection is not trusted any more: within the second, as on the client side. */
const distrustGraceMs = 500;
/** How much earlier than maxAgeMs a connection may be retired, so that those that began together do not end together. */
const ageJitter = 0.1;

export class Pool implements PooledConnectionOwner, WaitListener {
  readonly label: string;
  readonly endpoint: Endpoint;
  readonly identity: TlsIdentity | undefined;
  readonly #settings: PoolSettings;
  readonly #dependencies: UpstreamDependencies;
  readonly #addresses: Addresses;
  readonly #dialer: Dialer;
  /** For connections that nobody waits for: where one fails, its address rests, and the backend is not ejected. */
  readonly #filling: DialListener = {
    onDialed: (connection) => {
      this.#fills -= 1;
      this.onDialed(connection);
    },
    onDialFailure: () => {
      this.#fills -= 1;
    },
  };
  #fills = 0;
  readonly #ejection: Ejection;
  readonly #isPart: boolean;
  readonly #available: AvailableConnections;
  readonly #open = new Set<PooledConnection>();
  readonly #waiting: WaitQueue;
  readonly #limits: ConnectionLimits;
  readonly #listeners = new Set<() => void>();
  #draining = false;
  #ejected: HealthState | undefined;

  /** `part`: of another pool of the same backend, with whose health and sessions it goes. */
  constructor(
    endpoint: Endpoint,
    identity: TlsIdentity | undefined,
    settings: PoolSettings,
    dependencies: UpstreamDependencies,
    budget: IdleBudget,
    part?: { readonly of: Pool; readonly header: Buffer },
  ) {
    this.label = endpointLabel(endpoint);
    this.endpoint = endpoint;
    this.identity = identity;
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#available = new AvailableConnections(budget);
    this.#limits = new ConnectionLimits(settings);
    this.#waiting = new WaitQueue(dependencies.deadlines, settings.maxWaiting, this);
    const { resolver, clock, random } = dependencies;
    const onChange = (): void => this.#onAddresses();
    this.#addresses = new Addresses({ host: endpoint.host, resolver, clock, random, onChange });
    const addresses = this.#addresses;
    const whole = part === undefined ? undefined : part.of;
    const parts = { parent: whole === undefined ? undefined : whole.#dialer, header: part?.header };
    this.#dialer = new Dialer({ endpoint, addresses, identity, settings, dependencies, owner: this, ...parts });
    this.#isPart = whole !== undefined;
    this.#ejection = whole === undefined ? this.#makeEjection() : whole.#ejection;
  }

  #makeEjection(): Ejection {
    const { clock, random } = this.#dependencies;
    return new Ejection(clock, random, {
      onTrial: () => {
        if (!this.#draining) this.#dialer.dial(this);
      },
      onEjectionChange: (fault) => this.#onEjectionChange(fault),
    });
  }

  /** Why and since when the backend is ejected after failed connects; undefined while it is not. */
  get ejected(): HealthState | undefined {
    return this.#ejected;
  }

  /** Sizes, for metrics and tests. */
  get counts(): { readonly open: number; readonly idle: number; readonly dialing: number; readonly waiting: number } {
    return {
      open: this.#open.size,
      idle: this.#available.idle,
      dialing: this.#dialer.dialing,
      waiting: this.#waiting.length,
    };
  }

  /** Calls under way and requests that wait, of all routes that use it. */
  get load(): number {
    return this.#limits.shares.load;
  }

  #onEjectionChange(fault: Fault | undefined): void {
    const reason = fault === undefined ? undefined : reasonOf(fault);
    const state: HealthState = {
      healthy: reason === undefined,
      reason,
      since: this.#dependencies.clock.now(),
      source: 'passive',
    };
    this.#ejected = state.healthy ? undefined : state;
    this.#dependencies.events.onBackendHealth(this.label, state);
    for (const listener of this.#listeners) listener();
  }

  /** One of its connections takes a call for another protocol on a stream. */
  get offersUpgrades(): boolean {
    for (const connection of this.#open) if (connection.connection.takesUpgrades && connection.room > 0) return true;
    return false;
  }

  /** Calls back whenever `ejected` changes; the result ends that. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Hands out a call at once where a connection has room, else when one is free or open. `fresh`: only on a new one. */
  acquire(waiter: CallWaiter, fresh: boolean): void {
    const share = this.#limits.shares.find(waiter.caller);
    const connection = !fresh && this.#mayHave(share) ? this.#available.takeNewest() : undefined;
    if (connection === undefined) return this.#wait(waiter, share, fresh);
    this.#fill();
    if (connection.available) this.#watch(connection);
    share.onCallBegin();
    waiter.onCall(connection.connection.openCall(share), connection.certificate);
  }

  /** The backend answered on one of our connections. */
  answered(): void {
    this.#ejection.answered();
  }

  /** A health check found the backend good again: an ejection is over, and need not wait for its trial. */
  reached(): void {
    this.#ejection.connected();
  }

  /** The backend refused our certificate after the handshake: as good as no connection (N24). */
  refusedCertificate(fault: Fault): void {
    this.#ejection.failed(fault);
    this.#dependencies.events.onBackendRefusal(this.label, fault);
  }

  /** Likewise, by an answer. */
  answeredRefusing(fault: Fault): void {
    this.#dependencies.events.onBackendRefusal(this.label, fault);
  }

  /**
   * No generation uses this pool any more: idle connections close now, busy ones when their call ends. Requests that
   * are still under way in the old generation are served, over connections of their own.
   */
  close(): void {
    this.#draining = true;
    this.#dependencies.draining.add(this);
    if (!this.#isPart) this.#ejection.close();
    this.#addresses.close();
    for (let idle = this.#available.takeOldestIdle(); idle !== undefined; idle = this.#available.takeOldestIdle())
      this.#discard(idle);
    this.#leaveWhenEmpty();
  }

  /** Of a pool that drains: the others hear of it through their generation (pools.ts). */
  replaceCrls(key: string, crls: readonly IndexedCrl[]): void {
    if (this.identity?.replaceCrls(key, crls) === true) this.reEvaluate();
  }

  #leaveWhenEmpty(): void {
    if (this.#draining && this.#open.size === 0) this.#dependencies.draining.delete(this);
  }

  /**
   * What is known of revocation has changed: connections whose certificate would not be let in now are closed, idle ones at
   * once, busy ones when their call ends or their grace does. Later ones are verified when they open.
   */
  reEvaluate(): void {
    if (this.identity === undefined) return;
    const now = this.#dependencies.clock.now();
    for (const connection of this.#open) {
      const found = connection.reEvaluate(this.identity, this.endpoint, now);
      if (found === undefined) continue;
      this.#dependencies.events.onBackendDistrusted(this.label, found);
      this.#available.delete(connection);
      if (connection.connection.activeCalls === 0) this.#discard(connection);
      else this.#dependencies.clock.after(distrustGraceMs, () => connection.cut(found));
    }
    this.#advance();
  }

  /** The answer for the host name is another one: what leads to an address that left it carries no further call. */
  #onAddresses(): void {
    const fair = Math.ceil(this.#open.size / Math.max(1, this.#addresses.size));
    const kept = new Map<string, number>();
    for (const connection of this.#open) {
      const { address } = connection;
      const before = kept.get(address) ?? 0;
      kept.set(address, before + 1);
      // What is too many beside addresses that are new makes room for them in the same way.
      if (before < fair && this.#addresses.isCurrent(address)) continue;
      connection.endsAt = -Infinity;
      this.#available.delete(connection);
      if (connection.connection.activeCalls === 0) this.#discard(connection);
    }
    this.#advance();
  }

  /** One connection for an address that has none, besides those that somebody waits for. */
  #fill(): void {
    if (this.#draining) return;
    const empty = this.#addresses.findEmpty();
    // A connection with a PROXY header is of no use before its client is known.
    if (empty === undefined || this.#settings.proxyProtocol !== undefined) return;
    if (this.#open.size + this.#dialer.dialing >= this.#limits.most) {
      const oldest = this.#available.takeOldestIdle();
      if (oldest === undefined) return;
      this.#discard(oldest);
    }
    this.#fills += 1;
    this.#dialer.dial(this.#filling, empty);
  }

  /** How long a connection may still take calls. */
  #leftMs({ address, distrusted, validUntil, endsAt }: PooledConnection): number {
    if (this.#draining || distrusted !== undefined || !this.#addresses.isCurrent(address)) return 0;
    const leftMs = endsAt - this.#dependencies.deadlines.now;
    return validUntil === Infinity ? leftMs : Math.min(leftMs, validUntil - this.#dependencies.clock.now());
  }

  // --- the queue

  #wait(waiter: CallWaiter, share: Share, fresh: boolean): void {
    const { maxWaiting, connectMs, handshakeMs } = this.#settings;
    const deadline = this.#dependencies.clock.monotonic() + connectMs + handshakeMs;
    if (this.#waiting.join(waiter, share, { fresh, deadline })) return this.#grow();
    waiter.onCallFailure(this.#busy(share, `${maxWaiting} requests wait for a connection already`));
  }

  onCrowdedOut({ waiter, share }: WaitPlace): void {
    const detail = `${share.client.waiting + 1} of ${this.#settings.maxWaiting} waiting requests were of this client`;
    if (!waiter.cancelled) waiter.onCallFailure(new Fault('over_fair_share', 'gateway', { detail }));
  }

  onWaitedTooLong({ waiter, share }: WaitPlace): void {
    const { open, dialing } = this.counts;
    const detail = `no connection became free in time (${open} open, ${dialing} being opened)`;
    waiter.onCallFailure(
      dialing > 0 && open < this.#limits.most
        ? new Fault('timeout', 'backend', { detail: `${this.label}: ${detail}` })
        : this.#busy(share, detail),
    );
  }

  #busy(share: Share, reason: string): Fault {
    const code = this.#limits.isToBlame(share) ? 'over_fair_share' : 'backend_busy';
    return new Fault(code, 'gateway', { detail: `${this.label}: ${reason}` });
  }

  /** At least half of `maxConnsPerHost` are in use or being opened: no time to take one for what may never come. */
  get isScarce(): boolean {
    return this.#inUse + this.#dialer.dialing >= this.#limits.most / 2;
  }

  /** Connections without room for a call. */
  get #inUse(): number {
    return this.#open.size - this.#available.size;
  }

  readonly #mayHave = (share: Share): boolean => this.#limits.mayHave(share, this.#inUse);

  /**
   * Opens connections while waiters outnumber the calls that those being opened will take, and the limit allows it. What a
   * connection takes is known when it is up only: until then it is taken to be like the last one.
   */
  #grow(): void {
    for (;;) {
      const coming = (this.#dialer.dialing - this.#fills) * this.#limits.capacity;
      if (coming >= this.#waiting.length) return;
      const inUse = this.#inUse + this.#dialer.dialing;
      const wanted = this.#waiting.countWanted(
        (share, waiting) => this.#limits.wanted(share, waiting, inUse),
        coming + 1,
      );
      if (coming >= wanted) return;
      if (this.#open.size + this.#dialer.dialing >= this.#limits.mayBeOpen(inUse)) {
        // Only waiters for a fresh connection leave idle ones untouched: the oldest makes room.
        const oldest = this.#available.takeOldestIdle();
        if (oldest === undefined) return;
        this.#discard(oldest);
      }
      this.#dialer.dial(this);
    }
  }

  // --- connections

  onDialed(connection: PooledConnection): void {
    this.#open.add(connection);
    if (this.#draining) this.#dependencies.draining.add(this);
    this.#dependencies.deadlines.add(connection);
    const { maxAgeMs } = this.#settings;
    if (maxAgeMs > 0) {
      const livesMs = maxAgeMs * (1 - ageJitter * this.#dependencies.random());
      connection.endsAt = this.#dependencies.clock.monotonic() + livesMs;
    }
    this.#ejection.connected();
    this.#limits.capacity = Math.max(1, connection.connection.capacity);
    // Also for one that is closed after its first call: who waits for it is served.
    if (connection.room > 0) this.#available.add(connection);
    this.#serve();
    this.#park(connection);
  }

  onDialFailure(fault: Fault): void {
    // The backend's health is judged by the pool that it is for in the first place.
    if (this.#settings.http1Only !== true) this.#ejection.failed(fault);
    // As many fail as would have been served, so that a dead backend does not keep a long queue for one attempt each.
    for (let i = this.#limits.capacity; i > 0; i -= 1) {
      const place = this.#waiting.next(false);
      if (place === undefined) break;
      place.waiter.onCallFailure(fault);
    }
    this.#grow();
  }

  /** Hands out calls while a connection has room and somebody waits who may have it. */
  #serve(): void {
    while (this.#waiting.length > 0) {
      const newest = this.#available.newest;
      if (newest === undefined) return;
      const place = this.#waiting.next(newest.connection.hasAnswered, this.#mayHave);
      if (place === undefined) return;
      const connection = this.#available.takeNewest();
      if (connection !== undefined) this.#hand(place, connection);
    }
  }

  /** From within socket callbacks: what a waiter throws ends its call, never the process. */
  #hand({ waiter, share }: WaitPlace, connection: PooledConnection): void {
    if (connection.available) this.#watch(connection);
    share.onCallBegin();
    const call = connection.connection.openCall(share);
    try {
      waiter.onCall(call, connection.certificate);
    } catch (error) {
      call.cancel();
      waiter.onCallFailure(toFault(error));
    }
  }

  onConnectionFree(connection: PooledConnection): void {
    this.#park(connection);
  }

  onConnectionClosed(connection: PooledConnection): void {
    if (!this.#open.delete(connection)) return;
    this.#forget(connection);
    this.#advance();
  }

  onConnectionLate(connection: PooledConnection): void {
    if (connection.idle) this.#discard(connection);
    else this.#retire(connection);
  }

  /** A place is free: for who waits, over a connection that is there or one to be opened. */
  #advance(): void {
    if (this.#waiting.length === 0) return;
    this.#serve();
    this.#grow();
  }

  /** What has room takes the next waiter, or is kept within the limits for idle ones. */
  #park(connection: PooledConnection): void {
    if (!this.#open.has(connection)) return;
    const leftMs = this.#leftMs(connection);
    if (leftMs <= 0 || connection.connection.capacity === 0) return this.#retire(connection);
    if (connection.room <= 0) return;
    this.#available.add(connection);
    if (this.#waiting.length > 0) this.#serve();
    if (!connection.available) return;
    if (!connection.idle) return this.#watch(connection);
    const { maxIdleConnsPerHost, idleMs } = this.#settings;
    // A certificate may expire while its connection is idle.
    connection.deadline = this.#dependencies.deadlines.now + Math.min(idleMs === 0 ? Infinity : idleMs, leftMs);
    if (maxIdleConnsPerHost !== 0 && this.#available.idle > maxIdleConnsPerHost) this.#discard(connection);
    else if (this.#available.isOverBudget) {
      const oldest = this.#available.takeOldestIdle();
      if (oldest !== undefined) this.#discard(oldest);
    }
    // Who waits for a fresh connection at the limit needs this one's place.
    if (this.#waiting.length > 0) this.#grow();
  }

  /** Of a connection that may take calls beside those that it carries: until its certificate expires or it is too old. */
  #watch(connection: PooledConnection): void {
    connection.deadline = this.#dependencies.deadlines.now + this.#leftMs(connection);
  }

  /** It takes no further call: closed now, or when the last one that it carries is over. */
  #retire(connection: PooledConnection): void {
    this.#available.delete(connection);
    if (connection.connection.activeCalls > 0) return;
    this.#discard(connection);
    this.#advance();
  }

  #discard(connection: PooledConnection): void {
    this.#open.delete(connection);
    this.#forget(connection);
    connection.connection.destroy();
  }

  #forget(connection: PooledConnection): void {
    this.#dependencies.deadlines.delete(connection);
    this.#available.delete(connection);
    this.#addresses.gone(connection.address);
    this.#leaveWhenEmpty();
  }
}
