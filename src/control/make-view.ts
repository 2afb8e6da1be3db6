// From what is loaded to what is shown of it. Runs in the primary, which has the keys; field by field, so that what is added
// to a configuration later is shown when somebody says so and not before.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { CertificatePair, GatewayConfig, PolicyConfig, RouteConfig } from '../config/gateway-config.ts';
import type { Ref } from '../config/ref.ts';
import type { ReceiverView } from '../alerts/receiver.ts';
import type { LoadedAlertReceiver, LoadedConfig } from '../loading/loaded.ts';
import type { Place } from '../yaml/place.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import { type IdOf, showPair, showRelations } from './view-relations.ts';
import { hostAndPort } from './host-and-port.ts';
import { showRule, showService } from './show-service.ts';
import type { ConfigView, Origin, PolicyView, RouteView, Usage } from './view.ts';

export function makeView(loaded: LoadedConfig, generation: number): ConfigView {
  const { config, named, revision } = loaded;
  const originOf = originBy(revision);
  const policies = [config.tls.gateway, ...config.tls.policies];
  const users = new Users();
  for (const { name, certificateId, caBundle } of config.named.services) {
    users.add(`certificates/${certificateId ?? ''}`, { kind: 'services', id: name });
    users.add(`caBundles/${caBundle ?? ''}`, { kind: 'services', id: name });
  }
  for (const { name, service, filters } of config.routes) {
    users.add(`services/${service ?? ''}`, { kind: 'routes', id: name });
    for (const filter of filters) users.add(`middlewares/${filter.name}`, { kind: 'routes', id: name });
  }
  // References were resolved while the file was read: who holds the very same material refers to its id.
  const certificateIds = new Map<object, string>(config.named.certificates.map(({ id, pair }) => [pair, id]));
  const bundleIds = new Map<object, string>(config.named.caBundles.flatMap(({ id, cas }) => cas.map((ca) => [ca, id])));
  for (const policy of policies) {
    const user: Usage = { kind: 'policies', id: policy.name };
    for (const id of idsOf(certificatesOf(policy, config), certificateIds)) users.add(`certificates/${id}`, user);
    for (const id of idsOf(policy.clientAuth?.clientCAs ?? [], bundleIds)) users.add(`caBundles/${id}`, user);
  }
  for (const { name, certificate } of config.alerts)
    for (const id of idsOf(certificate === undefined ? [] : [certificate], certificateIds))
      users.add(`certificates/${id}`, { kind: 'alerts', id: name });
  const idsByPair = new Map(named.certificates.map(({ id, pair }) => [pair.sha256, id]));
  const idOf: IdOf = ({ sha256 }) => idsByPair.get(sha256) ?? null;
  const served = new Map(loaded.policies.map((policy) => [policy.config.name, policy.certificates]));
  const refs = new Map<string, Ref | undefined>([
    ...config.named.certificates.map(({ id, pair }) => [`certificates/${id}`, pair.cert] as const),
    ...config.named.caBundles.map(({ id, cas }) => [`caBundles/${id}`, cas[0]] as const),
  ]);
  const shown = {
    certificates: named.certificates.map(({ id, place, pair }) => ({
      id,
      origin: originOf(place),
      source: labelOf(refs.get(`certificates/${id}`)),
      chainPem: pair.chainPem,
      usedBy: users.of(`certificates/${id}`),
    })),
    caBundles: named.caBundles.map(({ id, place, caPem }) => ({
      id,
      origin: originOf(place),
      source: labelOf(refs.get(`caBundles/${id}`)),
      caPem,
      usedBy: users.of(`caBundles/${id}`),
    })),
    services: config.named.services.map((service) => ({
      ...showService(service, originOf(service.place)),
      usedBy: users.of(`services/${service.name}`),
    })),
    routes: config.routes.map((route) => showRoute(route, originOf(route.place))),
    policies: policies.map((policy) =>
      showPolicy(policy, originOf(policy.place), {
        certificates: idsOf(certificatesOf(policy, config), certificateIds),
        caBundles: idsOf(policy.clientAuth?.clientCAs ?? [], bundleIds),
        shows: (served.get(policy.name) ?? []).map((pair) => showPair(pair, idOf)),
      }),
    ),
    ...showRelations(loaded, idOf),
    listeners: listEntryPoints(config.entryPoints).map(({ name, host, port, tls, proxyProtocol }) => ({
      name,
      host,
      port,
      tls,
      proxyProtocol: proxyProtocol !== undefined,
    })),
    expiries: loaded.expiries.map(({ role, subject, notBefore, notAfter, isCa = false }) => ({
      role,
      subject,
      notBefore,
      notAfter,
      isCa,
    })),
    middlewares: config.named.middlewares.map(({ name, type, place }) => ({
      id: name,
      origin: originOf(place),
      type,
      usedBy: users.of(`middlewares/${name}`),
    })),
    alertReceivers: loaded.alertReceivers.map((receiver) => showReceiver(receiver, idOf)),
  };
  const digest = createHash('sha256').update(JSON.stringify(shown, ofDigest)).digest('hex');
  return { generation, revision, digest, ...shown };
}

/** Its own, or those that all policies share that have none. */
function certificatesOf(policy: PolicyConfig, { tls }: GatewayConfig): readonly CertificatePair[] {
  return policy.certificates.length > 0 ? policy.certificates : tls.certificates;
}

/** Of the URL its origin alone: the path of a webhook may be what lets somebody in. */
function showReceiver(
  { name, url, format, on, severity, timeoutMs, repeatMs, secrets, client }: LoadedAlertReceiver,
  idOf: IdOf,
): ReceiverView {
  return {
    name,
    target: new URL(url).origin,
    format,
    on: on ?? null,
    severity,
    timeoutMs,
    repeatMs,
    signed: secrets.length > 0,
    certificateId: client === undefined ? null : idOf(client),
  };
}

function labelOf(ref: Ref | undefined): string | null {
  return ref !== undefined && 'sourced' in ref ? ref.label : null;
}

class Users {
  readonly #users = new Map<string, Map<string, Usage>>();

  add(what: string, user: Usage): void {
    const known = this.#users.get(what) ?? new Map<string, Usage>();
    known.set(`${user.kind}/${user.id}`, user);
    this.#users.set(what, known);
  }

  of(what: string): readonly Usage[] {
    return [...(this.#users.get(what)?.values() ?? [])];
  }
}

function idsOf(material: readonly object[], ids: ReadonlyMap<object, string>): string[] {
  return [...new Set(material.flatMap((one) => ids.get(one) ?? []))];
}

type OriginOf = (place: Place) => Origin;

/** Folders say more of a machine than is needed to find the line. */
function originBy(revision: number): OriginOf {
  return ({ file, line, stored }) =>
    stored === undefined ? { kind: 'file', place: { file: basename(file), line } } : { kind: 'store', revision };
}

/** Without what is another one at each load: the number of a revision, and certificates that are made for one run. */
function ofDigest(name: string, value: unknown): unknown {
  const isOfThisRun = typeof value === 'object' && value !== null && 'sha256' in value && value.sha256 === '';
  return name === 'revision' || isOfThisRun ? undefined : value;
}

function showRoute(route: RouteConfig, origin: Origin): RouteView {
  const { name, hosts, path, methods, priority, service, backends, filters, clientCert } = route;
  return {
    id: name,
    origin,
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
  { name, hosts, clientAuth, minVersion, maxVersion }: PolicyConfig,
  origin: Origin,
  refersTo: Pick<PolicyView, 'certificates' | 'caBundles' | 'shows'>,
): PolicyView {
  return {
    id: name,
    origin,
    hosts,
    clientCertificate: clientAuth === undefined ? 'off' : clientAuth.required ? 'required' : 'optional',
    ...refersTo,
    minVersion,
    maxVersion,
    allowedSANs: clientAuth?.allowedSANs?.map(showRule) ?? null,
    allowedFingerprints: clientAuth?.allowedFingerprints ?? null,
    allowedSPKI: clientAuth?.allowedSPKI ?? null,
    trustDomains: clientAuth?.spiffe?.trustDomains ?? [],
    crl: clientAuth?.crl !== undefined,
    ocsp: clientAuth?.ocsp?.mode ?? null,
  };
}
