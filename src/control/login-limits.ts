// How often a wrong password may be tried: per account and per address, within a window that moves on. Kept in memory: a new
// control process begins anew, which costs whoever tries a restart that he cannot cause.
import type { Clock } from '../base/clock.ts';

const windowMs = 15 * 60_000;
const perAccount = 10;
const perAddress = 30;
/** Accounts and addresses that are remembered; those that failed longest ago give way. */
const maxKept = 10_000;

type Count = { failures: number; since: number };

export class LoginLimits {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #counts = new Map<string, Count>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Seconds until the next attempt may be made; undefined: now. */
  waitFor(account: string, address: string): number | undefined {
    const waits = [this.#left(`account ${account}`, perAccount), this.#left(`address ${address}`, perAddress)];
    const longest = Math.max(...waits);
    return longest > 0 ? Math.ceil(longest / 1000) : undefined;
  }

  /** Counted when the attempt begins, so that many at once are no way round; taken back by `succeeded`. */
  begin(account: string, address: string): void {
    this.#add(`account ${account}`);
    this.#add(`address ${address}`);
  }

  /** The account begins anew; an address that got in once may still be guessing at others. */
  succeeded(account: string, address: string): void {
    this.#counts.delete(`account ${account}`);
    const count = this.#counts.get(`address ${address}`);
    if (count !== undefined && --count.failures <= 0) this.#counts.delete(`address ${address}`);
  }

  #left(key: string, limit: number): number {
    const count = this.#counts.get(key);
    if (count === undefined || count.failures < limit) return 0;
    return count.since + windowMs - this.#clock.monotonic();
  }

  #add(key: string): void {
    const now = this.#clock.monotonic();
    const before = this.#counts.get(key);
    const count = before !== undefined && now - before.since < windowMs ? before : { failures: 0, since: now };
    count.failures++;
    // Where it stood is the order in which they give way.
    this.#counts.delete(key);
    this.#counts.set(key, count);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > maxKept && oldest !== undefined) this.#counts.delete(oldest);
  }
}
