// The TLS sessions that a worker keeps for its clients, where no other worker and no other gateway could resume them anyway: these are
// renewed with each use, which Node does for no ticket (N25, N31, decision 83), for as long as the first would have lived. Bounded: the
// oldest goes first. Whoever loses one comes back with a full handshake.
import type { Clock } from '../base/clock.ts';

/** Some 600 bytes each: what a session holds beside its keys is the certificate of the client. */
const maxSessions = 8192;
/** One that is larger is not kept. */
const maxSessionBytes = 4096;

type Kept = { readonly name: string; readonly session: Buffer; readonly until: number };

export class SessionStore {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #max: number;
  // What comes and goes with every connection stands in no Map (decision 61): names and places do no harm there.
  readonly #kept: (Kept | undefined)[] = [];
  readonly #places = new Map<string, number>();
  #next = 0;

  constructor(clock: Pick<Clock, 'monotonic'>, max = maxSessions) {
    this.#clock = clock;
    this.#max = max;
  }

  get size(): number {
    return this.#places.size;
  }

  /**
   * `policy`: the digest of everything that decides trust. `number`: of the session, latin1. `until`: when it ends at the latest,
   * Clock.monotonic(). Takes `session` over.
   */
  add(policy: string, number: string, session: Buffer, lifetimeS: number, until = Infinity): void {
    if (session.length > maxSessionBytes) {
      session.fill(0);
      return;
    }
    const name = nameOf(policy, number);
    const ends = Math.min(until, this.#clock.monotonic() + lifetimeS * 1000);
    this.#forget(this.#places.get(name));
    this.#forget(this.#next);
    this.#kept[this.#next] = { name, session, until: ends };
    this.#places.set(name, this.#next);
    this.#next = (this.#next + 1) % this.#max;
  }

  /** As Node takes it, to be read at once. */
  find(policy: string, number: string): Buffer | undefined {
    const place = this.#places.get(nameOf(policy, number));
    const kept = place === undefined ? undefined : this.#kept[place];
    if (kept === undefined || kept.until > this.#clock.monotonic()) return kept?.session;
    this.#forget(place);
    return undefined;
  }

  /** When it ends, Clock.monotonic(); undefined where it is not there. */
  findEnd(policy: string, number: string): number | undefined {
    const place = this.#places.get(nameOf(policy, number));
    return place === undefined ? undefined : this.#kept[place]?.until;
  }

  delete(policy: string, number: string): void {
    this.#forget(this.#places.get(nameOf(policy, number)));
  }

  /** It holds the secret of the session. */
  #forget(place: number | undefined): void {
    const kept = place === undefined ? undefined : this.#kept[place];
    if (place === undefined || kept === undefined) return;
    kept.session.fill(0);
    this.#places.delete(kept.name);
    this.#kept[place] = undefined;
  }
}

function nameOf(policy: string, number: string): string {
  return `${policy} ${number}`;
}
