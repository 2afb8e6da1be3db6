// The fields that tell a backend who the client is, made once per connection from the certificate that passed every check.
// The modes are Envoy's and govern X-Forwarded-Client-Cert alone; "mTLS" means a certificate that passed, not one that was
// presented (docs/verification.md). Client-Cert and custom fields are never a client's own words: they are there where it passed.
import { Fault } from '../base/fault.ts';
import type { ForwardClientCertConfig, XfccMode } from '../config/gateway-config.ts';
import { asciiName } from '../certs/fact-text.ts';
import { FieldBlock, type Fields } from '../http/field.ts';
import type { Identity } from '../trust/verdict.ts';
import { plainPem } from './certificate-text.ts';
import { clientCertFields } from './client-cert.ts';
import { customFields } from './custom-fields.ts';
import { fitting, maxBlockBytes, tooLarge } from './field-limits.ts';
import { emitXfccJson, parseXfccJson } from './xfcc-json.ts';
import { emitXfcc, parseXfcc, type XfccElement, xfccName } from './xfcc.ts';

type XfccForm = ForwardClientCertConfig['xfcc']['format'];

/** What the backends of routes with the same settings are told about one client. */
export class ForwardedIdentity {
  /** A chain was asked for that is not known, so it was left out (a session that was resumed where its chain is not known). */
  readonly lacksChain: boolean;
  readonly #mode: XfccMode;
  readonly #authenticated: boolean;
  /** Our element in either form; undefined where we say none. */
  readonly #own: OwnXfcc | undefined;
  readonly #others: readonly (readonly [name: string, value: string])[];
  /** The whole block where the client sent nothing that belongs into it. */
  readonly #block: FieldBlock;

  /**
   * `identity` undefined: an anonymous client. `ownUris`: URI SANs of the certificate that the gateway presented to it.
   * Faults: identity_too_large, malformed_cert (see emitXfcc).
   */
  constructor(identity: Identity | undefined, config: ForwardClientCertConfig, ownUris: readonly string[]) {
    const mode = config.mode ?? (identity === undefined ? 'sanitize' : 'sanitizeSet');
    const setsOwn = mode === 'sanitizeSet' || mode === 'appendForward';
    this.#mode = mode;
    this.#authenticated = identity !== undefined;
    const { xfcc, rfc9440, custom } = config;
    const wantsChain = (setsOwn && xfcc.chain) || (rfc9440.clientCert && rfc9440.chain);
    this.lacksChain = wantsChain && identity?.chainKnown === false;
    this.#own =
      setsOwn && identity !== undefined ? new OwnXfcc(xfccElement(identity, xfcc, ownUris), xfcc.format) : undefined;
    this.#others =
      identity === undefined ? [] : [...clientCertFields(identity, rfc9440), ...customFields(identity.leaf, custom)];
    this.#block = this.#blockWith(this.#own?.alone);
  }

  /**
   * The fields of one request. `received`: its fields as the client sent them, before stripping.
   * Faults: bad_request where the client's own X-Forwarded-Client-Cert is to be passed on and is not well formed.
   */
  block(received: Fields): FieldBlock {
    if (!forwardsIncoming(this.#mode)) return this.#block;
    const incoming = incomingXfcc(received);
    if (incoming.length === 0) return this.#block;
    return this.#blockWith(forwardedXfcc(this.#mode, incoming, this.#own, this.#authenticated));
  }

  #blockWith(xfcc: string | undefined): FieldBlock {
    if (xfcc === undefined && this.#others.length === 0) return FieldBlock.empty;
    const block = new FieldBlock(
      xfcc === undefined ? this.#others : [[xfccName, fitting(xfccName, xfcc)], ...this.#others],
    );
    const { length } = block.text;
    if (length > maxBlockBytes) throw tooLarge(`the identity fields would take ${length} of ${maxBlockBytes} bytes`);
    return block;
  }
}

/** The element for an identity. `ownUris`: URI SANs of the certificate that the gateway presented to this client. */
function xfccElement(
  identity: Identity,
  wanted: ForwardClientCertConfig['xfcc'],
  ownUris: readonly string[],
): XfccElement {
  const { leaf, chain, chainKnown } = identity;
  const names = (type: 'URI' | 'DNS') => leaf.sans.filter((san) => san.type === type).map((san) => san.value);
  const uris = wanted.uri ? names('URI') : [];
  return {
    by: ownUris,
    hash: leaf.sha256,
    ...(wanted.cert ? { cert: plainPem(leaf.der) } : {}),
    ...(wanted.chain && chainKnown ? { chain: chain.map(({ der }) => plainPem(der)) } : {}),
    ...(wanted.subject ? { subject: asciiName(leaf.subject) } : {}),
    // Envoy writes an empty URI where there is none.
    uris: wanted.uri && uris.length === 0 ? [''] : uris,
    dns: wanted.dns ? names('DNS') : [],
  };
}

/** What we say ourselves. Faults of emitXfcc as soon as it is made. */
export class OwnXfcc {
  /** The whole header where nobody else says anything. */
  readonly alone: string;
  readonly #element: XfccElement;

  constructor(element: XfccElement, form: XfccForm) {
    this.#element = element;
    this.alone = form === 'json' ? `[${emitXfccJson(element)}]` : emitXfcc(element);
  }

  /** Behind what came from the client, in the form that it has. */
  after(form: XfccForm): string {
    return form === 'json' ? emitXfccJson(this.#element) : emitXfcc(this.#element);
  }
}

/**
 * What the header says to the backend; undefined = no header. `incoming` are the values that the client sent, in order;
 * `mtlsOk` whether the client's certificate passed. Faults: bad_request for incoming text that is
 * to be passed on and is not well formed: an open quote would swallow what we append, and without it the backend would
 * take the proxy that speaks for somebody for that somebody.
 */
export function forwardedXfcc(
  mode: XfccMode,
  incoming: readonly string[],
  own: OwnXfcc | undefined,
  mtlsOk: boolean,
): string | undefined {
  if (mode !== 'alwaysForwardOnly' && (!mtlsOk || mode === 'sanitize')) return undefined;
  if (mode === 'sanitizeSet') return own?.alone;
  const text = incoming.join(',');
  const append = mode === 'appendForward' ? own : undefined;
  if (text === '') return append?.alone;
  const elements = parseXfccJson(text);
  if (elements !== undefined)
    return `[${[...elements, ...(append === undefined ? [] : [append.after('json')])].join(',')}]`;
  if (parseXfcc(text) !== undefined) return append === undefined ? text : `${text},${append.after('text')}`;
  throw new Fault('bad_request', 'client', { detail: `its ${xfccName} is too long or not well formed` });
}

/** True where the mode passes on what the client sent, so that the block differs from request to request. */
export function forwardsIncoming(mode: XfccMode | undefined): boolean {
  return mode === 'forwardOnly' || mode === 'appendForward' || mode === 'alwaysForwardOnly';
}

/** Only the name as it is written counts; `X_Forwarded_Client_Cert` is a forgery, not a header. */
function incomingXfcc(fields: Fields): string[] {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i++) {
    if (fields.names[i]?.lower === 'x-forwarded-client-cert') out.push(fields.values[i] ?? '');
  }
  return out;
}
