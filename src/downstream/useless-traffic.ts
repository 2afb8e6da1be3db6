// What clients send of no use over HTTP/2, beyond what each connection has earned (http2/abuse-budget.ts): counted for all connections
// of a client together, so that one which is cut off does not begin anew with a clean slate. A client is a certificate at an
// address: whoever else is behind that address is none the worse for it.
import { clientNetwork } from '../base/client-network.ts';
import type { Clock } from '../base/clock.ts';
import { FadingCounts } from './fading-counts.ts';
import type { Peer } from './peer.ts';

const maxClients = 65_536;
/** What one connection may at once, and with each second, without having earned it. */
const most = 200;
const forgivenPerSecond = 20;

export class UselessTraffic {
  readonly #counts: FadingCounts;

  constructor(clock: Clock, clients = maxClients) {
    this.#counts = new FadingCounts(clock, { most, fadingPerSecond: forgivenPerSecond, maxKeys: clients });
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.#counts.size;
  }

  /** Once more. False: too much of it came lately. Of an address with many clients behind it only certificates are told apart. */
  note({ identity, remoteAddress }: Pick<Peer, 'identity' | 'remoteAddress'>, isExempt: boolean): boolean {
    const certificate = identity?.leaf.sha256;
    if (isExempt && certificate === undefined) return true;
    const client = `${isExempt ? '' : clientNetwork(remoteAddress)} ${certificate ?? ''}`;
    this.#counts.note(client);
    return !this.#counts.isOver(client);
  }
}
