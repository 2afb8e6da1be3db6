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

type Who = Pick<Peer, 'identity' | 'remoteAddress'>;

export class UselessTraffic {
  readonly #counts: FadingCounts;

  constructor(clock: Clock, clients = maxClients) {
    this.#counts = new FadingCounts(clock, { most, fadingPerSecond: forgivenPerSecond, maxKeys: clients });
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.#counts.size;
  }

  /** Once more. False: too much of it came lately. */
  note(who: Who, isExempt: boolean): boolean {
    const client = clientOf(who, isExempt);
    if (client === undefined) return true;
    this.#counts.note(client);
    return !this.#counts.isOver(client);
  }

  /** One of its connections had to be ended. */
  noteFlood(who: Who, isExempt: boolean): void {
    const client = clientOf(who, isExempt);
    if (client !== undefined) this.#counts.fill(client);
  }

  /**
   * The client, where too much came of it lately and it is told by its certificate: without one, it may be one of many at an
   * address, who should not wait for each other.
   */
  findGuilty(who: Who, isExempt: boolean): string | undefined {
    if (this.#counts.size === 0 || who.identity === undefined) return undefined;
    const client = clientOf(who, isExempt);
    return client !== undefined && this.#counts.isOver(client) ? client : undefined;
  }
}

/** Of an address with many clients behind it only certificates are told apart. */
function clientOf({ identity, remoteAddress }: Who, isExempt: boolean): string | undefined {
  const certificate = identity?.leaf.sha256;
  if (isExempt && certificate === undefined) return undefined;
  return `${isExempt ? '' : clientNetwork(remoteAddress)} ${certificate ?? ''}`;
}
