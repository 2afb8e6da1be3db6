// One trust policy, compiled: whom it trusts, how it answers, and the TLS terminators that no other policy shares. Sessions
// and tickets are bound to a digest of everything that decides trust, so they die with any change of it (N7, N9).
import { createPrivateKey, hash, hkdfSync } from 'node:crypto';
import type { TlsVersion } from '../config/gateway-config.ts';
import { CertificateChoice } from './certificate-choice.ts';
import { ticketNameBytes } from './client-hello.ts';
import { resolveCipherSuites, resolveCurves } from './cipher-list.ts';
import { ClientTrust, type ClientTrustOptions } from '../trust/client-trust.ts';
import type { SessionStore } from './session-store.ts';
import type { Staples } from '../ocsp/staples.ts';
import { protocolsOf, TlsTerminator } from './tls-terminator.ts';

export type PolicyCertificate = {
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
  /** What a request in flight has to finish when its connection is not trusted any more; 0 = nothing. */
  readonly distrustGraceMs: number;
};

export type TrustPolicyOptions = {
  readonly name: string;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL or IANA names; empty = default. */
  readonly ciphers: readonly string[];
  readonly curves: readonly string[];
  /** At least one; the first is used where no name fits. */
  readonly certificates: readonly PolicyCertificate[];
  readonly clientAuth: (ClientAuthSettings & ClientTrustOptions) | undefined;
  /** Whether HTTP/2 is offered; default false. */
  readonly http2?: boolean;
  /** OCSP responses for the certificates; absent: no stapling. */
  readonly staples?: Staples | undefined;
  readonly resumption: {
    readonly enabled: boolean;
    readonly lifetimeS: number;
    /** Of the present epoch (ticket-secret.ts): at least 32 bytes, the same in every worker. */
    readonly secret: Uint8Array;
    /** Where no other worker and no other gateway resumes anything of this one: sessions are kept there instead of tickets. */
    readonly sessions?: SessionStore | undefined;
  };
};

const minSecretBytes = 32;

type OlderTickets = { readonly ticketKeys: Buffer; readonly terminators: Map<number, TlsTerminator> };

/** What a ticket under these keys begins with. */
function nameOf(ticketKeys: Buffer): string {
  return ticketKeys.toString('latin1', 0, ticketNameBytes);
}

export class TrustPolicy {
  readonly name: string;
  /** Hexadecimal SHA-256 of everything that decides trust. */
  readonly digest: string;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** undefined: no client certificate is asked for. */
  readonly clientAuth: ClientAuthSettings | undefined;
  /** Defined exactly where clientAuth is. */
  readonly trust: ClientTrust | undefined;
  readonly resumes: boolean;
  /** Offered in ALPN, best first. */
  readonly protocols: readonly string[];
  readonly #choice: CertificateChoice;
  readonly #terminators: readonly TlsTerminator[];
  readonly #makeTerminator: (index: number, ticketKeys: Buffer) => TlsTerminator;
  /** Name of the key that tickets are issued under. */
  #ticketName = '';
  /** What tickets are to be under, where that is still to be done. */
  #due: { readonly secret: Uint8Array; readonly accepted: readonly Uint8Array[] } | undefined;
  /** What tickets may be under as well. */
  #accepted: readonly Uint8Array[] = [];
  /** By the name of their key; made when the first unknown ticket comes. */
  #older: Map<string, OlderTickets> | undefined;

  /** Throws where anything is missing or OpenSSL refuses it: the generation before stays active. */
  constructor(options: TrustPolicyOptions) {
    const { name, clientAuth, resumption } = options;
    if (options.certificates.length === 0) throw new RangeError(`policy ${name} has no certificate`);
    if (resumption.secret.length < minSecretBytes) throw new RangeError('the ticket secret is too short');
    this.name = name;
    this.minVersion = options.minVersion;
    this.maxVersion = options.maxVersion;
    this.protocols = protocolsOf(options.http2 === true);
    this.clientAuth = clientAuth && {
      required: clientAuth.required,
      onFailure: clientAuth.onFailure,
      maxDepth: clientAuth.maxDepth,
      distrustGraceMs: clientAuth.distrustGraceMs,
    };
    this.trust = clientAuth && new ClientTrust(clientAuth, name);
    const ciphers = resolveCipherSuites(options.ciphers);
    const curves = resolveCurves(options.curves);
    this.digest = digestOf(this, ciphers, curves);
    // A resumed session has lost its intermediates (N10), so what was verified of them must hold from the first time. A client
    // that is refused with a bare close has no ticket yet (self-test.ts proves it); one that gets an explanation has.
    this.resumes = resumption.enabled && resumption.lifetimeS > 0 && clientAuth?.onFailure !== 'explain';
    const ticketKeys = this.#ticketKeys(resumption.secret);
    const certificates = options.certificates.map((certificate) => ({
      ...certificate,
      keyType: createPrivateKey(certificate.keyPem).asymmetricKeyType ?? '',
    }));
    this.#choice = new CertificateChoice(certificates);
    const selections = this.#choice.selections.map((indexes) =>
      certificates.filter((_, index) => indexes.includes(index)),
    );
    this.#makeTerminator = (index, keys) => {
      const chosen = selections[index] ?? [];
      return new TlsTerminator({
        cert: chosen.map(({ certPem }) => certPem),
        key: chosen.map(({ keyPem }) => keyPem),
        trust: this.trust,
        staples: options.staples,
        protocols: this.protocols,
        alertsMissing: clientAuth?.required === true && clientAuth.onFailure === 'close',
        minVersion: options.minVersion,
        maxVersion: options.maxVersion,
        ciphers: ciphers.join(':'),
        curves: curves.join(':'),
        sessionIdContext: this.digest.slice(0, 32),
        resumption: this.resumes
          ? { ticketKeys: keys, lifetimeS: resumption.lifetimeS, sessions: resumption.sessions }
          : undefined,
      });
    };
    this.#terminators = selections.map((_, index) => this.#makeTerminator(index, ticketKeys));
    this.#ticketName = nameOf(ticketKeys);
    ticketKeys.fill(0);
  }

  /**
   * Tickets from now on under this secret. Those under one of `accepted` resume as well; any other costs a full handshake. The
   * caller wipes `secret` when it likes, and leaves `accepted` as they are until the next call.
   */
  rotate(secret: Uint8Array, accepted: readonly Uint8Array[] = []): void {
    this.#due = undefined;
    if (!this.resumes) return;
    const ticketKeys = this.#ticketKeys(secret);
    for (const terminator of this.#terminators) terminator.setTicketKeys(ticketKeys);
    this.#ticketName = nameOf(ticketKeys);
    ticketKeys.fill(0);
    this.#accepted = accepted;
    this.#older = undefined;
  }

  /** As rotate, by the next handshake or `rotateNow` at the latest. Both stay as they are until then. */
  rotateSoon(due: { readonly secret: Uint8Array; readonly accepted: readonly Uint8Array[] }): void {
    this.#due = due;
  }

  /** What rotateSoon has put off. */
  rotateNow(): void {
    const due = this.#due;
    if (due !== undefined) this.rotate(due.secret, due.accepted);
  }

  #ticketKeys(secret: Uint8Array): Buffer {
    return Buffer.from(hkdfSync('sha256', secret, '', `countersign tickets ${this.digest}`, 48));
  }

  /**
   * The terminator with the certificates for a canonical server name. `ticketName`: as the ClientHello has it. Node knows one ticket
   * key for a context, so a ticket under another key of ours is a matter for a context of its own, which is made when one comes.
   */
  findTerminator(serverName: string | undefined, ticketName = ''): TlsTerminator {
    if (this.#due !== undefined) this.rotateNow();
    const index = this.#choice.find(serverName);
    const present = this.#terminators[index] as TlsTerminator;
    if (ticketName === '' || ticketName === this.#ticketName || this.#accepted.length === 0) return present;
    this.#older ??= new Map(
      this.#accepted.map((secret) => {
        const ticketKeys = this.#ticketKeys(secret);
        return [nameOf(ticketKeys), { ticketKeys, terminators: new Map<number, TlsTerminator>() }];
      }),
    );
    const older = this.#older.get(ticketName);
    if (older === undefined) return present;
    const made = older.terminators.get(index) ?? this.#makeTerminator(index, older.ticketKeys);
    older.terminators.set(index, made);
    return made;
  }
}

/** The policy's name is part of it: equal trust under two names is still two policies. Own certificates are not. */
function digestOf(policy: TrustPolicy, ciphers: readonly string[], curves: readonly string[]): string {
  const { name, minVersion, maxVersion, clientAuth, trust } = policy;
  const asked = clientAuth && [clientAuth.required, clientAuth.onFailure, clientAuth.maxDepth, trust?.digest];
  const parts = [2, name, minVersion, maxVersion, ciphers, curves, asked ?? null];
  return hash('sha256', JSON.stringify(parts), 'hex');
}
