// One connection that is passed through: whom it is for (perhaps by the server name of its ClientHello, which is looked at and not
// consumed), a connection to there, then bytes both ways that nobody reads, with back-pressure, each direction with an end of
// its own. Every wait has its limit.
import net, { type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Deadlines, Late } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import { Fault } from '../base/fault.ts';
import { type Address, type Peer, peerOfPlainConnection } from '../downstream/peer.ts';
import { writeProxyHeader } from '../proxy-protocol/writer.ts';
import { AddressRace, type RaceOwner } from '../upstream/address-race.ts';
import type { ConnectTimes } from '../upstream/dependencies.ts';
import { connectFault, lookUpFault } from '../upstream/transport-failure.ts';
import { BothWays } from './both-ways.ts';
import { FirstBytes, type FirstBytesOwner, type HelloRefusal, readServerName, refuseName } from './first-bytes.ts';
import type { Target, Targets } from './target.ts';

/** Where one direction has ended, a silence of the other: a side that was killed may look like one that only listens. */
const halfClosedMs = 60_000;
/** For a client to read its alert, before the connection is torn down. */
const lingerMs = 1_000;
const keepAliveAfterMs = 30_000;

export type PassedTimes = {
  /** For the whole ClientHello. */
  readonly helloMs: number;
  readonly connectMs: number;
  /** 0: no limit. */
  readonly idleMs: number;
};

/** What became of it: for log and metrics. */
export type PassedEnd = {
  readonly peer: Peer;
  /** As the client said it. */
  readonly serverName: string;
  /** `host:port`; '' where it was not known. */
  readonly target: string;
  readonly fault: Fault | undefined;
  readonly durationMs: number;
  /** From the client, and to it. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
};

/** Told from within socket callbacks: must not throw. */
export interface PassedOwner {
  onConnected(target: string, times: ConnectTimes): void;
  onConnectFailure(target: string, fault: Fault, times: ConnectTimes): void;
  /** Both sides are gone, or will be in a moment. Called once. */
  onOver(connection: PassedConnection, end: PassedEnd): void;
}

export type PassedDependencies = { readonly clock: Clock; readonly deadlines: Deadlines };

export class PassedConnection implements Late, RaceOwner, FirstBytesOwner {
  deadline: number;
  slot = noSlot;
  readonly #client: Socket;
  readonly #targets: Targets;
  readonly #times: PassedTimes;
  readonly #dependencies: PassedDependencies;
  readonly #owner: PassedOwner;
  readonly #peer: Peer;
  readonly #startedAt: number;
  #phase: 'hello' | 'connect' | 'open' | 'over' = 'hello';
  /** What the client sent before there was somebody to send it to. */
  #early: readonly Buffer[] = [];
  #serverName = '';
  #target: Target | undefined;
  /** Of the target, counted there while the connection to it is open. */
  #address = '';
  #cancelLookUp: (() => void) | undefined;
  #race: AddressRace | undefined;
  #connectAt = 0;
  #backend: Socket | undefined;
  #bytes: BothWays | undefined;
  /** Sockets that are closed, after both directions had ended. */
  #closed = 0;

  /** `address`: the client's. */
  constructor(
    client: Socket,
    address: Address,
    targets: Targets,
    times: PassedTimes,
    dependencies: PassedDependencies,
    owner: PassedOwner,
  ) {
    this.#client = client;
    this.#targets = targets;
    this.#times = times;
    this.#dependencies = dependencies;
    this.#owner = owner;
    this.#peer = peerOfPlainConnection(address);
    this.#startedAt = dependencies.clock.monotonic();
    this.deadline = this.#startedAt + times.helloMs;
  }

  /** Takes the socket over, fresh from the listener. */
  begin(): void {
    this.#dependencies.deadlines.add(this);
    this.#client.on('error', () => this.#onClientBroken());
    this.#client.on('close', () => this.#onClosed(() => this.#onClientBroken()));
    const { only } = this.#targets;
    if (only !== undefined) return this.#connect(only);
    new FirstBytes(this.#client, this).begin();
  }

  /** Ends it now. */
  destroy(why: Fault): void {
    if (this.#phase === 'over') this.#client.destroy();
    this.#finish(why, true);
  }

  // --- whom it is for

  onNoHello(): void {
    this.#onClientBroken();
  }

  onHello(hello: Parameters<typeof readServerName>[0], bytes: readonly Buffer[]): void {
    this.#early = bytes;
    const read = readServerName(hello);
    if ('code' in read) return this.#refuse(read);
    this.#serverName = read.said;
    const target = this.#targets.find(read.name);
    if (target === undefined) this.#refuse(refuseName(read.said));
    else this.#connect(target);
  }

  /** With an alert where the client can read one. */
  #refuse({ code, detail, remedy, lastWords }: HelloRefusal): void {
    this.#report(new Fault(code, 'client', { detail, remedy }));
    if (lastWords === undefined) return this.#close(false);
    // What it still sends is thrown away: unread bytes would make the kernel reset, and lose our words.
    const { clock, deadlines } = this.#dependencies;
    this.deadline = clock.monotonic() + lingerMs;
    deadlines.add(this);
    this.#client.on('end', () => this.#client.destroy());
    this.#client.resume();
    this.#client.end(lastWords);
  }

  // --- the connection to there

  #connect(target: Target): void {
    const { clock } = this.#dependencies;
    this.#target = target;
    this.#phase = 'connect';
    this.#client.pause();
    this.#connectAt = clock.monotonic();
    this.deadline = this.#connectAt + this.#times.connectMs;
    const connect = (host: string): Socket =>
      net.connect({
        host,
        port: target.port,
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveAfterMs,
      });
    this.#cancelLookUp = target.addresses.choose((found) => {
      if ('failure' in found) return this.#failConnect(lookUpFault(found.failure, target.name));
      this.#race = new AddressRace({ order: found.addresses, addresses: target.addresses, clock, connect }, this);
      this.#race.start();
    });
  }

  onLost(error: Error): void {
    const label = this.#target?.name ?? '';
    const situation = {
      label,
      phase: 'connect',
      presents: undefined,
      sawBackendCertificate: false,
      offered: '',
    } as const;
    this.#failConnect(connectFault(error, situation));
  }

  #failConnect(fault: Fault): void {
    if (this.#phase !== 'connect') return;
    this.#owner.onConnectFailure(this.#target?.name ?? '', fault, this.#connectTimes());
    this.#finish(fault, true);
  }

  onWon(backend: Socket, address: string): void {
    const target = this.#target;
    if (this.#phase !== 'connect' || target === undefined) {
      target?.addresses.gone(address);
      backend.destroy();
      return;
    }
    this.#phase = 'open';
    this.#backend = backend;
    this.#address = address;
    target.addresses.reached(address);
    this.#owner.onConnected(target.name, this.#connectTimes());
    backend.on('error', () => this.#onBackendBroken());
    backend.on('close', () => this.#onClosed(() => this.#onBackendBroken()));
    if (target.proxyProtocol !== undefined && !this.#introduce(backend, target.proxyProtocol)) return;
    const bytes = new BothWays(this.#client, backend, () => this.#touch());
    this.#bytes = bytes;
    this.#touch();
    bytes.begin(this.#early);
    this.#early = [];
  }

  /** Says who connects. False where the client is gone, and has no address any more. */
  #introduce(backend: Socket, version: 1 | 2): boolean {
    const { remoteAddress, remotePort, localAddress = '', localPort } = this.#peer;
    const destination = { address: localAddress, port: localPort };
    try {
      backend.write(writeProxyHeader(version, { source: { address: remoteAddress, port: remotePort }, destination }));
      return true;
    } catch {
      this.#onClientBroken();
      return false;
    }
  }

  /** One of the directions. */
  get #hasEnded(): boolean {
    return this.#bytes !== undefined && this.#bytes.ended > 0;
  }

  #touch(): void {
    const { idleMs } = this.#times;
    const ms = idleMs === 0 ? Infinity : idleMs;
    this.deadline = this.#dependencies.deadlines.now + (this.#hasEnded ? Math.min(ms, halfClosedMs) : ms);
  }

  // --- endings

  onLate(): void {
    switch (this.#phase) {
      case 'hello':
        return this.#finish(new Fault('timeout', 'client', { detail: 'no ClientHello in time' }), true);
      case 'connect': {
        const { connectMs } = this.#times;
        const detail = `${this.#target?.name ?? ''} did not accept the connection within ${connectMs} ms`;
        this.#race?.cancel('ETIMEDOUT');
        return this.#failConnect(new Fault('timeout', 'backend', { detail, raw: 'deadline' }));
      }
      case 'open': {
        const detail = this.#hasEnded
          ? 'one side had ended, and the other said nothing more'
          : 'neither side said anything';
        return this.#finish(new Fault('tunnel_idle', 'client', { detail }), true);
      }
      case 'over':
      default:
        // It had its alert.
        this.#client.destroy();
    }
  }

  #onClientBroken(): void {
    const detail = 'the client broke the connection off';
    if (this.#phase !== 'over') this.#finish(new Fault('client_aborted', 'client', { detail }), true);
  }

  #onBackendBroken(): void {
    const detail = `${this.#target?.name ?? ''} broke the connection off`;
    if (this.#phase !== 'over') this.#finish(new Fault('backend_closed', 'backend', { detail }), true);
  }

  /** One of the sockets is closed: well, if both directions had ended. */
  #onClosed(onBroken: () => void): void {
    if (this.#phase === 'over') return this.#dependencies.deadlines.delete(this);
    if (this.#bytes?.ended !== 2) return onBroken();
    this.#closed += 1;
    if (this.#closed === 2) this.#finish(undefined, false);
  }

  #finish(fault: Fault | undefined, reset: boolean): void {
    if (this.#phase === 'over') return;
    this.#report(fault);
    this.#close(reset);
  }

  #report(fault: Fault | undefined): void {
    this.#phase = 'over';
    this.deadline = Infinity;
    const { clock, deadlines } = this.#dependencies;
    deadlines.delete(this);
    this.#early = [];
    this.#cancelLookUp?.();
    this.#race?.cancel();
    if (this.#address !== '') this.#target?.addresses.gone(this.#address);
    this.#owner.onOver(this, {
      peer: this.#peer,
      serverName: this.#serverName,
      target: this.#target?.name ?? '',
      fault,
      durationMs: clock.monotonic() - this.#startedAt,
      receivedBytes: this.#bytes?.received ?? 0,
      sentBytes: this.#bytes?.sent ?? 0,
    });
  }

  /** `reset`: what was cut must not look as if it had ended. */
  #close(reset: boolean): void {
    for (const socket of [this.#client, this.#backend]) {
      if (socket === undefined || socket.destroyed) continue;
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  #connectTimes(): ConnectTimes {
    return { connectMs: this.#dependencies.clock.monotonic() - this.#connectAt, handshakeMs: undefined };
  }
}
