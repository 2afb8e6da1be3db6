// What a filter that authenticates tells of its decisions: a counter for each outcome, and a line in the log where one address
// fails again and again. Who is to be kept out for it is for a rateLimit in front of it to say.
import type { Counter } from '../telemetry/registry.ts';
import type { FilterServices } from './dependencies.ts';

/** Failures of one address within `windowMs` that are worth a line. */
const notable = 10;
const windowMs = 60_000;
const maxAddresses = 10_000;

export type AuthResult = 'passed' | 'missing' | 'refused' | 'unavailable';

type Failures = { count: number; readonly until: number };

export class AuthLog {
  readonly #middleware: string;
  readonly #services: FilterServices;
  readonly #counters: Readonly<Record<AuthResult, Counter>>;
  readonly #failures = new Map<string, Failures>();

  constructor(middleware: string, services: FilterServices) {
    this.#middleware = middleware;
    this.#services = services;
    const { authResults } = services.metrics;
    const counter = (result: AuthResult): Counter => authResults.labels({ middleware, result });
    this.#counters = {
      passed: counter('passed'),
      missing: counter('missing'),
      refused: counter('refused'),
      unavailable: counter('unavailable'),
    };
  }

  count(result: AuthResult): void {
    this.#counters[result].inc();
  }

  /** Credentials that were wrong. */
  refused(address: string): void {
    this.count('refused');
    const now = this.#services.clock.monotonic();
    let failures = this.#failures.get(address);
    if (failures === undefined || failures.until <= now) {
      if (this.#failures.size >= maxAddresses) this.#failures.clear();
      this.#failures.set(address, (failures = { count: 0, until: now + windowMs }));
    }
    failures.count++;
    if (failures.count !== notable) return;
    const about = { middleware: this.#middleware, address, failures: notable };
    const message = `${notable} refused logins from one address within a minute (middleware ${this.#middleware})`;
    this.#services.warn(`logins ${this.#middleware} ${address}`, about, message);
  }
}
