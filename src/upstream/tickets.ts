// TLS sessions of one endpoint under one TLS identity, each with the verdict of the full handshake it came from, since a
// resumed handshake shows no chain (N10). A TLS 1.3 ticket is offered once (RFC 8446 appendix C.4); newest first.
import type { Verdict } from '../trust/verdict.ts';

export type Ticket = {
  readonly session: Buffer;
  /** Of the full handshake at the root of the session; its code is ok. */
  readonly verdict: Verdict;
  /** Earliest notAfter of the chain, milliseconds since the epoch: a session never outlives its certificates. */
  readonly validUntil: number;
};

const maxTickets = 8;

export class Tickets {
  readonly #kept: Ticket[] = [];

  get size(): number {
    return this.#kept.length;
  }

  add(ticket: Ticket): void {
    if (this.#kept.length >= maxTickets) this.#kept.shift();
    this.#kept.push(ticket);
  }

  /** The newest ticket still good at `now`. TLS 1.2 sessions may be used again and stay. */
  take(now: number): Ticket | undefined {
    for (let ticket = this.#kept.pop(); ticket !== undefined; ticket = this.#kept.pop()) {
      if (ticket.validUntil <= now) continue;
      if (ticket.verdict.version === 'TLSv1.2') this.#kept.push(ticket);
      return ticket;
    }
    return undefined;
  }

  /** Puts back what `take` gave and nobody offered. */
  giveBack(ticket: Ticket): void {
    if (!this.#kept.includes(ticket)) this.add(ticket);
  }

  clear(): void {
    this.#kept.length = 0;
  }
}
