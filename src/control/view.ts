// The running configuration as the API shows it: names, places, certificates; no private key, no secret. Made by the primary
// (make-view.ts) for the control process, which asks for it.

/** Where something stands and is changed: in a file, whose folder is not told, or in the store. */
export type Origin =
  | { readonly kind: 'file'; readonly place: { readonly file: string; readonly line: number } }
  | { readonly kind: 'store' };

/** What refers to something: `services/orders`. */
export type Usage = { readonly kind: 'services' | 'policies' | 'routes'; readonly id: string };

export type CertificateView = {
  readonly id: string;
  readonly origin: Origin;
  /** As it is sent, leaf first. */
  readonly chainPem: string;
  readonly usedBy: readonly Usage[];
};

export type CaBundleView = {
  readonly id: string;
  readonly origin: Origin;
  readonly caPem: readonly string[];
  readonly usedBy: readonly Usage[];
};

export type ServiceView = {
  readonly id: string;
  readonly origin: Origin;
  readonly source: 'dns' | 'static';
  readonly protocol: 'auto' | 'http1' | 'http2';
  readonly addresses: readonly { readonly address: string; readonly weight: number }[];
  readonly tls: {
    readonly mode: 'off' | 'tls' | 'mtls';
    readonly certificateId: string | null;
    readonly caBundle: string | null;
    readonly serverName: string | null;
    readonly verified: boolean;
  };
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
  readonly minVersion: string;
  readonly maxVersion: string;
};

export type ConfigView = {
  readonly generation: number;
  /** SHA-256 of all that is shown, the generation apart: equal for two gateways that run the same. */
  readonly digest: string;
  readonly certificates: readonly CertificateView[];
  readonly caBundles: readonly CaBundleView[];
  readonly services: readonly ServiceView[];
  readonly routes: readonly RouteView[];
  readonly policies: readonly PolicyView[];
};
