// Routes of all files: each one read (route.ts), then looked at together (names, routes that can never be reached).
import type { Cursor } from '../yaml/cursor.ts';
import { sayPlace } from '../yaml/place.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import type { RouteConfig } from './gateway-config.ts';
import { countConditions } from './match-conditions.ts';
import { isEnabled, readRoute, type RouteSurroundings, type WrittenRoute } from './route.ts';

const maxRoutes = 50_000;

/** Enabled routes in order of appearance; disabled ones are checked all the same, then dropped. */
export function readRoutes(
  written: readonly WrittenRoute[],
  around: RouteSurroundings,
  problems: ProblemList,
): RouteConfig[] {
  const [first] = written;
  if (first !== undefined && written.length > maxRoutes)
    problems.error('too_many', first.at.place, `more than ${maxRoutes} routes`);
  checkNames(written, problems);
  const all = written.map(({ shape, at }) => ({
    route: readRoute(shape, at, around, problems),
    enabled: isEnabled(shape),
  }));
  const routes = all.filter((one) => one.enabled).map((one) => one.route);
  // A host that could not be read would look like every host.
  if (!problems.hasErrors) warnUnreachable(routes, problems);
  return routes;
}

function checkNames(written: readonly WrittenRoute[], problems: ProblemList): void {
  const names = new Map<string, Cursor>();
  for (const { shape, at } of written) {
    const name = shape.name ?? '';
    const here = at.down('name');
    const earlier = names.get(name);
    if (name === '') {
      if (!at.isBroken('name')) problems.error('missing_key', here.place, 'the route has no `name`');
    } else if (name.length > 256 || /[\u0000-\u001f\u007f]/.test(name))
      problems.error('bad_name', here.place, 'the name is longer than 256 characters or holds control characters');
    else if (earlier === undefined) names.set(name, here);
    else
      problems.error(
        'duplicate_name',
        here.place,
        `two routes are called ${quote(name)}`,
        `The first stands in ${sayPlace(earlier.place)}.`,
      );
  }
}

/** Same path, same host: the earlier one in the order of matching serves every method that it takes (docs/configuration.md, routes). */
function warnUnreachable(routes: readonly RouteConfig[], problems: ProblemList): void {
  const owners = new Map<string, RouteConfig[]>();
  const ordered = routes.toSorted(
    (a, b) => a.priority - b.priority || countConditions(b.match) - countConditions(a.match),
  );
  for (const route of ordered) {
    const hosts = route.hosts.length === 0 ? [''] : route.hosts;
    for (const host of hosts) {
      // Parameters of another name match the same paths and hosts.
      const path = route.match.path === 'regex' ? route.path : route.path.replaceAll(/\{[^}]*\}/g, '{}');
      const key = `${route.match.path} ${host.replace(/^\{[^}]*\}/, '{}')}${path}`;
      const earlier = owners.get(key) ?? [];
      const owner = earlier.find((other) => takesAll(other, route));
      if (owner !== undefined)
        problems.warn(
          'unreachable_route',
          route.place,
          `route ${quote(route.name)} is never reached${host === '' ? '' : ` for ${host}`}: route ${quote(owner.name)} has the same path and host and comes first`,
          'Change path, hosts or methods, or give it a lower priority number.',
        );
      else owners.set(key, [...earlier, route]);
    }
  }
}

function takesAll(earlier: RouteConfig, later: RouteConfig): boolean {
  if (countConditions(earlier.match) > 0 && JSON.stringify(earlier.match) !== JSON.stringify(later.match)) return false;
  if (earlier.methods.length === 0) return true;
  return later.methods.length > 0 && later.methods.every((method) => earlier.methods.includes(method));
}
