// `security.clientCert` of a route: who may call it. A rule can only be judged where client certificates are asked for, so the
// policies that the route is served under are looked at together with it.
import type { Cursor } from './cursor.ts';
import type { PolicyConfig, RouteClientCertConfig, RouteConfig, TlsConfig } from './gateway-config.ts';
import type { RouteClientCertShape } from './identity-shape.ts';
import type { ProblemList } from './problem-list.ts';
import { readSanRules } from './read-san-rules.ts';
import { reportEmpty } from './reading.ts';
import { quote } from './yaml-tree.ts';

/** The block under `clientCert` of `around`; undefined where it asks for nothing (`{required: false}`). */
export function readRouteClientCert(
  shape: RouteClientCertShape | undefined,
  around: Cursor,
  problems: ProblemList,
): RouteClientCertConfig | undefined {
  if (shape === undefined) return reportEmpty(around, 'clientCert', problems);
  const at = around.down('clientCert');
  reportEmpty(at, 'required', problems);
  const required = shape.required ?? true;
  const allow = readSanRules(shape.allow, at, 'allow', problems);
  if (!required && allow === undefined) return undefined;
  if (!required)
    problems.warn(
      'client_auth_optional',
      at.keyPlace('required'),
      'allow narrows down only clients with a certificate: anonymous ones may call the route all the same',
      'Write required: true to refuse them.',
    );
  return { required, allow, place: at.place };
}

/** Routes whose rule nobody could satisfy, or that could not be judged, are errors; those that can be in part, warnings. */
export function checkRouteClientCerts(routes: readonly RouteConfig[], tls: TlsConfig, problems: ProblemList): void {
  for (const route of routes) {
    const { clientCert } = route;
    if (clientCert === undefined) continue;
    const open = hostsWithoutClientAuth(route.hosts, tls);
    if (open === undefined) continue;
    const effect = clientCert.required ? 'nobody could call the route' : 'the rule could not be judged';
    const hint = 'Give the policy of the host clientAuth (gateway.tls.clientAuth, or gateway.tls.policies).';
    const { place } = clientCert;
    const name = quote(route.name);
    if (![tls.gateway, ...tls.policies].some(asksFor))
      problems.error('client_auth_without_ca', place, `client certificates are asked for nowhere: ${effect}`, hint);
    else if (open.all)
      problems.error(
        'client_auth_without_ca',
        place,
        `route ${name} is served only where no client certificate is asked for (${list(open.names)}): ${effect}`,
        hint,
      );
    else
      problems.warn(
        'client_auth_without_ca',
        place,
        `no client certificate is asked for under ${list(open.names)}: ${effect} there`,
        hint,
      );
  }
}

function list(names: readonly string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return names.slice(0, 5).join(', ') + more;
}

function asksFor(policy: PolicyConfig): boolean {
  return policy.clientAuth !== undefined;
}

/** undefined where certificates are asked for everywhere; else the hosts (or policies, for a route of every host) without. */
function hostsWithoutClientAuth(
  hosts: readonly string[],
  tls: TlsConfig,
): { readonly all: boolean; readonly names: readonly string[] } | undefined {
  const everything = [tls.gateway, ...tls.policies];
  if (hosts.length === 0) {
    const open = everything.filter((policy) => !asksFor(policy));
    const names = open.map((policy) => `policy ${policy.name}`);
    return open.length === 0 ? undefined : { all: open.length === everything.length, names };
  }
  const owners = new Map(tls.policies.flatMap((policy) => policy.hosts.map((host) => [host, policy] as const)));
  const served = hosts.map((host) => ({ host, policies: policiesOf(host, owners, tls) }));
  const open = served.filter(({ policies }) => !policies.every(asksFor));
  if (open.length === 0) return undefined;
  return { all: !served.some(({ policies }) => policies.some(asksFor)), names: open.map(({ host }) => host) };
}

/** Every policy that serves a host of the pattern: the one it falls under, and for wildcards those of hosts below it. */
function policiesOf(pattern: string, owners: ReadonlyMap<string, PolicyConfig>, tls: TlsConfig): PolicyConfig[] {
  const suffix = /^(?:\*|\{[^}]*\})(\..+)$/.exec(pattern)?.[1];
  const above = findOwner(suffix === undefined ? pattern : `*${suffix}`, owners) ?? outsideOf(pattern, tls);
  const below =
    suffix === undefined ? [] : [...owners].filter(([host]) => host.endsWith(suffix)).map(([, policy]) => policy);
  return [...new Set([above, ...below])];
}

/** Clients send no server name for an address, so the default policy takes it (policy-table.ts); the rest is the gateway's. */
function outsideOf(pattern: string, tls: TlsConfig): PolicyConfig {
  const address = pattern.startsWith('[') || /^[\d.]+$/.test(pattern);
  const byDefault = address ? tls.policies.find(({ name }) => name === tls.defaultPolicy) : undefined;
  return byDefault ?? tls.gateway;
}

/** Exact, then the longest `*.suffix` around it. */
function findOwner(host: string, owners: ReadonlyMap<string, PolicyConfig>): PolicyConfig | undefined {
  const exact = owners.get(host);
  if (exact !== undefined) return exact;
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    const found = owners.get(`*${host.slice(dot)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
