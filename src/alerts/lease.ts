// Who does a thing for all gateways: whoever holds the record, for as long as he renews it. Ends by the clock of the store, and for
// whoever held it by his own: after a pause nobody takes himself for what he was before it.
import type { Clock } from '../base/clock.ts';
import type { SharedRecords } from '../store/records.ts';

export type LeaseRecords = Pick<SharedRecords, 'put' | 'find'>;

export const leaseMs = 30_000;
const renewMs = 10_000;

export class Lease {
  readonly #key: string;
  readonly #gateway: string;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #held: { readonly version: number; readonly at: number } | undefined;
  #lookedAt = -Infinity;

  constructor(key: string, gateway: string, clock: Pick<Clock, 'monotonic'>) {
    this.#key = key;
    this.#gateway = gateway;
    this.#clock = clock;
  }

  get isHeld(): boolean {
    return this.#held !== undefined && this.#clock.monotonic() - this.#held.at < leaseMs;
  }

  /** Takes it where it is free, renews it where it is ours. Rejects with a StoreProblem. */
  async hold(records: LeaseRecords): Promise<boolean> {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt < renewMs) return this.isHeld;
    const held = this.isHeld ? this.#held : undefined;
    if (held === undefined && (await records.find('lease', this.#key)) !== undefined) {
      this.#lookedAt = now;
      this.#held = undefined;
      return false;
    }
    const put = await records.put({
      kind: 'lease',
      key: this.#key,
      gateway: this.#gateway,
      bytes: Buffer.from('{}'),
      lastsMs: leaseMs,
      version: held?.version ?? 0,
    });
    this.#lookedAt = now;
    // From before it was asked: the store counts from when it answered, which is later.
    this.#held = put.outcome === 'put' ? { version: put.record.version, at: now } : undefined;
    return this.isHeld;
  }
}
