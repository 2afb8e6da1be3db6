// How a service is spoken to: in plain text, over TLS, or over mutual TLS, with which certificate and whose CA. What contradicts its mode is
// an error, so that nobody takes for verified what nobody looks at.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { checkRulesApply, readServerName } from './backend-tls.ts';
import { readCrl } from './crl.ts';
import type { BackendTlsConfig } from './gateway-config.ts';
import { readIdentityRules } from './identity-rules.ts';
import { type NamedMaterial, systemBundle } from './named-material.ts';
import { reportEmpty } from './reading.ts';
import { type ServiceShape, serviceTlsKeys } from './service-shape.ts';
import { readVersions } from './tls-parameters.ts';
import type { UpstreamSurroundings } from './upstream-settings.ts';

export type ServiceMode = 'off' | 'tls' | 'mtls';

/** TLS to a service. `mode`: undefined where the service does not say it, which is an error already. */
export function readServiceTls(
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
