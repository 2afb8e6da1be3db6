// Requests that meet the conditions of routes, without values: one that meets none, and for each route with conditions one that
// meets these and no others. What a route asks of method, policy and entry point is looked at as it is.
import { listEntryPoints } from '../config/list-entry-points.ts';
import type { FieldCondition, GatewayConfig, RouteMatchConfig } from '../config/gateway-config.ts';
import { describeConditions, matchesAll } from '../config/match-conditions.ts';
import type { RequestFacts } from '../routing/conditions.ts';

/** `text`: the conditions in words, '' for none. */
export type ConditionSample = { readonly text: string; readonly match: RouteMatchConfig };

export const noConditions: ConditionSample = { text: '', match: matchesAll };

export function sampleConditions(match: RouteMatchConfig): ConditionSample {
  const { headers, query, entryPoints } = match;
  const sampled = { ...matchesAll, headers, query, entryPoints };
  return { text: describeConditions(sampled).join('; '), match: sampled };
}

/** Every combination that a route asks for, and none. */
export function listConditions({ routes }: GatewayConfig): ConditionSample[] {
  const samples = new Map([['', noConditions]]);
  for (const { match } of routes) {
    const sample = sampleConditions(match);
    if (!samples.has(sample.text)) samples.set(sample.text, sample);
  }
  return [...samples.values()];
}

/** `policy`: by which it came in over TLS; '' over plain HTTP. Its entry point is one that the sample asks for, where one of the kind is. */
export function factsOf(sample: ConditionSample, { entryPoints }: GatewayConfig, policy: string): RequestFacts {
  const { match } = sample;
  const held = new Set([
    ...match.headers.map((one) => keyOf('header', one)),
    ...match.query.map((one) => keyOf('query parameter', one)),
  ]);
  const tls = policy !== '';
  const names = listEntryPoints(entryPoints)
    .filter((one) => one.tls === tls)
    .map(({ name }) => name);
  return {
    policy,
    entryPoint: names.find((name) => match.entryPoints.includes(name)) ?? (tls ? 'webSecure' : 'web'),
    header: () => undefined,
    parameter: () => undefined,
    // Whoever sends nothing meets what is turned round.
    assumes: (what, condition) =>
      held.has(keyOf(what, condition)) || (condition.invert && !held.has(keyOf(what, { ...condition, invert: false }))),
  };
}

function keyOf(what: string, { name, value, regex, invert }: FieldCondition): string {
  return JSON.stringify([what, name.toLowerCase(), value, regex, invert]);
}
