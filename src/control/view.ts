// The running configuration as the API shows it: names, places, certificates; no private key, no secret. Made by the primary
// (make-view.ts) for the control process, which asks for it.
import type { ReceiverView } from '../alerts/receiver.ts';

/** Where something stands and is changed: in a file, whose folder is not told, or in the store. */
export type Origin =
  | { readonly kind: 'file'; readonly place: { readonly file: string; readonly line: number } }
  | { readonly kind: 'store' /** That runs. */; readonly revision: number };

/** What refers to something: `services/orders`. */
export type Usage = { readonly kind: 'services' | 'policies' | 'routes' | 'alerts'; readonly id: string };

export type CertificateView = {
  readonly id: string;
  readonly origin: Origin;
  /** Who delivers it: `edge (spiffe)`; null: it is as it is written. */
  readonly source: string | null;
  /** As it is sent, leaf first. */
  readonly chainPem: string;
  readonly usedBy: readonly Usage[];
};

export type CaBundleView = {
  readonly id: string;
  readonly origin: Origin;
  /** As that of a certificate. */
  readonly source: string | null;
  readonly caPem: readonly string[];
  readonly usedBy: readonly Usage[];
};

export type ServiceAddress = { readonly address: string; readonly weight: number; readonly backup: boolean };

/** A rule over names, in the words of the configuration: `{type: 'DNS', suffix: '.acme.example'}`. */
export type RuleView = Readonly<Record<string, string | boolean | Readonly<Record<string, string | boolean>>>>;

export type HealthCheckView = {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
};

export type ServiceView = {
  readonly id: string;
  readonly origin: Origin;
  readonly source: 'dns' | 'static';
  readonly protocol: 'auto' | 'http1' | 'http2';
  readonly addresses: readonly ServiceAddress[];
  readonly tls: {
    readonly mode: 'off' | 'tls' | 'mtls';
    readonly certificateId: string | null;
    readonly caBundle: string | null;
    readonly serverName: string | null;
    /** The name that is sent and verified where serverName is null: the host of each address. */
    readonly verified: boolean;
    readonly notVerifiedBecause: string | null;
    readonly nameCheck: 'san' | 'commonName';
    readonly minVersion: string;
    readonly maxVersion: string;
    readonly allowedSANs: readonly RuleView[] | null;
    readonly allowedFingerprints: readonly string[] | null;
    readonly allowedSPKI: readonly string[] | null;
    /** Revocation lists are looked at. */
    readonly crl: boolean;
  };
  readonly healthCheck: HealthCheckView | null;
  readonly usedBy: readonly Usage[];
};

export type RouteView = {
  readonly id: string;
  readonly origin: Origin;
  readonly hosts: readonly string[];
  readonly path: string;
  readonly methods: readonly string[];
  readonly priority: number;
  readonly service: string | null;
  /** Scheme, host, port and path prefix. */
  readonly backends: readonly string[];
  readonly middlewares: readonly { readonly name: string; readonly type: string }[];
  /** Null: as the policy says. */
  readonly requiresClientCertificate: boolean | null;
};

export type PolicyView = {
  readonly id: string;
  readonly origin: Origin;
  readonly hosts: readonly string[];
  /** `off`: no certificate is asked for. */
  readonly clientCertificate: 'required' | 'optional' | 'off';
  readonly caBundles: readonly string[];
  readonly certificates: readonly string[];
  /** What clients are shown, by the name that they ask for. */
  readonly shows: readonly ShownPair[];
  readonly minVersion: string;
  readonly maxVersion: string;
  readonly allowedSANs: readonly RuleView[] | null;
  readonly allowedFingerprints: readonly string[] | null;
  readonly allowedSPKI: readonly string[] | null;
  /** SPIFFE trust domains that are let in. */
  readonly trustDomains: readonly string[];
  readonly crl: boolean;
  readonly ocsp: 'soft' | 'hard' | null;
};

/** A certificate of ours that is shown to somebody. `id`: of the certificates with an id; null: it stands without one. */
export type ShownPair = {
  readonly id: string | null;
  readonly subject: string;
  readonly sha256: string;
  readonly names: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
};

/** Where requests go, and how: a service, or a route that says it itself. */
export type TargetView = {
  /** Of the service; `route:NAME` where there is none. */
  readonly id: string;
  readonly service: string | null;
  /** One of the routes that go there: all reach it in the same way. */
  readonly route: string;
  readonly mode: 'off' | 'tls' | 'mtls';
  readonly verified: boolean;
  readonly shows: ShownPair | null;
  /** Id of a bundle, or `system`; null: CAs without an id, or none. */
  readonly caBundle: string | null;
  /** Sent and verified; null: the host of each address. */
  readonly serverName: string | null;
  readonly addresses: readonly string[];
  readonly allowedSANs: readonly RuleView[] | null;
  readonly allowedFingerprints: readonly string[] | null;
  readonly allowedSPKI: readonly string[] | null;
  readonly crl: boolean;
};

/** A policy and where its requests go. */
export type RelationView = {
  /** `POLICY~TARGET`. */
  readonly id: string;
  readonly policy: string;
  readonly target: string;
  readonly routes: readonly string[];
};

export type ListenerView = {
  readonly name: string;
  /** As it is written; the port may be 0. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly proxyProtocol: boolean;
};

/** Of what stands in the configuration, with or without an id. */
export type ExpiryView = {
  readonly role: string;
  readonly subject: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly isCa: boolean;
};

export type MiddlewareView = {
  readonly id: string;
  readonly origin: Origin;
  readonly type: string;
  readonly usedBy: readonly Usage[];
};

export type ConfigView = {
  readonly generation: number;
  /** Of the store; 0: nothing of it comes from there. */
  readonly revision: number;
  /** SHA-256 of all that is shown, generation and revision apart: equal for two gateways that run the same. */
  readonly digest: string;
  readonly certificates: readonly CertificateView[];
  readonly caBundles: readonly CaBundleView[];
  readonly services: readonly ServiceView[];
  readonly routes: readonly RouteView[];
  readonly policies: readonly PolicyView[];
  readonly targets: readonly TargetView[];
  readonly relations: readonly RelationView[];
  readonly listeners: readonly ListenerView[];
  readonly expiries: readonly ExpiryView[];
  readonly middlewares: readonly MiddlewareView[];
  readonly alertReceivers: readonly ReceiverView[];
};
