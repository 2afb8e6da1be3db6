// What clients may take in tests of the codec, of the same order as the defaults of the configuration.
import type { ServerTimeouts } from '../../src/http/limits.ts';

export const serverTimeouts: ServerTimeouts = {
  headMs: 10_000,
  stallMs: 30_000,
  minRequestRate: 240,
  minResponseRate: 240,
  rateMs: 20_000,
  idleMs: 75_000,
  requestMs: 300_000,
  lingerMs: 2_000,
};
