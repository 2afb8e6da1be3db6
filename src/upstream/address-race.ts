// TCP to the first of several addresses that answers (RFC 8305 section 5): an attempt starts when the one before has failed or
// has kept us waiting, and none is given up for being slow while it may still win. With one address it is that attempt.
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { toFault } from '../base/fault.ts';
import type { Addresses } from './addresses.ts';
import { rawCode } from './transport-failure.ts';

/** "Connection Attempt Delay": the RFC recommends 250 ms. */
const attemptDelayMs = 250;
/** A name server could tell hundreds. */
const maxAttempts = 16;

export type RaceOptions = {
  /** In the order in which they are to be tried. */
  readonly order: readonly string[];
  /** Hears which ones are being tried, were slow, and failed. */
  readonly addresses: Addresses;
  readonly clock: Clock;
  /** Begins to connect to an address; the first listeners of the socket are the race's. */
  readonly connect: (address: string) => Socket;
};

export interface RaceOwner {
  /** TCP is up; on a TLS socket the handshake begins when this returns. The address counts as tried until the owner says otherwise. */
  onWon(socket: Socket, address: string): void;
  /** None came up: the errors of all. Not called from within `start`. */
  onLost(error: Error): void;
}

type Runner = { readonly address: string; readonly socket: Socket; readonly isSlow: () => boolean };

export class AddressRace {
  readonly #options: RaceOptions;
  readonly #owner: RaceOwner;
  readonly #left: string[];
  readonly #running = new Set<Runner>();
  readonly #errors: Error[] = [];
  #isOver = false;
  #cancelTimer: () => void = () => undefined;

  constructor(options: RaceOptions, owner: RaceOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#left = options.order.slice(0, maxAttempts);
  }

  start(): void {
    this.#next();
  }

  /** Gives up; the owner is not called. `raw` is what all that still run have failed with, where they have. */
  cancel(raw?: string): void {
    this.#isOver = true;
    this.#cancelTimer();
    for (const { address, socket } of this.#running) {
      if (raw !== undefined) this.#options.addresses.failed(address, raw);
      this.#options.addresses.gone(address);
      socket.destroy();
    }
    this.#running.clear();
  }

  #next(): void {
    this.#cancelTimer();
    const address = this.#left.shift();
    if (address === undefined) {
      if (this.#running.size === 0) this.#lose();
      return;
    }
    const { addresses, clock, connect } = this.#options;
    addresses.begun(address);
    try {
      const socket = connect(address);
      const startedAt = clock.monotonic();
      const runner = { address, socket, isSlow: () => clock.monotonic() - startedAt >= attemptDelayMs };
      this.#running.add(runner);
      // These stay on the socket for its life: once the race is over they only keep the process alive.
      socket.on('error', (error) => this.#onFailed(runner, error));
      socket.on('close', () => this.#onFailed(runner, undefined));
      socket.prependOnceListener('connect', () => this.#onConnected(runner));
    } catch (error) {
      addresses.gone(address);
      this.#errors.push(toFault(error));
      queueMicrotask(() => this.#advance());
      return;
    }
    if (this.#left.length > 0) this.#cancelTimer = clock.after(attemptDelayMs, () => this.#next());
  }

  #advance(): void {
    if (!this.#isOver) this.#next();
  }

  #onConnected(winner: Runner): void {
    if (this.#isOver || !this.#running.delete(winner)) return;
    // Who had his time and did not answer within it would keep the next connection waiting as well.
    for (const { address, isSlow } of this.#running) if (isSlow()) this.#options.addresses.failed(address, 'ETIMEDOUT');
    this.cancel();
    this.#owner.onWon(winner.socket, winner.address);
  }

  #onFailed(runner: Runner, error: Error | undefined): void {
    if (this.#isOver || !this.#running.delete(runner)) return;
    const cause = error ?? Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' });
    this.#errors.push(cause);
    this.#options.addresses.failed(runner.address, rawCode(cause));
    this.#options.addresses.gone(runner.address);
    this.#next();
  }

  #lose(): void {
    this.#isOver = true;
    const [first = new Error('no address to connect to')] = this.#errors;
    this.#owner.onLost(this.#errors.length < 2 ? first : new AggregateError(this.#errors, first.message));
  }
}
