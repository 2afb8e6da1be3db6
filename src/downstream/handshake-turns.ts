// When the handshakes of one worker start. Each costs the event loop a good part of a millisecond that nobody else gets, so one turn
// of the loop starts few of them, and what is established is served between two turns. Where more clients come than that, they wait,
// and client networks take turns: one that floods waits behind itself. Networks whose handshakes came to nothing again and
// again (futile-handshakes.ts) wait for the others, but not for ever.
import { clientNetwork } from '../base/client-network.ts';
import type { FutileHandshakes } from './futile-handshakes.ts';

/** A handshake whose next step is ours. */
export interface TurnTaker {
  /** As Node prints it. */
  readonly remoteAddress: string;
  /** Starts it. Must not throw. */
  takeTurn(): void;
}

export type HandshakeTurnsOptions = {
  /** Handshakes that a turn of the event loop starts. */
  readonly perTurn: number;
  /** Calls in the next turn of the event loop. */
  readonly later: (act: () => void) => void;
  readonly futile: FutileHandshakes;
};

/** Of so many turns in a row the networks that wait for the others get one. */
const turnsPerFutile = 4;

/** Networks in the order of their next turns, each with those that wait, in the order of their coming. */
type Ring = Map<string, Set<TurnTaker>>;

export class HandshakeTurns {
  /** Whose handshakes came to nothing. */
  readonly futile: FutileHandshakes;
  readonly #options: HandshakeTurnsOptions;
  readonly #ring: Ring = new Map();
  readonly #futileRing: Ring = new Map();
  #waiting = 0;
  /** In this turn of the event loop. */
  #started = 0;
  #sinceFutile = 0;
  #isAwaited = false;

  constructor(options: HandshakeTurnsOptions) {
    this.#options = options;
    this.futile = options.futile;
  }

  /** One at a time: all of the event loop is theirs who are established, as soon as a handshake has had its step. */
  static ofWorker(futile: FutileHandshakes): HandshakeTurns {
    return new HandshakeTurns({ perTurn: 1, later: setImmediate, futile });
  }

  /** Handshakes that wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Starts it now where that keeps nobody waiting, else when its turn has come. */
  take(taker: TurnTaker): void {
    this.#await();
    if (this.#waiting === 0 && this.#started < this.#options.perTurn) {
      this.#started += 1;
      taker.takeTurn();
      return;
    }
    const ring = this.futile.isFutile(taker.remoteAddress) ? this.#futileRing : this.#ring;
    const network = clientNetwork(taker.remoteAddress);
    const others = ring.get(network);
    if (others === undefined) ring.set(network, new Set([taker]));
    else others.add(taker);
    this.#waiting += 1;
  }

  /** It is gone, or was never there. */
  leave(taker: TurnTaker): void {
    if (this.#waiting === 0) return;
    const network = clientNetwork(taker.remoteAddress);
    for (const ring of [this.#ring, this.#futileRing]) {
      const waiting = ring.get(network);
      if (waiting?.delete(taker) !== true) continue;
      this.#waiting -= 1;
      if (waiting.size === 0) ring.delete(network);
    }
  }

  #await(): void {
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    this.#options.later(() => this.#onTurn());
  }

  #onTurn(): void {
    this.#isAwaited = false;
    this.#started = 0;
    while (this.#waiting > 0 && this.#started < this.#options.perTurn) {
      this.#started += 1;
      this.#next().takeTurn();
    }
    // Another turn for those that wait; where nobody does, for the count to begin anew.
    if (this.#started > 0) this.#await();
  }

  #next(): TurnTaker {
    const isFutile = this.#futileRing.size > 0 && (this.#ring.size === 0 || ++this.#sinceFutile >= turnsPerFutile);
    if (isFutile) this.#sinceFutile = 0;
    const ring = isFutile ? this.#futileRing : this.#ring;
    for (const [network, waiting] of ring) {
      ring.delete(network);
      for (const first of waiting) {
        waiting.delete(first);
        this.#waiting -= 1;
        if (waiting.size > 0) ring.set(network, waiting);
        return first;
      }
    }
    throw new Error('nobody waits for a turn');
  }
}
