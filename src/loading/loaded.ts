// A configuration with everything it points to read and checked: plain data, so that the primary can read the files once
// and every worker builds the same generation from the same bytes.
import type { Expiry } from '../certs/expiry.ts';
import type { AlertReceiverConfig, GatewayConfig, PolicyConfig, RouteConfig } from '../config/gateway-config.ts';
import type { CrlGroupSpec } from '../crl/wanted.ts';
import type { FilterMaterial } from '../filters/material.ts';
import type { Place } from '../yaml/place.ts';
import type { StapleTarget } from '../ocsp/staple-targets.ts';
import type { Problem } from '../yaml/problem.ts';
import type { DeliveredByKey } from '../sources/publisher.ts';
import type { LoadedPair, ReadMaterials } from './material-loader.ts';

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

export type LoadedRoute = {
  readonly config: RouteConfig;
  readonly tls: LoadedBackendTls;
  /** Of each of its filters, in their order. */
  readonly filters: readonly FilterMaterial[];
};

/** What a generation is built from: all that workers are sent of a configuration. */
export type LoadedRules = {
  readonly config: GatewayConfig;
  /** The policy `gateway` first. */
  readonly policies: readonly LoadedPolicy[];
  readonly routes: readonly LoadedRoute[];
  /** What the cookies of sticky sessions are made with, from the primary; undefined: a worker that is alone makes its own. */
  readonly stickySecret?: Uint8Array | undefined;
};

/** What has an id, as it was read. */
export type LoadedNamed = {
  readonly certificates: readonly { readonly id: string; readonly place: Place; readonly pair: LoadedPair }[];
  readonly caBundles: readonly { readonly id: string; readonly place: Place; readonly caPem: readonly string[] }[];
};

/** A receiver of alerts with what it takes to tell it: stays in the primary. */
export type LoadedAlertReceiver = Omit<AlertReceiverConfig, 'secrets' | 'ca' | 'certificate'> & {
  /** The one in force first. */
  readonly secrets: readonly string[];
  /** PEM; undefined: public CAs. */
  readonly caPem: readonly string[] | undefined;
  readonly client: LoadedPair | undefined;
};

/** Beside the rules, what the primary does with it. */
export type LoadedConfig = LoadedRules & {
  /** Of the store whose objects are part of it; 0: there are none, or they are only proposed. */
  readonly revision: number;
  readonly named: LoadedNamed;
  /** Who logs in by certificate at the admin entry point: PEM of the CAs, and the key of the CRLs; undefined: nobody. */
  readonly adminLogin: { readonly caPem: readonly string[]; readonly crlKey: string | undefined } | undefined;
  readonly alertReceivers: readonly LoadedAlertReceiver[];
  readonly expiries: readonly Expiry[];
  /** The CRLs that policies and routes ask for by their crlKey: what to read, not what was read. */
  readonly crls: readonly CrlGroupSpec[];
  /** The OCSP responses to ask for; none where stapling is off. */
  readonly staples: readonly StapleTarget[];
  /** Shared secret for session tickets from sessionResumption.keys; undefined = made at start. */
  readonly ticketSecret: Uint8Array | undefined;
  /** What it was made from, to make it again with what sources deliver later: whatever has become of the files since. */
  readonly inputs: LoadInputs;
};

export type LoadInputs = {
  /** Warnings about the text, and about CRLs. */
  readonly problems: readonly Problem[];
  readonly materials: ReadMaterials;
  readonly delivered: DeliveredByKey;
  /** Keys of the sources that something stands in for. */
  readonly pending: ReadonlySet<string>;
};
