// Which backend takes a request: pure choice over what is available now. In turns, by weight, by load, by a hash of the request,
// and before any of these by canary rules. A backend of weight 0 gets nothing while any backend of the route has a weight.
import type { Identity } from '../trust/verdict.ts';
import type { Matcher, MatchInput } from './match.ts';
import { mix } from './text-hash.ts';

export type LoadBalancing = 'roundRobin' | 'weighted' | 'leastRequest' | 'hash';

/** What the choice needs to know of a backend. */
export type Candidate = {
  readonly weight: number;
  /** undefined: no rules. */
  readonly matches: Matcher | undefined;
  /** Takes every request that it matches. */
  readonly exclusive: boolean;
  /** Among exclusive ones that match, the highest wins. */
  readonly priority: number;
};

/** Its requests under way and waiting. */
export type Loaded = Candidate & { readonly load: number };

/** Its name as 32 bits (text-hash.ts), the same in every worker and gateway. */
export type Hashed = Candidate & { readonly hash: number };

/** A request as far as the choice may look at it. */
export type PickInput = MatchInput & { readonly identity: Identity | undefined };

/** How a route with these backends chooses: by weight only where there are some; in turns only where there are no rules. */
export function chooseBalance(loadBalancing: LoadBalancing, candidates: readonly Candidate[]): LoadBalancing {
  if (loadBalancing === 'leastRequest' || loadBalancing === 'hash') return loadBalancing;
  if (candidates.some(({ matches }) => matches !== undefined)) return 'weighted';
  return loadBalancing === 'weighted' && !areEqual(candidates) ? 'weighted' : 'roundRobin';
}

/** None of them has a weight, so all count the same. */
export function areEqual(candidates: readonly Candidate[]): boolean {
  return candidates.every(({ weight }) => weight === 0);
}

/** A random one in proportion to its weight; undefined where all weights are 0. `random` in [0, 1). Never `except`. */
export function pickWeighted<T extends Candidate>(candidates: readonly T[], random: number, except?: T): T | undefined {
  let total = 0;
  for (const candidate of candidates) if (candidate !== except) total += candidate.weight;
  let left = random * total;
  let last: T | undefined;
  for (const candidate of candidates) {
    if (candidate.weight === 0 || candidate === except) continue;
    left -= candidate.weight;
    if (left < 0) return candidate;
    last = candidate;
  }
  // Rounding may leave nothing over for the last one.
  return last;
}

/** A random one where none has a weight. Never `except`. */
function pickEqual<T extends Candidate>(candidates: readonly T[], random: number, except?: T): T | undefined {
  const skipped = except === undefined ? -1 : candidates.indexOf(except);
  const at = Math.floor(random * (candidates.length - (skipped === -1 ? 0 : 1)));
  return candidates[skipped === -1 || at < skipped ? at : at + 1];
}

/** A random one. `equal`: no backend of the route has a weight, so all count the same. */
export function pickRandom<T extends Candidate>(
  candidates: readonly T[],
  equal: boolean,
  random: number,
  except?: T,
): T | undefined {
  return equal ? pickEqual(candidates, random, except) : pickWeighted(candidates, random, except);
}

/**
 * Of two random ones the one with fewer requests for its weight: as good as asking all (Mitzenmacher 2001), and workers that
 * see the same loads do not all run to the same backend.
 */
export function pickLeastLoaded<T extends Loaded>(
  candidates: readonly T[],
  equal: boolean,
  random: () => number,
): T | undefined {
  const [only] = candidates;
  if (candidates.length < 2) return equal || only?.weight !== 0 ? only : undefined;
  const one = pickRandom(candidates, equal, random());
  const other = pickRandom(candidates, equal, random(), one);
  if (one === undefined || other === undefined) return one;
  const [mine, yours] = equal ? [1, 1] : [one.weight, other.weight];
  // With one more request, so that of two idle ones the heavier is first.
  return (other.load + 1) * mine < (one.load + 1) * yours ? other : one;
}

/**
 * Rendezvous hashing: every backend draws a number for the key, and the highest has it. So a backend that leaves moves its own
 * keys and no others, and one that returns takes exactly those back. With weights a backend has keys in proportion to its
 * weight (Schindelhauer and Schomaker 2005).
 */
export function pickByHash<T extends Hashed>(candidates: readonly T[], equal: boolean, key: number): T | undefined {
  let best: T | undefined;
  let highest = -1;
  const mixed = mix(key);
  for (const candidate of candidates) {
    const drawn = mix(mixed ^ candidate.hash);
    if (!equal && candidate.weight === 0) continue;
    const score = equal ? drawn : -candidate.weight / Math.log((drawn + 0.5) / 0x1_0000_0000);
    if (score <= highest) continue;
    highest = score;
    best = candidate;
  }
  return best;
}

/** The one that takes every request that it matches; of several that match, the one with the highest priority. */
export function findExclusive<T extends Candidate>(available: readonly T[], request: MatchInput): T | undefined {
  let found: T | undefined;
  for (const candidate of available) {
    const { matches, exclusive, priority } = candidate;
    if (!exclusive || matches === undefined || (found !== undefined && priority <= found.priority)) continue;
    if (matches(request)) found = candidate;
  }
  return found;
}

/** Who may take a request that no exclusive one takes: those without rules, and those that it matches. */
export function findAllowed<T extends Candidate>(available: readonly T[], request: MatchInput): readonly T[] {
  return available.filter(({ matches, exclusive }) => matches === undefined || (!exclusive && matches(request)));
}
