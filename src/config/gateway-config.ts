// The normalised configuration: every alias resolved, every default filled in, durations in milliseconds, every value
// that can be wrong later (a file, a certificate) with its place. Plain data: it crosses process boundaries.
import type { AccessLogField } from '../telemetry/access-log-fields.ts';
import type { Place } from '../yaml/place.ts';
import type { Severity } from './alert-kinds.ts';
import type { FilterConfig } from './filter-types.ts';
import type { FixedResponseConfig } from './fixed-response.ts';
import type { MaterialText } from './source-config.ts';
import type { PathRef, PlainRef, Ref, WrittenRef } from './ref.ts';
import type { SecretText } from './source-config.ts';

export type CertificatePair = { readonly cert: Ref; readonly key: Ref; readonly place: Place };

export type CaBundleConfig = {
  readonly id: string;
  readonly cas: readonly Ref[];
  readonly crl: CrlConfig | undefined;
  readonly place: Place;
};

/** Whose client certificates log in at the admin entry point. Of several roles that fit the highest counts. */
export type ClientLoginConfig = Pick<CaBundleConfig, 'cas' | 'crl' | 'place'> & {
  readonly roles: readonly {
    readonly role: 'viewer' | 'operator' | 'admin';
    readonly allow: readonly SanRuleConfig[];
  }[];
};

/** The identity provider with which people sign in to the console. */
export type LoginProviderConfig = {
  /** On the button. */
  readonly name: string;
  /** As it is written. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: SecretText;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly nameClaim: string;
  /** A path through claims; never empty. */
  readonly roleClaim: readonly string[];
  /** The highest first; never empty. */
  readonly roles: readonly { readonly role: 'admin' | 'operator' | 'viewer'; readonly values: readonly string[] }[];
  /** Undefined: the CAs that Node has. */
  readonly caBundle: string | undefined;
  readonly maxAgeMs: number | undefined;
  /** Empty: none is asked for. */
  readonly acrValues: readonly string[];
  readonly sessionMs: number;
  readonly logoutAtProvider: boolean;
  readonly place: Place;
};

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** One rule of `allowedSANs` or `clientCert.allow`: any rule that holds suffices. trust/san-rule.ts verifies it. */
export type SanRuleConfig = (
  | {
      readonly kind: 'san';
      readonly type: 'DNS' | 'URI' | 'EMAIL' | 'IP' | 'OTHER_NAME';
      /** `regex`: a pattern of the safe subset for `new RegExp('^(?:' + value + ')$')` (safe-regex.ts). */
      readonly matcher: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';
      readonly value: string;
      readonly ignoreCase: boolean;
      /** Dotted; set for OTHER_NAME only, and always there. */
      readonly oid: string | undefined;
    }
  /** The subject, in the form of asn1/name-text.ts, or its common name as it is. */
  | {
      readonly kind: 'subject' | 'commonName';
      readonly matcher: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';
      readonly value: string;
      readonly ignoreCase: boolean;
    }
  /** `spiffe: spiffe://domain/path`, canonical. */
  | { readonly kind: 'spiffe'; readonly id: string }
  | { readonly kind: 'trustDomain'; readonly domain: string }
) & { readonly place: Place };

/** Where a CRL comes from: a file, a directory (found out when it is loaded), inline PEM, or an http(s) URL. */
export type CrlSource = WrittenRef | { readonly place: Place; readonly url: string };

export type CrlConfig = {
  readonly sources: readonly CrlSource[];
  readonly onMissing: 'deny' | 'allow';
  readonly onStale: 'deny' | 'allow';
  /** `chain`: every certificate below the anchor; `leaf`: the leaf alone. */
  readonly scope: 'chain' | 'leaf';
  /** Longest time between two fetches of a URL; it is fetched earlier where nextUpdate is nearer. */
  readonly refreshMs: number;
  readonly place: Place;
};

export type OcspConfig = {
  /** hard: what is not known to be good is refused. soft: only what is known to be revoked is. */
  readonly mode: 'soft' | 'hard';
  /** http(s) URL; undefined: the one in the certificate, where its host is in allowedHosts. */
  readonly responder: string | undefined;
  /** Canonical host names of responders that certificates may name; empty = none. */
  readonly allowedHosts: readonly string[];
  readonly timeoutMs: number;
  /** Longest time that an answer is relied on; shorter where its nextUpdate is nearer. */
  readonly refreshMs: number;
  readonly place: Place;
};

export type SpiffeConfig = {
  /** At least one. */
  readonly trustDomains: readonly string[];
  /** Anchors of one trust domain each; a domain without one uses clientCA. */
  readonly bundles: readonly { readonly trustDomain: string; readonly cas: readonly Ref[] }[];
  readonly place: Place;
};

/** What a certificate must be besides well issued; undefined = nothing is asked for. Never an empty list. */
export type IdentityRulesConfig = {
  readonly allowedSANs: readonly SanRuleConfig[] | undefined;
  /** SHA-256 of the certificate, lower-case hexadecimal. */
  readonly allowedFingerprints: readonly string[] | undefined;
  /** SHA-256 of the SubjectPublicKeyInfo, base64 with padding. */
  readonly allowedSPKI: readonly string[] | undefined;
};

export type ClientAuthConfig = IdentityRulesConfig & {
  /** May be empty only where `spiffe` has a bundle for each of its trust domains. */
  readonly clientCAs: readonly Ref[];
  readonly required: boolean;
  readonly onFailure: 'close' | 'explain';
  readonly maxDepth: number;
  /** Whether an intermediate in clientCA is an anchor; undefined: only where clientCA holds no root at all. */
  readonly partialChain: boolean | undefined;
  /** Smallest keys that are accepted, in bits; at least 2048 and 256. */
  readonly minKeyBits: { readonly rsa: number; readonly ec: number };
  readonly spiffe: SpiffeConfig | undefined;
  readonly crl: CrlConfig | undefined;
  readonly ocsp: OcspConfig | undefined;
  /** What a request in flight is given to finish when its connection is not trusted any more; 0 = cut at once. */
  readonly distrustGraceMs: number;
  readonly place: Place;
};

/** One trust policy. The gateway's own `gateway.tls` is the policy named `gateway`. */
export type PolicyConfig = {
  readonly name: string;
  /** Canonical exact names and `*.suffix` patterns; empty for the policy `gateway`, which takes every known host no other policy names. */
  readonly hosts: readonly string[];
  /** Empty: chosen among the shared certificates by name. */
  readonly certificates: readonly CertificatePair[];
  readonly clientAuth: ClientAuthConfig | undefined;
  /** Routes that say nothing of their own (`clientCert`) need a client certificate under this policy. */
  readonly routesRequireClientCert: boolean;
  /** The file says in so many words (`required: false`) that such routes need none; false where it follows from a key that is not there. */
  readonly routesSaidOpen: boolean;
  /**
   * What the file says in so many words about clients without a certificate, as against what follows from a key that is not
   * there: `off` (`clientAuth: off`), `optional` (`required: false`). A reload opens nothing without it.
   */
  readonly clientAuthSaid: 'off' | 'optional' | undefined;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL or IANA names; empty = default. */
  readonly cipherSuites: readonly string[];
  readonly curves: readonly string[];
  readonly place: Place;
};

/** A certificate for a host of a route that a provider of certManager would be asked for. */
export type CertificateOrder = {
  readonly route: string;
  readonly host: string;
  readonly provider: string;
  /** Why none is ordered; begins in the middle of a sentence. */
  readonly why: string;
  readonly place: Place;
};

export type TlsConfig = {
  /** The gateway's own settings as a policy; then `policies`, in order. */
  readonly gateway: PolicyConfig;
  readonly policies: readonly PolicyConfig[];
  /** Name of the policy for absent or unknown server names; undefined = refuse. */
  readonly defaultPolicy: string | undefined;
  /** gateway.tls.certificates, certsDir and routes[].tls: shared by all policies that name none of their own. */
  readonly certificates: readonly CertificatePair[];
  readonly defaultCertificate: CertificatePair | undefined;
  /** Absolute path; undefined where neither named nor existing. Pairs are found at load. */
  readonly certsDir: PathRef | undefined;
  readonly handshakeTimeoutMs: number;
  readonly handshakesPerSecond: number;
  /** Connections without a verdict, per worker; `maxPerNetwork` of one IPv4 address or IPv6 /64, 0 = no limit of its own. */
  readonly pendingHandshakes: { readonly max: number; readonly maxPerNetwork: number };
  readonly sessionResumption: {
    readonly enabled: boolean;
    readonly lifetimeMs: number;
    readonly keys: PlainRef | undefined;
    /** Ticket keys change at every multiple of this on the clock; a session whose key is gone costs a full handshake. */
    readonly rotationMs: number;
  };
  /** Fetches and serves OCSP responses for our own certificates. */
  readonly ocspStapling: { readonly enabled: boolean; readonly place: Place };
};

export type EntryPoint = {
  readonly enabled: boolean;
  /** IP address without brackets; '' = every address of the machine. */
  readonly host: string;
  /** 0: chosen by the system. */
  readonly port: number;
  /** undefined: no connection begins with a PROXY header. */
  readonly proxyProtocol: ProxyProtocolConfig | undefined;
  readonly place: Place;
};

/** Where the bytes of a connection go unread. */
export type Forward = {
  /** Of the target: host name or IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Canonical names and `*.suffix` patterns of a ClientHello; empty: nothing is read, whatever is spoken. */
  readonly serverNames: readonly string[];
  /** The target is told who connects (PROXY protocol, this version) before anything else. */
  readonly sendProxyProtocol: 1 | 2 | undefined;
  readonly place: Place;
};

/** A port that passes connections on; either its forwards have server names, or it has one. */
export type PassThroughListener = EntryPoint & {
  /** Unique, and the same over reloads. */
  readonly name: string;
  readonly forwards: readonly Forward[];
};

export type PassThroughConfig = {
  readonly listeners: readonly PassThroughListener[];
  readonly connectMs: number;
  /** 0: no limit. */
  readonly idleMs: number;
  /** On each port, in each worker. */
  readonly maxConnections: number;
};

export type NamedEntryPoint = EntryPoint & {
  readonly name: string;
  /** False: plain HTTP. */
  readonly tls: boolean;
};

/** Who begins connections to an entry point with a PROXY header. */
export type ProxyProtocolConfig = {
  /** Canonical CIDRs; never empty. */
  readonly from: readonly string[];
  /** Connections from elsewhere: of clients themselves, or none. */
  readonly others: 'direct' | 'refuse';
};

export type BackendMatch = {
  readonly source: 'header' | 'cookie' | 'query' | 'ip';
  readonly name: string;
  /** `regex`: a pattern of the safe subset for `new RegExp(value)`, on values up to matchInputLimit (safe-regex.ts). */
  readonly operator:
    | 'equals'
    | 'not_equals'
    | 'contains'
    | 'not_contains'
    | 'starts_with'
    | 'ends_with'
    | 'regex'
    | 'in';
  readonly value: string;
};

export type BackendConfig = {
  /** `http:` or `https:`, host without brackets, port filled in, path prefix without trailing slash ('' for none). */
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly basePath: string;
  readonly weight: number;
  readonly match: readonly BackendMatch[];
  readonly exclusive: boolean;
  readonly priority: number;
  /** Gets requests only while no other backend of the route is available. */
  readonly backup: boolean;
  readonly place: Place;
};

/** `certificate`: the identity of the client that was verified; `address`: behind trusted proxies too. `name`: '' where there is none. */
export type HashSource = {
  readonly source: 'certificate' | 'header' | 'cookie' | 'address';
  readonly name: string;
};

export type StickyConfig = {
  /** Its name. */
  readonly cookie: string;
  readonly path: string;
  /** 0: until the browser ends. */
  readonly maxAgeMs: number;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: 'Lax' | 'Strict' | 'None';
};

/** `auto`: where ALPN agrees on it. `on`: or not at all. */
export type BackendHttp2 = 'auto' | 'on' | 'off';

export type BackendTlsConfig = IdentityRulesConfig & {
  readonly insecureSkipVerify: boolean;
  /** undefined: those of the system. */
  readonly rootCAs: readonly Ref[] | undefined;
  /** Whether intermediates in rootCAs are anchors; undefined: only where there is no root. */
  readonly partialChain: boolean | undefined;
  readonly clientCert: Ref | undefined;
  readonly clientKey: Ref | undefined;
  readonly serverName: string | undefined;
  /** `commonName`: where the certificate has no DNS or IP name, its one common name counts. */
  readonly nameCheck: 'san' | 'commonName';
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  readonly crl: CrlConfig | undefined;
  readonly http2: BackendHttp2;
  readonly place: Place;
};

export type HealthCheckConfig = {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Empty: every status below 400. */
  readonly healthyStatuses: readonly number[];
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  /** Host of the probe; undefined: that of the endpoint. */
  readonly host: string | undefined;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
};

export type XfccMode = 'sanitize' | 'forwardOnly' | 'appendForward' | 'sanitizeSet' | 'alwaysForwardOnly';

export type ForwardClientCertConfig = {
  /** undefined: sanitizeSet where the client is authenticated, else sanitize. */
  readonly mode: XfccMode | undefined;
  readonly xfcc: {
    readonly format: 'text' | 'json';
    readonly subject: boolean;
    readonly uri: boolean;
    readonly dns: boolean;
    readonly cert: boolean;
    readonly chain: boolean;
  };
  /** RFC 9440; `chain` never without `clientCert`. */
  readonly rfc9440: { readonly clientCert: boolean; readonly chain: boolean };
  /** Further fields; names are legal, distinct when folded, and none of those that the gateway or HTTP itself uses. */
  readonly custom: readonly { readonly name: string; readonly value: CustomIdentityValue }[];
};

export type CustomIdentityValue = 'pem' | 'der' | 'subject' | 'issuer' | 'serial' | 'fingerprint' | 'spiffe' | 'sans';

/** Who may call a route: a client certificate that passed, and any rule of `allow` where there are some. */
export type RouteClientCertConfig = {
  /** false: anonymous clients may call; those with a certificate must still satisfy `allow`. */
  readonly required: boolean;
  /** undefined: every authenticated client, and where none is required everybody. Never empty. */
  readonly allow: readonly SanRuleConfig[] | undefined;
  readonly place: Place;
};

export type PathMatch = 'prefix' | 'exact' | 'regex';

/** Of a header field or a query parameter: that it is there, that it is `value`, or that `regex` matches the whole of it. */
export type FieldCondition = {
  readonly name: string;
  readonly value: string | undefined;
  /** Of the safe subset, for values up to matchInputLimit (safe-regex.ts). */
  readonly regex: string | undefined;
  /** It holds where the rest does not. */
  readonly invert: boolean;
};

/** What a route asks of a request beside path and host; where it asks in vain, the next route has its turn. Empty: nothing. */
export type RouteMatchConfig = {
  readonly path: PathMatch;
  readonly methods: readonly string[];
  readonly headers: readonly FieldCondition[];
  readonly query: readonly FieldCondition[];
  /** Names of trust policies. */
  readonly policies: readonly string[];
  readonly entryPoints: readonly string[];
};

export type RetryOn = 'connect' | 'refused-stream';

export type RouteConfig = {
  readonly name: string;
  /** A path pattern, or an expression over the whole path (`match.path`). */
  readonly path: string;
  readonly match: RouteMatchConfig;
  readonly rewrite: string | undefined;
  /** Lets `%2F` within a segment pass to the backend. */
  readonly allowEncodedSlash: boolean;
  /** False: empty segments within the path are kept for the backend. */
  readonly mergeSlashes: boolean;
  readonly priority: number;
  /** Canonical; exact, `*.suffix`, or Goma's `{sub}.suffix`. Empty: every host. */
  readonly hosts: readonly string[];
  /** Upper case as written; empty: all. */
  readonly methods: readonly string[];
  /** Name of the service that says where requests go; undefined: the route itself. */
  readonly service?: string;
  /** Empty where there is a `response`. */
  readonly backends: readonly BackendConfig[];
  readonly response: FixedResponseConfig | undefined;
  readonly loadBalancing: 'roundRobin' | 'weighted' | 'leastRequest' | 'hash';
  /** For `hash`: the first of these that a request has decides. */
  readonly hashOn: readonly HashSource[];
  readonly sticky: StickyConfig | undefined;
  /** Connections to backends begin with a PROXY header of this version, and belong to one client. */
  readonly sendProxyProtocol: 1 | 2 | undefined;
  readonly healthCheck: HealthCheckConfig | undefined;
  readonly forwardHostHeaders: boolean;
  readonly tls: BackendTlsConfig;
  /** undefined: nothing is written, so the default of the policy holds (`routesRequireClientCert`). */
  readonly clientCert: RouteClientCertConfig | undefined;
  readonly forwardClientCert: ForwardClientCertConfig;
  readonly maintenance: { readonly statusCode: number; readonly message: string } | undefined;
  readonly timeouts: {
    readonly connectMs: number;
    readonly handshakeMs: number;
    readonly responseMs: number;
    readonly idleMs: number;
    /** Without a byte in either direction of a tunnel; 0 = no limit. */
    readonly tunnelMs: number;
  };
  /** Protocols besides HTTP that may be switched to, lower case; empty: none. */
  readonly upgrades: readonly string[];
  /** What the route does beside passing requests on, in the order in which requests see it. */
  readonly filters: readonly FilterConfig[];
  /**
   * Attempts in all, 1 = no retry; undefined: other backends only. `on` what besides a stale kept-alive connection may be tried
   * again.
   */
  readonly retry: { readonly attempts: number | undefined; readonly on: readonly RetryOn[] };
  /** 0: no limit. */
  readonly maxBodyBytes: number;
  /** Its requests stand in the metrics of routes. */
  readonly isCounted: boolean;
  readonly place: Place;
};

/** Where a reload is asked for on the admin entry point, and by whom. */
export type ReloadEndpoint = {
  readonly path: string;
  /** Hexadecimal. */
  readonly tokenSha256: string;
  /** Canonical; undefined: the names under which metrics are shown. */
  readonly host: string | undefined;
};

/** `/healthz` and `/readyz` on the entry points for traffic. */
export type TrafficHealthConfig = {
  readonly liveness: boolean;
  readonly readiness: boolean;
  readonly entryPoints: readonly string[];
  /** Canonical CIDRs; undefined: everybody. */
  readonly sourceRanges: readonly string[] | undefined;
};

/** A middleware as it is declared. */
export type MiddlewareName = { readonly name: string; readonly type: string; readonly place: Place };

/** A service as it is written, for what is shown: what serves by it is the route's own. */
export type ServiceConfig = {
  readonly name: string;
  readonly source: 'dns' | 'static';
  readonly protocol: 'auto' | 'http1' | 'http2';
  readonly mode: 'off' | 'tls' | 'mtls';
  /** Of gateway.certificates; undefined where none is presented. */
  readonly certificateId: string | undefined;
  /** Of gateway.caBundles, or `system`. */
  readonly caBundle: string | undefined;
  /** For SNI and verification; undefined: the host of the address. */
  readonly serverName: string | undefined;
  readonly verified: boolean;
  /** In words; undefined where it is verified. */
  readonly notVerifiedBecause: string | undefined;
  readonly addresses: readonly {
    readonly host: string;
    readonly port: number;
    readonly weight: number;
    readonly backup: boolean;
  }[];
  /** As its routes have it. */
  readonly tls: BackendTlsConfig;
  readonly healthCheck: HealthCheckConfig | undefined;
  readonly place: Place;
};

/** A receiver of webhooks. */
export type AlertReceiverConfig = {
  readonly name: string;
  /** https, or http to this machine. A secret: its path may be. */
  readonly url: string;
  /** The one in force first; of `slack` there may be none. A file has one a line. */
  readonly secrets: readonly string[] | PathRef;
  readonly format: 'json' | 'slack';
  /** Kinds or codes; undefined: all. */
  readonly on: readonly string[] | undefined;
  /** The least that it is told of. */
  readonly severity: Severity;
  /** undefined: public CAs. */
  readonly ca: WrittenRef | undefined;
  /** Of gateway.certificates; undefined: none is shown. */
  readonly certificate: CertificatePair | undefined;
  readonly timeoutMs: number;
  readonly repeatMs: number;
  readonly place: Place;
};

export type DriftConfig = {
  /** What becomes of files that nobody approved; undefined: they are not compared. */
  readonly onChange: 'alert' | 'refuse' | undefined;
  /** By which the list of approved files is signed; undefined: it is in the store, else a file of root. */
  readonly publicKey: WrittenRef | undefined;
  /** Absolute path of that list. */
  readonly list: string;
  /** Absolute paths of files and folders that are not compared. */
  readonly except: readonly string[];
  readonly everyMs: number;
  readonly selfTest: { readonly enabled: boolean; readonly everyMs: number };
};

/** Where revisions are kept: a file of SQLite, or a database. */
export type StoreConfig = {
  /** Absolute. */
  readonly path: string;
  /** Which database it is, without what lets in; undefined: a file. */
  readonly server: string | undefined;
  readonly place: Place;
};

export type GatewayConfig = {
  /** Main file, absolute. */
  readonly file: string;
  /** Every configuration file that was read. */
  readonly files: readonly string[];
  /** Folders of extra files, and whether they were there. */
  readonly extraFolders: readonly (PathRef & { readonly key: string; readonly found: boolean })[];
  /** Among others on one store. */
  readonly name: string;
  readonly workers: number | 'auto';
  readonly entryPoints: {
    /** `redirectPort`: of https, as clients reach it; undefined: found from the request. */
    readonly web: EntryPoint & { readonly redirectPort: number | undefined };
    readonly webSecure: EntryPoint;
    /** `certificate`: of gateway.certificates; undefined: plain HTTP. `clientLogin` undefined: no certificate is asked for. */
    readonly admin: EntryPoint & {
      readonly certificate: CertificatePair | undefined;
      readonly clientLogin: ClientLoginConfig | undefined;
      /** undefined: nobody signs in with a provider. */
      readonly oidc: LoginProviderConfig | undefined;
    };
    readonly passThrough: PassThroughConfig;
    /** Further ones for traffic, those that are on. */
    readonly more: readonly NamedEntryPoint[];
  };
  readonly tls: TlsConfig;
  /** What Goma's certManager would order, and this version does not. */
  readonly certificateOrders: readonly CertificateOrder[];
  /** gateway.timeouts (Goma) over our defaults; 0 = none, possible for idleMs and requestMs only. */
  readonly timeouts: {
    readonly headMs: number;
    readonly stallMs: number;
    readonly idleMs: number;
    readonly requestMs: number;
    readonly drainMs: number;
    /** Bytes a second in each `rateMs`; 0 = none. */
    readonly minRequestRate: number;
    readonly minResponseRate: number;
    readonly rateMs: number;
  };
  readonly transport: {
    readonly maxIdleConns: number;
    readonly maxIdleConnsPerHost: number;
    readonly maxConnsPerHost: number;
    readonly reservedConnsPerHost: number;
    readonly maxPendingRequests: number;
    readonly idleConnTimeoutMs: number;
    /** 0 = no limit. */
    readonly maxConnectionDurationMs: number;
  };
  /** How host names of backends are looked up. */
  readonly dns: {
    /** IP addresses, with a port where it is not 53; empty = those of the system. */
    readonly servers: readonly string[];
    readonly timeoutMs: number;
    readonly minTtlMs: number;
    readonly maxTtlMs: number;
    readonly negativeTtlMs: number;
  };
  /** What may be kept for slow clients: of one request or answer, and of all in a worker. */
  readonly buffering: {
    readonly requestBytes: number;
    readonly requestTotalBytes: number;
    readonly responseBytes: number;
    readonly responseTotalBytes: number;
  };
  /** Of clients. */
  readonly http2: { readonly enabled: boolean; readonly maxConcurrentStreams: number };
  /** Of one IPv4 address or IPv6 /64, per worker; 0 = no limit. */
  readonly clientLimits: {
    readonly connections: number;
    readonly handshakesPerSecond: number;
    readonly requests: number;
  };
  readonly requestId: {
    /** Whose X-Request-Id is kept; `verified`: also of clients with a certificate that passed. */
    readonly keepFrom: 'proxies' | 'verified' | 'everybody';
    readonly respond: boolean;
  };
  /** Canonical CIDRs whose forwarded headers are believed; empty = nobody. */
  readonly proxy: {
    readonly trustedProxies: readonly string[];
    readonly ipHeaders: readonly string[];
    /** Names of fields, or prefixes ending in `-*`, that pass from trusted proxies and from nobody else. */
    readonly trustedHeaders: readonly string[];
  };
  /** Names of fields that override path, method or host, and pass from everybody. */
  readonly allowOverrideHeaders: readonly string[];
  readonly reload: ReloadEndpoint | undefined;
  readonly monitoring: {
    readonly metrics: boolean;
    readonly metricsPath: string;
    readonly readiness: boolean;
    readonly liveness: boolean;
    /** Canonical host names, besides localhost, under which the admin entry point shows more than health. */
    readonly allowedHosts: readonly string[];
  };
  /** undefined: these paths are paths like any. */
  readonly trafficHealth: TrafficHealthConfig | undefined;
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'off';
    readonly format: 'text' | 'json' | undefined;
    readonly file: string | undefined;
  };
  readonly accessLog: {
    readonly enabled: boolean;
    readonly path: string;
    /** undefined: text on a terminal, else JSON. */
    readonly format: 'text' | 'json' | undefined;
    /** In the order of the line. */
    readonly fields: readonly AccessLogField[];
    readonly sample: number;
  };
  /** undefined: nothing is traced. */
  readonly tracing:
    | {
        /** http or https. */
        readonly endpoint: string;
        /** Share of the traces that begin here. */
        readonly sample: number;
        readonly followFrom: 'proxies' | 'verified' | 'everybody';
        readonly serviceName: string;
        readonly headers: readonly (readonly [name: string, value: string])[];
        /** undefined: public CAs. */
        readonly ca: MaterialText | undefined;
        readonly timeoutMs: number;
      }
    | undefined;
  /** The bounded record of the identities that were seen, for `check --against` and `trust audit`. */
  readonly trustRecord: {
    readonly enabled: boolean;
    /** Absolute; undefined: kept in memory only. */
    readonly path: string | undefined;
    readonly maxIdentities: number;
    readonly keepMs: number;
  };
  /** undefined: there is no control process. */
  readonly store: StoreConfig | undefined;
  /** None where there is no store. Workers are not given them. */
  readonly alerts: readonly AlertReceiverConfig[];
  readonly drift: DriftConfig;
  /** What routes start from. No client may forge its custom fields, even where every route overrides them. */
  readonly forwardClientCert: ForwardClientCertConfig;
  /** Material under an id, whatever refers to it. Workers are not given it. */
  readonly named: {
    readonly certificates: readonly { readonly id: string; readonly pair: CertificatePair }[];
    readonly caBundles: readonly CaBundleConfig[];
    readonly services: readonly ServiceConfig[];
    readonly middlewares: readonly MiddlewareName[];
  };
  readonly routes: readonly RouteConfig[];
};
