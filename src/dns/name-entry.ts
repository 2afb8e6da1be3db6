// What is known of one name: the addresses that were found last, until when they hold, and what went wrong since. Each family
// keeps its last good answer while only the other is renewed.
import { type Answer, type FamilyAnswer, isFailure, type LookUpFailure } from './answer.ts';

export type Found =
  | { readonly addresses: readonly string[] }
  /** No address was ever found, or none exists. */
  | { readonly failure: LookUpFailure };

export type Change = {
  /** The set of addresses is another one than before. */
  readonly changed: boolean;
  /** What could not be learned; the addresses of before stay. */
  readonly failure: LookUpFailure | undefined;
  /** How long the answer holds; undefined where it is a failure. */
  readonly ttlMs: number | undefined;
};

export class NameEntry {
  readonly name: string;
  /** Clock.monotonic() milliseconds. */
  expiresAt = -Infinity;
  /** The last refresh failed, and addresses from before are in use. */
  stale = false;
  readonly watchers = new Set<() => void>();
  /** Set while a look-up is under way: who waits for it. */
  waiting: Set<(found: Found) => void> | undefined;
  cancelRefresh: (() => void) | undefined;
  #v4: readonly string[] = [];
  #v6: readonly string[] = [];
  #addresses: readonly string[] = [];
  #failure: LookUpFailure | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** The same array while the set is the same; empty where nothing was found yet. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  get found(): Found | undefined {
    if (this.#addresses.length > 0) return { addresses: this.#addresses };
    return this.#failure === undefined ? undefined : { failure: this.#failure };
  }

  take({ v4, v6 }: Answer): Change {
    const gone = addressesOf(v4)?.length === 0 && addressesOf(v6)?.length === 0;
    const failure = gone ? noAddress(this.name) : [v4, v6].find(isFailure);
    if (!gone) {
      this.#v4 = addressesOf(v4) ?? this.#v4;
      this.#v6 = addressesOf(v6) ?? this.#v6;
    }
    const next = [...this.#v4, ...this.#v6];
    const changed = next.length !== this.#addresses.length || next.some((at) => !this.#addresses.includes(at));
    if (changed) this.#addresses = next;
    const times = [v4, v6].map((family) => (isFailure(family) || gone ? Infinity : family.ttlMs));
    const ttlMs = Math.min(...times);
    // Half an answer is one as long as the other half never was there.
    const learned = failure === undefined || (ttlMs !== Infinity && !this.#lost(v4, v6));
    this.#failure = learned ? undefined : failure;
    this.stale = !learned && next.length > 0;
    return { changed, failure: this.#failure, ttlMs: learned ? ttlMs : undefined };
  }

  #lost(v4: FamilyAnswer, v6: FamilyAnswer): boolean {
    return (isFailure(v4) && this.#v4.length > 0) || (isFailure(v6) && this.#v6.length > 0);
  }
}

function addressesOf(family: FamilyAnswer): readonly string[] | undefined {
  return isFailure(family) ? undefined : family.addresses;
}

function noAddress(name: string): LookUpFailure {
  return { code: 'not_found', raw: 'ENOTFOUND', detail: `there is no address for ${name}` };
}
