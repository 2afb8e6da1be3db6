// The configuration that is active in the primary, under the number of its generation, and what a worker is asked to build
// from it. Replaced as a whole, by rollout.ts.
import type { Clock } from '../base/clock.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { Ports } from './messages.ts';
import { rulesFor } from './payload.ts';
import { StickySecrets } from './sticky-secrets.ts';
import { TicketSecrets } from './ticket-secrets.ts';
import type { PrepareOrder } from './worker-handle.ts';

export class ActiveConfig {
  /** What settings that need a start were taken from. */
  readonly startedWith: GatewayConfig;
  /** The ports that were reserved at start. */
  ports: Ports = {};
  readonly #tickets: TicketSecrets;
  readonly #sticky = new StickySecrets();
  #loaded: LoadedConfig;
  #generation = 1;
  readonly #clock: Pick<Clock, 'now'>;
  #since: number;

  /** `sharedKeys`, `isAlone`: as TicketSecrets. */
  constructor(
    loaded: LoadedConfig,
    clock: Clock,
    sharedKeys?: ConstructorParameters<typeof TicketSecrets>[1],
    isAlone = false,
  ) {
    this.startedWith = loaded.config;
    this.#loaded = loaded;
    this.#clock = clock;
    this.#since = clock.now();
    this.#tickets = new TicketSecrets(clock, sharedKeys, isAlone);
  }

  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  get generation(): number {
    return this.#generation;
  }

  /** When it became active, milliseconds since the epoch. */
  get since(): number {
    return this.#since;
  }

  replace(loaded: LoadedConfig, generation: number): void {
    this.#since = this.#clock.now();
    this.#loaded = loaded;
    this.#generation = generation;
  }

  /** What a worker that comes up now has to build. */
  order(): PrepareOrder {
    return this.orderFor(this.#loaded, this.#generation);
  }

  orderFor(loaded: LoadedConfig, generation: number): PrepareOrder {
    const ticketSeed = this.#tickets.seedFor(loaded);
    const stickySecret = this.#sticky.secretFor(loaded);
    return { generation, loaded: { ...rulesFor(loaded, this.ports['webSecure']), stickySecret }, ticketSeed };
  }
}
