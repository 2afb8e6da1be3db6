// The system's own resolver (getaddrinfo), for names that only it knows: mDNS, NIS, whatever nsswitch.conf brings. Each call
// holds a thread of the pool until it returns, however long that takes: so there is one at a time, and the others wait here.
import { lookup, type LookupAddress } from 'node:dns';

export type SystemAnswer = { readonly addresses: readonly string[] } | { readonly raw: string };

type Waiting = { readonly name: string; cancelled: boolean; readonly done: (answer: SystemAnswer) => void };

/** getaddrinfo, in the shape of `lookup` with `all`. */
export type AskSystem = (
  name: string,
  options: { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
) => void;

const maxWaiting = 256;

export class SystemLookup {
  readonly #waiting: Waiting[] = [];
  readonly #askSystem: AskSystem;
  #busy = false;

  constructor(askSystem: AskSystem = lookup) {
    this.#askSystem = askSystem;
  }

  /** Calls `done` once, unless it is cancelled by the result. */
  ask(name: string, done: (answer: SystemAnswer) => void): () => void {
    const waiting: Waiting = { name, cancelled: false, done };
    if (this.#waiting.length >= maxWaiting) this.#dropCancelled();
    if (this.#waiting.length >= maxWaiting) done({ raw: 'EAI_AGAIN' });
    else {
      this.#waiting.push(waiting);
      this.#next();
    }
    return () => {
      waiting.cancelled = true;
    };
  }

  #dropCancelled(): void {
    const left = this.#waiting.filter(({ cancelled }) => !cancelled);
    this.#waiting.splice(0, this.#waiting.length, ...left);
  }

  #next(): void {
    if (this.#busy) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    if (next.cancelled) return this.#next();
    this.#busy = true;
    this.#askSystem(next.name, { all: true }, (error, found) => {
      this.#busy = false;
      const answer = error === null ? { addresses: found.map(({ address }) => address) } : { raw: error.code ?? '' };
      if (!next.cancelled) next.done(answer);
      this.#next();
    });
  }
}
