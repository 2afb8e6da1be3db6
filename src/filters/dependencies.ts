// What filters need besides their configuration. One for each generation of rules; what outlives a reload (keys that were
// fetched, threads) is the worker's, and the same in the next generation.
import type { LookupFunction } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { AuthServiceConfig } from '../config/forward-auth-filter.ts';
import type { EncoderBudget } from './encoder-budget.ts';
import type { Filter } from './filter.ts';
import type { KeySets } from './key-sets.ts';
import type { FilterMaterial } from './material.ts';
import type { PasswordChecks } from './password-checks.ts';
import type { RateCounters } from './rate-counters.ts';
import type { Service } from './service.ts';

/** Of one worker, over all generations. */
export type FilterServices = {
  readonly clock: Clock;
  readonly rates: RateCounters;
  readonly encoders: EncoderBudget;
  /** Addresses of host names, as the configuration has names looked up. */
  readonly lookup: LookupFunction;
  readonly metrics: MetricCatalogue;
  readonly passwords: PasswordChecks;
  readonly keySets: KeySets;
  /** A line in the log: the first of its `kind`, then one a minute. No secret, and nothing of a client's that it could be. */
  readonly warn: (kind: string, about: object, message: string) => void;
};

export type FilterDependencies = FilterServices & {
  /** By the name of the middleware: filters that are the same on all routes which use them. */
  readonly shared: Map<string, Filter>;
  /** Throws where its TLS material cannot be used. */
  readonly openService: (config: AuthServiceConfig, material: FilterMaterial) => Service;
};
