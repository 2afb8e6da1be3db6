// One trust policy, compiled: whom it trusts, how it answers, and the TLS terminators that no other policy shares. Sessions
// and tickets are bound to a digest of everything that decides trust, so they die with any change of it (N7, N9).
import { createPrivateKey, hash, hkdfSync } from 'node:crypto';
import type { TlsVersion } from '../config/gateway-config.ts';
import { CertificateChoice } from './certificate-choice.ts';
import { ticketNameBytes } from './client-hello.ts';
import { resolveCipherSuites, resolveCurves } from './cipher-list.ts';
import { ClientTrust, type ClientTrustOptions } from '../trust/client-trust.ts';
import type { OcspSettings, RevocationList } from '../trust/revocation.ts';
import type { SessionStore } from './session-store.ts';
import type { Staples } from '../ocsp/staples.ts';
import { protocolsOf, TlsTerminator } from './tls-terminator.ts';

export type PolicyCertificate = {
  /** Leaf first, then intermediates. */
  readonly certPem: string;
  readonly keyPem: string;
  /** DNS names of the leaf. */
  readonly names: readonly string[];
  /** As Node calls it (`rsa`, `ec`, …); absent: found out from the key. */
  readonly keyType?: string;
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
  /**
   * What costs time and memory is made by the first handshake. For policies that are many, and whose certificates, keys and CAs were
   * proven by whoever read them.
   */
  readonly isLazy?: boolean;
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
/** Contexts that a policy makes before it serves; of one with more certificates the others come with their first handshake. */
const eagerTerminators = 100;

/** What a handshake needs. */
type Made = {
  readonly trust: ClientTrust | undefined;
  readonly digest: string;
  readonly ciphers: string;
  readonly curves: string;
  readonly certificates: readonly PolicyCertificate[];
  readonly choice: CertificateChoice;
  /** By selection. */
  readonly terminators: Map<number, TlsTerminator>;
};

/** Without the secret, which moves on: a copy that stays would make the keys of the past again. */
type Kept = Omit<TrustPolicyOptions, 'resumption'> & {
  readonly resumption: Omit<TrustPolicyOptions['resumption'], 'secret'>;
};

type OlderTickets = { readonly ticketKeys: Buffer; readonly terminators: Map<number, TlsTerminator> };

/** What a ticket under these keys begins with. */
function nameOf(ticketKeys: Buffer): string {
  return ticketKeys.toString('latin1', 0, ticketNameBytes);
}

export class TrustPolicy {
  readonly name: string;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** undefined: no client certificate is asked for. */
  readonly clientAuth: ClientAuthSettings | undefined;
  /** Whether and how OCSP is asked about its clients. */
  readonly ocsp: OcspSettings | undefined;
  readonly resumes: boolean;
  /** Offered in ALPN, best first. */
  readonly protocols: readonly string[];
  readonly #options: Kept;
  readonly #crlSettings: object | undefined;
  #made: Made | undefined;
  /** What tickets are issued under, ours alone. */
  #secret: Buffer;
  /** Name of the key that tickets are issued under; '' until it is needed. */
  #ticketName = '';
  /** What tickets are to be under, where that is still to be done. */
  #due: { readonly secret: Uint8Array; readonly accepted: readonly Uint8Array[] } | undefined;
  /** What tickets may be under as well. */
  #accepted: readonly Uint8Array[] = [];
  /** By the name of their key; made when the first unknown ticket comes. */
  #older: Map<string, OlderTickets> | undefined;
  /** What is revoked, until `trust` takes it. */
  #revocations: RevocationList | undefined;

  /** Throws where anything is missing or, unless it is `isLazy`, OpenSSL refuses it: the generation before stays active. */
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
    this.ocsp = clientAuth?.ocsp;
    this.#revocations = clientAuth?.crl?.list;
    // A resumed session has lost its intermediates (N10), so what was verified of them must hold from the first time. A client
    // that is refused with a bare close has no ticket yet (self-test.ts proves it); one that gets an explanation has.
    this.resumes = resumption.enabled && resumption.lifetimeS > 0 && clientAuth?.onFailure !== 'explain';
    const { secret, ...terms } = resumption;
    this.#secret = Buffer.from(secret);
    // What was revoked at the beginning is not kept beside what is in force: there may be a million entries in it.
    this.#crlSettings = clientAuth?.crl?.settings;
    this.#options = { ...options, clientAuth: clientAuth && { ...clientAuth, crl: undefined }, resumption: terms };
    if (options.isLazy === true) return;
    const { choice } = this.#make();
    for (let index = 0; index < Math.min(choice.selections.length, eagerTerminators); index++) this.#terminator(index);
  }

  /** Defined exactly where clientAuth is. Throws where its CAs cannot be used. */
  get trust(): ClientTrust | undefined {
    return this.#make().trust;
  }

  /** Hexadecimal SHA-256 of everything that decides trust. */
  get digest(): string {
    return this.#make().digest;
  }

  /** What is known to be revoked; undefined where the policy does not ask. */
  get revocations(): RevocationList | undefined {
    return this.#made === undefined ? this.#revocations : this.#made.trust?.revocations;
  }

  /** Activates refreshed CRLs, for every verification from now on; nothing where the policy asks for none. */
  replaceRevocations(list: RevocationList): void {
    if (this.#revocations !== undefined) this.#revocations = list;
    this.#made?.trust?.replaceRevocations(list);
  }

  #make(): Made {
    if (this.#made !== undefined) return this.#made;
    const { name, clientAuth, certificates } = this.#options;
    const crl = this.#revocations && { settings: this.#crlSettings ?? {}, list: this.#revocations };
    const trust = clientAuth && new ClientTrust({ ...clientAuth, crl }, name);
    const ciphers = resolveCipherSuites(this.#options.ciphers);
    const curves = resolveCurves(this.#options.curves);
    const typed = certificates.map((certificate) => ({
      ...certificate,
      keyType: certificate.keyType ?? createPrivateKey(certificate.keyPem).asymmetricKeyType ?? '',
    }));
    this.#made = {
      trust,
      digest: digestOf(this, trust, ciphers, curves),
      ciphers: ciphers.join(':'),
      curves: curves.join(':'),
      certificates: typed,
      choice: new CertificateChoice(typed),
      terminators: new Map(),
    };
    return this.#made;
  }

  #makeTerminator(index: number, ticketKeys: Buffer): TlsTerminator {
    const { clientAuth, minVersion, maxVersion, staples, resumption } = this.#options;
    const { trust, digest, ciphers, curves, certificates, choice } = this.#make();
    const chosen = (choice.selections[index] ?? []).flatMap((at) => certificates[at] ?? []);
    return new TlsTerminator({
      cert: chosen.map(({ certPem }) => certPem),
      key: chosen.map(({ keyPem }) => keyPem),
      trust,
      staples,
      protocols: this.protocols,
      alertsMissing: clientAuth?.required === true && clientAuth.onFailure === 'close',
      minVersion,
      maxVersion,
      ciphers,
      curves,
      sessionIdContext: digest.slice(0, 32),
      resumption: this.resumes
        ? { ticketKeys, lifetimeS: resumption.lifetimeS, sessions: resumption.sessions }
        : undefined,
    });
  }

  /** Under the present keys. */
  #terminator(index: number): TlsTerminator {
    const { terminators } = this.#make();
    let terminator = terminators.get(index);
    if (terminator !== undefined) return terminator;
    const ticketKeys = this.#ticketKeys(this.#secret);
    try {
      terminator = this.#makeTerminator(index, ticketKeys);
      this.#ticketName = nameOf(ticketKeys);
    } finally {
      ticketKeys.fill(0);
    }
    terminators.set(index, terminator);
    return terminator;
  }

  /**
   * Tickets from now on under this secret. Those under one of `accepted` resume as well; any other costs a full handshake. The
   * caller wipes `secret` when it likes, and leaves `accepted` as they are until the next call.
   */
  rotate(secret: Uint8Array, accepted: readonly Uint8Array[] = []): void {
    this.#due = undefined;
    if (!this.resumes) return;
    this.#secret.fill(0);
    this.#secret = Buffer.from(secret);
    this.#accepted = accepted;
    this.#older = undefined;
    const terminators = this.#made?.terminators;
    // What is not made yet begins under the new keys.
    if (terminators === undefined || terminators.size === 0) return;
    const ticketKeys = this.#ticketKeys(secret);
    for (const terminator of terminators.values()) terminator.setTicketKeys(ticketKeys);
    this.#ticketName = nameOf(ticketKeys);
    ticketKeys.fill(0);
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
   * Throws where what is made only now cannot be made: then nobody is let in.
   */
  findTerminator(serverName: string | undefined, ticketName = ''): TlsTerminator {
    if (this.#due !== undefined) this.rotateNow();
    const index = this.#make().choice.find(serverName);
    const present = this.#terminator(index);
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
function digestOf(
  { name, minVersion, maxVersion, clientAuth }: TrustPolicy,
  trust: ClientTrust | undefined,
  ciphers: readonly string[],
  curves: readonly string[],
): string {
  const asked = clientAuth && [clientAuth.required, clientAuth.onFailure, clientAuth.maxDepth, trust?.digest];
  const parts = [2, name, minVersion, maxVersion, ciphers, curves, asked ?? null];
  return hash('sha256', JSON.stringify(parts), 'hex');
}
