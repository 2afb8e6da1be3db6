// Who we are and whom we trust towards a backend: everything that makes two TLS connections to one address different.
// Its digest keys pools, sessions and health checks, so that identities never mix (incident 18).
import { createHash } from 'node:crypto';
import tls, { type SecureContext } from 'node:tls';
import { canonicalHostName } from '../base/host.ts';
import type { TlsVersion } from '../config/gateway-config.ts';
import { TrustBundle } from '../pki/trust-bundle.ts';
import type { Endpoint } from './endpoint.ts';

/** CA certificates that a backend's chain may end in. */
export type BackendAnchors = {
  /** One certificate each. Never empty: no anchors would mean the public roots to Node (N22). */
  readonly pems: readonly string[];
  /** Digest over them, made once. */
  readonly digest: string;
};

export type TlsMaterial = {
  /** False only for insecureSkipVerify. */
  readonly verify: boolean;
  readonly anchors: BackendAnchors;
  /** Our certificate with its intermediates and its key, PEM; undefined: we have none. */
  readonly client: { readonly chainPem: string; readonly keyPem: string } | undefined;
  /** Replaces the endpoint's host in SNI and in the check of the certificate's names: canonical name or IP address. */
  readonly serverName: string | undefined;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
};

/** Equal for equal material only; safe to log. */
export function digestMaterial(material: TlsMaterial): string {
  const { verify, anchors, client, serverName, minVersion, maxVersion } = material;
  const parts = [verify, anchors.digest, client?.chainPem, client?.keyPem, serverName, minVersion, maxVersion];
  return createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('hex');
}

export class TlsIdentity {
  readonly digest: string;
  readonly verify: boolean;
  readonly offersCertificate: boolean;
  /** 'TLSv1.2 to TLSv1.3': for sentences to the operator. */
  readonly offered: string;
  readonly context: SecureContext;
  readonly #serverName: string | undefined;
  readonly #pems: readonly string[];
  #anchors: TrustBundle | undefined;

  /** Throws where OpenSSL rejects certificate or key; RangeError where there are no anchors. */
  constructor(material: TlsMaterial, digest = digestMaterial(material)) {
    const { verify, anchors, client, serverName, minVersion, maxVersion } = material;
    if (verify && anchors.pems.length === 0) throw new RangeError('no anchors to verify backends with');
    this.digest = digest;
    this.verify = verify;
    this.#pems = anchors.pems;
    this.offersCertificate = client !== undefined;
    this.offered = minVersion === maxVersion ? minVersion : `${minVersion} to ${maxVersion}`;
    this.#serverName = serverName;
    this.context = tls.createSecureContext({
      ca: [...anchors.pems],
      minVersion,
      maxVersion,
      ...(client === undefined ? {} : { cert: client.chainPem, key: client.keyPem }),
    });
  }

  /** The anchors as facts, for the diagnosis of failures: read when the first one happens. */
  get anchors(): TrustBundle | undefined {
    this.#anchors ??= TrustBundle.parse(this.#pems.join('\n')).bundle;
    return this.#anchors;
  }

  /** What the backend's certificate must cover: a name, or an IP address without brackets. */
  expectedName(endpoint: Endpoint): string {
    return this.#serverName ?? endpoint.host;
  }

  /** Server name for the ClientHello; undefined for IP addresses (RFC 6066 section 3). */
  serverName(endpoint: Endpoint): string | undefined {
    return canonicalHostName(this.expectedName(endpoint));
  }

  /** Nothing to give back: the context goes with its last connection. */
  close(): void {}
}
