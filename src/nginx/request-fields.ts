// `proxy_set_header` of a location: what the backend is told. Who the client is goes into custom identity fields, which no client can
// set; everything else into a middleware. A field that has no counterpart is taken away rather than left as a client sent it.
import type { DraftMap } from '../import/draft.ts';
import { mistakeInCustomField } from '../config/custom-field.ts';
import { type Directive, words } from './directive.ts';
import { expand } from './answers.ts';
import type { Ledger } from './ledger.ts';
import type { VariableMap } from './maps.ts';
import type { Scope } from './scope.ts';

export type RequestFields = {
  readonly custom: readonly DraftMap[];
  /** Rule of a middleware; empty where it would change nothing. */
  readonly edits: DraftMap;
  readonly forwardsHost: boolean;
  readonly upgrades: boolean;
};

const identities: Readonly<Record<string, string>> = {
  $ssl_client_escaped_cert: 'pem',
  $ssl_client_s_dn: 'subject',
  $ssl_client_i_dn: 'issuer',
  $ssl_client_serial: 'serial',
};

/** What the gateway says by itself, under these very names. */
const own: Readonly<Record<string, RegExp>> = {
  'x-real-ip': /^\$(?:remote_addr|realip_remote_addr|proxy_protocol_addr)$/,
  'x-forwarded-for': /^\$(?:proxy_add_x_forwarded_for|remote_addr|proxy_protocol_addr)$/,
  'x-forwarded-proto': /^(?:\$scheme|https?)$/,
  'x-forwarded-host': /^\$(?:host|http_host|server_name)(?::\$server_port)?$/,
  'x-request-id': /^\$request_id$/,
};

const variables: Readonly<Record<string, string>> = {
  $remote_addr: '{client.address}',
  $request_id: '{request.id}',
  $request_method: '{request.method}',
  $scheme: '{request.scheme}',
  $host: '{request.host}',
  $http_host: '{request.host}',
  $request_uri: '{request.path}{request.query}',
  $uri: '{request.path}',
  $document_uri: '{request.path}',
};

export type FieldContext = {
  readonly ledger: Ledger;
  readonly scope: Scope;
  readonly maps: ReadonlyMap<string, VariableMap>;
  /** No request without a verified certificate gets so far. */
  readonly isAuthenticated: boolean;
  readonly asksForCertificates: boolean;
  /** Where the server listens, if at one port only. */
  readonly port: string | undefined;
};

export function readRequestFields(directives: readonly Directive[], context: FieldContext): RequestFields {
  const { ledger, scope, port } = context;
  const custom: DraftMap[] = [];
  const set: DraftMap = {};
  const remove: string[] = [];
  let forwardsHost = false;
  let upgrades = false;
  for (const directive of directives) {
    const [name = '', written = ''] = words(directive);
    const value = expand(written, scope)
      .replace(/\$\{(\w+)\}/g, '$$$1')
      .replace(/\$server_port\b/g, port ?? '$server_port');
    const lower = name.toLowerCase();
    if (lower === 'host') {
      forwardsHost = readHost(directive, value, ledger);
      continue;
    }
    if (lower === 'upgrade') {
      upgrades ||= value !== '';
      ledger.taken(directive, value === '' ? 'no upgrades' : 'upgrades');
      continue;
    }
    if (/^(?:connection|keep-alive|te|transfer-encoding|content-length|proxy-connection)$/.test(lower)) {
      ledger.left(directive, 'what concerns one connection is for the gateway to set');
      continue;
    }
    if (own[lower]?.test(value) === true) {
      ledger.taken(directive, 'the gateway sends it by itself');
      continue;
    }
    const identity = identities[value];
    if (identity !== undefined) {
      addIdentity(directive, name, identity, custom, remove, context);
      continue;
    }
    if (/\$ssl_client_/.test(value) || isOfIdentity(value, context.maps)) {
      readOtherIdentity(directive, name, value, set, remove, context);
      continue;
    }
    if (value === `$http_${lower.replaceAll('-', '_')}`) {
      ledger.taken(directive, 'passes as the client sends it');
      continue;
    }
    if (value === '') {
      remove.push(name);
      ledger.taken(directive, 'requestHeaders, removeHeaders');
      continue;
    }
    const template = templateOf(value);
    if (template === undefined || isGateways(lower)) {
      remove.push(name);
      ledger.loses(
        'header_edit',
        directive,
        isGateways(lower) ? 'the gateway says this itself, in its own way' : 'no such value: the field is removed',
      );
      continue;
    }
    set[name] = template;
    ledger.taken(directive, 'requestHeaders, setHeaders');
  }
  const edits: DraftMap = {
    ...(remove.length > 0 && { removeHeaders: remove.filter((name) => !isGateways(name.toLowerCase())) }),
    ...(Object.keys(set).length > 0 && { setHeaders: set }),
  };
  if (Array.isArray(edits.removeHeaders) && edits.removeHeaders.length === 0) delete edits.removeHeaders;
  return { custom, edits, forwardsHost, upgrades };
}

function readHost(directive: Directive, value: string, ledger: Ledger): boolean {
  if (/^\$(?:host|http_host)(?::\$(?:server_port|proxy_port))?$/.test(value)) {
    ledger.taken(directive, 'security.forwardHostHeaders: true');
    return true;
  }
  if (/^\$proxy_host$/.test(value)) ledger.taken(directive, 'security.forwardHostHeaders: false');
  else
    ledger.loses(
      'host_rewrite',
      directive,
      'the backend gets the host of its endpoint as Host (security.forwardHostHeaders: false), no other',
    );
  return false;
}

function addIdentity(
  directive: Directive,
  name: string,
  value: string,
  custom: DraftMap[],
  remove: string[],
  context: FieldContext,
): void {
  const { ledger, asksForCertificates } = context;
  if (!asksForCertificates) {
    remove.push(name);
    ledger.changed(directive, 'no certificates are asked for: the field is removed');
    return;
  }
  const mistake = mistakeInCustomField(name);
  if (mistake !== undefined) {
    ledger.loses('header_edit', directive, `the name ${mistake.problem}: choose another, for the backend too`);
    return;
  }
  custom.push({ name, value });
  ledger.taken(directive, `forwardClientCert.custom, value: ${value}`);
}

/** Through a map: `map $ssl_client_s_dn $user { … }`. */
function isOfIdentity(value: string, maps: ReadonlyMap<string, VariableMap>): boolean {
  return [...maps].some(([name, { source }]) => value.includes(name) && source.startsWith('$ssl_client'));
}

function readOtherIdentity(
  directive: Directive,
  name: string,
  value: string,
  set: DraftMap,
  remove: string[],
  { ledger, isAuthenticated }: FieldContext,
): void {
  if (value === '$ssl_client_verify' && isAuthenticated) {
    set[name] = 'SUCCESS';
    ledger.changed(directive, 'requestHeaders, setHeaders, always SUCCESS: nobody gets so far with another result');
    return;
  }
  remove.push(name);
  const why =
    value === '$ssl_client_verify'
      ? 'not sent: an identity field that is there is one that passed'
      : value === '$ssl_client_fingerprint'
        ? 'SHA-1 is not sent; forwardClientCert.custom has SHA-256 (value: fingerprint)'
        : value === '$ssl_client_cert' || value === '$ssl_client_raw_cert'
          ? 'a certificate over several lines is no field any more; forwardClientCert.custom has it URL-encoded (value: pem)'
          : 'no such value of the certificate';
  ledger.loses('header_edit', directive, `${why}. The field is removed`);
}

function isGateways(lower: string): boolean {
  return /^(?:x-forwarded-(?:for|proto|host)|x-real-ip|x-request-id|forwarded|client-cert.*|x-forwarded-client-cert)$/.test(
    lower,
  );
}

/** In our template language; undefined where a variable has no counterpart, or the text could not stand in a field. */
export function templateOf(value: string): string | undefined {
  let isKnown = true;
  const text = value
    .replace(/[{}]/g, (brace) => ((isKnown = false), brace))
    .replace(/\$\w+/g, (name) => {
      const found = variables[name];
      if (found === undefined) isKnown = false;
      return found ?? '';
    });
  return isKnown && !text.includes('$') && /^[\t\x20-\x7e]*$/.test(text) ? text : undefined;
}
