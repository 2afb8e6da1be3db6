// `security.tls` of a route: how the gateway verifies the backend and what it presents. Each key works on its own (Goma
// ignores them unless all are given); verification that ends up off is said loudly.
import type { Cursor } from '../yaml/cursor.ts';
import type { BackendConfig, BackendTlsConfig } from './gateway-config.ts';
import { parseHostName } from './host-name.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readCrl } from './read-crl.ts';
import { readIdentityRules } from './read-pins.ts';
import { readRef, readVersions, reportMistake } from './reading.ts';
import type { RouteShape } from './route-shape.ts';

/** `skipByDefault`: networking.transport.insecureSkipVerify, which a route's own `false` overrides. */
export function readBackendTls(
  route: RouteShape,
  at: Cursor,
  backends: readonly BackendConfig[],
  skipByDefault: boolean,
  problems: ProblemList,
): BackendTlsConfig {
  const shape = route.security?.tls ?? {};
  const here = at.down('security', 'tls');
  if (route.security?.tls === undefined && at.down('security').isEmpty('tls'))
    problems.error(
      'empty_value',
      at.down('security').keyPlace('tls'),
      'tls is written but has no value',
      'Give its keys, or remove it.',
    );
  const insecureSkipVerify = readSkipVerify(route, at, skipByDefault, problems);
  const rootCAs = readRef(shape.rootCAs, here, 'rootCAs', problems);
  const clientCert = readRef(shape.clientCert, here, 'clientCert', problems);
  const clientKey = readRef(shape.clientKey, here, 'clientKey', problems);
  checkPair(shape.clientCert, shape.clientKey, here, problems);
  if (clientCert !== undefined && shape.rootCAs === undefined && !insecureSkipVerify)
    problems.warn(
      'system_roots',
      here.keyPlace('clientCert'),
      'clientCert is given without rootCAs: the backend is verified against the CA certificates of the system',
      'Add rootCAs if the backend has a certificate of a private CA.',
    );
  if (insecureSkipVerify && rootCAs !== undefined)
    problems.warn('ignored_key', here.keyPlace('rootCAs'), 'rootCAs has no effect while insecureSkipVerify is on');
  const plain = backends.filter((backend) => backend.scheme === 'http');
  if (plain.length > 0 && (clientCert !== undefined || rootCAs !== undefined))
    for (const backend of plain)
      problems.warn(
        'plain_backend',
        backend.place,
        'security.tls has no effect on this backend: its endpoint is http://, so requests go out in plain text and unauthenticated',
        'Write https:// in the endpoint.',
      );
  const rules = readIdentityRules(shape, here, problems);
  const crl = readCrl(shape.crl, here, problems);
  checkRulesApply(here, insecureSkipVerify, plain, problems);
  if (shape.http2 === 'on')
    problems.error(
      'unsupported_key',
      here.down('http2').place,
      'http2: on is not supported by this version; ignoring it would speak HTTP/1.1 to a backend that was promised HTTP/2',
      'Write auto, or remove it.',
    );
  return {
    insecureSkipVerify,
    rootCAs,
    clientCert,
    clientKey,
    serverName: readServerName(shape.serverName, here, problems),
    ...readVersions(shape, here, problems),
    ...rules,
    crl,
    place: here.place,
  };
}

/** What must hold of a backend's certificate cannot be left unlooked at: Goma has none of these keys, so this is an error. */
function checkRulesApply(
  at: Cursor,
  skipVerify: boolean,
  plain: readonly BackendConfig[],
  problems: ProblemList,
): void {
  for (const key of ['allowedSANs', 'allowedFingerprints', 'allowedSPKI', 'crl'].filter((name) => at.has(name))) {
    if (skipVerify)
      problems.error(
        'unverified_rule',
        at.keyPlace(key),
        `${key} asks for verification, which insecureSkipVerify switches off`,
        'Write insecureSkipVerify: false here, and give rootCAs (a self-signed certificate of the backend can stand there).',
      );
    for (const backend of plain)
      problems.error(
        'plain_backend',
        backend.place,
        `security.tls.${key} cannot be looked at for this backend: its endpoint is http://`,
        `Write https:// in the endpoint, or remove ${key}.`,
      );
  }
}

/** The route's own key, then its aliases, then the gateway's. Between contradicting ones the safe one wins. */
function readSkipVerify(route: RouteShape, at: Cursor, byDefault: boolean, problems: ProblemList): boolean {
  const tls = at.down('security', 'tls');
  const written = [
    { value: route.security?.tls?.insecureSkipVerify, place: tls.keyPlace('insecureSkipVerify') },
    {
      value: route.security?.tls?.SkipVerification,
      place: tls.keyPlace('SkipVerification'),
      alias: 'SkipVerification',
    },
    {
      value: route.insecureSkipVerify,
      place: at.keyPlace('insecureSkipVerify'),
      alias: 'insecureSkipVerify on the route',
    },
  ].filter((one) => one.value !== undefined);
  for (const { alias, place } of written)
    if (alias !== undefined)
      problems.warn('deprecated_key', place, `${alias} is a deprecated name`, 'Write security.tls.insecureSkipVerify.');
  const values = new Set(written.map((one) => one.value));
  const [first] = written;
  if (values.size > 1 && first !== undefined)
    problems.warn(
      'contradiction',
      first.place,
      'insecureSkipVerify and its deprecated names contradict each other: the certificate is verified',
      'Keep one of them.',
    );
  const skip = written.length === 0 ? byDefault : !values.has(false);
  if (skip && first !== undefined)
    problems.warn(
      'verification_off',
      first.place,
      'the certificates of the backends of this route are NOT verified: anybody on the way can read and change the traffic',
      'Remove it and give rootCAs.',
    );
  return skip;
}

function checkPair(cert: string | undefined, key: string | undefined, at: Cursor, problems: ProblemList): void {
  if (cert !== undefined && key === undefined && !at.has('clientKey'))
    problems.error(
      'missing_key',
      at.keyPlace('clientCert'),
      'clientCert is given without clientKey',
      'Add clientKey: both are needed to authenticate to the backend.',
    );
  if (key !== undefined && cert === undefined && !at.has('clientCert'))
    problems.error(
      'missing_key',
      at.keyPlace('clientKey'),
      'clientKey is given without clientCert',
      'Add clientCert: both are needed to authenticate to the backend.',
    );
}

function readServerName(name: string | undefined, at: Cursor, problems: ProblemList): string | undefined {
  if (name === undefined) return undefined;
  const reading = parseHostName(name);
  if ('host' in reading) return reading.host;
  reportMistake(problems, 'bad_host', at.down('serverName'), name, reading);
  return undefined;
}
