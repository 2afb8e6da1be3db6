// Who we are and whom we trust towards a backend: everything that makes two TLS connections to one address different.
// Its digest keys pools, sessions and health checks, so that identities never mix (incident 18).
import { createHash } from 'node:crypto';
import tls, { type SecureContext } from 'node:tls';
import { canonicalHostName } from '../base/host.ts';
import type { BackendHttp2, TlsVersion } from '../config/gateway-config.ts';
import type { AnchorSet } from '../trust/anchor-set.ts';
import { CrlSet, type CrlSettings, type IndexedCrl } from '../crl/crl-set.ts';
import { type OpensslCas, opensslCas } from '../trust/openssl-cas.ts';
import { IdentityRules, type IdentityRulesOptions } from '../trust/identity-rules.ts';
import type { Endpoint } from './endpoint.ts';
import { describeChain } from './own-certificate.ts';

/** Revocation of backends. What is known at the moment is replaced later, without another identity (decision 0010). */
export type BackendCrls = {
  /** Names the sources: equal for the same ones only. */
  readonly key: string;
  readonly settings: CrlSettings;
  readonly crls: readonly IndexedCrl[];
};

export type TlsMaterial = {
  /** False only for insecureSkipVerify. */
  readonly verify: boolean;
  /** The CAs that a backend's path may end in; undefined only where nothing is verified. */
  readonly anchors: AnchorSet | undefined;
  /** Our certificate with its intermediates and its key, PEM; undefined: we have none. */
  readonly client: { readonly chainPem: string; readonly keyPem: string } | undefined;
  /** Replaces the endpoint's host in SNI and in the check of the certificate's names: canonical name or IP address. */
  readonly serverName: string | undefined;
  /** Default `san`; `commonName`: where it has no DNS or IP name, its common name counts. */
  readonly nameCheck?: 'san' | 'commonName';
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** Pins, and names that replace the check of the host name. */
  readonly rules?: IdentityRulesOptions | undefined;
  /** Default `auto`: where the backend agrees to it. */
  readonly http2?: BackendHttp2 | undefined;
  /** undefined: nobody asks whether a backend is revoked. */
  readonly crl?: BackendCrls | undefined;
};

/** Equal for equal material only; safe to log. */
export function digestMaterial(material: TlsMaterial): string {
  const { verify, anchors, client, serverName, minVersion, maxVersion, crl } = material;
  const parts = [
    verify,
    anchors?.bundle.digest,
    anchors?.partialChain,
    client?.chainPem,
    client?.keyPem,
    serverName,
    minVersion,
    maxVersion,
  ];
  parts.push(
    material.nameCheck === 'commonName',
    rulesOf(material).digest,
    crl?.key,
    crl && JSON.stringify(crl.settings),
    material.http2,
  );
  return createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('hex');
}

function rulesOf({ rules }: TlsMaterial): IdentityRules {
  return new IdentityRules(rules ?? { allowedSANs: undefined, allowedFingerprints: undefined, allowedSPKI: undefined });
}

const nothing: OpensslCas = { pem: [], until: Infinity };

export class TlsIdentity {
  readonly digest: string;
  readonly verify: boolean;
  /** Our certificate as sentences to the operator call it; undefined: we have none to show. */
  readonly presents: string | undefined;
  /** 'TLSv1.2 to TLSv1.3': for sentences to the operator. */
  readonly offered: string;
  readonly rules: IdentityRules;
  readonly http2: BackendHttp2;
  /** Defined where `verify` is true. */
  readonly anchors: AnchorSet | undefined;
  readonly #crl: BackendCrls | undefined;
  #crls: CrlSet | undefined;
  readonly #serverName: string | undefined;
  readonly #material: TlsMaterial;
  #context: SecureContext;
  /** When the CAs that OpenSSL has are to be looked through again. */
  #casUntil: number;

  /** Throws where OpenSSL rejects certificate or key; RangeError where there are no anchors. */
  constructor(material: TlsMaterial, digest = digestMaterial(material)) {
    const { verify, anchors, client, serverName, minVersion, maxVersion, crl } = material;
    if (verify && anchors === undefined) throw new RangeError('no anchors to verify backends with');
    this.digest = digest;
    this.verify = verify;
    this.anchors = anchors;
    this.presents = client && describeChain(client.chainPem);
    this.offered = minVersion === maxVersion ? minVersion : `${minVersion} to ${maxVersion}`;
    this.#serverName = serverName;
    this.rules = rulesOf(material);
    this.http2 = material.http2 ?? 'auto';
    this.#crl = crl;
    this.#crls = crl && new CrlSet(crl.crls, crl.settings);
    this.#material = material;
    this.#casUntil = 0;
    this.#context = this.#makeContext(-Infinity);
  }

  /** For a connection at `now`, milliseconds since the epoch: a CA that has expired by then must not stand in its way. */
  context(now: number): SecureContext {
    if (now > this.#casUntil) {
      const { anchors } = this;
      const whole = anchors?.bundle.certificates.length ?? 0;
      const { pem, until } = anchors === undefined ? nothing : opensslCas(anchors, 'servers', now);
      this.#casUntil = until;
      if (pem.length !== whole) this.#context = this.#makeContext(now);
    }
    return this.#context;
  }

  #makeContext(now: number): SecureContext {
    const { anchors, client, minVersion, maxVersion } = this.#material;
    return tls.createSecureContext({
      // Never undefined: no anchors would mean the public roots to Node (N22).
      ca: anchors === undefined ? [] : [...opensslCas(anchors, 'servers', now).pem],
      minVersion,
      maxVersion,
      ...(client === undefined ? {} : { cert: client.chainPem, key: client.keyPem }),
    });
  }

  /** What is known to be revoked; undefined where nobody asks. */
  get crls(): CrlSet | undefined {
    return this.#crls;
  }

  /** Activates refreshed CRLs for every verification from now on; false where they are those of another key. */
  replaceCrls(key: string, crls: readonly IndexedCrl[]): boolean {
    if (this.#crl?.key !== key) return false;
    this.#crls = new CrlSet(crls, this.#crl.settings);
    return true;
  }

  /** What the backend's certificate must cover: a name, or an IP address without brackets. */
  expectedName(endpoint: Endpoint): string {
    return this.#serverName ?? endpoint.host;
  }

  /** Whether a common name counts where there is no other name. */
  get acceptsCommonName(): boolean {
    return this.#material.nameCheck === 'commonName';
  }

  /** Server name for the ClientHello; undefined for IP addresses (RFC 6066 section 3). */
  serverName(endpoint: Endpoint): string | undefined {
    return canonicalHostName(this.expectedName(endpoint));
  }

  /** Nothing to give back: the context goes with its last connection. */
  close(): void {}
}
