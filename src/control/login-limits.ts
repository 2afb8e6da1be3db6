// How often a wrong password may be tried: per account and per address, within a window that moves on. Kept in memory: a new
// control process begins anew, which costs whoever tries a restart that he cannot cause.
import { plainAddress } from '../base/address-set.ts';
import { clientNetwork } from '../base/client-network.ts';
import type { Clock } from '../base/clock.ts';

const windowMs = 15 * 60_000;
const perAccount = 10;
const perAddress = 30;
/** Of accounts, and of addresses. */
const maxKept = 10_000;

export class LoginLimits {
  readonly #accounts: Failures;
  readonly #addresses: Failures;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#accounts = new Failures(clock, perAccount);
    this.#addresses = new Failures(clock, perAddress);
  }

  /** Seconds until the next attempt may be made; undefined: now. */
  waitFor(account: string, address: string): number | undefined {
    const longest = Math.max(this.#accounts.leftMs(account), this.#addresses.leftMs(networkOf(address)));
    return longest > 0 ? Math.ceil(longest / 1000) : undefined;
  }

  /** Counted when the attempt begins, so that many at once are no way round; taken back by `succeeded`. */
  begin(account: string, address: string): void {
    this.#accounts.add(account);
    this.#addresses.add(networkOf(address));
  }

  /** The account begins anew; an address that got in once may still be guessing at others. */
  succeeded(account: string, address: string): void {
    this.#accounts.forget(account);
    this.#addresses.takeBack(networkOf(address));
  }
}

/** Who has a /64 has all of its addresses. */
function networkOf(address: string): string {
  return clientNetwork(plainAddress(address));
}

type Count = { failures: number; since: number };

/** Attempts of one kind. Where there is no more room, those that failed longest ago give way, but none that is kept out. */
class Failures {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #limit: number;
  readonly #counts = new Map<string, Count>();

  constructor(clock: Pick<Clock, 'monotonic'>, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  leftMs(key: string): number {
    const count = this.#counts.get(key);
    return count === undefined || count.failures < this.#limit ? 0 : this.#windowLeftMs(count);
  }

  add(key: string): void {
    const before = this.#counts.get(key);
    const isOld = before === undefined || this.#windowLeftMs(before) <= 0;
    const count = isOld ? { failures: 0, since: this.#clock.monotonic() } : before;
    count.failures++;
    // Where it stood is the order in which they give way.
    this.#counts.delete(key);
    this.#counts.set(key, count);
    if (this.#counts.size > maxKept) this.#makeRoom();
  }

  forget(key: string): void {
    this.#counts.delete(key);
  }

  takeBack(key: string): void {
    const count = this.#counts.get(key);
    if (count !== undefined && --count.failures <= 0) this.#counts.delete(key);
  }

  #makeRoom(): void {
    for (const key of this.#counts.keys())
      if (this.leftMs(key) <= 0) {
        this.#counts.delete(key);
        return;
      }
  }

  #windowLeftMs({ since }: Count): number {
    return since + windowMs - this.#clock.monotonic();
  }
}
