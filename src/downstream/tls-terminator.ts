// TLS on a raw socket whose ClientHello was already looked at: one terminator per policy and certificate selection, each with
// a context of its own (N1-N6). It is a tls.Server that never listens: raw sockets are put in by its documented 'connection'
// event, so that Node itself reports the result of the verification and the errors after the handshake (decision 0005).
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { TlsVersion } from '../config/gateway-config.ts';
import { StapleChoice } from '../ocsp/staple-choice.ts';
import { ConnectionSessions } from './connection-sessions.ts';
import type { SessionStore } from './session-store.ts';
import type { Staples } from '../ocsp/staples.ts';
import { readShown } from './client-proof.ts';
import { verifyErrorOf } from '../certs/sent-chain.ts';
import type { ClientProof } from '../trust/verify-client.ts';
import { opensslCas } from '../trust/openssl-cas.ts';
import type { TrustBundle } from '../trust/trust-bundle.ts';

export type TlsTerminatorOptions = {
  /** Chains and keys, one of each key type, in the same order. */
  readonly cert: readonly string[];
  readonly key: readonly string[];
  /** undefined: no client certificate is asked for. */
  readonly trust: { readonly bundle: TrustBundle; readonly partialChain: boolean } | undefined;
  /** A client without a certificate gets OpenSSL's alert for that (RFC 8446 section 4.4.2.4), one that is refused a bare close. */
  readonly alertsMissing: boolean;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  readonly ciphers: string;
  readonly curves: string;
  /** Responses for these certificates; undefined: no stapling. */
  readonly staples: Staples | undefined;
  /** To offer in ALPN, best first. */
  readonly protocols: readonly string[];
  /** At most 32 bytes. */
  readonly sessionIdContext: string;
  /** undefined: nothing is ever resumed. `ticketKeys` is 48 bytes, the caller's again afterwards. */
  readonly resumption: Resumption | undefined;
};

type Resumption = {
  readonly ticketKeys: Buffer;
  readonly lifetimeS: number;
  /** Sessions are kept there, and no tickets are issued or taken; undefined: tickets under the keys. */
  readonly sessions: SessionStore | undefined;
};

/** Exactly one of onSecure and onTlsError is called, once, unless the socket closes silently before. Must not throw. */
export interface HandshakeSink {
  /** What decides the choice among our certificates (hello-kind.ts). */
  helloKind(): string;
  /** The number of the session that the client offers, latin1; '' where there is none. */
  offeredSession(): string;
  /** The client asked for a stapled response. */
  onStaple(sent: boolean): void;
  /** `letResume`: to be called when the client is let in; until then its sessions are worth nothing. */
  onSecure(socket: TLSSocket, seen: { readonly shown: ShownProof | undefined; readonly letResume: () => void }): void;
  /** Node has closed it, since OpenSSL did not accept the certificate that it was shown; only where `alertsMissing`. */
  onUnauthorized(socket: TLSSocket, shown: ShownProof): void;
  /** The handshake failed; the socket is about to close. It still knows the certificate of the client, where that came so far. */
  onTlsError(error: TlsError, socket: TLSSocket | undefined): void;
}

/** What a client proved before Node judged it; only where `alertsMissing`. */
export type ShownProof = Omit<ClientProof, 'authorized' | 'raw'>;

/** `library`: OpenSSL's part that the error comes from. */
export type TlsError = Error & { readonly code?: string; readonly library?: string };

/** http/1.0 is what old clients of that version offer; a client that offers none of these gets no_application_protocol. */
const alpnProtocols: readonly string[] = ['http/1.1', 'http/1.0'];

/** What we speak, best first. */
export function protocolsOf(http2: boolean): readonly string[] {
  return http2 ? ['h2', ...alpnProtocols] : alpnProtocols;
}

type SessionCallback = (error: Error | null, session: Buffer | null) => void;
type StapleCallback = (error: Error | null, response: Buffer | null) => void;

export class TlsTerminator {
  readonly #server: Server;
  readonly #staples: StapleChoice | undefined;
  readonly #options: TlsTerminatorOptions;
  /** When the CAs that OpenSSL has are to be looked through again: milliseconds since the epoch. */
  #casUntil = 0;

  /** Throws OpenSSL's error where key, certificate, ciphers or curves do not work. */
  constructor(options: TlsTerminatorOptions) {
    const { trust, resumption } = options;
    this.#options = options;
    this.#server = createServer({
      // Before anything of it expires: start() sees to the rest.
      ...this.#context(-Infinity),
      requestCert: trust !== undefined,
      // The verdict is ours, with a reason; Node would close without one (N12). Where it may close, OpenSSL asks for a certificate
      // in earnest, and what Node would forget is read before (watch).
      rejectUnauthorized: options.alertsMissing,
      ALPNProtocols: [...options.protocols],
    });
    this.#staples = options.staples && new StapleChoice(options.staples, options.cert);
    // Node asks for a response only where somebody listens; what counts is the stage's answer (start).
    if (this.#staples !== undefined) this.#server.on('OCSPRequest', () => {});
    if (options.alertsMissing) this.#server.on('keylog', () => {});
    if (resumption?.sessions !== undefined) this.#server.on('newSession', () => {}).on('resumeSession', () => {});
    // Not among the options: Node would hold on to them there.
    if (resumption !== undefined) this.setTicketKeys(resumption.ticketKeys);
  }

  #context(now: number): SecureContextOptions {
    const { cert, key, trust, resumption, ...options } = this.#options;
    return {
      cert: [...cert],
      key: [...key],
      // Never undefined or '': that would mean every public root (N22). Without anchors nothing is asked for.
      ca: trust === undefined ? [] : [...opensslCas(trust, 'clients', now).pem],
      minVersion: options.minVersion,
      maxVersion: options.maxVersion,
      ciphers: options.ciphers,
      ecdhCurve: options.curves,
      honorCipherOrder: true,
      // Renegotiation could bring another certificate after the verdict. Without tickets nothing resumes: Node keeps no
      // session cache of its own.
      secureOptions:
        constants.SSL_OP_NO_RENEGOTIATION |
        constants.SSL_OP_PRIORITIZE_CHACHA |
        (resumption === undefined || resumption.sessions !== undefined ? constants.SSL_OP_NO_TICKET : 0),
      sessionIdContext: options.sessionIdContext,
      ...(resumption !== undefined && { sessionTimeout: resumption.lifetimeS }),
    };
  }

  /** A CA has expired since: OpenSSL must not stop at it. Sessions stay: what they rest on is verified by us each time. */
  #leaveExpiredAway(now: number): void {
    const { trust } = this.#options;
    if (trust === undefined) {
      this.#casUntil = Infinity;
      return;
    }
    const { pem, until } = opensslCas(trust, 'clients', now);
    const isWhole = pem.length === trust.bundle.certificates.length;
    this.#casUntil = until;
    if (isWhole) return;
    const ticketKeys = this.#server.getTicketKeys();
    this.#server.setSecureContext(this.#context(now));
    this.setTicketKeys(ticketKeys);
    ticketKeys.fill(0);
  }

  /** For handshakes from now on. A ticket under other keys costs a full handshake; Node has no place for previous keys. */
  setTicketKeys(ticketKeys: Buffer): void {
    this.#server.setTicketKeys(ticketKeys);
  }

  /**
   * Starts the handshake. `raw` must be unconsumed (what was read put back by unshift) and paused. `now`: milliseconds since
   * the epoch.
   */
  start(raw: Socket, sink: HandshakeSink, now: number): void {
    if (now > this.#casUntil) this.#leaveExpiredAway(now);
    // Node reports to the server that the connection was put into; a stage of its own per connection says which one it
    // was. Should a Node version report elsewhere, nobody hears of success and the connection times out: fail closed.
    // The stage lives as long as its connection: it must not hold on to what only the handshake needs.
    let waiting: HandshakeSink | undefined = sink;
    let newKind: string | undefined;
    let isWatched = false;
    let shown: ShownProof | undefined;
    const sessions = this.#sessionsOf(sink);
    const report = (event: string, first: unknown, second: unknown, third: unknown): boolean => {
      if (event === 'OCSPRequest') {
        newKind = this.#staple(waiting, third as StapleCallback);
        return true;
      }
      if (event === 'newSession') {
        sessions?.onNew(first as Buffer, second as Buffer);
        (third as () => void)();
        return true;
      }
      if (event === 'resumeSession') {
        (second as SessionCallback)(null, sessions?.find() ?? null);
        return true;
      }
      if (event === 'keylog') {
        // The one event that names the socket before Node judges it. The secret itself is nobody's business.
        (first as Buffer).fill(0);
        if (isWatched) return true;
        isWatched = true;
        // Node closes within the event `secure` whom OpenSSL did not accept: what they showed is read before, the reason after.
        (second as TLSSocket).prependOnceListener('secure', () => (shown = readShown(second as TLSSocket)));
        (second as TLSSocket).once('secure', () => {
          // Undefined again where Node let it in: then the sink has it.
          if (shown === undefined || verifyErrorOf(second as TLSSocket) === '') return;
          const told = waiting;
          waiting = undefined;
          told?.onUnauthorized(second as TLSSocket, shown);
        });
        return true;
      }
      const [told, seen] = [waiting, shown];
      waiting = undefined;
      shown = undefined;
      if (event === 'secureConnection') {
        if (newKind !== undefined) this.#learn(newKind, first as TLSSocket);
        if (sessions !== undefined && (first as TLSSocket).isSessionReused()) sessions.onUsed(first as TLSSocket);
        told?.onSecure(first as TLSSocket, { shown: seen, letResume: () => sessions?.letResume() });
      } else if (event === 'tlsClientError') {
        told?.onTlsError(first as TlsError, second as TLSSocket | undefined);
        (second as TLSSocket | undefined)?.destroy();
      }
      return true;
    };
    const stage = Object.create(this.#server, { emit: { value: report } }) as Server;
    this.#server.emit.call(stage, 'connection', raw);
  }

  #sessionsOf(sink: HandshakeSink): ConnectionSessions | undefined {
    const { resumption, sessionIdContext } = this.#options;
    const { sessions, lifetimeS = 0 } = resumption ?? {};
    return sessions && new ConnectionSessions(sessions, sessionIdContext, lifetimeS, sink.offeredSession());
  }

  /** The client asked for a response. Returns the kind of its ClientHello where its handshake can teach something. */
  #staple(sink: HandshakeSink | undefined, answer: StapleCallback): string | undefined {
    const staples = this.#staples;
    const kindOf = (): string => sink?.helloKind() ?? '';
    const staple = staples?.find(kindOf) ?? null;
    answer(null, staple);
    sink?.onStaple(staple !== null);
    return staples?.isOpen(kindOf) === true ? kindOf() : undefined;
  }

  #learn(kind: string, socket: TLSSocket): void {
    const used = socket.isSessionReused() ? undefined : socket.getX509Certificate();
    if (used !== undefined) this.#staples?.learn(kind, used);
  }
}
