// `gateway.services`: backends under a name, with everything about the way there, for the routes that say `service`.
import type { Cursor } from '../yaml/cursor.ts';
import { findNearest } from '../yaml/nearest.ts';
import { type Place, sayPlace } from '../yaml/place.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import type { ServiceConfig } from './gateway-config.ts';
import { readHealthCheck } from './health-check.ts';
import { readHashOn, readLoadBalancing, readSticky } from './load-balancing.ts';
import { readId } from './named-material.ts';
import { versionOf } from './proxy-protocol.ts';
import { readRetry } from './retry.ts';
import { readAddresses } from './service-addresses.ts';
import { type ServiceShape, serviceShape } from './service-shape.ts';
import { readServiceTls } from './service-tls.ts';
import { readUpstreamTimeouts, type Upstream, type UpstreamSurroundings } from './upstream-settings.ts';

const maxServices = 20_000;

export type Service = Upstream & { readonly name: string; readonly place: Place; readonly written: ServiceConfig };

/** A route's side of it. */
export type ServiceLookup = {
  /** Undefined where the route names no service. One that is not there is an error, and is answered with one of no backends. */
  upstreamOf(
    route: { readonly service?: string | undefined },
    at: Cursor,
    problems: ProblemList,
  ): (Upstream & { readonly service: string }) | undefined;
};

/** What a service decides, and a route that names one cannot. */
const decided = [
  'response',
  'target',
  'destination',
  'backends',
  'loadBalancing',
  'hashOn',
  'sticky',
  'sendProxyProtocol',
  'healthCheck',
  'timeouts',
  'retry',
  'insecureSkipVerify',
];

export class Services implements ServiceLookup {
  readonly #services = new Map<string, Service>();
  readonly #around: UpstreamSurroundings;

  /** `at`: `gateway`. */
  constructor(shapes: readonly ServiceShape[], at: Cursor, around: UpstreamSurroundings, problems: ProblemList) {
    this.#around = around;
    const listAt = at.down('services');
    if (shapes.length > maxServices) problems.error('too_many', listAt.place, `more than ${maxServices} services`);
    for (const [i, shape] of shapes.entries()) {
      const here = listAt.down(i);
      const service = readService(shape, here, around, problems);
      if (service.name === '') continue;
      const earlier = this.#services.get(service.name);
      if (earlier === undefined) this.#services.set(service.name, service);
      else
        problems.error(
          'duplicate_name',
          here.down('name').place,
          `two services are called ${quote(service.name)}`,
          `The first stands in ${sayPlace(earlier.place)}.`,
        );
    }
  }

  list(): readonly Service[] {
    return [...this.#services.values()];
  }

  upstreamOf(
    { service: name }: { readonly service?: string | undefined },
    at: Cursor,
    problems: ProblemList,
  ): (Upstream & { readonly service: string }) | undefined {
    if (name === undefined) {
      if (at.isEmpty('service'))
        problems.error('empty_value', at.keyPlace('service'), 'service is written but has no value', 'Name a service.');
      return undefined;
    }
    const written = [
      ...decided.filter((one) => at.holds(one)),
      ...(at.down('security').holds('tls') ? ['security.tls'] : []),
    ];
    for (const one of written)
      problems.error(
        'contradiction',
        one === 'security.tls' ? at.down('security').keyPlace('tls') : at.keyPlace(one),
        `the service ${quote(name)} decides ${one}; both cannot hold`,
        'Remove it from the route, or write it at the service.',
      );
    const service = this.#services.get(name);
    if (service === undefined) {
      const near = findNearest(name, this.#services.keys());
      problems.error(
        'unknown_reference',
        at.down('service').place,
        `there is no service ${quote(name)}`,
        near === undefined ? 'Declare it under gateway.services.' : `Did you mean ${near}?`,
      );
    }
    // A route to nowhere has no mistakes of its own.
    const {
      name: _name,
      place: _place,
      written: _written,
      ...upstream
    } = service ?? readService(serviceShape.parse({}), at, this.#around, new ProblemList());
    return { ...upstream, service: name };
  }
}

function readService(shape: ServiceShape, at: Cursor, around: UpstreamSurroundings, problems: ProblemList): Service {
  const { tls } = shape;
  const tlsAt = at.down('tls');
  const { mode } = tls;
  if (mode === undefined && !tlsAt.isBroken('mode'))
    problems.error(
      'missing_key',
      at.holds('tls') ? tlsAt.place : at.place,
      'the service does not say its TLS `mode`',
      'Write tls: {mode: mtls, …}, tls: {mode: tls, …}, or tls: {mode: off} for plain text.',
    );
  const backends = readAddresses(shape, mode !== 'off', at, problems);
  const name = readId(shape.name, at, 'service', problems, 'name');
  const upstreamTls = readServiceTls(shape, mode, tlsAt, around, problems);
  const healthCheck = readHealthCheck(shape.healthCheck, at, problems);
  const { source, protocol } = shape;
  return {
    name,
    written: {
      name,
      source,
      protocol,
      mode: mode ?? 'tls',
      certificateId: tls.certificateId,
      caBundle: tls.caBundle,
      serverName: upstreamTls.serverName,
      verified: mode !== 'off' && !upstreamTls.insecureSkipVerify,
      notVerifiedBecause: upstreamTls.insecureSkipVerify ? tls.insecureSkipVerify : undefined,
      addresses: backends.map(({ host, port, weight, backup }) => ({ host, port, weight, backup })),
      tls: upstreamTls,
      healthCheck,
      place: at.place,
    },
    backends,
    loadBalancing: readLoadBalancing(shape, backends, at, problems),
    hashOn: readHashOn(shape, at, problems),
    sticky: readSticky(shape, at, problems),
    sendProxyProtocol: versionOf(shape),
    healthCheck,
    tls: upstreamTls,
    timeouts: readUpstreamTimeouts(shape.timeouts, at, around, problems),
    retry: readRetry(shape.retry, at, problems),
    place: at.place,
  };
}
