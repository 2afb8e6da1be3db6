// The entry points of one worker, TLS and plain: opened together, closed so that nobody who is on the way is lost.
import type { Clock } from '../base/clock.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import { ClientCounts } from './client-counts.ts';
import type { TlsListener } from './listener.ts';
import { type TlsEntry, type TlsEntryOptions, makeTlsEntry } from './tls-entry.ts';
import { connectionsWithin, findDescriptorLimit } from './descriptors.ts';
import { PlainListener, type PlainListenerOptions } from './plain-listener.ts';

export type EntryPointsOptions = {
  readonly clock: Clock;
  /** Share the ports with other processes (SO_REUSEPORT). */
  readonly reusePort: boolean;
  readonly addresses: GatewayConfig['entryPoints'];
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
  #downstream: TlsEntry | undefined;
  #web: PlainListener | undefined;

  constructor(options: EntryPointsOptions) {
    this.#options = options;
  }

  /** Rejects with the system's error. */
  async openSecure(
    port: number,
    downstream: Omit<TlsEntryOptions, 'maxConnections' | 'clientConnections'>,
  ): Promise<void> {
    const { addresses, reusePort } = this.#options;
    this.#downstream = makeTlsEntry({
      ...downstream,
      maxConnections: this.#maxConnections,
      clientConnections: this.connections,
    });
    await this.#downstream.listener.listen({ host: addresses.webSecure.host, port, reusePort });
  }

  /** Likewise. */
  async openPlain(port: number, plain: Omit<PlainListenerOptions, 'maxConnections' | 'connections'>): Promise<void> {
    const { addresses, reusePort } = this.#options;
    this.#web = new PlainListener({
      ...plain,
      maxConnections: this.#maxConnections,
      connections: this.connections,
    });
    await this.#web.listen(addresses.web.host, port, reusePort);
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
    await Promise.all([closeListener(this.#downstream?.listener), closeListener(this.#web)]);
  }

  /** Writes what was counted of refused handshakes and not told yet: before the process ends, and when the rules have changed. */
  flushRefusals(): void {
    this.#downstream?.flushRefusals();
  }

  get #accepted(): number {
    return (this.#downstream?.listener.accepted ?? 0) + (this.#web?.accepted ?? 0);
  }
}

/** Resolves when the listener and every connection that it accepted are gone. */
async function closeListener(listener: TlsListener | PlainListener | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (listener === undefined) resolve();
    else listener.close(resolve);
  });
}
