// The generations of one worker: prepared completely beside the active one, then swapped in by one assignment, or forgotten.
// What follows a swap (connections re-evaluated, the old one closed) is gateway.ts.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { Slices } from '../base/slices.ts';
import { type CrlMessage, CrlSubscriber } from '../crl/subscriber.ts';
import { SessionStore } from '../downstream/session-store.ts';
import type { TicketSeed } from '../downstream/ticket-secret.ts';
import { Forwarding } from '../forwarding/forwarding.ts';
import type { LoadedRules } from '../loading/loaded.ts';
import type { Staples } from '../ocsp/staples.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { ActiveGeneration } from './active-generation.ts';
import type { BackendSide } from './backend-side.ts';
import { Generation } from './generation.ts';
import type { WorkerServicesAtStart } from './worker-services.ts';

export type GenerationsOptions = {
  readonly clock: Clock;
  readonly metrics: MetricCatalogue;
  readonly active: ActiveGeneration;
  readonly services: WorkerServicesAtStart;
  readonly backends: BackendSide;
  readonly staples: Staples;
};

/** The seed goes with the commit: kept, it would make the ticket keys of all later epochs again. */
type Prepared = { readonly generation: Generation; readonly ticketSeed: TicketSeed };

/** What came into force, and what it replaced. */
export type Committed = {
  readonly next: Generation;
  readonly before: Generation | undefined;
  readonly ticketSeed: TicketSeed;
};

export class Generations {
  /** What is known of revocation, beside the generations (decision 0012). */
  readonly #crls = new CrlSubscriber();
  readonly #options: GenerationsOptions;
  readonly #sessions: SessionStore;
  readonly #prepared = new Map<number, Prepared>();
  /** What was asked for last; one that is building and was not, ends at its next pause. */
  #wished: { readonly number: number } | undefined;
  #building: Promise<unknown> = Promise.resolve();
  /** How often CRLs were activated. */
  #crlLists = 0;

  constructor(options: GenerationsOptions) {
    this.#options = options;
    this.#sessions = new SessionStore(options.clock);
  }

  /**
   * Builds a generation beside the current one, in slices: requests are served meanwhile. Rejects where it cannot be built, or
   * is abandoned on the way; nothing has changed then. One after the other, however many are asked for.
   */
  async prepare(number: number, loaded: LoadedRules, ticketSeed: TicketSeed): Promise<void> {
    const wish = { number };
    this.#wished = wish;
    const mine = this.#building.then(async () => this.#build(loaded, ticketSeed, wish));
    this.#building = mine.catch(() => {});
    return mine;
  }

  async #build(loaded: LoadedRules, ticketSeed: TicketSeed, wish: { readonly number: number }): Promise<void> {
    const { number } = wish;
    const { clock, metrics, active, services, backends, staples } = this.#options;
    const before = active.find();
    const forwarding = new Forwarding(loaded.config.proxy, randomUUID, loaded.config.requestId);
    const made = services.make(loaded.config);
    const pools = backends.openPools(made, before?.pools);
    try {
      const crls = this.#crls;
      const { filterServices } = made;
      const now = clock.now();
      const input = {
        number,
        loaded,
        ticketSeed,
        sessions: this.#sessions,
        now,
        crls,
        staples,
        forwarding,
        pools,
        metrics,
        filterServices,
      };
      const listed = this.#crlLists;
      const isWanted = (): boolean => this.#wished === wish;
      const generation = await Generation.build(input, new Slices(clock), before, isWanted);
      // What came while it was built went to the others only.
      if (listed !== this.#crlLists) generation.replaceCrls(crls);
      this.#prepared.get(number)?.generation.close();
      this.#prepared.set(number, { generation, ticketSeed });
    } catch (error) {
      // What it had begun must not live on for ever: probes of its backends, its hold on pools that others still use.
      pools.close();
      throw error;
    }
  }

  /** From now on it is the active one. Throws where it was not prepared. */
  commit(number: number): Committed {
    const prepared = this.#prepared.get(number);
    if (prepared === undefined) throw new RangeError(`generation ${number} was not prepared`);
    this.#prepared.clear();
    const { generation: next, ticketSeed } = prepared;
    return { next, before: this.#options.active.replace(next), ticketSeed };
  }

  abandon(number: number): void {
    if (this.#wished?.number === number) this.#wished = undefined;
    this.#prepared.get(number)?.generation.close();
    this.#prepared.delete(number);
  }

  /** Told to all that are built, too; false where nothing changed. Throws where a CRL that is named never came. */
  takeCrls(message: CrlMessage): boolean {
    if (!this.#crls.take(message)) return false;
    this.#crlLists++;
    for (const { generation } of this.#prepared.values()) generation.replaceCrls(this.#crls);
    this.#options.active.find()?.replaceCrls(this.#crls);
    return true;
  }
}
