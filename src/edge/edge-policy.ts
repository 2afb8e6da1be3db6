// One trust policy, compiled: whom it trusts, how it answers, and the TLS terminators that no other policy shares. Sessions
// and tickets are bound to a digest of everything that decides trust, so they die with any change of it (N7, N9).
import { createPrivateKey, hash, hkdfSync } from 'node:crypto';
import { TrustBundle } from '../pki/trust-bundle.ts';
import { AnchorSet } from './anchor-set.ts';
import { CertificateChoice } from './certificate-choice.ts';
import { resolveCipherSuites, resolveCurves } from './cipher-list.ts';
import { TlsTerminator } from './tls-terminator.ts';

export type TlsVersionName = 'TLSv1.2' | 'TLSv1.3';

export type EdgeCertificate = {
  /** Leaf first, then intermediates. */
  readonly certPem: string;
  readonly keyPem: string;
  /** DNS names of the leaf. */
  readonly names: readonly string[];
};

export type ClientAuthSettings = {
  readonly required: boolean;
  readonly onFailure: 'close' | 'explain';
  /** CA certificates allowed between leaf and anchor. */
  readonly maxDepth: number;
};

export type EdgePolicyOptions = {
  readonly name: string;
  readonly minVersion: TlsVersionName;
  readonly maxVersion: TlsVersionName;
  /** OpenSSL or IANA names; empty = default. */
  readonly ciphers: readonly string[];
  readonly curves: readonly string[];
  /** At least one; the first is used where no name fits. */
  readonly certificates: readonly EdgeCertificate[];
  readonly clientAuth: (ClientAuthSettings & { readonly caPem: readonly string[] }) | undefined;
  readonly resumption: {
    readonly enabled: boolean;
    readonly lifetimeS: number;
    /** At least 32 random bytes, the same in every worker. */
    readonly secret: Uint8Array;
  };
};

const minSecretBytes = 32;

export class EdgePolicy {
  readonly name: string;
  /** Hexadecimal SHA-256 of everything that decides trust. */
  readonly digest: string;
  readonly minVersion: TlsVersionName;
  readonly maxVersion: TlsVersionName;
  /** undefined: no client certificate is asked for. */
  readonly clientAuth: ClientAuthSettings | undefined;
  /** Defined exactly where clientAuth is. */
  readonly anchors: AnchorSet | undefined;
  readonly resumes: boolean;
  readonly #choice: CertificateChoice;
  readonly #terminators: readonly TlsTerminator[];

  /** Throws where anything is missing or OpenSSL refuses it: the generation before stays in force. */
  constructor(options: EdgePolicyOptions) {
    const { name, clientAuth, resumption } = options;
    if (options.certificates.length === 0) throw new RangeError(`policy ${name} has no certificate`);
    if (resumption.secret.length < minSecretBytes) throw new RangeError('the ticket secret is too short');
    this.name = name;
    this.minVersion = options.minVersion;
    this.maxVersion = options.maxVersion;
    this.clientAuth = clientAuth && {
      required: clientAuth.required,
      onFailure: clientAuth.onFailure,
      maxDepth: clientAuth.maxDepth,
    };
    this.anchors = clientAuth && new AnchorSet(parseAnchors(clientAuth.caPem, name));
    const ciphers = resolveCipherSuites(options.ciphers);
    const curves = resolveCurves(options.curves);
    this.digest = digestOf(this, ciphers, curves);
    // A resumed session has lost its intermediates (N10), so what was judged of them must hold from the first time. A client
    // that is refused with a bare close has no ticket yet (self-test.ts proves it); one that gets an explanation has.
    this.resumes = resumption.enabled && resumption.lifetimeS > 0 && clientAuth?.onFailure !== 'explain';
    const ticketKeys = Buffer.from(hkdfSync('sha256', resumption.secret, '', `countersign tickets ${this.digest}`, 48));
    const certificates = options.certificates.map((certificate) => ({
      ...certificate,
      keyType: createPrivateKey(certificate.keyPem).asymmetricKeyType ?? '',
    }));
    this.#choice = new CertificateChoice(certificates);
    this.#terminators = this.#choice.selections.map((indexes) => {
      const chosen = certificates.filter((_, index) => indexes.includes(index));
      return new TlsTerminator({
        cert: chosen.map(({ certPem }) => certPem),
        key: chosen.map(({ keyPem }) => keyPem),
        anchors: this.anchors?.bundle,
        minVersion: options.minVersion,
        maxVersion: options.maxVersion,
        ciphers: ciphers.join(':'),
        curves: curves.join(':'),
        sessionIdContext: this.digest.slice(0, 32),
        resumption: this.resumes ? { ticketKeys, lifetimeS: resumption.lifetimeS } : undefined,
      });
    });
  }

  /** The terminator with the certificates for a canonical server name. */
  findTerminator(serverName: string | undefined): TlsTerminator {
    return this.#terminators[this.#choice.find(serverName)] as TlsTerminator;
  }
}

function parseAnchors(caPem: readonly string[], name: string): TrustBundle {
  const { bundle, problems } = TrustBundle.parse(caPem.join('\n'), { name: `the CA bundle of policy ${name}` });
  if (bundle === undefined) throw new RangeError(problems[0]?.message ?? `policy ${name} trusts nobody`);
  return bundle;
}

/** The policy's name is part of it: equal trust under two names is still two policies. Own certificates are not. */
function digestOf(policy: EdgePolicy, ciphers: readonly string[], curves: readonly string[]): string {
  const { name, minVersion, maxVersion, clientAuth, anchors } = policy;
  const parts = [1, name, minVersion, maxVersion, ciphers, curves, clientAuth ?? null, anchors?.bundle.digest ?? null];
  return hash('sha256', JSON.stringify(parts), 'hex');
}
