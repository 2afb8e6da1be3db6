// `gateway.tls`: the gateway's own settings as the policy `gateway`, the policies per host, and what they share.
// Nothing here fails open: client authentication that is asked for without a CA is an error, never ignored.
import { resolve, dirname } from 'node:path';
import type { Cursor } from './cursor.ts';
import type { CertificatePair, ClientAuthConfig, PolicyConfig, TlsConfig } from './gateway-config.ts';
import { parsePolicyHost } from './host-name.ts';
import { findNearest } from './nearest.ts';
import type { ProblemList } from './problem-list.ts';
import { readPair, readPairs, readRef, readRefAt, readVersions, reportMistake } from './reading.ts';
import type { ClientAuthShape, GatewayTlsShape, PolicyShape } from './tls-shape.ts';
import { quote } from './yaml-tree.ts';

/** The policy made of the gateway's own settings, and the word for "refuse": neither can name a policy. */
export const gatewayPolicyName = 'gateway';
const nobody = 'none';
const maxPolicies = 10_000;

/** `routePairs`: certificates of routes. `defaultCertsDir`: Goma's default folder where it exists. */
export function readTls(
  shape: GatewayTlsShape,
  at: Cursor,
  routePairs: readonly CertificatePair[],
  defaultCertsDir: string | undefined,
  problems: ProblemList,
): TlsConfig {
  const policies = readPolicies(shape.policies ?? [], at.down('policies'), problems);
  const replaced = shape.keys !== undefined && shape.keys.length > 0;
  if (shape.keys !== undefined)
    problems.warn(
      'deprecated_key',
      at.keyPlace('keys'),
      replaced && shape.certificates !== undefined
        ? 'keys replaces certificates, as in Goma'
        : 'keys is the deprecated name of certificates',
      'Write certificates.',
    );
  const own = replaced
    ? readPairs(shape.keys, at.down('keys'), problems)
    : readPairs(shape.certificates, at.down('certificates'), problems);
  return {
    gateway: {
      name: gatewayPolicyName,
      hosts: [],
      certificates: [],
      clientAuth: readGatewayClientAuth(shape.clientAuth, at, problems),
      ...readCrypto(shape, at, problems),
      place: at.place,
    },
    policies,
    defaultPolicy: readDefaultPolicy(shape, at, policies, problems),
    certificates: [...own, ...routePairs],
    defaultCertificate:
      shape.default === undefined
        ? emptyBlock(at, 'default', problems)
        : readPair(shape.default, at.down('default'), problems),
    certsDir: readCertsDir(shape.certsDir, at, defaultCertsDir),
    handshakeTimeoutMs: readHandshakeTimeout(shape.handshakeTimeout, at, problems),
    handshakesPerSecond: shape.handshakesPerSecond ?? 0,
    sessionResumption: {
      enabled: shape.sessionResumption?.enabled ?? true,
      lifetimeMs: readLifetime(shape.sessionResumption?.lifetime, at.down('sessionResumption'), problems),
      keys: readRef(shape.sessionResumption?.keys, at.down('sessionResumption'), 'keys', problems),
    },
  };
}

function readPolicies(shapes: readonly PolicyShape[], at: Cursor, problems: ProblemList): PolicyConfig[] {
  if (shapes.length > maxPolicies) problems.error('too_many', at.place, `more than ${maxPolicies} policies`);
  const names = new Map<string, Cursor>();
  const owners = new Map<string, { policy: string; line: number }>();
  return shapes.map((shape, i) => {
    const here = at.down(i);
    const name = shape.name ?? '';
    const nameAt = here.down('name');
    const earlier = names.get(name);
    if (name === '') problems.error('missing_key', nameAt.place, 'the policy has no `name`');
    else if (name === gatewayPolicyName || name === nobody)
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
    if (shape.certificates === undefined) emptyBlock(here, 'certificates', problems);
    return {
      name,
      hosts: readPolicyHosts(shape.hosts, here, name, owners, problems),
      certificates: pairs,
      clientAuth: readPolicyClientAuth(shape.clientAuth, here, problems),
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
  if (hosts === undefined || hosts.length === 0)
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

/** Goma's default: `required: false`. Written without a CA and without `required: true` it means nothing, as in Goma. */
function readGatewayClientAuth(
  shape: ClientAuthShape | undefined,
  at: Cursor,
  problems: ProblemList,
): ClientAuthConfig | undefined {
  const here = at.down('clientAuth');
  if (shape === undefined) return emptyBlock(at, 'clientAuth', problems);
  if (shape.clientCA === undefined && shape.required !== true && !here.has('clientCA')) {
    problems.warn(
      'client_auth_without_ca',
      at.keyPlace('clientAuth'),
      'clientAuth names no clientCA: no client certificate is asked for',
      'Add clientCA, or remove the block.',
    );
    return undefined;
  }
  if (shape.required === undefined && shape.clientCA !== undefined)
    problems.warn(
      'client_auth_optional',
      here.keyPlace('clientCA'),
      'required is not set and defaults to false here: clients without a certificate are let in',
      'Write `required: true` to refuse them, or `required: false` to say that it is meant.',
    );
  return readClientAuth(shape, shape.required ?? false, here, problems);
}

/** Our own key, so our own default: a policy that asks for certificates requires them unless it says otherwise. */
function readPolicyClientAuth(
  shape: ClientAuthShape | undefined,
  at: Cursor,
  problems: ProblemList,
): ClientAuthConfig | undefined {
  if (shape === undefined) return emptyBlock(at, 'clientAuth', problems);
  return readClientAuth(shape, shape.required ?? true, at.down('clientAuth'), problems);
}

function readClientAuth(
  shape: ClientAuthShape,
  required: boolean,
  at: Cursor,
  problems: ProblemList,
): ClientAuthConfig {
  if (shape.clientCA === undefined || shape.clientCA.length === 0)
    problems.error(
      'client_auth_without_ca',
      at.has('clientCA') ? at.keyPlace('clientCA') : at.keyPlace('required'),
      'client certificates are asked for, but no clientCA says whose',
      'Give clientCA: the CA certificates that client certificates must chain to.',
    );
  const list = at.down('clientCA');
  const clientCAs = (shape.clientCA ?? []).map((value, i) => {
    const item = list.down(i);
    return readRefAt(value, item, 'clientCA', problems);
  });
  return {
    clientCAs: clientCAs.filter((ref) => ref !== undefined),
    required,
    onFailure: shape.onFailure ?? 'close',
    maxDepth: shape.maxDepth ?? 4,
    place: at.place,
  };
}

function readDefaultPolicy(
  shape: GatewayTlsShape,
  at: Cursor,
  policies: readonly PolicyConfig[],
  problems: ProblemList,
): string | undefined {
  const name = shape.defaultPolicy;
  if (name === undefined) {
    emptyBlock(at, 'defaultPolicy', problems);
    return policies.length === 0 ? gatewayPolicyName : undefined;
  }
  if (name === nobody) return undefined;
  const known = [gatewayPolicyName, ...policies.map((policy) => policy.name)];
  if (known.includes(name)) return name;
  const near = findNearest(name, [...known, nobody]);
  const hint = near === undefined ? `Known: ${[...known, nobody].join(', ')}.` : `Did you mean ${near}?`;
  problems.error('unknown_policy', at.down('defaultPolicy').place, `there is no policy ${quote(name)}`, hint);
  return undefined;
}

function readCrypto(
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

function readCertsDir(dir: string | undefined, at: Cursor, defaultDir: string | undefined): TlsConfig['certsDir'] {
  if (dir !== undefined && dir !== '') {
    const { place } = at.down('certsDir');
    return { path: resolve(dirname(place.file), dir), place };
  }
  return defaultDir === undefined ? undefined : { path: defaultDir, place: at.place };
}

function readHandshakeTimeout(ms: number | undefined, at: Cursor, problems: ProblemList): number {
  if (ms === 0)
    problems.error(
      'endless_wait',
      at.down('handshakeTimeout').place,
      'handshakeTimeout cannot be 0: a silent client would hold its connection for ever',
      'Give a duration, for example 10s.',
    );
  return ms ?? 10_000;
}

function readLifetime(ms: number | undefined, at: Cursor, problems: ProblemList): number {
  // RFC 8446 section 4.6.1: tickets live seven days at most.
  const week = 7 * 24 * 3_600_000;
  if (ms !== undefined && (ms === 0 || ms > week))
    problems.error(
      'bad_lifetime',
      at.down('lifetime').place,
      'the lifetime of sessions is not between 1ms and 168h',
      'To switch resumption off write `enabled: false`.',
    );
  return ms ?? 3_600_000;
}

/** A trust key that is written without a value: what was meant cannot be known, so it is not taken for "off". */
function emptyBlock(at: Cursor, key: string, problems: ProblemList): undefined {
  if (at.has(key))
    problems.error(
      'empty_value',
      at.keyPlace(key),
      `${key} is written but has no value`,
      'Give the value, or remove the key.',
    );
  return undefined;
}
