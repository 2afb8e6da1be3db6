// `gateway.tls.policies`: trust policies per server name.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { list, map, offOr, text } from './atoms.ts';
import { certificatePairShape, readPairs } from './certificate-pair.ts';
import type { PolicyConfig } from './gateway-config.ts';
import { parsePolicyHost } from './host-name.ts';
import { type Place, sayPlace } from '../yaml/place.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { clientAuthExample, clientAuthShape, readClientAuthSaid, readPolicyClientAuth } from './client-auth.ts';
import { key } from './key.ts';
import { type NamedMaterial, readCertificateIds } from './named-material.ts';
import { readRoutesRequireClientCert, readRoutesSaidOpen, routeDefaultsShape } from './route-defaults.ts';
import { reportEmpty, reportMistake } from './reading.ts';
import { readTlsParameters, tlsParametersKeys } from './tls-parameters.ts';
import { quote } from '../yaml/tree.ts';

/** The policy made of the gateway's own settings, and the word for "refuse": neither can name a policy. */
export const gatewayPolicyName = 'gateway';
export const noPolicyName = 'none';
const maxPolicies = 10_000;

export const policyShape = map({
  name: key(text, {
    says: 'Unique name; stands in logs and metrics.',
    unset: 'required',
    page: 'Unique; stands in logs and metrics. The names `gateway` and `none` are taken.',
  }),
  hosts: key(list(text), {
    says: 'Server names: exact, or *.example.com for one label or more below it.',
    unset: 'required',
    page: 'Exact names or `*.example.com` (one label or more); case and a dot at the end do not matter; a host belongs to one policy only; no IP addresses, since clients send no server name for them.',
    oursAlone: true,
  }),
  certificates: key(list(certificatePairShape), {
    says: 'Certificates of this policy. Omitted: chosen among the shared ones by name.',
    unset: 'chosen among the shared ones by name',
    page: '`[{cert: S, key: S}]`.',
    oursAlone: true,
  }),
  certificateIds: key(list(text), {
    says: 'Ids of gateway.certificates, beside certificates.',
    page: 'own. Ids of `gateway.certificates`, beside `certificates`.',
    oursAlone: true,
  }),
  clientAuth: key(offOr(clientAuthShape), {
    says: 'Client certificates. Omitted, or `off`: none is asked for.',
    unset: 'none is asked for',
    oursAlone: true,
    example: clientAuthExample,
    table: 'clientauth',
  }),
  defaults: key(routeDefaultsShape, {
    says: 'For routes under this policy, in place of gateway.defaults.',
    unset: 'those of the gateway',
    restricts: true,
  }),
  ...tlsParametersKeys,
});
type PolicyShape = z.output<typeof policyShape>;

/** What the gateway decides for its policies. */
export type PolicyDefaults = {
  readonly handshakeTimeoutMs: number;
  readonly named: NamedMaterial;
  readonly routesRequireClientCert: boolean;
  readonly routesSaidOpen: boolean;
};

export function readPolicies(
  shapes: readonly PolicyShape[],
  at: Cursor,
  { handshakeTimeoutMs, named, routesRequireClientCert, routesSaidOpen }: PolicyDefaults,
  problems: ProblemList,
): PolicyConfig[] {
  if (shapes.length > maxPolicies) problems.error('too_many', at.place, `more than ${maxPolicies} policies`);
  const names = new Map<string, Cursor>();
  const owners = new Map<string, { policy: string; place: Place }>();
  return shapes.map((shape, i) => {
    const here = at.down(i);
    const name = shape.name ?? '';
    const nameAt = here.down('name');
    const earlier = names.get(name);
    if (name === '') problems.error('missing_key', nameAt.place, 'the policy has no `name`');
    else if (name === gatewayPolicyName || name === noPolicyName)
      problems.error(
        'reserved_name',
        nameAt.place,
        `a policy cannot be called ${quote(name)}`,
        'That word has a meaning of its own in defaultPolicy.',
      );
    else if (earlier !== undefined)
      problems.error(
        'duplicate_name',
        nameAt.place,
        `two policies are called ${quote(name)}`,
        `The first stands in ${sayPlace(earlier.place)}.`,
      );
    else names.set(name, nameAt);
    const pairs = readPairs(shape.certificates, here.down('certificates'), problems);
    if (shape.certificates === undefined) reportEmpty(here, 'certificates', problems);
    const byId = readCertificateIds(shape.certificateIds, here, named, problems);
    return {
      name,
      hosts: readPolicyHosts(shape.hosts, here, name, owners, problems),
      certificates: [...pairs, ...byId],
      clientAuth: readPolicyClientAuth(shape.clientAuth, here, { handshakeTimeoutMs, named }, problems),
      clientAuthSaid: readClientAuthSaid(shape.clientAuth, here),
      routesRequireClientCert: readRoutesRequireClientCert(shape.defaults, here, routesRequireClientCert, problems),
      routesSaidOpen: readRoutesSaidOpen(shape.defaults, routesSaidOpen),
      ...readTlsParameters(shape, here, problems),
      place: here.place,
    };
  });
}

function readPolicyHosts(
  hosts: readonly string[] | undefined,
  at: Cursor,
  policy: string,
  owners: Map<string, { policy: string; place: Place }>,
  problems: ProblemList,
): string[] {
  if ((hosts === undefined || hosts.length === 0) && !at.isBroken('hosts'))
    problems.error(
      'missing_key',
      at.keyPlace('hosts'),
      'the policy names no hosts, so nothing would choose it',
      'List the server names that it is for.',
    );
  const result: string[] = [];
  for (const [j, written] of (hosts ?? []).entries()) {
    const here = at.down('hosts', j);
    const reading = parsePolicyHost(written);
    if ('problem' in reading) {
      reportMistake(problems, 'bad_host', here, written, reading);
      continue;
    }
    const owner = owners.get(reading.host);
    if (owner === undefined) {
      owners.set(reading.host, { policy, place: here.place });
      result.push(reading.host);
    } else if (owner.policy === policy)
      problems.warn('duplicate_host', here.place, `the host ${quote(reading.host)} is listed twice`);
    else
      problems.error(
        'duplicate_host',
        here.place,
        `the host ${quote(reading.host)} belongs to two policies`,
        `Policy ${quote(owner.policy)} names it in ${sayPlace(owner.place)}; a host has exactly one policy.`,
      );
  }
  return result;
}
