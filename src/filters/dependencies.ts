// What filters need besides their configuration: one of each per worker, over all generations.
import type { RateCounters } from './rate-counters.ts';

export type FilterDependencies = {
  readonly rates: RateCounters;
};
