// The fields that tell a backend who the client is, made once per connection from the certificate that passed every check.
// The five modes are Envoy's; "mTLS" means a certificate that passed, not one that was presented (edge.md).
import type { ForwardClientCertConfig, XfccMode } from '../config/gateway-config.ts';
import { FieldBlock, type Fields } from '../http/field.ts';
import type { Identity } from '../pki/verdict.ts';
import { asciiName, emitXfcc, parseXfcc, type XfccElement } from './xfcc.ts';

export const xfccName = 'X-Forwarded-Client-Cert';

/** The element for an identity. `ownUris`: URI SANs of the certificate that the gateway presented to this client. */
export function xfccElement(
  identity: Identity,
  wanted: ForwardClientCertConfig['xfcc'],
  ownUris: readonly string[],
): XfccElement {
  const names = (type: 'URI' | 'DNS') => identity.leaf.sans.filter((san) => san.type === type).map((san) => san.value);
  const uris = wanted.uri ? names('URI') : [];
  return {
    by: ownUris,
    hash: identity.leaf.sha256,
    ...(wanted.subject ? { subject: asciiName(identity.leaf.subject) } : {}),
    // Envoy writes an empty URI where there is none.
    uris: wanted.uri && uris.length === 0 ? [''] : uris,
    dns: wanted.dns ? names('DNS') : [],
  };
}

/**
 * What the header says to the backend; undefined = no header. `incoming` are the values that the client sent, in order;
 * `own` our element's text; `mtlsOk` whether the client's certificate passed. Incoming text that is not well formed is
 * dropped: an open quote in it would swallow what we append.
 */
export function forwardedXfcc(
  mode: XfccMode,
  incoming: readonly string[],
  own: string | undefined,
  mtlsOk: boolean,
): string | undefined {
  if (mode === 'alwaysForwardOnly') return wellFormed(incoming);
  if (!mtlsOk || mode === 'sanitize') return undefined;
  if (mode === 'forwardOnly') return wellFormed(incoming);
  if (mode === 'sanitizeSet') return own;
  const before = wellFormed(incoming);
  return before === undefined || own === undefined ? (own ?? before) : `${before},${own}`;
}

function wellFormed(incoming: readonly string[]): string | undefined {
  const text = incoming.join(',');
  return text !== '' && parseXfcc(text) !== undefined ? text : undefined;
}

/** True where the mode passes on what the client sent, so that the block differs from request to request. */
export function forwardsIncoming(config: ForwardClientCertConfig): boolean {
  return config.mode !== undefined && config.mode !== 'sanitize' && config.mode !== 'sanitizeSet';
}

/**
 * The identity fields of a connection. With a mode that forwards, pass the request's fields as the client sent them (before
 * stripping); without them such modes say only what is ours to say. Faults: malformed_cert (see emitXfcc).
 */
export function identityBlock(
  identity: Identity | undefined,
  config: ForwardClientCertConfig,
  ownUris: readonly string[],
  received?: Fields,
): FieldBlock {
  const mode = config.mode ?? (identity === undefined ? 'sanitize' : 'sanitizeSet');
  const setsOwn = mode === 'sanitizeSet' || mode === 'appendForward';
  const own = setsOwn && identity !== undefined ? emitXfcc(xfccElement(identity, config.xfcc, ownUris)) : undefined;
  const text = forwardedXfcc(mode, received === undefined ? [] : incomingXfcc(received), own, identity !== undefined);
  return text === undefined ? FieldBlock.empty : new FieldBlock([[xfccName, text]]);
}

/** Only the name as it is written counts; `X_Forwarded_Client_Cert` is a forgery, not a header. */
function incomingXfcc(fields: Fields): string[] {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i++) {
    if (fields.names[i]?.lower === 'x-forwarded-client-cert') out.push(fields.values[i] ?? '');
  }
  return out;
}
