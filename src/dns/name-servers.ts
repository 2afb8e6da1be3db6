// Asks name servers for both kinds of addresses of one name, as it is written (RFC 1035, RFC 3596). c-ares does it with
// sockets of its own, so that a server which is silent holds no thread of the pool that files, crypto and others need.
import { type RecordWithTtl, Resolver } from 'node:dns';
import type { Clock } from '../base/clock.ts';
import type { Answer, FamilyAnswer } from './answer.ts';

/** What the answer for one family waits for the other, once it has addresses (RFC 8305 section 3 says 50 ms: within one site). */
const otherFamilyMs = 250;
const tries = 3;
const longestTryMs = 2_000;
/** More than this is no set of backends: what an answer holds beyond it is not used. */
const maxAddresses = 64;

export class NameServers {
  readonly #clock: Clock;
  readonly #resolver: Resolver;

  /** `servers`: IP addresses, with a port where it is not 53. Throws where one is neither. */
  constructor(clock: Clock, servers: readonly string[], timeoutMs: number) {
    this.#clock = clock;
    this.#resolver = new Resolver({ timeout: Math.ceil(Math.min(longestTryMs, timeoutMs / tries)), tries });
    this.#resolver.setServers(servers);
  }

  /** Calls `done` once, later. */
  ask(name: string, done: (answer: Answer) => void): void {
    const question = new Question(this.#clock, name, done);
    this.#resolver.resolve4(name, { ttl: true }, (error, found) => question.settle('v4', toFamily(name, error, found)));
    this.#resolver.resolve6(name, { ttl: true }, (error, found) => question.settle('v6', toFamily(name, error, found)));
  }

  /** What is under way ends at once, as failed. */
  close(): void {
    this.#resolver.cancel();
  }
}

class Question {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #done: (answer: Answer) => void;
  #v4: FamilyAnswer | undefined;
  #v6: FamilyAnswer | undefined;
  #over = false;
  #cancelWait: (() => void) | undefined;

  constructor(clock: Clock, name: string, done: (answer: Answer) => void) {
    this.#clock = clock;
    this.#name = name;
    this.#done = done;
  }

  settle(family: 'v4' | 'v6', answer: FamilyAnswer): void {
    if (this.#over) return;
    if (family === 'v4') this.#v4 = answer;
    else this.#v6 = answer;
    if (this.#v4 !== undefined && this.#v6 !== undefined) return this.#finish();
    const usable = 'addresses' in answer && answer.addresses.length > 0;
    if (usable) this.#cancelWait = this.#clock.after(otherFamilyMs, () => this.#finish());
  }

  #finish(): void {
    this.#over = true;
    this.#cancelWait?.();
    const late = { code: 'timeout', raw: 'ETIMEOUT', detail: `no name server answered for ${this.#name}` } as const;
    this.#done({ v4: this.#v4 ?? late, v6: this.#v6 ?? late });
  }
}

function toFamily(name: string, error: NodeJS.ErrnoException | null, found: readonly RecordWithTtl[]): FamilyAnswer {
  if (error === null) {
    const addresses = [...new Set(found.map(({ address }) => address))].sort().slice(0, maxAddresses);
    return { addresses, ttlMs: Math.min(...found.map(({ ttl }) => ttl)) * 1000 };
  }
  const raw = error.code ?? 'EUNKNOWN';
  if (raw === 'ENOTFOUND' || raw === 'ENODATA') return { addresses: [], ttlMs: Infinity };
  if (raw === 'ETIMEOUT') return { code: 'timeout', raw, detail: `no name server answered for ${name}` };
  return { code: 'failed', raw, detail: `the name servers could not answer for ${name} (${raw})` };
}
