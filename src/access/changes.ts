// What changes in who may enter, from one configuration to the next: opened, closed, other rules. Every place that either of
// them tells apart (places.ts) is asked of both, so that a route which goes away and leaves its path to an open one is
// seen too. Pure; nothing is compiled. What an installation cannot be compared in full for is said (`complete`).
import type { LoadedConfig, LoadedPolicy } from '../loading/loaded.ts';
import { isSame } from '../loading/is-same.ts';
import { certificateNames } from '../gateway/compile-policies.ts';
import {
  distinct,
  listHosts,
  listMethods,
  listPaths,
  otherMethods,
  type Sample,
  sampleHost,
  sampleMethod,
  samplePath,
} from './places.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import { type ConditionSample, listConditions, noConditions, sampleConditions } from './sample-facts.ts';
import { type Access, AccessTable, type Who } from './table.ts';
import { caKeysOf, describeCa, termsOf } from './client-auth-terms.ts';

/** The same change for a path, at all the hosts and methods that it holds for. */
export type AccessChange = {
  readonly path: string;
  /** What the request meets of the conditions of routes, in words; '' for none. */
  readonly conditions: string;
  readonly hosts: readonly string[];
  /** Empty: every method. */
  readonly methods: readonly string[];
  readonly before: Access;
  readonly after: Access;
};

/** A policy of that name before and after. */
export type PolicyChange = {
  readonly policy: string;
  /** Subjects; the first few. */
  readonly addedCas: readonly string[];
  readonly addedCount: number;
  readonly removedCas: readonly string[];
  readonly removedCount: number;
  /** `before`, `after` undefined: not asked for. */
  readonly terms: readonly {
    readonly key: string;
    readonly before: string | undefined;
    readonly after: string | undefined;
  }[];
};

export type AccessChanges = {
  readonly opened: readonly AccessChange[];
  readonly closed: readonly AccessChange[];
  /** Who was let in before may be now, and is asked for something else. */
  readonly rules: readonly AccessChange[];
  readonly policies: readonly PolicyChange[];
  /** False: only each route's own hosts and methods were compared, or not even all of them. */
  readonly complete: boolean;
};

/** Requests that are asked of both; a reload must not take seconds. */
const maxPlaces = 50_000;
const maxCas = 5;

type Place = {
  readonly host: Sample;
  readonly path: Sample;
  readonly method: Sample;
  readonly conditions: ConditionSample;
};

export function compareAccess(before: LoadedConfig, after: LoadedConfig): AccessChanges {
  const policies = comparePolicies(before.policies, after.policies);
  // Most reloads renew a certificate: then no place need be asked.
  if (layoutOf(before) === layoutOf(after)) return { opened: [], closed: [], rules: [], policies, complete: true };
  const old = new AccessTable(before);
  const now = new AccessTable(after);
  const { places, complete, methods } = listPlaces(before, after);
  const found = new Map<string, OneHost>();
  for (const { host, path, method, conditions } of places) {
    const was = old.at(method.sample, host.sample, path.sample, conditions);
    const is = now.at(method.sample, host.sample, path.sample, conditions);
    const kind = kindOf(was, is);
    if (kind === undefined || isInherited(path, { old, now, was, is, conditions }, method.sample, host.sample))
      continue;
    // Who meets conditions that neither of the routes asks for is as good as everybody.
    if (complete && conditions !== noConditions && tellsTheSame(old, now, { host, path, method, was, is })) continue;
    const routes = [was, is].map(({ route }) => route?.config.name);
    const key = JSON.stringify([kind, path.text, conditions.text, keyOf(was), keyOf(is), routes]);
    const known = found.get(`${key} ${host.sample}`);
    if (known === undefined)
      found.set(`${key} ${host.sample}`, { key, kind, path, conditions, host, methods: [method.text], was, is });
    else known.methods.push(method.text);
  }
  const grouped = joinHosts([...found.values()], complete ? methods : undefined);
  const list = (kind: Kind): AccessChange[] => grouped.filter((one) => one.kind === kind).map(({ change }) => change);
  return {
    opened: list('opened'),
    closed: list('closed'),
    rules: list('rules'),
    policies,
    complete,
  };
}

/** Everything of a configuration that AccessTable looks at, but for what is within the terms of policies. */
function layoutOf(loaded: LoadedConfig): string {
  const { tls, routes, entryPoints } = loaded.config;
  const policies = [tls.gateway, ...tls.policies].map(({ name, hosts, clientAuth, routesRequireClientCert }) => [
    name,
    hosts,
    clientAuth?.required,
    routesRequireClientCert,
  ]);
  const points = [listEntryPoints(entryPoints).map((one) => [one.name, one.tls]), tls.defaultPolicy];
  const rules = routes.map(({ name, hosts, path, match, methods, priority, clientCert }) => {
    const rule = clientCert && [clientCert.required, clientCert.allow];
    return [name, hosts, path, match, methods, priority, rule];
  });
  const all = [policies, points, rules, certificateNames(loaded)];
  return JSON.stringify(all, (key, value: unknown) => (key === 'place' ? undefined : (value ?? null)));
}

type OneHost = {
  readonly key: string;
  readonly kind: Kind;
  readonly path: Sample;
  readonly conditions: ConditionSample;
  readonly host: Sample;
  readonly methods: string[];
  readonly was: Access;
  readonly is: Access;
};

/**
 * Hosts for which the same changes for the same methods become one change. `everyMethod`: how many there are; undefined where
 * each route was asked about its own only.
 */
function joinHosts(all: readonly OneHost[], everyMethod: number | undefined): { kind: Kind; change: AccessChange }[] {
  const joined = new Map<string, { kind: Kind; hosts: string[]; change: AccessChange }>();
  for (const { key, kind, path, conditions, host, methods, was, is } of all) {
    const id = JSON.stringify([key, methods]);
    const known = joined.get(id);
    if (known !== undefined) known.hosts.push(host.text);
    else {
      const hosts = [host.text];
      const every = everyMethod === undefined ? methods[0] === otherMethods.text : methods.length === everyMethod;
      const change = {
        path: path.text,
        conditions: conditions.text,
        hosts,
        methods: every ? [] : methods,
        before: was,
        after: is,
      };
      joined.set(id, { kind, hosts, change });
    }
  }
  return [...joined.values()];
}

/** True where the routes that are met here stand further up, and the same change is told there. */
function isInherited(
  path: Sample,
  {
    old,
    now,
    was,
    is,
    conditions,
  }: { old: AccessTable; now: AccessTable; was: Access; is: Access; conditions: ConditionSample },
  method: string,
  host: string,
): boolean {
  const paths = distinct([was, is].map(({ route }) => route && samplePath(route.config)));
  const top = paths.toSorted((a, b) => b.sample.length - a.sample.length)[0];
  if (top === undefined || top.sample === path.sample) return false;
  const [before, after] = [old, now].map((table) => table.at(method, host, top.sample, conditions).route);
  return before === was.route && after === is.route;
}

/** A request at the same place that meets no condition is told of with the same routes. */
function tellsTheSame(
  old: AccessTable,
  now: AccessTable,
  {
    host,
    path,
    method,
    was,
    is,
  }: Pick<Place, 'host' | 'path' | 'method'> & { readonly was: Access; readonly is: Access },
): boolean {
  const [before, after] = [old, now].map((table) => table.at(method.sample, host.sample, path.sample));
  const same = (one: Access | undefined, other: Access): boolean =>
    one?.secureRoute === other.secureRoute && one?.plainRoute === other.plainRoute;
  return same(before, was) && same(after, is);
}

type Kind = 'opened' | 'closed' | 'rules';
function listPlaces(
  before: LoadedConfig,
  after: LoadedConfig,
): { places: Place[]; complete: boolean; methods: number } {
  const hosts = distinct([...listHosts(before), ...listHosts(after)]);
  const paths = distinct([...listPaths(before), ...listPaths(after)]);
  const methods = distinct([...listMethods(before), ...listMethods(after)]);
  const all = [...listConditions(before.config), ...listConditions(after.config)];
  const conditions = [...new Map(all.map((one) => [one.text, one])).values()];
  if (hosts.length * paths.length * methods.length * conditions.length <= maxPlaces) {
    const places = paths.flatMap((path) =>
      hosts.flatMap((host) =>
        methods.flatMap((method) => conditions.map((one): Place => ({ host, path, method, conditions: one }))),
      ),
    );
    return { places, complete: true, methods: methods.length };
  }
  return { places: listOwnPlaces([before, after], hosts), complete: false, methods: methods.length };
}

/** Each route at its own hosts and methods, as many as there is room for. */
function listOwnPlaces(configs: readonly LoadedConfig[], hosts: readonly Sample[]): Place[] {
  const places = new Map<string, Place>();
  for (const { config } of configs)
    for (const { hosts: own, methods: named, ...rule } of config.routes) {
      const path = samplePath(rule);
      if (path === undefined) continue;
      const conditions = sampleConditions(rule.match);
      const methods = named.length === 0 ? [otherMethods] : named.map(sampleMethod);
      for (const host of own.length === 0 ? hosts : distinct(own.map(sampleHost)))
        for (const method of methods) {
          if (places.size >= maxPlaces) return [...places.values()];
          const key = `${host.sample} ${method.sample} ${path.sample} ${conditions.text}`;
          places.set(key, { host, path, method, conditions });
        }
    }
  return [...places.values()];
}

const ranks: Readonly<Record<Who['kind'], number>> = { nobody: 0, certificate: 1, anyone: 2 };

function kindOf(was: Access, is: Access): Kind | undefined {
  const secure = ranks[is.secure.kind] - ranks[was.secure.kind];
  const plain = ranks[is.plain.kind] - ranks[was.plain.kind];
  if (secure > 0 || plain > 0) return 'opened';
  if (secure < 0 || plain < 0) return 'closed';
  return keyOf(was) === keyOf(is) ? undefined : 'rules';
}

/** Equal where the same is asked of the client, as far as the names of policies and the rules of routes go. */
function keyOf({ policy, secure, plain }: Access): string {
  if (secure.kind === 'nobody') return `nobody ${plain.kind}`;
  const allow = JSON.stringify(secure.allow, (key, value: unknown) => (key === 'place' ? undefined : value));
  return JSON.stringify([secure.kind, plain.kind, policy?.config.name, allow]);
}

function comparePolicies(before: readonly LoadedPolicy[], after: readonly LoadedPolicy[]): PolicyChange[] {
  const old = new Map(before.map((policy) => [policy.config.name, policy]));
  return after.flatMap((policy) => {
    const was = old.get(policy.config.name);
    const change = was && !isSame(was, policy) ? comparePolicy(was, policy) : undefined;
    return change === undefined ? [] : [change];
  });
}

function comparePolicy(was: LoadedPolicy, is: LoadedPolicy): PolicyChange | undefined {
  const [casBefore, casAfter] = [caKeysOf(was), caKeysOf(is)];
  const added = [...casAfter].filter((key) => !casBefore.has(key));
  const removed = [...casBefore].filter((key) => !casAfter.has(key));
  const [termsBefore, termsAfter] = [was, is].map(
    ({ config }) => new Map(termsOf(config).map((one) => [one.key, one])),
  );
  const keys = new Set([...(termsBefore?.keys() ?? []), ...(termsAfter?.keys() ?? [])]);
  const terms = [...keys].flatMap((key) => {
    const [one, other] = [termsBefore?.get(key), termsAfter?.get(key)];
    return one?.exact === other?.exact ? [] : [{ key, before: one?.text, after: other?.text }];
  });
  if (added.length + removed.length + terms.length === 0) return undefined;
  return {
    policy: is.config.name,
    addedCas: added.slice(0, maxCas).map(describeCa),
    addedCount: added.length,
    removedCas: removed.slice(0, maxCas).map(describeCa),
    removedCount: removed.length,
    terms,
  };
}
