// `security.tls` of a route: how the gateway verifies the backend and what it presents. Each key works on its own (Goma
// ignores them unless all are given); verification that ends up off is said loudly.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { flag, map, oneOf, text } from './atoms.ts';
import { crlExample, crlShape, readCrl } from './crl.ts';
import type { BackendConfig, BackendHttp2, BackendTlsConfig, CrlConfig } from './gateway-config.ts';
import { parseHostName } from './host-name.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { identityKeys, readIdentityRules } from './identity-rules.ts';
import { key } from './key.ts';
import { type NamedMaterial, systemBundle } from './named-material.ts';
import type { Ref } from './ref.ts';
import { readKeyRef, readRef, reportEmpty, reportMistake, unlessBlank } from './reading.ts';
import { ignored } from './support.ts';
import { readVersions, tlsVersionKeys } from './tls-parameters.ts';

const withoutRoots = 'Without `rootCAs`: works, with a warning that the CAs of the system verify the backend.';

export const backendTlsKeys = {
  insecureSkipVerify: key(flag, {
    says: 'true: the certificate of the backend is not verified. Never in production.',
    unset: "the gateway's",
    page: 'Goma; also as `SkipVerification` and on the route (deprecated). Between contradicting ones `false` wins. Loud warning.',
  }),
  skipVerification: ignored(
    'the certificate of the backend is verified',
    'Write insecureSkipVerify, or better rootCAs.',
  ),
  SkipVerification: key(flag, {
    says: 'Deprecated name of insecureSkipVerify.',
    untold: true,
    page: 'Goma, deprecated: see `insecureSkipVerify`.',
  }),
  rootCAs: key(text, {
    says: 'CA certificates that verify the backend: path, PEM text, or base64 of PEM or DER. Omitted: those of the system.',
    unset: "the system's",
    page: '`S`. Alone it works (Goma ignores it).',
    example: 'One file may hold several CAs: put them into one (cat a.crt b.crt > cas.crt) and name that.',
  }),
  partialChain: key(flag, {
    says: 'Whether an intermediate in rootCAs is an anchor. Default: only where rootCAs holds no root at all.',
    unset: 'only where `rootCAs` holds no root at all',
    page: 'own. Whether an intermediate in `rootCAs` is an anchor by itself.',
  }),
  caBundle: key(text, {
    says: 'Id of gateway.caBundles, in place of rootCAs; system: the CAs of the system.',
    page: 'own. Id of `gateway.caBundles`, in place of `rootCAs`; `system`: the CAs of the system, said in so many words.',
    oursAlone: true,
  }),
  certificateId: key(text, {
    says: 'Id of gateway.certificates, in place of clientCert and clientKey.',
    page: 'own. Id of `gateway.certificates`, in place of `clientCert` and `clientKey`.',
    oursAlone: true,
  }),
  clientCert: key(text, {
    says: 'Client certificate that the gateway presents: path, PEM text, or base64 of PEM or DER.',
    page: `\`S\`; with \`clientKey\` or not at all. ${withoutRoots}`,
  }),
  clientKey: key(text, {
    says: 'Private key of clientCert: path, PEM text, or base64 of PEM or DER.',
    page: '`S`; with `clientCert` or not at all.',
  }),
  serverName: key(text, {
    says: 'Name for SNI and verification instead of the host of the endpoint.',
    unset: 'host of the endpoint',
    page: 'own. Name for SNI and verification; not an IP address.',
  }),
  nameCheck: key(oneOf(['san', 'commonName'], true), {
    says: 'commonName: where a certificate has no DNS or IP name, its common name is compared with the host. Default {default}.',
    default: 'san',
    page: 'own. `commonName`: where the certificate has no DNS or IP name at all, the one common name of its subject has to cover the host, as a SAN would. For backends that cannot get a SAN, instead of `insecureSkipVerify`; pins work beside it.',
  }),
  ...tlsVersionKeys,
  ...identityKeys,
  crl: key(crlShape, {
    says: 'Certificate revocation lists for backends. Default: none is looked at.',
    page: 'own. As for clients.',
    example: crlExample,
    table: 'crl',
  }),
  http2: key(oneOf(['auto', 'on', 'off'], true), {
    says: 'HTTP/2 to the backend: auto = where it offers it (ALPN), on = or not at all, off = HTTP/1.1.',
    unset: 'auto',
    page: 'own. `auto`: where the backend agrees to it by ALPN; `on`: or the connection is refused (`protocol_mismatch`); `off`: HTTP/1.1. Over TLS only.',
  }),
};
const backendTls = map(backendTlsKeys);
type BackendTlsShape = z.output<typeof backendTls>;

/** What a route says about TLS to its backends. */
export type RouteTls = {
  readonly insecureSkipVerify?: boolean | undefined;
  readonly security: { readonly tls: BackendTlsShape };
};

/** What `networking.transport` says for routes that do not: a route's own `insecureSkipVerify: false` overrides it. */
export type BackendTlsDefaults = {
  readonly skipVerify: boolean;
  readonly http2: BackendHttp2;
  readonly named: NamedMaterial;
};

export function readBackendTls(
  route: RouteTls,
  at: Cursor,
  backends: readonly BackendConfig[],
  defaults: BackendTlsDefaults,
  problems: ProblemList,
): BackendTlsConfig {
  const here = at.down('security', 'tls');
  const shape = withoutBlanks(route.security.tls, here);
  if (at.down('security').isEmpty('tls'))
    problems.error(
      'empty_value',
      at.down('security').keyPlace('tls'),
      'tls is written but has no value',
      'Give its keys, or remove it.',
    );
  const insecureSkipVerify = readSkipVerify(route, at, defaults.skipVerify, problems);
  const anchors = readAnchors(shape, here, defaults.named, problems);
  const { rootCAs } = anchors;
  const { clientCert, clientKey } = readOwnPair(shape, here, defaults.named, problems);
  if (clientCert !== undefined && !anchors.said && !insecureSkipVerify)
    problems.warn(
      'system_roots',
      here.keyPlace('clientCert'),
      'clientCert is given without rootCAs: the backend is verified against the CA certificates of the system',
      'Add rootCAs if the backend has a certificate of a private CA.',
    );
  if (insecureSkipVerify && rootCAs !== undefined)
    problems.warn(
      'ignored_key',
      here.keyPlace(shape.caBundle === undefined ? 'rootCAs' : 'caBundle'),
      'rootCAs has no effect while insecureSkipVerify is on',
    );
  const plain = backends.filter((backend) => backend.scheme === 'http');
  if (plain.length > 0 && (clientCert !== undefined || rootCAs !== undefined))
    for (const backend of plain)
      problems.warn(
        'plain_backend',
        backend.place,
        'security.tls has no effect on this backend: its endpoint is http://, so requests go out in plain text and unauthenticated',
        'Write https:// in the endpoint.',
      );
  reportEmpty(here, 'partialChain', problems);
  if (shape.partialChain !== undefined && (insecureSkipVerify || rootCAs === undefined))
    problems.warn(
      'ignored_key',
      here.keyPlace('partialChain'),
      `partialChain has no effect ${insecureSkipVerify ? 'while insecureSkipVerify is on' : 'without rootCAs'}`,
    );
  const rules = readIdentityRules(shape, here, problems);
  const crl = readCrl(shape.crl, here, problems) ?? (insecureSkipVerify ? undefined : anchors.crl);
  checkRulesApply(here, insecureSkipVerify, plain, problems);
  if (shape.nameCheck === 'commonName' && rules.allowedSANs !== undefined)
    problems.warn(
      'ignored_key',
      here.keyPlace('nameCheck'),
      'nameCheck has no effect beside allowedSANs, which replace the check of the host',
      'Remove it, or write a rule {commonName: {exact: NAME}}.',
    );
  if (shape.http2 === 'on')
    for (const backend of plain)
      problems.error(
        'plain_backend',
        backend.place,
        'http2: on cannot be had from this backend: its endpoint is http://, and HTTP/2 is spoken over TLS only',
        'Write https:// in the endpoint, or http2: auto.',
      );
  return {
    insecureSkipVerify,
    rootCAs,
    partialChain: shape.partialChain,
    clientCert,
    clientKey,
    serverName: readServerName(shape.serverName, here, problems),
    nameCheck: shape.nameCheck,
    ...readVersions(shape, here, problems),
    ...rules,
    crl,
    http2: shape.http2 ?? defaults.http2,
    place: here.place,
  };
}

type Anchors = {
  readonly rootCAs: readonly Ref[] | undefined;
  /** That come with a bundle. */
  readonly crl: CrlConfig | undefined;
  /** The file says whose certificates are accepted: those of the system too, if in so many words. */
  readonly said: boolean;
};

/** `rootCAs`, or what `caBundle` names. */
function readAnchors(shape: BackendTlsShape, at: Cursor, named: NamedMaterial, problems: ProblemList): Anchors {
  const ref = readRef(shape.rootCAs, at, 'rootCAs', problems);
  const { caBundle: id } = shape;
  if (id === undefined) {
    reportEmpty(at, 'caBundle', problems);
    return { rootCAs: ref && [ref], crl: undefined, said: shape.rootCAs !== undefined };
  }
  if (shape.rootCAs !== undefined)
    problems.error(
      'contradiction',
      at.keyPlace('caBundle'),
      'both rootCAs and caBundle are given',
      'Keep one of them.',
    );
  if (id === systemBundle) return { rootCAs: undefined, crl: undefined, said: true };
  const bundle = named.findBundle(id, at.down('caBundle'), problems);
  return { rootCAs: bundle?.cas, crl: bundle?.crl, said: true };
}

type OwnPair = { readonly clientCert: Ref | undefined; readonly clientKey: Ref | undefined };

/** `clientCert` and `clientKey`, or what `certificateId` names. */
function readOwnPair(shape: BackendTlsShape, at: Cursor, named: NamedMaterial, problems: ProblemList): OwnPair {
  const clientCert = readRef(shape.clientCert, at, 'clientCert', problems);
  const clientKey = readKeyRef(shape.clientKey, at, 'clientKey', problems);
  checkPair(shape, at, problems);
  const { certificateId: id } = shape;
  if (id === undefined) {
    reportEmpty(at, 'certificateId', problems);
    return { clientCert, clientKey };
  }
  if (shape.clientCert !== undefined || shape.clientKey !== undefined)
    problems.error(
      'contradiction',
      at.keyPlace('certificateId'),
      'both clientCert and certificateId are given',
      'Keep one of them.',
    );
  const pair = named.findCertificate(id, at.down('certificateId'), problems);
  return { clientCert: pair?.cert, clientKey: pair?.key };
}

/** What must hold of a backend's certificate cannot be left unlooked at: Goma has none of these keys, so this is an error. */
export function checkRulesApply(
  at: Cursor,
  skipVerify: boolean,
  plain: readonly BackendConfig[],
  problems: ProblemList,
): void {
  for (const name of ['allowedSANs', 'allowedFingerprints', 'allowedSPKI', 'crl', 'nameCheck'].filter((one) =>
    at.has(one),
  )) {
    if (skipVerify)
      problems.error(
        'unverified_rule',
        at.keyPlace(name),
        `${name} asks for verification, which insecureSkipVerify switches off`,
        'Write insecureSkipVerify: false here, and give rootCAs (a self-signed certificate of the backend can stand there).',
      );
    for (const backend of plain)
      problems.error(
        'plain_backend',
        backend.place,
        `security.tls.${name} cannot be looked at for this backend: its endpoint is http://`,
        `Write https:// in the endpoint, or remove ${name}.`,
      );
  }
}

/** The route's own key, then its aliases, then the gateway's. Between contradicting ones the safe one wins. */
function readSkipVerify(route: RouteTls, at: Cursor, byDefault: boolean, problems: ProblemList): boolean {
  const tls = at.down('security', 'tls');
  const written = [
    { value: route.security.tls.insecureSkipVerify, place: tls.keyPlace('insecureSkipVerify') },
    {
      value: route.security.tls.SkipVerification,
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

function withoutBlanks(shape: BackendTlsShape, at: Cursor): BackendTlsShape {
  return {
    ...shape,
    rootCAs: unlessBlank(shape.rootCAs, at, 'rootCAs'),
    clientCert: unlessBlank(shape.clientCert, at, 'clientCert'),
    clientKey: unlessBlank(shape.clientKey, at, 'clientKey'),
  };
}

function checkPair(shape: BackendTlsShape, at: Cursor, problems: ProblemList): void {
  // Without a value, or with a wrong one, it was reported already.
  for (const [one, other] of [
    ['clientCert', 'clientKey'],
    ['clientKey', 'clientCert'],
  ] as const)
    if (shape[one] !== undefined && shape[other] === undefined && !at.isEmpty(other) && !at.isBroken(other))
      problems.error(
        'missing_key',
        at.keyPlace(one),
        `${one} is given without ${other}`,
        `Add ${other}: both are needed to authenticate to the backend.`,
      );
}

/** For SNI and verification; what is no host name is an error at `serverName`. */
export function readServerName(name: string | undefined, at: Cursor, problems: ProblemList): string | undefined {
  if (name === undefined) return undefined;
  const reading = parseHostName(name);
  if ('host' in reading) return reading.host;
  reportMistake(problems, 'bad_host', at.down('serverName'), name, reading);
  return undefined;
}
