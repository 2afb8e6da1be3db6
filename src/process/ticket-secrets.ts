// The primary's side of session tickets: what a worker that prepares a generation needs to agree with the others on keys.
// Without a file the secret is made here, lives in memory only, and moves on with every epoch.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { type SharedTicketKey, ticketEpoch, TicketSecret, type TicketSeed } from '../downstream/ticket-secret.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { type TicketHolder, TicketRotation } from '../downstream/ticket-rotation.ts';

export class TicketSecrets implements TicketHolder {
  readonly #clock: Clock;
  readonly #rotation: TicketRotation;
  #own: { readonly secret: TicketSecret; readonly rotationMs: number } | undefined;

  readonly #isAlone: boolean;
  readonly #shared: (rotationMs: number) => readonly SharedTicketKey[];

  /** `shared`: what all gateways on the store of this one have; default nothing. `isAlone`: with one worker and no such store. */
  constructor(clock: Clock, shared: (rotationMs: number) => readonly SharedTicketKey[] = () => [], isAlone = false) {
    this.#clock = clock;
    this.#isAlone = isAlone;
    this.#shared = shared;
    this.#rotation = new TicketRotation(clock);
  }

  seedFor({ config, ticketSecret }: LoadedConfig): TicketSeed {
    if (ticketSecret !== undefined) return { secret: ticketSecret, epoch: 0, movesOn: false };
    const { rotationMs } = config.tls.sessionResumption;
    if (this.#own?.rotationMs !== rotationMs) {
      // Epochs are counted anew, perhaps from a smaller number, and the old secret cannot go back: another one.
      const epoch = ticketEpoch(this.#clock.now(), rotationMs);
      const secret = new TicketSecret({ secret: randomBytes(32), epoch, movesOn: true });
      this.#own = { secret, rotationMs };
      this.#rotation.follow(this, rotationMs);
    }
    const seed = { ...this.#own.secret.seed(), shared: this.#shared(rotationMs) };
    return this.#isAlone ? { ...seed, isAlone: true } : seed;
  }

  rotate(epoch: number): void {
    this.#own?.secret.at(epoch).fill(0);
  }
}
