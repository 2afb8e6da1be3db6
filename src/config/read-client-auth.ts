// `clientAuth` of the gateway and of a policy: whose client certificates are accepted, and whether one is required.
import type { Cursor } from './cursor.ts';
import type { ClientAuthConfig } from './gateway-config.ts';
import type { ProblemList } from './problem-list.ts';
import { readRefAt, reportEmpty } from './reading.ts';
import type { ClientAuthShape } from './tls-shape.ts';

/** Goma's default: `required: false`. Written without a CA and without `required: true` it means nothing, as in Goma. */
export function readGatewayClientAuth(
  shape: ClientAuthShape | undefined,
  at: Cursor,
  problems: ProblemList,
): ClientAuthConfig | undefined {
  const here = at.down('clientAuth');
  if (shape === undefined) return reportEmpty(at, 'clientAuth', problems);
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
export function readPolicyClientAuth(
  shape: ClientAuthShape | undefined,
  at: Cursor,
  problems: ProblemList,
): ClientAuthConfig | undefined {
  if (shape === undefined) return reportEmpty(at, 'clientAuth', problems);
  return readClientAuth(shape, shape.required ?? true, at.down('clientAuth'), problems);
}

function readClientAuth(
  shape: ClientAuthShape,
  required: boolean,
  at: Cursor,
  problems: ProblemList,
): ClientAuthConfig {
  if ((shape.clientCA === undefined || shape.clientCA.length === 0) && !at.isBroken('clientCA'))
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
    allowedSANs: undefined,
    allowedFingerprints: undefined,
    allowedSPKI: undefined,
    partialChain: undefined,
    minKeyBits: { rsa: 2048, ec: 256 },
    spiffe: undefined,
    crl: undefined,
    ocsp: undefined,
    distrustGraceMs: 500,
    place: at.place,
  };
}
