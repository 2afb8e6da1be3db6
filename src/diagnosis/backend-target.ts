// What there is to look at for a backend of a route: the handshake that the gateway itself would make, with its certificate, its
// CAs and its rules, all of it from the configuration.
import type { TlsVersion } from '../config/gateway-config.ts';
import type { Endpoint } from '../upstream/endpoint.ts';
import type { TlsIdentity } from '../upstream/tls-identity.ts';
import type { AnchorSet } from '../trust/anchor-set.ts';
import { type Demands, readOwn, type Target, type TargetWords } from './target.ts';

export type BackendTargetOptions = {
  readonly endpoint: Endpoint;
  readonly identity: TlsIdentity;
  /** What `identity` shows, PEM. */
  readonly client: { readonly chainPem: string; readonly keyPem: string } | undefined;
  /** undefined: the built-in roots. */
  readonly anchors: AnchorSet | undefined;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** Paths of files, for commands to paste; those that are given inline have none. */
  readonly files: Target['files'];
  /** As messages call rootCAs and clientCert. */
  readonly names: { readonly rootCAs: string | undefined; readonly clientCert: string | undefined };
  readonly path: string;
  readonly timeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/** Throws UsageError where our certificate cannot be used. */
export function backendTarget(options: BackendTargetOptions): Target {
  const { endpoint, identity, client, anchors, names, now, path } = options;
  const certName = names.clientCert ?? 'clientCert';
  const wanted = identity.expectedName(endpoint);
  const { verify, rules, crls: revocations } = identity;
  const byCommonName = identity.acceptsCommonName;
  const demands: Demands = { verify, rules, revocations, byCommonName, http2: identity.http2 === 'on' };
  return {
    host: endpoint.host,
    port: endpoint.port,
    wanted,
    serverName: identity.serverName(endpoint),
    path,
    min: options.minVersion,
    max: options.maxVersion,
    ciphers: undefined,
    // HTTP/1.1 where it may be: a refusal that stands in an answer can be read then.
    alpn: identity.http2 === 'on' ? ['h2'] : ['http/1.1'],
    timeoutMs: options.timeoutMs,
    anchors,
    own: client && readOwn(client.chainPem, client.keyPem, certName, 'clientKey', now),
    files: options.files,
    context: identity.context(now),
    demands,
    words: wordsOf(names),
    keepsBack: false,
  };
}

function wordsOf({ rootCAs, clientCert }: BackendTargetOptions['names']): TargetWords {
  return {
    cas: rootCAs === undefined ? 'the built-in roots (security.tls.rootCAs is not set)' : `rootCAs (${rootCAs})`,
    file: `security.tls.clientCert (${clientCert ?? 'none'})`,
    without: 'the route has no security.tls.clientCert',
  };
}
