// The normalised configuration: every alias resolved, every default filled in, durations in milliseconds, every value
// that can be wrong later (a file, a certificate) with its place. Plain data: it crosses process boundaries.

/** Where a value stands: 1-based line and column. */
export type Place = { readonly file: string; readonly line: number; readonly col: number };

/** `S` of the contract, classified but not read: a file (absolute path) or PEM text given inline or as base64. */
export type Ref = { readonly place: Place; readonly path: string } | { readonly place: Place; readonly pem: string };

export type CertificatePair = { readonly cert: Ref; readonly key: Ref; readonly place: Place };

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

export type ClientAuthConfig = {
  readonly clientCAs: readonly Ref[];
  readonly required: boolean;
  readonly onFailure: 'close' | 'explain';
  readonly maxDepth: number;
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
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL or IANA names; empty = default. */
  readonly cipherSuites: readonly string[];
  readonly curves: readonly string[];
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
  readonly certsDir: { readonly path: string; readonly place: Place } | undefined;
  readonly handshakeTimeoutMs: number;
  readonly handshakesPerSecond: number;
  readonly sessionResumption: {
    readonly enabled: boolean;
    readonly lifetimeMs: number;
    readonly keys: Ref | undefined;
  };
};

export type EntryPoint = {
  readonly enabled: boolean;
  /** IP address without brackets; '' = every address of the machine. */
  readonly host: string;
  /** 0: chosen by the system. */
  readonly port: number;
  readonly place: Place;
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
  readonly place: Place;
};

export type BackendTlsConfig = {
  readonly insecureSkipVerify: boolean;
  readonly rootCAs: Ref | undefined;
  readonly clientCert: Ref | undefined;
  readonly clientKey: Ref | undefined;
  readonly serverName: string | undefined;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
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
};

export type XfccMode = 'sanitize' | 'forwardOnly' | 'appendForward' | 'sanitizeSet' | 'alwaysForwardOnly';

export type ForwardClientCertConfig = {
  /** undefined: sanitizeSet where the client is authenticated, else sanitize. */
  readonly mode: XfccMode | undefined;
  readonly xfcc: { readonly subject: boolean; readonly uri: boolean; readonly dns: boolean };
};

export type RouteConfig = {
  readonly name: string;
  readonly path: string;
  readonly rewrite: string | undefined;
  readonly priority: number;
  /** Canonical; exact, `*.suffix`, or Goma's `{sub}.suffix`. Empty: every host. */
  readonly hosts: readonly string[];
  /** Upper case as written; empty: all. */
  readonly methods: readonly string[];
  readonly backends: readonly BackendConfig[];
  readonly loadBalancing: 'roundRobin' | 'weighted';
  readonly healthCheck: HealthCheckConfig | undefined;
  readonly forwardHostHeaders: boolean;
  readonly tls: BackendTlsConfig;
  readonly forwardClientCert: ForwardClientCertConfig;
  readonly maintenance: { readonly statusCode: number; readonly message: string } | undefined;
  readonly timeouts: {
    readonly connectMs: number;
    readonly handshakeMs: number;
    readonly responseMs: number;
    readonly idleMs: number;
  };
  /** Attempts in all, 1 = no retry; `on` what besides a stale kept-alive connection may be tried again. */
  readonly retry: { readonly attempts: number; readonly on: readonly ('connect' | 'refused-stream')[] };
  /** 0: no limit. */
  readonly maxBodyBytes: number;
  readonly place: Place;
};

export type GatewayConfig = {
  /** Main file, absolute. */
  readonly file: string;
  /** Every configuration file that was read, and the extraConfig directory: what to watch besides Refs. */
  readonly files: readonly string[];
  readonly extraDirectory: string | undefined;
  readonly workers: number | 'auto';
  readonly entryPoints: { readonly web: EntryPoint; readonly webSecure: EntryPoint; readonly admin: EntryPoint };
  readonly tls: TlsConfig;
  /** gateway.timeouts (Goma) over our defaults; 0 = none, possible for idleMs and requestMs only. */
  readonly timeouts: {
    readonly headMs: number;
    readonly stallMs: number;
    readonly idleMs: number;
    readonly requestMs: number;
    readonly drainMs: number;
  };
  readonly transport: {
    readonly maxIdleConns: number;
    readonly maxIdleConnsPerHost: number;
    readonly maxConnsPerHost: number;
    readonly idleConnTimeoutMs: number;
  };
  /** Canonical CIDRs whose forwarded headers are believed; empty = nobody. */
  readonly proxy: { readonly trustedProxies: readonly string[]; readonly ipHeaders: readonly string[] };
  readonly monitoring: {
    readonly metrics: boolean;
    readonly metricsPath: string;
    readonly readiness: boolean;
    readonly liveness: boolean;
  };
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'off';
    readonly format: 'text' | 'json' | undefined;
    readonly file: string | undefined;
  };
  readonly accessLog: { readonly enabled: boolean; readonly path: string; readonly sample: number };
  readonly routes: readonly RouteConfig[];
};
