// Hosts for which Goma would have a certificate ordered, and for which none is given: they would be served with one that nobody
// can verify, so it is an error, at the start too.
import { isIpLiteral, wildcardHost } from '../base/host.ts';
import { materialError } from '../base/material-problem.ts';
import type { CertificateOrder } from '../config/gateway-config.ts';
import type { Coverage } from './check-coverage.ts';
import type { MaterialLoader } from './material-loader.ts';

/** What a policy has certificates for. */
export type PolicyCoverage = { readonly hosts: readonly string[]; readonly coverage: Coverage };

/** `shared`: the certificates for hosts that no policy names. Each host is told once. */
export function checkOrders(
  orders: readonly CertificateOrder[],
  policies: readonly PolicyCoverage[],
  shared: Coverage,
  loader: MaterialLoader,
): void {
  const seen = new Set<string>();
  for (const { host, provider, why, place } of orders) {
    const pattern = wildcardHost(host);
    if (seen.has(pattern) || isIpLiteral(pattern)) continue;
    seen.add(pattern);
    const policy = findPolicy(policies, pattern);
    if ((policy?.coverage ?? shared).has(pattern)) continue;
    loader.add(
      place,
      materialError(
        'certificate_not_fetched',
        `no certificate covers the host ${host}, and none is ordered (certManager, provider ${provider}): ${why}`,
        'Correct it; or give one in gateway.tls.certificates or certsDir (files that an ACME client renews are picked up); or write tls: {provider: none} on the route.',
      ),
    );
  }
}

/** The one that names the host, else the one with the longest pattern that takes it. */
function findPolicy(policies: readonly PolicyCoverage[], host: string): PolicyCoverage | undefined {
  const exact = policies.find(({ hosts }) => hosts.includes(host));
  if (exact !== undefined) return exact;
  let best: { readonly policy: PolicyCoverage; readonly pattern: string } | undefined;
  for (const policy of policies)
    for (const pattern of policy.hosts)
      if (takes(pattern, host) && pattern.length > (best?.pattern.length ?? 0)) best = { policy, pattern };
  return best?.policy;
}

/** `*.example.com` takes names below it. */
function takes(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') && host.endsWith(pattern.slice(1));
}
