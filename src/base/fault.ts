// Everything that can go wrong while a connection or a request is handled, in one table: a stable code, who caused it,
// the HTTP status that follows, and one sentence of help. Logs, metrics, problem documents and docs/faults.md use these
// codes, never OpenSSL's or errno's names (those travel along as `raw`). Configuration mistakes live in yaml/problem.ts.

/** Who caused the failure: the client (the client side and its request), the gateway itself, or the backend (the backend side). */
export type FaultSource = 'client' | 'gateway' | 'backend';

export type FaultSpec = {
  /** HTTP status when the client caused it; absent where it cannot. */
  readonly client?: number;
  /** HTTP status when the gateway caused it. */
  readonly gateway?: number;
  /** HTTP status when the backend caused it. */
  readonly backend?: number;
  /** True where the request certainly never reached a backend, so another attempt is safe. */
  readonly unsent?: true;
  /** True where it says what is wrong with a certificate that was presented, or was not. */
  readonly aboutCertificate?: true;
  /** A few words, for problem documents and tables. */
  readonly title: string;
  /** Where the backend caused it, if that is to be said otherwise. */
  readonly backendTitle?: string;
  /** What the operator should do. */
  readonly help: string;
  /** Where the backend caused it, if that is something else. */
  readonly backendHelp?: string;
};

const specs = {
  // Trust: verdict codes, the same on both sides (docs/verification.md).
  no_client_cert: {
    client: 403,
    backend: 502,
    aboutCertificate: true,
    title: 'no client certificate',
    backendTitle: 'the backend requires a certificate of the gateway',
    help: 'The client must send a certificate from a CA that is accepted here, together with its key.',
    backendHelp:
      'Give the route security.tls.clientCert and clientKey: a certificate from a CA that the backend accepts.',
  },
  untrusted_issuer: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate from an issuer that is not trusted',
    backendTitle: 'certificate of the backend from an issuer that is not trusted',
    help: 'If the client may come in, add the CA that issued its certificate to clientCA, or have the client send its intermediates along; else it needs a certificate from a CA that is there.',
    backendHelp:
      'If it is the right backend, give the CA that issued its certificate in security.tls.rootCAs of the route, or have the backend send its intermediates along.',
  },
  missing_intermediate: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'an intermediate certificate was not sent',
    backendTitle: 'the backend did not send an intermediate certificate',
    help: 'The client must send its intermediate CA certificates along: append them to its certificate file, after its own.',
    backendHelp:
      'The backend must send its intermediate CA certificates along: append them to its certificate file, after its own.',
  },
  expired: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate expired',
    backendTitle: 'certificate of the backend expired',
    help: 'Renew the certificate of the client; check the clocks of both machines.',
    backendHelp: 'Renew the certificate of the backend; check the clocks of both machines.',
  },
  not_yet_valid: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate not valid yet',
    backendTitle: 'certificate of the backend not valid yet',
    help: 'Check the clocks of both machines and the notBefore date of the certificate.',
  },
  revoked: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate revoked',
    backendTitle: 'certificate of the backend revoked',
    help: 'The issuer revoked the certificate of the client: issue a new one.',
    backendHelp: 'The issuer revoked the certificate of the backend: issue a new one.',
  },
  revocation_unknown: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'revocation status could not be established',
    backendTitle: 'revocation status of the certificate of the backend could not be established',
    help: 'Give the CRL of the issuer (crl), or make its OCSP responder reachable (ocsp): what nobody can say is refused.',
  },
  crl_stale: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate revocation list is out of date',
    backendTitle: 'certificate revocation list for the backend is out of date',
    help: 'Publish a newer CRL, or choose onStale: allow.',
  },
  wrong_purpose: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate made for another purpose',
    backendTitle: 'certificate of the backend made for another purpose',
    help: 'Have the certificate issued with the extended key usage clientAuth. Public CAs stop issuing it in 2026: use a private CA.',
    backendHelp: 'Have the certificate of the backend issued with the extended key usage serverAuth.',
  },
  name_mismatch: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'names of the certificate not accepted',
    backendTitle: 'certificate of the backend does not have the wanted name',
    help: 'Compare the names that were presented with those that the policy allows (clientAuth).',
    backendHelp:
      'Have the certificate issued with this name as a SAN, or say with security.tls.serverName which name it has.',
  },
  pin_mismatch: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate matches no pin',
    backendTitle: 'certificate of the backend matches no pin',
    help: 'Add the fingerprint or the SPKI hash of the new certificate to the list.',
  },
  chain_too_deep: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate chain too long',
    backendTitle: 'certificate chain of the backend too long',
    help: 'Raise maxDepth, or send only the chain that is needed.',
  },
  weak_key: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate key or signature too weak',
    backendTitle: 'key or signature of the certificate of the backend too weak',
    help: 'Have it issued anew with RSA of at least 2048 bits or ECDSA of at least 256, and SHA-256 or better.',
  },
  malformed_cert: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'malformed certificate',
    backendTitle: 'malformed certificate of the backend',
    help: 'Have it issued anew: it breaks RFC 5280, or was damaged on the way.',
  },
  unproven_key: {
    client: 403,
    backend: 502,
    unsent: true,
    aboutCertificate: true,
    title: 'certificate presented without proof of its key',
    backendTitle: 'the backend did not prove that it has the key of its certificate',
    help: 'The client has another key than that of the certificate it sends: somebody presents a certificate of others, or its files do not belong together.',
    backendHelp:
      'The backend has another key than that of the certificate it sends: its files do not belong together, or it is an impostor.',
  },
  refused_by_peer: {
    client: 400,
    backend: 502,
    title: 'the client refused the handshake',
    backendTitle: 'the backend refused the gateway',
    help: 'Look into the log of the client: does it trust the CA of our certificate, and does that name the host that the client asked for?',
    backendHelp:
      'Look into the log of the backend: does it trust the CA of our certificate, and does it allow who that certificate names?',
  },
  protocol_mismatch: {
    client: 400,
    backend: 502,
    unsent: true,
    title: 'no TLS version or cipher in common',
    backendTitle: 'no TLS version or cipher in common with the backend',
    help: 'Compare minVersion, maxVersion, cipherSuites and curves with what the client can do.',
    backendHelp: 'Compare minVersion and maxVersion of the route with what the backend can do.',
  },
  malformed_handshake: {
    client: 400,
    backend: 502,
    unsent: true,
    title: 'broken TLS handshake',
    backendTitle: 'broken TLS handshake of the backend',
    help: 'Its TLS library, or something in between that changes bytes, breaks the rules of TLS: see whether another client from the same place gets through.',
    backendHelp:
      'Its TLS library, or something in between that changes bytes, breaks the rules of TLS: `countersign explain handshake` shows how far it gets.',
  },
  not_tls: {
    client: 400,
    backend: 502,
    unsent: true,
    title: 'plain text on a TLS port',
    backendTitle: 'one side speaks TLS and the other plain HTTP to the backend',
    help: 'Use https:// for this port.',
    backendHelp: 'Use http:// for a backend that speaks plain HTTP, or the TLS port of the backend.',
  },
  unknown_sni: {
    client: 421,
    title: 'no policy for this server name',
    help: 'Name the host in a route, a policy or a certificate, or set gateway.tls.defaultPolicy.',
  },
  handshake_limit: {
    client: 503,
    title: 'too many handshakes',
    help: 'handshakesPerSecond or maxPendingHandshakes was reached: find the client that reconnects or stops in the middle all the time, or raise the limit.',
  },
  bad_proxy_header: {
    client: 400,
    title: 'PROXY header missing or malformed',
    help: 'The address is one of proxyProtocol.from, so its connections must begin with a PROXY header: switch it on at the balancer (nginx `proxy_protocol on`, HAProxy `send-proxy-v2`), for its health checks too, or take the address out of `from`.',
  },
  untrusted_proxy: {
    client: 403,
    title: 'PROXY header from an address that is not trusted',
    help: 'If it is a balancer of yours, add its address to proxyProtocol.from of the entry point; else somebody tries to pass for another address. With `others: refuse` nobody else may connect at all.',
  },
  client_limit: {
    client: 429,
    title: 'too much of one client at once',
    help: 'A limit of clientLimits was reached by one address: the detail says which. Find out why it asks for so much, or raise the limit; where many clients stand behind one address, name it in proxy.trustedProxies, or have it send PROXY headers (proxyProtocol).',
  },
  // Reaching a backend.
  timeout: {
    client: 408,
    backend: 504,
    unsent: true,
    title: 'timed out before the connection was ready',
    backendTitle: 'backend timed out before the connection was ready',
    help: 'The client did not finish the TLS handshake in time: its network, its load, or a scanner.',
    backendHelp:
      'The backend did not finish connecting or the TLS handshake in time: check the address, a firewall, or the load of the backend.',
  },
  refused: {
    backend: 502,
    unsent: true,
    title: 'connection refused',
    help: 'Nothing listens at the backend address, or a firewall rejects it.',
  },
  unreachable: {
    backend: 502,
    unsent: true,
    title: 'backend not reachable',
    help: 'No route to the backend address, or the connection was reset before the handshake.',
  },
  dns: {
    backend: 502,
    unsent: true,
    title: 'backend name did not resolve',
    help: 'Check the host name of the endpoint and the resolver of this machine.',
  },
  no_healthy_backend: {
    gateway: 503,
    unsent: true,
    title: 'no healthy backend',
    help: 'Every backend of the route is marked down: /metrics and the log say why for each.',
  },
  backend_busy: {
    gateway: 503,
    unsent: true,
    title: 'too many requests wait for a backend connection',
    help: 'Raise networking.transport.maxConnsPerHost or add backends.',
  },
  over_fair_share: {
    gateway: 503,
    unsent: true,
    title: 'over the fair share of a busy backend',
    help: 'This client had more calls or waiting requests than its share while others had none. Raise networking.transport.maxConnsPerHost, or find out why the client asks for so much.',
  },
  response_timeout: {
    backend: 504,
    title: 'backend did not answer in time',
    help: 'Raise the timeouts.response of the route, or find out why the backend is slow.',
  },
  deadline_exceeded: {
    gateway: 504,
    title: 'deadline of the call passed',
    help: 'The client gave the call less time (grpc-timeout) than the backend took.',
  },
  backend_closed: {
    backend: 502,
    title: 'backend closed the connection without an answer',
    help: 'The backend died, restarted, or closed an idle connection just then.',
  },
  stream_refused: {
    backend: 502,
    unsent: true,
    title: 'backend did not take the request on',
    help: 'The backend ended its HTTP/2 connection, or had too many streams (REFUSED_STREAM), before it began with the request. That is tried again once by itself; where it happens often, raise the limit of streams of the backend.',
  },
  backend_protocol: {
    backend: 502,
    title: 'backend sent a malformed answer',
    help: 'The answer breaks RFC 9112 or RFC 9113; the detail says where. Is this an HTTP port?',
  },
  backend_truncated: {
    backend: 502,
    title: 'backend broke off in the middle of its answer',
    help: 'The answer was passed on as truncated: the client saw a broken transfer, not a short success.',
  },
  // The request.
  bad_request: {
    client: 400,
    title: 'malformed request',
    help: 'The request breaks RFC 9112 or RFC 9113, or is ambiguous; the detail says where. It is refused, never repaired.',
  },
  http2_flood: {
    client: 400,
    title: 'too much traffic of no use on an HTTP/2 connection',
    help: 'The connection was ended (GOAWAY, ENHANCE_YOUR_CALM): resets, control frames or header blocks beyond what any client needs. The detail says which, and whether it was too much of this connection or of all of its client.',
  },
  ambiguous_path: {
    client: 400,
    title: 'ambiguous path',
    help: 'Servers could read the path in several ways, and not all of them belong to the same route: the rule in the access log and `countersign explain route` say which. Ask for it in its plain spelling; where both spellings are meant, give each a route.',
  },
  ambiguous_condition: {
    client: 400,
    title: 'ambiguous header or query',
    help: 'Routes are chosen by a header or a query parameter that came more than once, or in a spelling that only some servers take for it: the rule in the access log names it. Send it once, spelt as the configuration has it.',
  },
  request_timeout: {
    client: 408,
    title: 'request came too slowly',
    help: 'The client did not send its request in time.',
  },
  uri_too_long: { client: 414, title: 'request target too long', help: 'The request line is longer than the limit.' },
  headers_too_large: { client: 431, title: 'header section too large', help: 'Too many header fields or bytes.' },
  body_too_large: {
    client: 413,
    title: 'request body too large',
    help: 'Raise maxBodyBytes of the route, or send less.',
  },
  expectation_failed: { client: 417, title: 'unknown expectation', help: 'Only Expect: 100-continue is known.' },
  unknown_transfer_coding: { client: 501, title: 'transfer coding not supported', help: 'Only chunked is known.' },
  upgrade_unsupported: {
    client: 501,
    backend: 502,
    title: 'protocol upgrade not supported',
    help: "On the client side, the route's `upgrades` does not list the protocol (or the request has a body); on the backend side, the route says `http2: on` and the backend does not announce extended CONNECT (RFC 8441).",
  },
  tunnel_idle: {
    client: 408,
    title: 'nothing was said for too long',
    help: 'A WebSocket or another upgraded connection on which neither side sent anything for `timeouts.tunnel` of its route, or one that is passed through (`passThrough.idleTimeout`). Raise it, or let one side send pings.',
  },
  method_unsupported: { client: 501, title: 'method not supported', help: 'CONNECT is not served by a gateway.' },
  http_version: {
    client: 505,
    title: 'HTTP version not supported',
    help: 'HTTP/1.1 and HTTP/1.0 are spoken, and over TLS HTTP/2, where gateway.http2 is enabled: by ALPN, or by a client that begins with it and offers nothing. In plain text (h2c) it is not.',
  },
  host_mismatch: {
    client: 421,
    title: 'host belongs to another trust policy than this connection',
    help: 'Open a connection with the server name of the host that is asked for.',
  },
  policy_denied: {
    client: 403,
    aboutCertificate: true,
    title: 'denied by the rule of the route',
    help: 'Compare security.clientCert of the route with the certificate: `countersign explain route … --cert FILE` does, the access log has the rule.',
  },
  path_denied: {
    client: 403,
    title: 'this path is not served',
    help: 'A middleware of type access of the route is about this path; `detail` names it.',
  },
  unauthenticated: {
    client: 401,
    title: 'credentials are missing or not accepted',
    help: 'A middleware of the route asks for a password or a token; `detail` names it, and says what was wrong.',
  },
  access_denied: {
    client: 403,
    title: 'credentials do not allow this',
    help: 'The token, or the authentication service that was asked, does not allow the request; `detail` says which claim, or what the service answered.',
  },
  origin_denied: {
    client: 403,
    title: 'pages of this origin may not call this route',
    help: 'A browser asked (a preflight) for a page of an origin that `cors` of the route does not list; `detail` names the middleware. List the origin, or leave it: such pages are to be kept out.',
  },
  user_agent_denied: {
    client: 403,
    title: 'this client is not served',
    help: 'User-Agent holds what a middleware of type userAgentBlock lists; `detail` names it.',
  },
  rate_limited: {
    client: 429,
    title: 'too many requests',
    help: 'The limit of a middleware of type rateLimit is used up for this client; `detail` names it. Retry-After says when it is worth another try.',
  },
  client_banned: {
    client: 403,
    title: 'refused for some time after too many requests',
    help: 'The client went on after `banAfter` refusals of a middleware of type rateLimit; `detail` names it. The ban ends by itself after `banDuration`.',
  },
  address_denied: {
    client: 403,
    title: 'not served from this address',
    help: 'A middleware of type accessPolicy of the route does not let the address pass; `detail` names both. Behind a proxy the address is the one that gateway.proxy.trustedProxies makes believable.',
  },
  identity_too_large: {
    client: 403,
    title: 'identity too large to forward',
    help: 'One field for the backend holds 16 KiB, all of them 32. Switch off what is large under forwardClientCert, for the route alone in its security.forwardClientCert: xfcc.chain, xfcc.cert, xfcc.dns and xfcc.uri, rfc9440.chain, custom fields with pem or sans. Or issue certificates with fewer names.',
  },
  plaintext_refused: {
    client: 403,
    title: 'this host is served over mutual TLS only',
    help: 'Use https:// and a client certificate.',
  },
  no_route: {
    client: 404,
    title: 'no route',
    help: 'No route matches host and path: `countersign explain route` shows why.',
  },
  method_not_allowed: {
    client: 405,
    title: 'method not allowed',
    help: 'The Allow header names the methods of this route.',
  },
  maintenance: { gateway: 503, title: 'under maintenance', help: 'The route has maintenance.enabled.' },
  filter_timeout: {
    gateway: 504,
    unsent: true,
    title: 'nobody decided about the request in time',
    help: 'A filter of the route waited longer than it may: the detail has its name. Look at what it asks, or give it more time.',
  },
  auth_unavailable: {
    gateway: 503,
    unsent: true,
    title: 'nobody could check the credentials',
    help: 'The server of the keys or the authentication service does not answer as it should, or too many passwords wait to be checked: `detail` says which. Nobody is let in meanwhile.',
  },
  client_aborted: {
    client: 499,
    title: 'client went away',
    help: 'The client closed the connection before the answer was complete.',
  },
  draining: { gateway: 503, title: 'gateway is shutting down', help: 'Try again: another process takes over.' },
  internal: {
    gateway: 500,
    title: 'internal error',
    help: 'A defect of the gateway: the log has the stack. Please report it.',
  },
} as const satisfies Record<string, FaultSpec>;

export type FaultCode = keyof typeof specs;

/** What a client is told of it. */
export function titleOf(code: FaultCode, source: FaultSource): string {
  const { title, backendTitle } = faultTable[code];
  return (source === 'backend' ? backendTitle : undefined) ?? title;
}

/** What the operator should do about it. */
export function helpOf(code: FaultCode, source: FaultSource): string {
  const { help, backendHelp } = faultTable[code];
  return (source === 'backend' ? backendHelp : undefined) ?? help;
}

/** What can be wrong with a certificate. */
export type CertificateFaultCode = {
  [Code in FaultCode]: (typeof specs)[Code] extends { readonly aboutCertificate: true } ? Code : never;
}[FaultCode];

export const faultTable: Readonly<Record<FaultCode, FaultSpec>> = specs;

export type FaultOptions = {
  /** One sentence for the log: may name files, addresses, certificates. Never sent to a client. */
  detail?: string;
  /** The code of the layer below: OpenSSL's, errno's. */
  raw?: string;
  cause?: unknown;
  /** What to do, where this cause needs something else than others of its code. */
  remedy?: string | undefined;
  /** The request was on its way already, whatever the code says: it may have been processed. */
  sent?: true;
};

/** A failure with a stable code. `detail` is for operators only; clients get code and title. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly source: FaultSource;
  readonly detail: string | undefined;
  readonly raw: string | undefined;
  readonly #remedy: string | undefined;
  readonly #sent: boolean;

  constructor(code: FaultCode, source: FaultSource, options: FaultOptions = {}) {
    super(options.detail === undefined ? code : `${code}: ${options.detail}`, { cause: options.cause });
    this.code = code;
    this.source = source;
    this.detail = options.detail;
    this.raw = options.raw;
    this.#remedy = options.remedy;
    this.#sent = options.sent === true;
  }

  /** The HTTP status of the answer that follows from this fault. */
  get status(): number {
    return (
      faultTable[this.code][this.source] ?? (this.source === 'backend' ? 502 : this.source === 'client' ? 400 : 500)
    );
  }

  /** What the operator should do. */
  get help(): string {
    return this.#remedy ?? helpOf(this.code, this.source);
  }

  /** True where the request certainly never reached a backend. */
  get unsent(): boolean {
    return faultTable[this.code].unsent === true && !this.#sent;
  }
}

/** The value as a Fault: itself, or `internal` with the value as its cause. */
export function toFault(value: unknown): Fault {
  if (value instanceof Fault) return value;
  const detail = value instanceof Error ? value.message : String(value);
  return new Fault('internal', 'gateway', { detail, cause: value });
}
