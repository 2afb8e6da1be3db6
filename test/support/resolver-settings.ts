// Settings of name look-ups for tests, of the same order as those of the configuration.
import type { ResolverSettings } from '../../src/dns/name-resolver.ts';

export const resolverSettings: ResolverSettings = {
  servers: [],
  timeoutMs: 5_000,
  minTtlMs: 1_000,
  maxTtlMs: 300_000,
  negativeTtlMs: 5_000,
};
