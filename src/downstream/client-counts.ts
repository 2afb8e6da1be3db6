// How many of something each client has at once: connections, requests. One client is one address (base/client-network.ts).
// A client is forgotten as soon as it has none left; should there be more clients than are told apart, all further ones share
// the room of one, so that a crowd of addresses gets no further than a single client does.
import { clientNetwork } from '../base/client-network.ts';

const maxClients = 65_536;

/** Those that are not told apart. */
const theRest = '';

export class ClientCounts {
  readonly #counts = new Map<string, number>();
  readonly #maxClients: number;

  constructor(most = maxClients) {
    this.#maxClients = most;
  }

  /** The clients that have any. */
  get size(): number {
    return this.#counts.size;
  }

  /** One more for the client at this address; undefined where it has `limit` already. Given back by `leave`, once. */
  enter(address: string, limit: number): string | undefined {
    const network = clientNetwork(address);
    const isKnown = this.#counts.has(network) || this.#counts.size < this.#maxClients;
    const client = isKnown ? network : theRest;
    const count = this.#counts.get(client) ?? 0;
    if (count >= limit) return undefined;
    this.#counts.set(client, count + 1);
    return client;
  }

  /** `client`: what `enter` gave. */
  leave(client: string): void {
    const count = this.#counts.get(client) ?? 0;
    if (count > 1) this.#counts.set(client, count - 1);
    else this.#counts.delete(client);
  }
}
