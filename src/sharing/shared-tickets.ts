// Session ticket keys that all gateways on one store have: one random secret for each epoch of the wall clock, put there long before
// anybody issues with it, and kept as long as a session under it may live. Whoever finds one missing makes it; the first one counts.
// While the store is away what is known is used, and after that each gateway has its own again (decision 0074).
import { randomBytes } from 'node:crypto';
import { type Clock, dayMs } from '../base/clock.ts';
import { clockSkewMs, maxAccepted, type TicketTerms } from '../downstream/ticket-ring.ts';
import { type SharedTicketKey, ticketEpoch } from '../downstream/ticket-secret.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { SealedRecords } from './sealed-records.ts';
import type { SharedStore } from './shared-store.ts';

const secretBytes = 32;
const lookMs = 15_000;
/** Ahead of the present epoch, so that a gateway whose clock is ahead issues with nothing that others have not got. */
const aheadMs = 2 * clockSkewMs + 2 * lookMs;

export type SharedTicketsOptions = {
  readonly clock: Clock;
  readonly store: SharedStore;
  readonly sealed: SealedRecords;
  /** As the configuration in force has them; undefined where the keys are not to be shared: tickets are off, or a file has them. */
  readonly terms: () => TicketTerms | undefined;
  /** Called where other keys are known than before. Must not throw. */
  readonly onKeys: (keys: readonly SharedTicketKey[], rotationMs: number) => void;
};

export class SharedTickets {
  readonly #options: SharedTicketsOptions;
  #keys: readonly SharedTicketKey[] = [];
  #rotationMs = 0;
  #cancel: (() => void) | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;

  constructor(options: SharedTicketsOptions) {
    this.#options = options;
    options.store.onWriter(() => void this.look());
  }

  /** What is known for this rotation. */
  keysFor(rotationMs: number): readonly SharedTicketKey[] {
    return rotationMs === this.#rotationMs ? this.#keys : [];
  }

  start(): void {
    void this.look();
  }

  /** Asks the store now. Never rejects; one at a time. */
  async look(): Promise<void> {
    if (this.#closed) return;
    this.#cancel?.();
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      if (!this.#closed) this.#cancel = this.#options.clock.after(lookMs, () => void this.look());
    });
    return this.#looking;
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  async #look(): Promise<void> {
    const { clock, terms: termsOf } = this.#options;
    const terms = termsOf();
    if (terms === undefined) return;
    const { rotationMs, lifetimeMs } = terms;
    const known = new Map(this.keysFor(rotationMs).map((key) => [key.epoch, key]));
    const now = clock.now();
    const present = ticketEpoch(now, rotationMs);
    const last = ticketEpoch(now + Math.max(rotationMs, aheadMs), rotationMs);
    const first = Math.max(ticketEpoch(now - lifetimeMs - clockSkewMs, rotationMs), present - maxAccepted);
    const keys: SharedTicketKey[] = [];
    for (let epoch = first; epoch <= last; epoch++) {
      const key = known.get(epoch) ?? (await this.#find(epoch, terms, epoch >= present));
      if (key !== undefined) keys.push(key);
    }
    this.#take(keys, rotationMs);
  }

  /** The nearest first: what is accepted is bounded. */
  #take(keys: readonly SharedTicketKey[], rotationMs: number): void {
    const before = this.keysFor(rotationMs);
    const isSame = keys.length === before.length && keys.every((key, at) => key === before[at]);
    this.#keys = keys;
    this.#rotationMs = rotationMs;
    if (!isSame) this.#options.onKeys(keys, rotationMs);
  }

  /** `make`: where there is none. Undefined where the store is away, or what is there is not to be believed. */
  async #find(epoch: number, terms: TicketTerms, make: boolean): Promise<SharedTicketKey | undefined> {
    const { sealed, store, clock } = this.#options;
    const { rotationMs, lifetimeMs } = terms;
    const name = `${rotationMs} ${epoch}`;
    const kind = 'ticket-secret';
    try {
      const found = await sealed.find(kind, name);
      if (found !== undefined) return readKey(epoch, found.content);
      if (!make || !store.canWrite) return undefined;
      const secret = randomBytes(secretBytes);
      const endsInMs = (epoch + 1) * rotationMs - clock.now() + lifetimeMs + 2 * clockSkewMs;
      const lastsMs = Math.min(Math.max(1, Math.round(endsInMs)), 30 * dayMs);
      const { outcome, record } = await sealed.put({ kind, name, content: secret, lastsMs, version: 0 });
      if (outcome === 'put') return { epoch, secret };
      const first = record && sealed.open(record, name);
      return first && readKey(epoch, first.content);
    } catch (error) {
      if (!(error instanceof StoreProblem)) throw error;
      return undefined;
    }
  }
}

function readKey(epoch: number, content: Buffer): SharedTicketKey | undefined {
  return content.length === secretBytes ? { epoch, secret: content } : undefined;
}
