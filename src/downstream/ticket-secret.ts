// The secret that session ticket keys come from, epoch by epoch (RFC 5869). All who hold it and agree on the time change
// keys at the same moment without talking. What trust-policy.ts makes of it is worth something in one policy only.
import { hkdfSync } from 'node:crypto';

/** Plain data: crosses process boundaries. */
export type TicketSeed = {
  /** At least 32 bytes. */
  readonly secret: Uint8Array;
  /** The epoch that the secret is of, where it moves on. */
  readonly epoch: number;
  /**
   * False: a secret from a file, which every epoch is derived from, since gateways that share it start at any time.
   * True: a secret made at start, replaced by a hash of itself at every epoch, so that the keys of past ones cannot be made
   * again from what is in memory.
   */
  readonly movesOn: boolean;
  /** Keys of epochs that all gateways on one store have; in these epochs the secret itself makes none. */
  readonly shared?: readonly SharedTicketKey[];
  /** There is one worker, and no other gateway: nobody else resumes what is made here. */
  readonly isAlone?: true;
};

export type SharedTicketKey = { readonly epoch: number; readonly secret: Uint8Array };

const secretBytes = 32;

/** Steps at once: a clock that was set right after years. Beyond it one step leads to the epoch. */
const maxSteps = 10_000;

/** The epoch at `now` (milliseconds since the epoch). */
export function ticketEpoch(now: number, rotationMs: number): number {
  return Math.floor(now / rotationMs);
}

export class TicketSecret {
  readonly #movesOn: boolean;
  #state: Buffer;
  #epoch: number;

  /** Throws RangeError where the secret is too short. */
  constructor({ secret, epoch, movesOn }: TicketSeed) {
    if (secret.length < secretBytes) throw new RangeError('the ticket secret is too short');
    this.#state = Buffer.from(secret);
    this.#epoch = epoch;
    this.#movesOn = movesOn;
  }

  /** The secret of an epoch, 32 bytes. A secret that moves on never goes back: a clock that does keeps the present one. */
  at(epoch: number): Buffer {
    if (!this.#movesOn) return derive(this.#state, `countersign ticket epoch ${epoch}`);
    if (epoch - this.#epoch > maxSteps) this.#step(`countersign ticket jump ${this.#epoch} ${epoch}`, epoch);
    while (this.#epoch < epoch) this.#step('countersign ticket step', this.#epoch + 1);
    return derive(this.#state, 'countersign ticket epoch');
  }

  /** For another process; the present state, which the past cannot be read from where it moves on. */
  seed(): TicketSeed {
    return { secret: Buffer.from(this.#state), epoch: this.#epoch, movesOn: this.#movesOn };
  }

  #step(label: string, epoch: number): void {
    const next = derive(this.#state, label);
    this.#state.fill(0);
    this.#state = next;
    this.#epoch = epoch;
  }
}

function derive(secret: Buffer, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', label, secretBytes));
}
