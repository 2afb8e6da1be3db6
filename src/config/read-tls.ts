// `gateway.tls`: the gateway's own settings as the policy `gateway`, the policies per host, and what they share.
// Nothing here fails open: client authentication that is asked for without a CA is an error, never ignored.
import type { Cursor } from '../yaml/cursor.ts';
import { refTo } from './material-ref.ts';
import type { CertificatePair, PolicyConfig, TlsConfig } from './gateway-config.ts';
import { findNearest } from '../yaml/nearest.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readClientAuthSaid, readGatewayClientAuth } from './read-client-auth.ts';
import { gatewayPolicyName, noPolicyName, readCrypto, readPolicies } from './read-policies.ts';
import { readBetween, readPair, readPairs, readRef, reportEmpty } from './reading.ts';
import type { GatewayTlsShape } from './tls-shape.ts';
import { quote } from '../yaml/tree.ts';

/** What stands outside `tls`. */
export type TlsSurroundings = {
  /** Certificates of routes. */
  readonly routePairs: readonly CertificatePair[];
  /** Goma's default folder where it exists. */
  readonly defaultCertsDir: string | undefined;
  /** gateway.defaults.security.clientCert. */
  readonly routesRequireClientCert: boolean;
  readonly routesSaidOpen: boolean;
};

export function readTls(
  shape: GatewayTlsShape,
  at: Cursor,
  { routePairs, defaultCertsDir, routesRequireClientCert, routesSaidOpen }: TlsSurroundings,
  problems: ProblemList,
): TlsConfig {
  const handshakeTimeoutMs = readHandshakeTimeout(shape.handshakeTimeout, at, problems);
  const defaults = { handshakeTimeoutMs, routesRequireClientCert, routesSaidOpen };
  const policies = readPolicies(shape.policies ?? [], at.down('policies'), defaults, problems);
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
      clientAuth: readGatewayClientAuth(shape.clientAuth, at, handshakeTimeoutMs, problems),
      clientAuthSaid: readClientAuthSaid(shape.clientAuth, at),
      routesRequireClientCert,
      routesSaidOpen,
      ...readCrypto(shape, at, problems),
      place: at.place,
    },
    policies,
    defaultPolicy: readDefaultPolicy(shape, at, policies, problems),
    certificates: [...own, ...routePairs],
    defaultCertificate:
      shape.default === undefined
        ? reportEmpty(at, 'default', problems)
        : readPair(shape.default, at.down('default'), problems),
    certsDir: readCertsDir(shape.certsDir, at, defaultCertsDir),
    handshakeTimeoutMs,
    handshakesPerSecond: shape.handshakesPerSecond ?? 0,
    pendingHandshakes: {
      max: shape.maxPendingHandshakes ?? 2048,
      maxPerNetwork: shape.maxPendingHandshakesPerAddress ?? 0,
    },
    sessionResumption: readResumption(shape.sessionResumption, at.down('sessionResumption'), problems),
    ocspStapling: { enabled: shape.ocspStapling?.enabled ?? false, place: at.down('ocspStapling').place },
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
    reportEmpty(at, 'defaultPolicy', problems);
    return policies.length === 0 ? gatewayPolicyName : undefined;
  }
  if (name === noPolicyName) return undefined;
  const known = [gatewayPolicyName, ...policies.map((policy) => policy.name)];
  if (known.includes(name)) return name;
  const near = findNearest(name, [...known, noPolicyName]);
  const hint = near === undefined ? `Known: ${[...known, noPolicyName].join(', ')}.` : `Did you mean ${near}?`;
  problems.error('unknown_policy', at.down('defaultPolicy').place, `there is no policy ${quote(name)}`, hint);
  return undefined;
}

function readCertsDir(dir: string | undefined, at: Cursor, defaultDir: string | undefined): TlsConfig['certsDir'] {
  if (dir !== undefined && dir !== '') {
    return refTo(dir, at.down('certsDir'));
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

function readResumption(
  shape: GatewayTlsShape['sessionResumption'],
  at: Cursor,
  problems: ProblemList,
): TlsConfig['sessionResumption'] {
  return {
    enabled: shape?.enabled ?? true,
    lifetimeMs: readLifetime(shape?.lifetime, at, problems),
    keys: readRef(shape?.keys, at, 'keys', problems),
    rotationMs: readBetween(shape?.rotation, 12 * 3_600_000, ['1m', '168h'], at, 'rotation', problems),
  };
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
