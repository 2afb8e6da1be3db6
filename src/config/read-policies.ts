// `gateway.tls.policies`: trust policies per server name, and the crypto settings that policies and gateway share.
import type { Cursor } from '../yaml/cursor.ts';
import type { PolicyConfig } from './gateway-config.ts';
import { parsePolicyHost } from './host-name.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readClientAuthSaid, readPolicyClientAuth } from './read-client-auth.ts';
import { readRoutesRequireClientCert, readRoutesSaidOpen } from './read-route-defaults.ts';
import { readPairs, readVersions, reportEmpty, reportMistake } from './reading.ts';
import type { PolicyShape } from './tls-shape.ts';
import { quote } from '../yaml/tree.ts';

/** The policy made of the gateway's own settings, and the word for "refuse": neither can name a policy. */
export const gatewayPolicyName = 'gateway';
export const noPolicyName = 'none';
const maxPolicies = 10_000;

/** What the gateway decides for its policies. */
export type PolicyDefaults = {
  readonly handshakeTimeoutMs: number;
  readonly routesRequireClientCert: boolean;
  readonly routesSaidOpen: boolean;
};

export function readPolicies(
  shapes: readonly PolicyShape[],
  at: Cursor,
  { handshakeTimeoutMs, routesRequireClientCert, routesSaidOpen }: PolicyDefaults,
  problems: ProblemList,
): PolicyConfig[] {
  if (shapes.length > maxPolicies) problems.error('too_many', at.place, `more than ${maxPolicies} policies`);
  const names = new Map<string, Cursor>();
  const owners = new Map<string, { policy: string; line: number }>();
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
        `The first stands in line ${earlier.place.line}.`,
      );
    else names.set(name, nameAt);
    const pairs = readPairs(shape.certificates, here.down('certificates'), problems);
    if (shape.certificates === undefined) reportEmpty(here, 'certificates', problems);
    return {
      name,
      hosts: readPolicyHosts(shape.hosts, here, name, owners, problems),
      certificates: pairs,
      clientAuth: readPolicyClientAuth(shape.clientAuth, here, handshakeTimeoutMs, problems),
      clientAuthSaid: readClientAuthSaid(shape.clientAuth, here),
      routesRequireClientCert: readRoutesRequireClientCert(shape.defaults, here, routesRequireClientCert, problems),
      routesSaidOpen: readRoutesSaidOpen(shape.defaults, routesSaidOpen),
      ...readCrypto(shape, here, problems),
      place: here.place,
    };
  });
}

function readPolicyHosts(
  hosts: readonly string[] | undefined,
  at: Cursor,
  policy: string,
  owners: Map<string, { policy: string; line: number }>,
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
      owners.set(reading.host, { policy, line: here.place.line });
      result.push(reading.host);
    } else if (owner.policy === policy)
      problems.warn('duplicate_host', here.place, `the host ${quote(reading.host)} is listed twice`);
    else
      problems.error(
        'duplicate_host',
        here.place,
        `the host ${quote(reading.host)} belongs to two policies`,
        `Policy ${quote(owner.policy)} names it in line ${owner.line}; a host has exactly one policy.`,
      );
  }
  return result;
}

export function readCrypto(
  shape: Pick<PolicyShape, 'minVersion' | 'maxVersion' | 'cipherSuites' | 'curves'>,
  at: Cursor,
  problems: ProblemList,
) {
  return {
    ...readVersions(shape, at, problems),
    cipherSuites: readNames(shape.cipherSuites, at.down('cipherSuites'), /^[A-Za-z0-9_-]{1,64}$/, problems),
    curves: readNames(shape.curves, at.down('curves'), /^[A-Za-z0-9_-]{1,64}$/, problems),
  };
}

/** Single names: OpenSSL's lists have a grammar of their own (`:`, `!`, `@SECLEVEL`), into which nothing is smuggled. */
function readNames(names: readonly string[] | undefined, at: Cursor, legal: RegExp, problems: ProblemList): string[] {
  for (const [i, name] of (names ?? []).entries()) {
    const here = at.down(i);
    if (!legal.test(name))
      reportMistake(problems, 'bad_algorithm', here, name, {
        problem: 'not the name of one algorithm',
        hint: 'List the names one by one, without operators.',
      });
    else if (/NULL|EXPORT|^EXP|anon|ADH|AECDH|RC4|(?:^|[-_])3?DES(?:[-_]|$)|MD5/i.test(name))
      reportMistake(problems, 'weak_algorithm', here, name, {
        problem: 'gives no protection and is not offered',
        hint: 'Remove it.',
      });
  }
  return [...(names ?? [])];
}
