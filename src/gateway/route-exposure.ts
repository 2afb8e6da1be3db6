// Routes that anonymous clients reach although a policy requires certificates: legal, and rarely meant.
import type { GatewayConfig, PolicyConfig } from '../config/gateway-config.ts';
import type { Problem } from '../config/problem.ts';

/**
 * A warning for each route without `hosts` that is served under policies of which only some require a client certificate;
 * a route that requires one itself is closed everywhere.
 */
export function findExposedRoutes({ tls, routes }: GatewayConfig): Problem[] {
  const policies = [tls.gateway, ...tls.policies];
  const open = policies.filter((policy) => !requires(policy)).map(({ name }) => name);
  if (open.length === 0 || open.length === policies.length) return [];
  return routes
    .filter(({ hosts, clientCert }) => hosts.length === 0 && clientCert?.required !== true)
    .map((route) => ({
      severity: 'warning',
      code: 'route_in_open_policy',
      place: route.place,
      message: `the route ${route.name} has no hosts: it is served under every policy, without a client certificate under ${open.join(', ')}`,
      hint: 'Name the hosts that it is for.',
    }));
}

function requires(policy: PolicyConfig): boolean {
  return policy.clientAuth?.required === true;
}
