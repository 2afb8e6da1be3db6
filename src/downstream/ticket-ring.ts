// The ticket keys of one worker, over all generations: the one that tickets are issued under now, and those that tickets may be
// under as well, because they were issued here or at another gateway a moment ago, or by a clock that is ahead of ours.
import { timingSafeEqual } from 'node:crypto';
import { type SharedTicketKey, ticketEpoch, TicketSecret, type TicketSeed } from './ticket-secret.ts';

export type TicketTerms = { readonly rotationMs: number; readonly lifetimeMs: number };

export type TicketKeys = {
  readonly issuing: Uint8Array;
  readonly accepted: readonly Uint8Array[];
};

/** Each costs a context of its own in each policy that sees a ticket under it. */
export const maxAccepted = 16;
/** So far clocks of gateways may be apart. */
export const clockSkewMs = 120_000;

export class TicketRing {
  readonly #clock: { now(): number };
  /** The secret where it does not move on: one that does is nowhere but in `#secret`, which forgets what it was. */
  #seed: { readonly movesOn: boolean; readonly fixed: Uint8Array | undefined } | undefined;
  #secret: TicketSecret | undefined;
  #terms: TicketTerms = { rotationMs: 1, lifetimeMs: 0 };
  #shared: readonly SharedTicketKey[] = [];
  /** What was told last, perhaps while the generation that is to go by it was built. */
  #told: { readonly shared: readonly SharedTicketKey[]; readonly rotationMs: number } | undefined;
  #issuing: Uint8Array | undefined;
  /** Keys that tickets were issued under here, and when the last of those ends. */
  #former: { readonly secret: Uint8Array; readonly until: number }[] = [];

  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  /** What a generation that is active now goes by. Another secret of a file, or another rotation, ends all sessions of before. */
  follow(seed: TicketSeed, terms: TicketTerms): void {
    const before = this.#seed;
    const isOther =
      before === undefined ||
      before.movesOn !== seed.movesOn ||
      this.#terms.rotationMs !== terms.rotationMs ||
      (before.fixed !== undefined && !isSame(before.fixed, seed.secret));
    if (isOther) this.#former = [];
    if (isOther) this.#issuing = undefined;
    this.#seed = { movesOn: seed.movesOn, fixed: seed.movesOn ? undefined : seed.secret };
    this.#terms = terms;
    this.#secret = new TicketSecret(seed);
    const told = this.#told?.rotationMs === terms.rotationMs ? this.#told.shared : undefined;
    this.#shared = seed.movesOn ? (told ?? seed.shared ?? []) : [];
  }

  /** Keys that all gateways share by now. `rotationMs`: by which their epochs are counted. False where they are not ours. */
  share(shared: readonly SharedTicketKey[], rotationMs: number): boolean {
    this.#told = { shared, rotationMs };
    if (this.#seed?.movesOn !== true || rotationMs !== this.#terms.rotationMs) return false;
    this.#shared = shared;
    return true;
  }

  /** True where a key that was accepted is not any more. */
  prune(): boolean {
    const now = this.#clock.now();
    const kept = this.#former.filter(({ until }) => until > now);
    const isChanged = kept.length !== this.#former.length;
    this.#former = kept;
    return isChanged;
  }

  /** Throws RangeError where nothing is followed. */
  at(epoch: number): TicketKeys {
    const secret = this.#secret;
    if (secret === undefined) throw new RangeError('there is no ticket secret yet');
    const own = secret.at(epoch);
    const issuing = this.#shared.find((one) => one.epoch === epoch)?.secret ?? own;
    const before = this.#issuing;
    if (before !== undefined && !isSame(before, issuing)) {
      this.#former = this.#former.filter((one) => !isSame(one.secret, issuing) && !isSame(one.secret, before));
      this.#former.unshift({ secret: before, until: this.#clock.now() + this.#terms.lifetimeMs });
    }
    this.#issuing = issuing;
    this.prune();
    // What is accepted is bounded: what was issued here, then the nearest.
    const shared = this.#shared.toSorted((a, b) => Math.abs(a.epoch - epoch) - Math.abs(b.epoch - epoch));
    const near = this.#former.slice(0, maxAccepted / 4);
    const others = [...near, ...this.#neighbours(secret, epoch), ...shared, ...this.#former].map((one) => one.secret);
    const accepted: Uint8Array[] = [];
    for (const one of others)
      if (!isSame(one, issuing) && !accepted.some((known) => isSame(known, one))) accepted.push(one);
    return { issuing, accepted: accepted.slice(0, maxAccepted) };
  }

  /** Of a secret that does not move on: every gateway that has it can make the keys of any epoch. */
  #neighbours(secret: TicketSecret, epoch: number): { readonly secret: Uint8Array }[] {
    if (this.#seed?.movesOn !== false) return [];
    return epochsAround(this.#clock.now(), this.#terms)
      .filter((one) => one !== epoch)
      .map((one) => ({ secret: secret.at(one) }));
  }
}

/** Epochs whose tickets may still be good, or are issued already where a clock is ahead; the nearest first. */
export function epochsAround(now: number, { rotationMs, lifetimeMs }: TicketTerms): number[] {
  const first = ticketEpoch(now - lifetimeMs - clockSkewMs, rotationMs);
  const last = ticketEpoch(now + clockSkewMs, rotationMs);
  const present = ticketEpoch(now, rotationMs);
  const count = Math.min(last - first + 1, 2 * maxAccepted);
  return Array.from({ length: count }, (_, back) => last - back).toSorted(
    (a, b) => Math.abs(a - present) - Math.abs(b - present),
  );
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
