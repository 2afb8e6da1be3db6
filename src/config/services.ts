// `gateway.services`: backends under a name, with everything about the way there, for the routes that say `service`. In the words
// of a service page: a source, an address, a TLS mode, our certificate, their CA, the server name.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { findNearest } from '../yaml/nearest.ts';
import { type Place, sayPlace } from '../yaml/place.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { flag, integer, list, map, oneOf, text } from './atoms.ts';
import { checkRulesApply } from './backend-tls.ts';
import { crlExample, crlShape, readCrl } from './crl.ts';
import { parseEndpoint } from './endpoint.ts';
import type { BackendConfig, BackendTlsConfig, ServiceConfig } from './gateway-config.ts';
import { healthCheckShape, readHealthCheck } from './health-check.ts';
import { parseHostName } from './host-name.ts';
import { identityKeys, readIdentityRules } from './identity-rules.ts';
import { block, key } from './key.ts';
import { loadBalancingKeys, readHashOn, readLoadBalancing, readSticky } from './load-balancing.ts';
import { type NamedMaterial, readId, systemBundle } from './named-material.ts';
import { sendProxyProtocolKey, versionOf } from './proxy-protocol.ts';
import { reportEmpty, reportMistake } from './reading.ts';
import { readRetry, retryKeys } from './retry.ts';
import { readVersions, tlsVersionKeys } from './tls-parameters.ts';
import {
  readUpstreamTimeouts,
  type Upstream,
  type UpstreamSurroundings,
  upstreamTimeoutsKeys,
} from './upstream-settings.ts';

const maxServices = 20_000;
const maxAddresses = 1000;

const addressShape = map({
  address: key(text, { says: 'host:port.' }),
  weight: key(integer(0, 1_000_000), { says: 'Share of the requests.', default: 0 }),
  backup: key(flag, { says: 'Gets requests only while no other address is healthy.', default: false }),
});

const serviceTlsKeys = {
  mode: key(oneOf(['off', 'tls', 'mtls'], true), {
    says: 'off: plain text. tls: we verify the backend. mtls: and it verifies us. Required.',
    unset: 'required',
    restricts: true,
    page: 'own. `off`: plain text. `tls`: we verify the backend. `mtls`: and it verifies us.',
  }),
  certificateId: key(text, {
    says: 'Id of gateway.certificates that we present; required with mtls.',
    page: 'own. Id of `gateway.certificates`: what we present. Required with `mtls`.',
  }),
  caBundle: key(text, {
    says: 'Id of gateway.caBundles that verifies the backend, or system. Required.',
    unset: 'required but with `off`',
    page: 'own. Id of `gateway.caBundles` that verifies the backend; `system`: the CAs of the system, never without saying so.',
  }),
  serverName: key(text, {
    says: 'Name for SNI and verification. Default: the host of the address.',
    unset: 'host of the address',
    page: 'own. Name for SNI and verification; not an IP address.',
  }),
  insecureSkipVerify: key(text, {
    says: 'Why the certificate of the backend is NOT verified. Never in production.',
    page: 'own. Why the certificate of the backend is not verified, in words: `true` is not enough. Loud warning.',
  }),
  nameCheck: key(oneOf(['san', 'commonName'], true), {
    says: 'As security.tls.nameCheck of routes.',
    default: 'san',
    page: 'own. As on routes.',
  }),
  ...tlsVersionKeys,
  ...identityKeys,
  crl: key(crlShape, {
    says: 'Certificate revocation lists for the backend. Default: those of the CA bundle.',
    unset: 'those of the CA bundle',
    page: 'own. As on routes.',
    example: crlExample,
    table: 'crl',
  }),
};

export const serviceShape = map({
  name: key(text, {
    says: 'Unique name; required.',
    unset: 'required',
    page: 'own. Unique; letters, digits, `.`, `-`, `_`.',
  }),
  source: key(oneOf(['dns', 'static'], true), {
    says: 'dns: one name, all its addresses. static: a list. Default {default}.',
    default: 'dns',
    page: 'own. `dns`: one name, all its addresses, looked up again as they expire. `static`: a list of addresses with weights.',
  }),
  address: key(text, {
    says: 'host:port, for dns.',
    unset: 'required for `dns`',
    page: 'own. `host:port`, with `source: dns`.',
  }),
  addresses: key(list(addressShape), {
    says: 'Addresses with weights, for static.',
    unset: 'required for `static`',
    page: 'own. `[{address, weight, backup}]`, with `source: static`.',
  }),
  protocol: key(oneOf(['auto', 'http1', 'http2'], true), {
    says: 'HTTP/2 where the backend offers it (auto), never, or always. Default {default}.',
    default: 'auto',
    page: 'own. `auto`: HTTP/2 where the backend agrees to it by ALPN; `http1`; `http2`: or the connection is refused.',
  }),
  tls: block(serviceTlsKeys, {
    says: 'TLS to the backends.',
    table: 'servicestls',
    restricts: true,
    example: 'For example tls: {mode: mtls, certificateId: ID, caBundle: ID}.',
  }),
  ...loadBalancingKeys,
  sendProxyProtocol: sendProxyProtocolKey,
  healthCheck: key(healthCheckShape, {
    says: 'Active health check over the same TLS identity as requests.',
    unset: 'none',
    page: 'own. As on routes.',
  }),
  timeouts: block(upstreamTimeoutsKeys, { page: 'own. As on routes.' }),
  retry: block(retryKeys, { page: 'own. As on routes.' }),
});
type ServiceShape = z.output<typeof serviceShape>;

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

function readAddresses(shape: ServiceShape, secure: boolean, at: Cursor, problems: ProblemList): BackendConfig[] {
  const { source, address, addresses } = shape;
  const [wanted, other] = source === 'dns' ? (['address', 'addresses'] as const) : (['addresses', 'address'] as const);
  if (shape[other] !== undefined)
    problems.error(
      'contradiction',
      at.keyPlace(other),
      `a service of source ${source} has no ${other}`,
      source === 'dns' ? 'Write address: host:port, or source: static.' : 'Write addresses: [{address: host:port}].',
    );
  if ((source === 'dns' ? address === undefined : (addresses ?? []).length === 0) && !at.isBroken(wanted)) {
    problems.error(
      'missing_key',
      at.has(wanted) ? at.keyPlace(wanted) : at.place,
      `the service has no \`${wanted}\``,
      source === 'dns' ? 'Write address: host:port.' : 'Write addresses: [{address: host:port, weight: 1}].',
    );
    return [];
  }
  if (source === 'dns')
    return address === undefined
      ? []
      : readAddress(address, { weight: 0, backup: false }, secure, at.down('address'), problems);
  if ((addresses ?? []).length > maxAddresses)
    problems.error('too_many', at.keyPlace('addresses'), `more than ${maxAddresses} addresses`);
  return (addresses ?? []).flatMap(({ address: one, weight, backup }, i) => {
    const here = at.down('addresses', i);
    if (one !== undefined) return readAddress(one, { weight, backup }, secure, here.down('address'), problems);
    if (!here.isBroken('address')) problems.error('missing_key', here.place, 'the item has no `address`', 'host:port');
    return [];
  });
}

/** By the grammar of endpoints, without their scheme and path. */
function readAddress(
  written: string,
  share: Pick<BackendConfig, 'weight' | 'backup'>,
  secure: boolean,
  at: Cursor,
  problems: ProblemList,
): BackendConfig[] {
  const isBare = /^(?:\[[^\]]*\]|[^:/?#@\s]+):\d+$/.test(written);
  const reading = isBare ? parseEndpoint(`${secure ? 'https' : 'http'}://${written}`) : undefined;
  if (reading === undefined || 'problem' in reading) {
    reportMistake(problems, 'bad_address', at, written, {
      problem: reading === undefined ? 'the address is not host:port' : reading.problem,
      hint: 'For example orders.internal:8443, 192.0.2.7:8443, [2001:db8::1]:8443.',
    });
    return [];
  }
  return [{ ...reading, ...share, match: [], exclusive: false, priority: 0, place: at.place }];
}

type ServiceMode = 'off' | 'tls' | 'mtls';

function readServiceTls(
  { tls: shape, protocol }: ServiceShape,
  mode: ServiceMode | undefined,
  at: Cursor,
  { backendTls: { named } }: UpstreamSurroundings,
  problems: ProblemList,
): BackendTlsConfig {
  const skipVerify = readSkipVerify(shape.insecureSkipVerify, at, problems);
  const bundle = readBundle(shape.caBundle, mode, skipVerify, at, named, problems);
  if (mode === 'off') checkPlain(protocol, at, problems);
  else checkRulesApply(at, skipVerify, [], problems);
  reportEmpty(at, 'insecureSkipVerify', problems);
  if (mode !== undefined && mode !== 'mtls' && shape.certificateId !== undefined)
    problems.error(
      'contradiction',
      at.keyPlace('certificateId'),
      `with mode ${mode} no certificate of ours is presented`,
      'Write mode: mtls, or remove certificateId.',
    );
  if (mode === 'mtls' && shape.certificateId === undefined && !at.isBroken('certificateId'))
    problems.error('missing_key', at.place, 'mode mtls needs a `certificateId`', 'Name one of gateway.certificates.');
  const pair =
    shape.certificateId === undefined
      ? undefined
      : named.findCertificate(shape.certificateId, at.down('certificateId'), problems);
  return {
    insecureSkipVerify: skipVerify,
    rootCAs: bundle?.cas,
    partialChain: undefined,
    clientCert: pair?.cert,
    clientKey: pair?.key,
    serverName: readServerName(shape.serverName, at, problems),
    nameCheck: shape.nameCheck,
    ...readVersions(shape, at, problems),
    ...readIdentityRules(shape, at, problems),
    crl: readCrl(shape.crl, at, problems) ?? (skipVerify ? undefined : bundle?.crl),
    http2: ({ auto: 'auto', http1: 'off', http2: 'on' } as const)[protocol],
    place: at.place,
  };
}

function readBundle(
  id: string | undefined,
  mode: ServiceMode | undefined,
  skipVerify: boolean,
  at: Cursor,
  named: NamedMaterial,
  problems: ProblemList,
) {
  if (mode === 'off' || id === systemBundle) return undefined;
  if (id !== undefined) return named.findBundle(id, at.down('caBundle'), problems);
  // What a service needs is not known where it does not say its mode, which is told already.
  if (mode !== undefined && !skipVerify && !at.isBroken('caBundle'))
    problems.error(
      'missing_key',
      at.place,
      `mode ${mode} needs a \`caBundle\`: whose certificates do we accept?`,
      'Name one of gateway.caBundles, or write system for the CAs of the system.',
    );
  return undefined;
}

/** In plain text nothing can be verified: keys that ask for it are errors, not passed over. */
function checkPlain(protocol: ServiceShape['protocol'], at: Cursor, problems: ProblemList): void {
  for (const name of at.keys.filter(
    (one) => one !== 'mode' && !one.startsWith('x-') && Object.hasOwn(serviceTlsKeys, one),
  ))
    problems.error(
      'plain_backend',
      at.keyPlace(name),
      `${name} cannot be looked at: with mode off requests go out in plain text`,
      'Write mode: tls or mtls, or remove it.',
    );
  if (protocol === 'http2')
    problems.error(
      'plain_backend',
      at.place,
      'http2 is spoken over TLS only',
      'Write mode: tls or mtls, or protocol: auto.',
    );
}

function readSkipVerify(reason: string | undefined, at: Cursor, problems: ProblemList): boolean {
  if (reason === undefined || /^(?:false|no|off|n)$/i.test(reason)) return false;
  const place = at.keyPlace('insecureSkipVerify');
  if (/^(?:true|false|yes|no|on|off|[yn])\b/i.test(reason) || !/\p{L}{2,}\P{L}+\p{L}{2,}/u.test(reason))
    problems.error(
      'missing_reason',
      place,
      'insecureSkipVerify needs a reason in words',
      'For example insecureSkipVerify: "test environment, ticket 1234".',
    );
  problems.warn(
    'verification_off',
    place,
    'the certificates of the backends of this service are NOT verified: anybody on the way can read and change the traffic',
    'Remove it and give caBundle.',
  );
  return true;
}

function readServerName(name: string | undefined, at: Cursor, problems: ProblemList): string | undefined {
  if (name === undefined) return undefined;
  const reading = parseHostName(name);
  if ('host' in reading) return reading.host;
  reportMistake(problems, 'bad_host', at.down('serverName'), name, reading);
  return undefined;
}
