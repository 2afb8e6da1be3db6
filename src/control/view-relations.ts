// Trust relations of a configuration: which policy lets clients in to which backends, and how those are reached. Runs in the
// primary; what is seen of them is put beside it elsewhere (relations.ts).
import { RoutePolicies } from '../config/route-policies.ts';
import type { LoadedConfig, LoadedRoute } from '../loading/loaded.ts';
import type { LoadedPair } from '../loading/material-loader.ts';
import { hostAndPort } from './host-and-port.ts';
import { showRule } from './show-service.ts';
import type { RelationView, ShownPair, TargetView } from './view.ts';

/** A route without hosts is served under every policy: many of both are more than anybody reads. */
const maxRelations = 5_000;
const maxRoutesShown = 100;
const maxAddresses = 50;
const maxNames = 20;

export type IdOf = (pair: LoadedPair) => string | null;

export function showRelations(
  { config, routes }: LoadedConfig,
  idOf: IdOf,
): { targets: TargetView[]; relations: RelationView[] } {
  const served = new RoutePolicies(config.tls);
  const services = new Map(config.named.services.map((service) => [service.name, service]));
  const targets = new Map<string, TargetView>();
  const relations = new Map<string, { policy: string; target: string; routes: string[] }>();
  for (const route of routes) {
    const { name, service, hosts, match, backends } = route.config;
    // An answer of the gateway's own goes nowhere.
    if (backends.length === 0) continue;
    const target = service ?? `route:${name}`;
    if (!targets.has(target))
      targets.set(target, showTarget(target, route, services.get(service ?? '')?.caBundle, idOf));
    const policies = new Set(served.of(hosts).flatMap(({ policies: some }) => some.map((policy) => policy.name)));
    for (const policy of policies) {
      if (match.policies.length > 0 && !match.policies.includes(policy)) continue;
      const id = `${policy}~${target}`;
      const known = relations.get(id);
      if (known !== undefined) known.routes.push(name);
      else if (relations.size < maxRelations) relations.set(id, { policy, target, routes: [name] });
    }
  }
  return {
    targets: [...targets.values()],
    relations: [...relations].map(([id, one]) => ({ id, ...one, routes: one.routes.slice(0, maxRoutesShown) })),
  };
}

function showTarget(id: string, { config, tls }: LoadedRoute, caBundle: string | undefined, idOf: IdOf): TargetView {
  const { name, service, backends } = config;
  const { insecureSkipVerify, rootCAs, serverName, allowedSANs, allowedFingerprints, allowedSPKI, crl } = config.tls;
  const secure = backends.some(({ scheme }) => scheme === 'https');
  return {
    id,
    service: service ?? null,
    route: name,
    mode: !secure ? 'off' : tls.clientPair === undefined ? 'tls' : 'mtls',
    verified: secure && !insecureSkipVerify,
    shows: !secure || tls.clientPair === undefined ? null : showPair(tls.clientPair, idOf),
    caBundle: !secure || insecureSkipVerify ? null : (caBundle ?? (rootCAs === undefined ? 'system' : null)),
    serverName: serverName ?? null,
    addresses: backends.slice(0, maxAddresses).map(({ host, port }) => hostAndPort(host, port)),
    allowedSANs: allowedSANs?.map(showRule) ?? null,
    allowedFingerprints: allowedFingerprints ?? null,
    allowedSPKI: allowedSPKI ?? null,
    crl: crl !== undefined,
  };
}

export function showPair(pair: LoadedPair, idOf: IdOf): ShownPair {
  const { subject, sha256, names, notBefore, notAfter } = pair;
  return { id: idOf(pair), subject, sha256, names: names.slice(0, maxNames), notBefore, notAfter };
}
