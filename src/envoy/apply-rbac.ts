// RBAC over a route: one route for each path (and method) for which the policies let in somebody else.
import type { DraftMap } from '../import/draft.ts';
import { deepen, type Entry, isAbove } from './entry.ts';
import { joinWhom, type Rbac, type RbacPolicy, type Whom } from './rbac.ts';

/** Undefined where the path of the route is an expression and the policies differ by path. */
export function applyRbac(entry: Entry, rbac: Rbac): Entry[] | undefined {
  const { path } = entry;
  const byPath = rbac.filter((policy) => policy.path.kind !== 'all');
  if (path.kind === 'regex') return byPath.length > 0 ? undefined : guarded(entry, rbac);
  const isPrefix = path.kind !== 'exact';
  const below = byPath.filter((one) => isPrefix && one.path.path !== path.path && isAbove(path.path, one.path.path));
  const places = new Map(
    below.map(({ path: one }) => [`${one.kind === 'exact' ? 'exact' : 'prefix'} ${one.path}`, one]),
  );
  // The exact path of a prefix route itself.
  for (const { path: one } of byPath)
    if (isPrefix && one.kind !== 'prefix' && isAbove(path.path, one.path))
      places.set(`exact ${one.path}`, { ...one, kind: 'exact' });
  const copies = [...places.values()]
    .map((place) => deepen(entry, place.path, place.kind === 'exact' ? 'exact' : 'prefix'))
    .map((copy) => ({
      ...copy,
      name: `${entry.name}${copy.path.path}${copy.path.kind === 'exact' ? '-exact' : ''}`,
    }))
    .toSorted((a, b) => b.path.path.length - a.path.path.length || (a.path.kind === 'exact' ? -1 : 1));
  return [...copies, entry].flatMap((one) =>
    guarded(
      one,
      rbac.filter((policy) => covers(policy, one)),
    ),
  );
}

/** Everything that the entry takes is under the policy. */
function covers({ path }: RbacPolicy, entry: Entry): boolean {
  if (path.kind === 'all') return true;
  if (path.kind === 'below' && entry.path.kind === 'exact' && entry.path.path === path.path) return false;
  if (path.kind === 'exact') return entry.path.kind === 'exact' && entry.path.path === path.path;
  return isAbove(path.path, entry.path.path);
}

function guarded(entry: Entry, policies: Rbac): Entry[] {
  const methods = [...new Set(policies.flatMap((policy) => policy.methods ?? []))];
  const whomOf = (method: string | undefined): Whom =>
    joinWhom(
      policies
        .filter((one) => one.methods === undefined || (method !== undefined && one.methods.includes(method)))
        .map(({ whom }) => whom),
    );
  const asked = entry.conditions['methods'];
  const groups = new Map<string, { methods: string[]; whom: Whom }>();
  for (const method of methods) {
    if (Array.isArray(asked) && !asked.includes(method)) continue;
    const whom = whomOf(method);
    const key = JSON.stringify(whom);
    const group = groups.get(key) ?? { methods: [], whom };
    group.methods.push(method);
    groups.set(key, group);
  }
  const ofMethods = [...groups.values()].map((group) =>
    withWhom(
      {
        ...entry,
        name: `${entry.name}-${group.methods.join('-').toLowerCase()}`,
        conditions: { ...entry.conditions, methods: group.methods },
      },
      group.whom,
    ),
  );
  return [...ofMethods, withWhom(entry, whomOf(undefined))];
}

function withWhom(entry: Entry, whom: Whom): Entry {
  if (whom === 'any') return entry;
  if (whom === 'authenticated') return { ...entry, clientCert: { required: true } };
  if (whom.length > 0) return { ...entry, clientCert: { allow: [...whom] } satisfies DraftMap };
  // Nobody: Envoy answers so.
  return { ...entry, keys: { response: { statusCode: 403 } }, middlewares: [], clientCert: undefined };
}
