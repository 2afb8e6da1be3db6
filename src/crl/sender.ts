// Sends one worker the CRLs that are active: each index once, in pieces small enough that no event loop stalls, then the list of
// what counts now. One delivery after the other, each with what is newest when its turn comes.
import type { CrlGroup } from './publisher.ts';
import type { CrlMessage } from './subscriber.ts';

const pieceBytes = 64 * 1024;

export class CrlSender {
  readonly #send: (message: CrlMessage) => Promise<void>;
  /** Digests that the worker has. */
  #delivered = new Set<string>();
  #turn: Promise<void> = Promise.resolve();
  #isWaiting = false;
  #hasTold = false;

  /** `send` sends one message and resolves when it is written, or the worker is gone. */
  constructor(send: (message: CrlMessage) => Promise<void>) {
    this.#send = send;
  }

  /**
   * Resolves when everything is on its way; what is sent to the worker afterwards arrives after it. Rejects as `send` does;
   * the next delivery begins anew.
   */
  async deliver(groups: () => readonly CrlGroup[]): Promise<void> {
    // Whoever waits for its turn will take the newest along.
    if (this.#isWaiting) return this.#turn;
    this.#isWaiting = true;
    const before = this.#turn.catch(() => {});
    this.#turn = before.then(async () => {
      this.#isWaiting = false;
      await this.#sendAll(groups());
    });
    return this.#turn;
  }

  async #sendAll(groups: readonly CrlGroup[]): Promise<void> {
    // Nothing was asked for, and it was never told of anything.
    if (groups.length === 0 && !this.#hasTold) return;
    this.#hasTold = true;
    const needed = new Map(groups.flatMap(({ crls }) => crls.map(({ facts, index }) => [facts.digest, index])));
    for (const [digest, index] of needed) {
      if (this.#delivered.has(digest)) continue;
      for (let offset = 0; offset < index.length; offset += pieceBytes) {
        const piece = index.subarray(offset, offset + pieceBytes);
        await this.#send({ kind: 'crlPiece', digest, total: index.length, offset, piece });
      }
    }
    // It forgets what is not named here.
    this.#delivered = new Set(needed.keys());
    const plain = groups.map(({ key, crls }) => ({ key, crls: crls.map(({ facts }) => facts) }));
    await this.#send({ kind: 'crls', groups: plain });
  }
}
