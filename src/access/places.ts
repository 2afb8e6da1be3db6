// Where to look at who may enter: hosts, paths and methods that a configuration tells apart, each with a request that stands
// for all like it. Patterns are what people wrote; samples are what the tables are asked for.
import { wildcardHost } from '../base/host.ts';
import { matchesAll } from '../config/match-conditions.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { certificateNames } from '../gateway/compile-policies.ts';
import { hostOfAuthority } from '../routing/host-of-authority.ts';
import { type PathRule, patternOf, samplePathOf } from '../routing/path-pattern.ts';
import { parseHostPattern } from '../routing/route-trie.ts';

/** `text` for people, `sample` for the tables. */
export type Sample = { readonly text: string; readonly sample: string };

/** Every host that nothing names. */
export const otherHosts: Sample = { text: 'other hosts', sample: 'some-host.invalid' };
/** Every method that no route names. */
export const otherMethods: Sample = { text: 'other methods', sample: 'SOME-METHOD' };

/** A host pattern of a route or policy, or a name of a certificate; undefined where no request can have it. */
export function sampleHost(pattern: string): Sample | undefined {
  const { kind, name } = parseHostPattern(pattern);
  if (kind === 'label') return { text: pattern, sample: `some-host.${name}` };
  // Two labels: what {sub}.suffix does not take.
  if (kind === 'wild') return { text: pattern, sample: `some.host.${name}` };
  const sample = hostOfAuthority(pattern) ?? (pattern.includes(':') ? hostOfAuthority(`[${pattern}]`) : undefined);
  return sample === undefined ? undefined : { text: pattern, sample };
}

/** A route's path; undefined where no request can have it. */
export function samplePath(rule: PathRule): Sample | undefined {
  const pattern = patternOf(rule);
  return pattern && { text: rule.path, sample: samplePathOf(pattern) };
}

export function sampleMethod(method: string): Sample {
  return { text: method, sample: method };
}

/** Every host that policies, routes and our own certificates name, and one that nobody names. */
export function listHosts(loaded: LoadedConfig): Sample[] {
  const { tls, routes } = loaded.config;
  const patterns = [
    ...routes.flatMap(({ hosts }) => hosts),
    ...tls.policies.flatMap(({ hosts }) => hosts),
    ...certificateNames(loaded),
  ];
  return [...distinct(patterns.map(sampleHost)), otherHosts];
}

export function listPaths({ config: { routes } }: LoadedConfig): Sample[] {
  return distinct([samplePath({ path: '/', match: matchesAll }), ...routes.map(samplePath)]);
}

export function listMethods({ config: { routes } }: LoadedConfig): Sample[] {
  return [
    ...distinct(routes.flatMap(({ methods, match }) => [...methods, ...match.methods]).map(sampleMethod)),
    otherMethods,
  ];
}

/** By sample, the first of each. */
export function distinct(samples: readonly (Sample | undefined)[]): Sample[] {
  const found = new Map<string, Sample>();
  for (const one of samples) if (one !== undefined && !found.has(one.sample)) found.set(one.sample, one);
  return [...found.values()];
}

/** Hosts under which a route with these patterns can be met; for a route of every host: all. */
export function hostsOfRoute(patterns: readonly string[], all: readonly Sample[]): Sample[] {
  if (patterns.length === 0) return [...all];
  const suffixes = patterns.map(wildcardHost).filter((host) => host.startsWith('*.'));
  if (suffixes.length === 0) return distinct(patterns.map(sampleHost));
  const below = all.filter(({ sample }) => suffixes.some((suffix) => sample.endsWith(suffix.slice(1))));
  return distinct([...patterns.map(sampleHost), ...below]);
}
