// What an accepted connection has to pass on every entry point, before TLS or HTTP begins: the PROXY header of a balancer, so
// that the address is the client's from here on, and the number of connections that one client may have.
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import type { FaultCode } from '../base/fault.ts';
import type { ClientCounts } from './client-counts.ts';
import { type Address, addressOf } from './peer.ts';
import { PendingHandshakes, type PendingLimits } from './pending-handshakes.ts';
import { type PrefaceOwner, ProxyPreface } from './proxy-preface.ts';
import type { ProxySources } from './proxy-sources.ts';

/** The active rules, taken anew for each connection. */
export type AdmissionRules = {
  /** undefined: no connection begins with a PROXY header. */
  readonly proxySources: ProxySources | undefined;
  /** Of one client; 0 = no limit. */
  readonly connectionsPerClient: number;
  /** Many clients stand behind such an address: no limit of one holds for it. */
  readonly isExempt: (address: string) => boolean;
  /** For the header, as part of the handshake. Above 0: every wait ends. */
  readonly handshakeTimeoutMs: number;
  /** Connections without a header, or without a verdict, per worker. */
  readonly pendingHandshakes: PendingLimits;
};

/** Every address is a client, and may have as much as it wants. */
export const openAdmission = {
  proxySources: undefined,
  connectionsPerClient: 0,
  handshakesPerClient: 0,
  isExempt: () => false,
} as const;

export type AdmissionOptions = {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Shared by the entry points of a worker. */
  readonly connections: ClientCounts;
  readonly rules: () => AdmissionRules;
};

export type RefusedAdmission = {
  readonly code: Extract<
    FaultCode,
    'bad_proxy_header' | 'untrusted_proxy' | 'client_limit' | 'timeout' | 'handshake_limit' | 'refused_by_peer'
  >;
  readonly detail: string;
};

/** Must not throw. */
export interface AdmissionOwner {
  /** `raw` may be paused. `acceptedAt`: Clock.monotonic(). */
  onAdmitted(raw: Socket, address: Address, acceptedAt: number): void;
  /** The connection is closed, or about to be. */
  onRefused(address: Address, refused: RefusedAdmission): void;
}

export class Admission implements PrefaceOwner {
  readonly #options: AdmissionOptions;
  readonly #owner: AdmissionOwner;
  readonly #prefaces = new PendingHandshakes({ max: 0, maxPerNetwork: 0 });
  readonly #acceptedAt = new WeakMap<ProxyPreface, number>();

  constructor(options: AdmissionOptions, owner: AdmissionOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** Connections whose PROXY header is not read yet. */
  get pending(): number {
    return this.#prefaces.total;
  }

  /** Fresh from the listener. */
  take(raw: Socket): void {
    const rules = this.#options.rules();
    const address = addressOf(raw);
    // Reset before it was accepted, as health checks do: nobody is there, and what it sent is nobody's.
    if (address.remoteAddress === '') {
      raw.destroy();
      return;
    }
    const now = this.#options.clock.monotonic();
    const expected = rules.proxySources?.expect(address.remoteAddress) ?? 'direct';
    if (expected === 'direct') this.#admit(raw, address, now, rules);
    else if (expected === 'header') this.#awaitHeader(raw, address, now, rules);
    else {
      const detail = 'only the balancers of proxyProtocol.from may connect here';
      this.#refuse(raw, address, { code: 'untrusted_proxy', detail });
    }
  }

  #awaitHeader(raw: Socket, balancer: Address, now: number, rules: AdmissionRules): void {
    // One address holds all of a balancer's: its own limit is that of its clients.
    this.#prefaces.setLimits({ max: rules.pendingHandshakes.max, maxPerNetwork: 0 });
    const preface = new ProxyPreface(raw, balancer, now + rules.handshakeTimeoutMs, this);
    if (this.#prefaces.enter(preface)) {
      this.#acceptedAt.set(preface, now);
      this.#options.deadlines.add(preface);
      preface.begin();
    } else this.#refuse(raw, balancer, { code: 'handshake_limit', detail: 'too many handshakes at once' });
  }

  onHeader(preface: ProxyPreface, address: Address): void {
    this.#leave(preface);
    const { clock, rules } = this.#options;
    this.#admit(preface.raw, address, this.#acceptedAt.get(preface) ?? clock.monotonic(), rules());
  }

  onRefused(preface: ProxyPreface, code: RefusedAdmission['code'], detail: string): void {
    this.#leave(preface);
    this.#owner.onRefused(preface.balancer, { code, detail });
  }

  onSilence(preface: ProxyPreface): void {
    this.#leave(preface);
  }

  #leave(preface: ProxyPreface): void {
    this.#prefaces.leave(preface);
    this.#options.deadlines.delete(preface);
  }

  #admit(raw: Socket, address: Address, acceptedAt: number, rules: AdmissionRules): void {
    const { connections } = this.#options;
    const { connectionsPerClient, isExempt } = rules;
    const isLimited = connectionsPerClient > 0 && !isExempt(address.remoteAddress);
    const client = connections.enter(address.remoteAddress, isLimited ? connectionsPerClient : Infinity);
    if (client === undefined) {
      const detail = `clientLimits.connections was reached: ${connectionsPerClient} of ${address.remoteAddress}`;
      this.#refuse(raw, address, { code: 'client_limit', detail });
      return;
    }
    raw.once('close', () => connections.leave(client));
    this.#owner.onAdmitted(raw, address, acceptedAt);
  }

  #refuse(raw: Socket, address: Address, refused: RefusedAdmission): void {
    raw.destroy();
    this.#owner.onRefused(address, refused);
  }
}
