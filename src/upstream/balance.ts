// Which backend takes a request: pure choice over what is available now. Round robin, weighted, or by canary rules with
// weights behind them. A backend of weight 0 gets nothing while any backend of the route has a weight.
import type { Matcher, MatchInput } from './match.ts';

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

export type Balance = 'roundRobin' | 'weighted' | 'rules';

/** How a route with these backends chooses: rules as soon as one backend has any; weights only where there are some. */
export function chooseBalance(loadBalancing: 'roundRobin' | 'weighted', candidates: readonly Candidate[]): Balance {
  if (candidates.some((candidate) => candidate.matches !== undefined)) return 'rules';
  const weighted = loadBalancing === 'weighted' && candidates.some((candidate) => candidate.weight > 0);
  return weighted ? 'weighted' : 'roundRobin';
}

/** A random one in proportion to its weight; undefined where all weights are 0. `random` in [0, 1). */
export function pickWeighted<T extends Candidate>(candidates: readonly T[], random: number): T | undefined {
  let total = 0;
  for (const candidate of candidates) total += candidate.weight;
  let left = random * total;
  let last: T | undefined;
  for (const candidate of candidates) {
    if (candidate.weight === 0) continue;
    left -= candidate.weight;
    if (left < 0) return candidate;
    last = candidate;
  }
  // Rounding may leave nothing over for the last one.
  return last;
}

/**
 * By rules: an exclusive backend that matches takes the request; else the weights decide among backends without rules
 * and matching ones. `equal`: no backend of the route has a weight, so all count the same.
 */
export function pickByRules<T extends Candidate>(
  available: readonly T[],
  equal: boolean,
  random: number,
  request: MatchInput,
): T | undefined {
  let exclusive: T | undefined;
  const pool: T[] = [];
  for (const candidate of available) {
    const { matches } = candidate;
    if (matches === undefined) pool.push(candidate);
    else if (matches(request)) {
      if (!candidate.exclusive) pool.push(candidate);
      else if (exclusive === undefined || candidate.priority > exclusive.priority) exclusive = candidate;
    }
  }
  if (exclusive !== undefined) return exclusive;
  return equal ? pool[Math.floor(random * pool.length)] : pickWeighted(pool, random);
}
