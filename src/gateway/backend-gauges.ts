// The gauges about backends, read off the active generation when somebody asks: nothing is kept up to date in between,
// and what a reload removed is gone from the next answer.
import type { MetricCatalogue } from '../telemetry/metrics.ts';
import type { Pools } from '../upstream/pools.ts';
import type { Generation } from './generation.ts';
import type { ObservedCertificates } from './observed-certificates.ts';

export function setBackendGauges(
  metrics: MetricCatalogue,
  { routes, pools }: Generation,
  observed: ObservedCertificates | undefined,
): void {
  const { backendHealthy, upstreamConnections, upstreamWaiting, certificateExpiry } = metrics;
  certificateExpiry.clear();
  for (const { role, subject, notAfter } of observed?.list(labelsOf(pools)) ?? []) {
    certificateExpiry.labels({ role, subject }).set(notAfter / 1000);
  }
  backendHealthy.clear();
  for (const { config, cluster } of routes.routes) {
    for (const backend of cluster.backends) {
      const gauge = backendHealthy.labels({ route: config.name, backend: backend.label });
      gauge.set(backend.state().healthy ? 1 : 0);
    }
  }
  // One backend may have several pools: one for each TLS identity and each set of limits.
  upstreamConnections.clear();
  upstreamWaiting.clear();
  for (const { label: backend, counts } of pools.list()) {
    const connections = upstreamConnections.labels({ backend });
    connections.set(connections.value + counts.open);
    const waiting = upstreamWaiting.labels({ backend });
    waiting.set(waiting.value + counts.waiting);
  }
}

/** host:port of every backend in use. */
export function labelsOf(pools: Pools | undefined): Set<string> {
  return new Set((pools?.list() ?? []).map(({ label }) => label));
}
