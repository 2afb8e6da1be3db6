// From what is loaded to what is shown of it. Runs in the primary, which has the keys; field by field, so that what is added
// to a configuration later is shown when somebody says so and not before.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type {
  CertificatePair,
  GatewayConfig,
  PolicyConfig,
  RouteConfig,
  ServiceConfig,
} from '../config/gateway-config.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { Place } from '../yaml/place.ts';
import type { ConfigView, Origin, PolicyView, RouteView, ServiceView, Usage } from './view.ts';

export function makeView({ config, named }: LoadedConfig, generation: number): ConfigView {
  const policies = [config.tls.gateway, ...config.tls.policies];
  const users = new Users();
  for (const { name, certificateId, caBundle } of config.named.services) {
    users.add(`certificates/${certificateId ?? ''}`, { kind: 'services', id: name });
    users.add(`caBundles/${caBundle ?? ''}`, { kind: 'services', id: name });
  }
  for (const { name, service } of config.routes) users.add(`services/${service ?? ''}`, { kind: 'routes', id: name });
  // References were resolved while the file was read: who holds the very same material refers to its id.
  const certificateIds = new Map<object, string>(config.named.certificates.map(({ id, pair }) => [pair, id]));
  const bundleIds = new Map<object, string>(config.named.caBundles.flatMap(({ id, cas }) => cas.map((ca) => [ca, id])));
  for (const policy of policies) {
    const user: Usage = { kind: 'policies', id: policy.name };
    for (const id of idsOf(certificatesOf(policy, config), certificateIds)) users.add(`certificates/${id}`, user);
    for (const id of idsOf(policy.clientAuth?.clientCAs ?? [], bundleIds)) users.add(`caBundles/${id}`, user);
  }
  const shown = {
    certificates: named.certificates.map(({ id, place, pair }) => ({
      id,
      origin: originOf(place),
      chainPem: pair.chainPem,
      usedBy: users.of(`certificates/${id}`),
    })),
    caBundles: named.caBundles.map(({ id, place, caPem }) => ({
      id,
      origin: originOf(place),
      caPem,
      usedBy: users.of(`caBundles/${id}`),
    })),
    services: config.named.services.map((service) => ({
      ...showService(service),
      usedBy: users.of(`services/${service.name}`),
    })),
    routes: config.routes.map(showRoute),
    policies: policies.map((policy) => showPolicy(policy, certificatesOf(policy, config), certificateIds, bundleIds)),
  };
  const digest = createHash('sha256').update(JSON.stringify(shown)).digest('hex');
  return { generation, digest, ...shown };
}

/** Its own, or those that all policies share that have none. */
function certificatesOf(policy: PolicyConfig, { tls }: GatewayConfig): readonly CertificatePair[] {
  return policy.certificates.length > 0 ? policy.certificates : tls.certificates;
}

class Users {
  readonly #users = new Map<string, Usage[]>();

  add(what: string, user: Usage): void {
    const known = this.#users.get(what);
    if (known === undefined) this.#users.set(what, [user]);
    else if (!known.some(({ kind, id }) => kind === user.kind && id === user.id)) known.push(user);
  }

  of(what: string): readonly Usage[] {
    return this.#users.get(what) ?? [];
  }
}

function idsOf(material: readonly object[], ids: ReadonlyMap<object, string>): string[] {
  return [...new Set(material.flatMap((one) => ids.get(one) ?? []))];
}

/** Folders say more of a machine than is needed to find the line. */
function originOf({ file, line, stored }: Place): Origin {
  return stored === undefined ? { kind: 'file', place: { file: basename(file), line } } : { kind: 'store' };
}

function hostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function showService(service: ServiceConfig): Omit<ServiceView, 'usedBy'> {
  const { name, place, source, protocol, addresses, mode, certificateId, caBundle, serverName, verified } = service;
  return {
    id: name,
    origin: originOf(place),
    source,
    protocol,
    addresses: addresses.map(({ host, port, weight }) => ({ address: hostAndPort(host, port), weight })),
    tls: {
      mode,
      certificateId: certificateId ?? null,
      caBundle: caBundle ?? null,
      serverName: serverName ?? null,
      verified,
    },
  };
}

function showRoute(route: RouteConfig): RouteView {
  const { name, place, hosts, path, methods, priority, service, backends, filters, clientCert } = route;
  return {
    id: name,
    origin: originOf(place),
    hosts,
    path,
    methods,
    priority,
    service: service ?? null,
    backends: backends.map(({ scheme, host, port, basePath }) => `${scheme}://${hostAndPort(host, port)}${basePath}`),
    middlewares: filters.map((filter) => ({ name: filter.name, type: filter.type })),
    requiresClientCertificate: clientCert?.required ?? null,
  };
}

function showPolicy(
  { name, place, hosts, clientAuth, minVersion, maxVersion }: PolicyConfig,
  certificates: readonly CertificatePair[],
  certificateIds: ReadonlyMap<object, string>,
  bundleIds: ReadonlyMap<object, string>,
): PolicyView {
  return {
    id: name,
    origin: originOf(place),
    hosts,
    clientCertificate: clientAuth === undefined ? 'off' : clientAuth.required ? 'required' : 'optional',
    caBundles: idsOf(clientAuth?.clientCAs ?? [], bundleIds),
    certificates: idsOf(certificates, certificateIds),
    minVersion,
    maxVersion,
  };
}
