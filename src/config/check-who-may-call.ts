// Routes looked at together with the policies that they are served under: rules that nobody can satisfy or that cannot be
// verified, and routes that anyone may call although client certificates are asked for. The first are errors or warnings; the
// second are warnings until the route says that it is meant.
import type { PolicyConfig, RouteConfig, TlsConfig } from './gateway-config.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { RoutePolicies, type ServedHost } from './route-policies.ts';
import { quote } from '../yaml/tree.ts';

export function checkWhoMayCall(routes: readonly RouteConfig[], tls: TlsConfig, problems: ProblemList): void {
  const policies = new RoutePolicies(tls);
  for (const route of routes) {
    const served = boundTo(route.match.policies, policies.of(route.hosts));
    if (served.length === 0) reportNowhere(route, problems);
    else if (!reportUnjudgeable(route, served, policies.all.some(asksFor), problems)) warnOpen(route, served, problems);
  }
}

/** What is left for a route that exists for clients of some policies only; no names: of all. */
function boundTo(names: readonly string[], served: readonly ServedHost[]): readonly ServedHost[] {
  if (names.length === 0) return served;
  const bound = served.map(({ host, policies }) => ({
    host,
    policies: policies.filter(({ name }) => names.includes(name)),
  }));
  return bound.filter(({ policies }) => policies.length > 0);
}

function reportNowhere({ name, hosts, match, place }: RouteConfig, problems: ProblemList): void {
  problems.error(
    'never_served',
    place,
    `route ${quote(name)} exists for clients of ${list(match.policies.map((policy) => `policy ${policy}`))} only, and none of its hosts falls under one`,
    `Name hosts of these policies, or remove hosts (${list(hosts)}).`,
  );
}

/** True where it was reported. */
function reportUnjudgeable(
  route: RouteConfig,
  served: readonly ServedHost[],
  askedAnywhere: boolean,
  problems: ProblemList,
): boolean {
  const { clientCert } = route;
  // Open by its own word: there is nothing to verify.
  if (clientCert?.required === false && clientCert.allow === undefined) return false;
  const isDeaf = (policy: PolicyConfig): boolean =>
    !asksFor(policy) && (clientCert !== undefined || policy.routesRequireClientCert);
  const deaf = whereSome(served, isDeaf);
  if (deaf.length === 0) return false;
  const everywhere = served.every(({ policies }) => policies.every(isDeaf));
  const effect = clientCert?.required === false ? 'the rule could not be judged' : 'nobody could call the route';
  const byDefault = clientCert === undefined;
  const place = clientCert?.place ?? route.place;
  const why = byDefault ? ', and by default routes require one (defaults.security.clientCert)' : '';
  const hint = `Give the policy of the host clientAuth (gateway.tls.clientAuth, or gateway.tls.policies)${byDefault ? ', or open the route: security.clientCert: {required: false}' : ''}.`;
  if (!askedAnywhere)
    problems.error(
      'client_auth_without_ca',
      place,
      `client certificates are asked for nowhere${why}: ${effect}${byDefault ? ` ${quote(route.name)}` : ''}`,
      hint,
    );
  else if (everywhere)
    problems.error(
      'client_auth_without_ca',
      place,
      `route ${quote(route.name)} is served only where no client certificate is asked for (${list(deaf)})${why}: ${effect}`,
      hint,
    );
  else
    problems.warn(
      'client_auth_without_ca',
      place,
      `no client certificate is asked for under ${list(deaf)}${why}: ${effect}${byDefault ? ` ${quote(route.name)}` : ''} there`,
      hint,
    );
  return true;
}

/** Who writes `security.clientCert` has decided; who writes nothing may have forgotten. */
function warnOpen(route: RouteConfig, served: readonly ServedHost[], problems: ProblemList): void {
  if (route.clientCert !== undefined) return;
  const forgotten = whereSome(served, (policy) => asksFor(policy) && isOpen(policy));
  const name = quote(route.name);
  if (forgotten.length > 0)
    problems.warn(
      'route_open_to_anyone',
      route.place,
      `anyone may call route ${name} under ${list(forgotten)}: a client certificate is asked for there, but neither the policy nor the route requires one`,
      'Write security.clientCert: {required: true} on the route, or {required: false} to say that it is meant; gateway.defaults.security.clientCert: {required: true} closes all routes that say nothing.',
    );
  // Hosts that somebody wrote on a route of a public policy are meant; a route of every host is public by accident.
  if (route.hosts.length > 0) return;
  const all = served[0]?.policies ?? [];
  const open = all.filter((policy) => isOpen(policy) && !asksFor(policy));
  if (open.length === 0 || all.every(isOpen)) return;
  problems.warn(
    'route_in_open_policy',
    route.place,
    `route ${name} has no hosts: it is served under every policy, without a client certificate under ${list(open.map(({ name: policy }) => policy))}`,
    'Name the hosts that it is for, or write security.clientCert: {required: false} to say that it is meant.',
  );
}

function asksFor(policy: PolicyConfig): boolean {
  return policy.clientAuth !== undefined;
}

/** A route that says nothing itself may be called without a certificate. */
function isOpen(policy: PolicyConfig): boolean {
  return policy.clientAuth?.required !== true && !policy.routesRequireClientCert;
}

/** The hosts under some policy of that kind; for a route of every host the policies themselves. */
function whereSome(served: readonly ServedHost[], is: (policy: PolicyConfig) => boolean): string[] {
  return served.flatMap(({ host, policies }) => {
    if (host !== '') return policies.some(is) ? [host] : [];
    return policies.filter(is).map((policy) => `policy ${policy.name}`);
  });
}

function list(names: readonly string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return names.slice(0, 5).join(', ') + more;
}
