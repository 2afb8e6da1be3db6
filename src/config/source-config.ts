// What a configuration says of a source that delivers certificates or CAs while the gateway runs, as plain data. How it is read
// stands in pair-sources.ts and bundle-sources.ts; who talks to the source is src/sources.
import { hash } from 'node:crypto';
import type { Identifier } from '../base/identifier.ts';
import type { Place } from '../yaml/place.ts';

/** `pair`: a certificate, its chain and its key. `anchors`: certificates of CAs. */
export type SourceWant = 'pair' | 'anchors';

export type SourceConfig = SourceSettings & {
  readonly want: SourceWant;
  /** What messages, metrics and listings call it; never a secret. */
  readonly label: string;
  /** Whoever is asked has to reach our listeners first: a start does not wait for it, and what it delivers later is taken then. */
  readonly mayStartWithout: boolean;
  readonly place: Place;
};

/** One member for each kind of source. Everything that makes two of them differ stands here, and nothing else. */
export type SourceSettings = ExecSettings | SpiffeSettings | SpiffeBundleSettings | AcmeSettings | VaultSettings;

/** A command that prints the material. */
export type ExecSettings = {
  readonly kind: 'exec';
  /** Program and arguments; no shell reads them. The program is an absolute path. */
  readonly command: readonly string[];
  /** The environment of the command: nothing else is in it. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Longest time between two runs; undefined: two thirds of the lifetime of what it printed. */
  readonly refreshMs: number | undefined;
};

/** The SPIFFE Workload API. */
export type SpiffeSettings = {
  readonly kind: 'spiffe';
  /** `unix:///path` or `tcp://ip:port`; undefined: SPIFFE_ENDPOINT_SOCKET. */
  readonly socket: string | undefined;
  /** Which SVID; undefined: any, the first. Of pairs. */
  readonly id?: string | undefined;
  readonly hint?: string | undefined;
  /** Whose CAs. Of anchors. */
  readonly trustDomain?: string | undefined;
};

/** A SPIFFE bundle endpoint. */
export type SpiffeBundleSettings = {
  readonly kind: 'spiffeBundle';
  /** https. */
  readonly url: string;
  readonly profile: 'https_web' | 'https_spiffe';
  readonly trustDomain: string;
  /** Of https_web; undefined: the CAs of the system. */
  readonly ca?: MaterialText | undefined;
  /** Of https_spiffe: always there. */
  readonly endpointId?: string;
  readonly bootstrap?: MaterialText;
};

/** PEM text, or the file that holds it: read each time that it is used. */
export type MaterialText = { readonly path: string; readonly label?: string } | { readonly pem: string };

export const keyTypes = ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
export type KeyType = (typeof keyTypes)[number];

/** A CA that speaks ACME (RFC 8555). */
export type AcmeSettings = {
  readonly kind: 'acme';
  /** https URL. */
  readonly directory: string;
  readonly email: string | undefined;
  readonly identifiers: readonly Identifier[];
  readonly challenge: 'tls-alpn-01' | 'http-01';
  readonly keyType: KeyType;
  /** `hmacKey`: base64url. */
  readonly eab: { readonly kid: string; readonly hmacKey: string } | undefined;
  /** Verifies the server itself; undefined: the CAs that Node has. */
  readonly ca: MaterialText | undefined;
  readonly termsOfServiceAgreed: boolean;
  readonly preferredChain: string | undefined;
  readonly profile: string | undefined;
  /** Absolute path of the folder that keeps account, order and certificate. */
  readonly storage: string;
};

/** The PKI engine of OpenBao or HashiCorp Vault. */
export type VaultSettings = {
  readonly kind: 'vault';
  readonly address: string;
  readonly mount: string;
  readonly namespace: string | undefined;
  readonly ca: MaterialText | undefined;
  /** Undefined where CAs are wanted: those are nobody's secret. */
  readonly issue: VaultIssue | undefined;
};

export type VaultIssue = {
  readonly role: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  readonly uris: readonly string[];
  readonly ttlMs: number | undefined;
  readonly keyType: KeyType;
  readonly auth: VaultLogin;
};

/** A secret as it is written, or the file that holds it: read for each login. */
export type SecretText = { readonly text: string } | { readonly path: string };

export type VaultLogin =
  | { readonly method: 'token'; readonly token: SecretText }
  | { readonly method: 'approle'; readonly mount: string; readonly roleId: string; readonly secretId: SecretText }
  | { readonly method: 'kubernetes'; readonly mount: string; readonly role: string; readonly jwt: SecretText }
  | {
      readonly method: 'cert';
      readonly mount: string;
      readonly name: string | undefined;
      readonly cert: MaterialText;
      readonly key: MaterialText;
    };

/** Equal for equal settings only, wherever and under whatever name they are written: one source serves all of them. */
export function sourceKey({ place: _place, label: _label, ...settings }: SourceConfig): string {
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify(sorted));
}
