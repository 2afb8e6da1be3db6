// A configuration with everything it points to read and checked: plain data, so that the primary can read the files once
// and every worker builds the same generation from the same bytes.
import type { LoadedCrlGroup } from './crls.ts';
import type { GatewayConfig, PolicyConfig, RouteConfig } from '../config/gateway-config.ts';
import type { LoadedPair } from './material-loader.ts';

export type LoadedPolicy = {
  readonly config: PolicyConfig;
  /** The policy's own, else the shared ones; never empty. The first is used where no name fits. */
  readonly certificates: readonly LoadedPair[];
  /** PEM of each CA of clientCA; undefined where no client certificate is asked for, empty only beside trustDomains. */
  readonly anchors: readonly string[] | undefined;
  /** The CAs of each trust domain that has a bundle of its own. */
  readonly trustDomains: readonly { readonly trustDomain: string; readonly caPem: readonly string[] }[];
  /** Of the group of CRLs that it asks for; undefined where it asks for none. */
  readonly crlKey: string | undefined;
};

export type LoadedBackendTls = {
  /** PEM of the anchors; undefined = the system's. */
  readonly rootCAs: string | undefined;
  readonly clientPair: LoadedPair | undefined;
  /** As that of a policy. */
  readonly crlKey: string | undefined;
};

export type LoadedRoute = { readonly config: RouteConfig; readonly tls: LoadedBackendTls };

/** Something with an expiry date, for certificate_expiry_timestamp_seconds and its warnings. */
export type Expiry = {
  readonly role: 'server' | 'anchor' | 'backend_client' | 'backend_anchor' | 'backend' | 'crl';
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
};

export type LoadedConfig = {
  readonly config: GatewayConfig;
  /** The policy `gateway` first. */
  readonly policies: readonly LoadedPolicy[];
  readonly routes: readonly LoadedRoute[];
  readonly expiries: readonly Expiry[];
  /** What was found at this load. Workers get it in messages of its own. */
  readonly crls: readonly LoadedCrlGroup[];
  /** Shared secret for session tickets from sessionResumption.keys; undefined = made at start. */
  readonly ticketSecret: Uint8Array | undefined;
};
