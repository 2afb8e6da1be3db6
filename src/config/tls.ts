// `gateway.tls`: the gateway's own settings as the policy `gateway`, the policies per host, and what they share.
// Nothing here fails open: client authentication that is asked for without a CA is an error, never ignored.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { refTo } from './material-ref.ts';
import type { CertificatePair, PolicyConfig, TlsConfig } from './gateway-config.ts';
import { findNearest } from '../yaml/nearest.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, flag, integer, list, map, offOr, text } from './atoms.ts';
import { certificatePairShape, readOptionalPair, readPairs } from './certificate-pair.ts';
import { clientAuthExample, clientAuthShape, readClientAuthSaid, readGatewayClientAuth } from './client-auth.ts';
import { block, key } from './key.ts';
import { type NamedMaterial, readCertificateIds } from './named-material.ts';
import { gatewayPolicyName, noPolicyName, policyShape, readPolicies } from './policies.ts';
import { reportEmpty } from './reading.ts';
import { readResumption, sessionResumptionKeys } from './session-resumption.ts';
import { readTlsParameters, tlsParametersKeys } from './tls-parameters.ts';
import { quote } from '../yaml/tree.ts';

export const tlsKeys = {
  certsDir: key(text, {
    says: 'Folder with *.crt, *.cert or *.pem and *.key files of the same base name.',
    unset: '`/etc/goma/certs` where it exists',
    page: 'Folder of `*.crt`, `*.cert`, `*.pem` with `*.key` of the same base name.',
    oursAlone: true,
  }),
  certificates: key(list(certificatePairShape), {
    says: 'Certificates, chosen by server name.',
    unset: '`[]`',
    page: '`[{cert: S, key: S}]`, chosen by server name and by what the client can verify.',
    oursAlone: true,
  }),
  certificateIds: key(list(text), {
    says: 'Ids of gateway.certificates, beside certificates.',
    page: 'own. Ids of `gateway.certificates`, beside `certificates`.',
    oursAlone: true,
  }),
  keys: key(list(certificatePairShape), {
    says: 'Deprecated name of certificates; replaces them where both are given.',
    untold: true,
    page: 'Goma, deprecated; replaces `certificates` where both are given.',
  }),
  default: key(certificatePairShape, {
    says: 'Certificate where none matches the server name.',
    page: '`{cert: S, key: S}` where none matches.',
  }),
  clientAuth: key(offOr(clientAuthShape), {
    says: 'Client certificates for every host that no policy names; `off`: none is asked for.',
    page: "The gateway's own settings are the policy called `gateway`.",
    oursAlone: true,
    example: clientAuthExample,
    table: 'clientauth',
  }),
  ...tlsParametersKeys,
  handshakeTimeout: key(duration, {
    says: 'Time for a TLS handshake. Default {default}.',
    default: '10s',
    page: 'own; not `0`.',
  }),
  handshakesPerSecond: key(integer(0, 1_000_000), {
    says: 'New handshakes per second and worker; 0 = unlimited.',
    default: 0,
    page: 'own. Per worker; `0`: no limit.',
  }),
  maxPendingHandshakes: key(integer(16, 1_000_000), {
    says: 'Connections per worker whose handshake is not finished; the oldest that waits for its client gives way. Default {default}.',
    default: 2048,
    page: 'own. Connections per worker whose handshake is not finished. Where there are more, the oldest that waits for its client gives way, first of addresses that hold more than their share.',
  }),
  maxPendingHandshakesPerAddress: key(integer(0, 1_000_000), {
    says: 'The same for one IPv4 address or IPv6 /64; 0 = no limit of its own. Default {default}.',
    default: 0,
    page: 'own. The same for one IPv4 address or IPv6 /64; `0`: no limit of its own, as behind a load balancer all clients have one address.',
  }),
  defaultPolicy: key(text, {
    says: 'Policy for absent or unknown server names: gateway, a policy, or none (refuse).',
    unset: '`gateway` without policies, `none` with policies',
    page: "own. Policy for absent or unknown server names: `gateway`, a policy's name, or `none` (refuse).",
    oursAlone: true,
  }),
  sessionResumption: block(sessionResumptionKeys, {
    says: 'TLS session resumption; sessions never outlive a change of their policy.',
    example: 'For example sessionResumption: {enabled: false}.',
  }),
  ocspStapling: block(
    {
      enabled: key(flag, {
        says: 'Default {default}.',
        default: false,
        restricts: true,
        page: 'own. `true`: OCSP responses for our own certificates are fetched and sent with the handshake.',
      }),
    },
    {
      says: 'OCSP responses for our own certificates: fetched, and sent with the handshake.',
      example: 'Write ocspStapling: {enabled: true}.',
    },
  ),
  policies: key(list(policyShape), {
    says: 'Trust policies per server name. A policy replaces the settings of the gateway, it never merges with them.',
    default: [],
    page: 'own.',
    oursAlone: true,
    table: 'policies',
  }),
};
const tls = map(tlsKeys);
type TlsShape = z.output<typeof tls>;

/** What stands outside `tls`. */
export type TlsSurroundings = {
  /** Certificates of routes. */
  readonly routePairs: readonly CertificatePair[];
  /** Goma's default folder where it exists. */
  readonly defaultCertsDir: string | undefined;
  /** gateway.defaults.security.clientCert. */
  readonly routesRequireClientCert: boolean;
  readonly routesSaidOpen: boolean;
  readonly named: NamedMaterial;
};

export function readTls(
  shape: TlsShape,
  at: Cursor,
  { routePairs, defaultCertsDir, routesRequireClientCert, routesSaidOpen, named }: TlsSurroundings,
  problems: ProblemList,
): TlsConfig {
  const handshakeTimeoutMs = shape.handshakeTimeout;
  reportEndless(handshakeTimeoutMs, at, problems);
  const defaults = { handshakeTimeoutMs, named, routesRequireClientCert, routesSaidOpen };
  const policies = readPolicies(shape.policies, at.down('policies'), defaults, problems);
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
      clientAuth: readGatewayClientAuth(shape.clientAuth, at, { handshakeTimeoutMs, named }, problems),
      clientAuthSaid: readClientAuthSaid(shape.clientAuth, at),
      routesRequireClientCert,
      routesSaidOpen,
      ...readTlsParameters(shape, at, problems),
      place: at.place,
    },
    policies,
    defaultPolicy: readDefaultPolicy(shape, at, policies, problems),
    certificates: [...own, ...readCertificateIds(shape.certificateIds, at, named, problems), ...routePairs],
    defaultCertificate: readOptionalPair(shape.default, at, 'default', problems),
    certsDir: readCertsDir(shape.certsDir, at, defaultCertsDir),
    handshakeTimeoutMs,
    handshakesPerSecond: shape.handshakesPerSecond,
    pendingHandshakes: {
      max: shape.maxPendingHandshakes,
      maxPerNetwork: shape.maxPendingHandshakesPerAddress,
    },
    sessionResumption: readResumption(shape.sessionResumption, at.down('sessionResumption'), problems),
    ocspStapling: { enabled: shape.ocspStapling.enabled, place: at.down('ocspStapling').place },
  };
}

function readDefaultPolicy(
  shape: TlsShape,
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

function reportEndless(ms: number, at: Cursor, problems: ProblemList): void {
  if (ms === 0)
    problems.error(
      'endless_wait',
      at.down('handshakeTimeout').place,
      'handshakeTimeout cannot be 0: a silent client would hold its connection for ever',
      'Give a duration, for example 10s.',
    );
}
