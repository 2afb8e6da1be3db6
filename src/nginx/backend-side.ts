// The way from a location to its backends: `proxy_pass`, `grpc_pass`, `proxy_ssl_*`, timeouts, what the path becomes.
import type { DraftMap } from '../import/draft.ts';
import { type Directive, firstWord } from './directive.ts';
import { expand } from './answers.ts';
import type { Ledger } from './ledger.ts';
import type { Location } from './locations.ts';
import type { Scope } from './scope.ts';
import { readSeconds, readVersions } from './tls-settings.ts';
import { readTarget, type Target, type Upstream } from './upstreams.ts';

export type BackendSide = {
  /** target or backends, loadBalancing, rewrite, timeouts. */
  readonly keys: DraftMap;
  /** security.tls; empty where nothing is to be said. */
  readonly tls: DraftMap;
};

/** undefined: it leads nowhere that we can reach, which is reported. */
export function readBackendSide(
  pass: Directive,
  location: Location,
  isRewritten: boolean,
  upstreams: ReadonlyMap<string, Upstream>,
  ledger: Ledger,
): BackendSide | undefined {
  const { scope } = location;
  const written = firstWord(pass);
  const text = expand(written, scope);
  if (text.startsWith('grpc://') || (pass.name === 'grpc_pass' && !text.includes('://'))) {
    ledger.loses('backend_choice', pass, 'HTTP/2 to backends is spoken over TLS only: grpcs://');
    return undefined;
  }
  const target = readTarget(text, upstreams);
  if (target === undefined || target.endpoints.length === 0) {
    const why = text.includes('$')
      ? 'the backend is chosen by a variable'
      : target === undefined
        ? 'neither http:// nor https:// with a host'
        : 'the upstream has no server that can be reached';
    ledger.loses('backend_choice', pass, `${why}; answered with 502`);
    return undefined;
  }
  const keys: DraftMap = {};
  const [only, second] = target.endpoints;
  if (only !== undefined && second === undefined && typeof only.endpoint === 'string') keys.target = only.endpoint;
  else keys.backends = target.endpoints.map((one) => ({ ...one }));
  Object.assign(keys, target.choice);
  if (written !== text && target.uri !== undefined)
    ledger.loses('path_rewrite', pass, 'with a variable nginx asks for this very path, whatever the request was for');
  else readUri(pass, target, location, isRewritten, keys, ledger);
  ledger.taken(pass, second === undefined ? 'target' : 'backends');
  const timeouts = readTimeouts(scope, pass.name === 'grpc_pass' ? 'grpc' : 'proxy', ledger);
  if (Object.keys(timeouts).length > 0) keys.timeouts = timeouts;
  const tls = target.tls ? readTls(scope, target, upstreams, pass, ledger) : {};
  if (pass.name === 'grpc_pass') tls.http2 = 'on';
  return { keys, tls };
}

function readUri(
  pass: Directive,
  { uri }: Target,
  { kind, path }: Location,
  isRewritten: boolean,
  keys: DraftMap,
  ledger: Ledger,
): void {
  if (uri === undefined) return;
  if (isRewritten || kind === 'regex') {
    ledger.loses('path_rewrite', pass, 'a path beside a rewrite, or beside a regular expression, has no counterpart');
    return;
  }
  const plain = uri.replace(/\/+$/, '') || '/';
  const isSlashed = uri.endsWith('/');
  if (kind === 'exact') {
    if (plain !== path) keys.rewrite = plain;
    if (isSlashed && uri !== '/') ledger.changed(pass, `rewrite: ${plain}, without the slash at the end`);
    return;
  }
  if (path.endsWith('/') && !isSlashed) {
    ledger.loses(
      'path_rewrite',
      pass,
      `nginx joins ${uri} and what follows ${path} without a slash: most likely ${uri}/ is meant`,
    );
    return;
  }
  if (plain !== (path.replace(/\/+$/, '') || '/')) keys.rewrite = plain;
  if (!path.endsWith('/') && isSlashed)
    ledger.changed(pass, `rewrite: ${plain}; nginx would put two slashes between it and what follows`);
}

function readTimeouts(scope: Scope, family: 'proxy' | 'grpc', ledger: Ledger): DraftMap {
  const timeouts: DraftMap = {};
  const connect = scope.last(`${family}_connect_timeout`);
  const read = scope.last(`${family}_read_timeout`);
  const seconds = (directive: Directive): string => `${readSeconds(firstWord(directive)) ?? 60}s`;
  if (connect !== undefined) {
    timeouts.connect = seconds(connect);
    ledger.taken(connect, 'timeouts.connect');
  }
  if (read !== undefined) {
    timeouts.response = seconds(read);
    timeouts.idle = seconds(read);
    timeouts.tunnel = seconds(read);
    ledger.taken(read, 'timeouts.response, idle and tunnel');
  }
  return timeouts;
}

/** A backend is verified here whether nginx did so or not. */
function readTls(
  scope: Scope,
  target: Target,
  upstreams: ReadonlyMap<string, Upstream>,
  pass: Directive,
  ledger: Ledger,
): DraftMap {
  const family = pass.name === 'grpc_pass' ? 'grpc' : 'proxy';
  const last = (name: string): Directive | undefined => scope.last(`${family}_ssl_${name}`);
  const tls: DraftMap = {};
  const ca = last('trusted_certificate');
  const verify = last('verify');
  const verifies = verify !== undefined && firstWord(verify) === 'on';
  if (ca !== undefined) {
    tls.rootCAs = firstWord(ca);
    ledger.taken(ca, 'security.tls.rootCAs');
  }
  if (verify !== undefined && verifies) ledger.taken(verify, 'the backend is verified');
  else {
    const says = `the certificate of the backend IS verified here, ${ca === undefined ? 'by the CAs of the system: give security.tls.rootCAs where it is of another' : 'by this CA'}; nginx verifies none without ${family}_ssl_verify on`;
    ledger.changed(verify ?? pass, says);
  }
  const cert = last('certificate');
  const key = last('certificate_key');
  if (cert !== undefined && key !== undefined) {
    tls.clientCert = firstWord(cert);
    tls.clientKey = firstWord(key);
    ledger.taken(cert, 'security.tls.clientCert');
    ledger.taken(key, 'security.tls.clientKey');
  }
  readServerName(last('name'), last('server_name'), target, verifies && upstreams.has(target.name), tls, ledger, scope);
  const crl = last('crl');
  if (crl !== undefined) {
    tls.crl = { sources: firstWord(crl) };
    ledger.taken(crl, 'security.tls.crl');
  }
  const protocols = last('protocols');
  if (protocols !== undefined) Object.assign(tls, readVersions(protocols, ledger));
  const depth = last('verify_depth');
  if (depth !== undefined) ledger.changed(depth, 'chains of backends may have up to four certificates above the leaf');
  return tls;
}

function readServerName(
  name: Directive | undefined,
  sent: Directive | undefined,
  target: Target,
  isVerified: boolean,
  tls: DraftMap,
  ledger: Ledger,
  scope: Scope,
): void {
  if (sent !== undefined) ledger.taken(sent, 'the server name is always sent');
  const written = name === undefined ? undefined : expand(firstWord(name), scope);
  if (name !== undefined && written !== undefined && !written.includes('$')) {
    tls.serverName = written;
    ledger.taken(name, 'security.tls.serverName');
  } else if (name !== undefined) ledger.changed(name, 'the server name is that of the endpoint');
  // What nginx verifies by default is the name in proxy_pass, be it that of an upstream.
  else if (isVerified && /[a-z]/i.test(target.name)) tls.serverName = target.name.replace(/:\d+$/, '');
}
