// The entry points of one worker, TLS and plain: opened together, closed so that nobody who is on the way is lost.
import type { Clock } from '../base/clock.ts';
import { ClientCounts } from './client-counts.ts';
import type { FutileHandshakes } from './futile-handshakes.ts';
import { HandshakeLimits } from './handshake-limits.ts';
import { HandshakeTurns } from './handshake-turns.ts';
import type { TlsListener } from './listener.ts';
import { type TlsEntry, type TlsEntryOptions, makeTlsEntry } from './tls-entry.ts';
import { connectionsWithin, findDescriptorLimit } from './descriptors.ts';
import { PlainListener, type PlainListenerOptions } from './plain-listener.ts';

/** By the name of the entry point, for those that are on. */
export type ListenPorts = Readonly<Record<string, number>>;

export type EntryPointsOptions = {
  readonly clock: Clock;
  /** Share the ports with other processes (SO_REUSEPORT). */
  readonly reusePort: boolean;
  /** Filled by others, too. */
  readonly futile: FutileHandshakes;
};

/** Connections that one worker holds on one entry point at once. */
const mostConnections = 20_000;

/** A turn of the event loop that took less has accepted nobody, and had nothing else to do. */
const shortTurnMs = 0.15;
const maxTurns = 200;

export class EntryPoints {
  readonly #options: EntryPointsOptions;
  /** Of each entry point. */
  readonly #maxConnections = connectionsWithin(findDescriptorLimit(), mostConnections);
  /** Of each client, on all entry points. */
  readonly connections = new ClientCounts();
  readonly #handshakes: HandshakeLimits;
  readonly #turns: HandshakeTurns;
  readonly #secure: TlsEntry[] = [];
  readonly #plain: PlainListener[] = [];

  constructor(options: EntryPointsOptions) {
    this.#options = options;
    this.#handshakes = new HandshakeLimits(options.clock);
    this.#turns = HandshakeTurns.ofWorker(options.futile);
  }

  /** `host`: its address. Rejects with the system's error. */
  async openSecure(
    host: string,
    port: number,
    downstream: Omit<TlsEntryOptions, 'maxConnections' | 'clientConnections' | 'handshakes' | 'turns'>,
  ): Promise<void> {
    const entry = makeTlsEntry({
      ...downstream,
      maxConnections: this.#maxConnections,
      clientConnections: this.connections,
      handshakes: this.#handshakes,
      turns: this.#turns,
    });
    this.#secure.push(entry);
    await entry.listener.listen({ host, port, reusePort: this.#options.reusePort });
  }

  /** Likewise. */
  async openPlain(
    host: string,
    port: number,
    plain: Omit<PlainListenerOptions, 'maxConnections' | 'connections'>,
  ): Promise<void> {
    const listener = new PlainListener({
      ...plain,
      maxConnections: this.#maxConnections,
      connections: this.connections,
    });
    this.#plain.push(listener);
    await listener.listen(host, port, this.#options.reusePort);
  }

  /**
   * Closing a listener resets what waits in its queue, and libuv accepts one connection per turn of the event loop: so it
   * waits for a short turn in which none came. What is left of the gap only the kernel can close (tcp_migrate_req).
   */
  async emptyQueues(): Promise<void> {
    const { clock } = this.#options;
    for (let turns = 0; turns < maxTurns; turns++) {
      const before = clock.monotonic();
      const accepted = this.#accepted;
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#accepted === accepted && clock.monotonic() - before < shortTurnMs) return;
    }
  }

  /** Stops accepting; resolves when every connection that was accepted is gone. */
  async close(): Promise<void> {
    await Promise.all(this.#listeners.map(closeListener));
  }

  /** Writes what was counted of refused handshakes and not told yet: before the process ends, and when the rules have changed. */
  flushRefusals(): void {
    for (const { flushRefusals } of this.#secure) flushRefusals();
  }

  get #accepted(): number {
    return this.#listeners.reduce((sum, { accepted }) => sum + accepted, 0);
  }

  get #listeners(): (TlsListener | PlainListener)[] {
    return [...this.#secure.map(({ listener }) => listener), ...this.#plain];
  }
}

/** Resolves when the listener and every connection that it accepted are gone. */
async function closeListener(listener: TlsListener | PlainListener): Promise<void> {
  return new Promise((resolve) => {
    listener.close(resolve);
  });
}
