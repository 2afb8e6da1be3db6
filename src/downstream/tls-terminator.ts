// TLS on a raw socket whose ClientHello was already looked at: one terminator per policy and certificate selection, each with
// a context of its own (N1-N6). It is a tls.Server that never listens: raw sockets are put in by its documented 'connection'
// event, so that Node itself reports the result of the verification and the errors after the handshake (decision 0005).
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { TlsVersion } from '../config/gateway-config.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { StapleChoice } from './staple-choice.ts';
import type { Staples } from '../ocsp/staples.ts';
import type { TrustBundle } from '../trust/trust-bundle.ts';

export type TlsTerminatorOptions = {
  /** Chains and keys, one of each key type, in the same order. */
  readonly cert: readonly string[];
  readonly key: readonly string[];
  /** undefined: no client certificate is asked for. */
  readonly trust: { readonly bundle: TrustBundle; readonly partialChain: boolean } | undefined;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  readonly ciphers: string;
  readonly curves: string;
  /** Responses for these certificates; undefined: no stapling. */
  readonly staples: Staples | undefined;
  /** At most 32 bytes. */
  readonly sessionIdContext: string;
  /** undefined: nothing is ever resumed. `ticketKeys` is 48 bytes, the caller's again afterwards. */
  readonly resumption: { readonly ticketKeys: Buffer; readonly lifetimeS: number } | undefined;
};

/** Exactly one of the two is called, once, unless the socket closes silently before. Must not throw. */
export interface HandshakeSink {
  /** What decides the choice among our certificates (hello-kind.ts). */
  helloKind(): string;
  onSecure(socket: TLSSocket): void;
  /** The handshake failed; the socket is about to close. */
  onTlsError(error: Error & { code?: string }): void;
}

/** http/1.0 is what old clients of that version offer; a client that offers neither gets no_application_protocol. */
const alpnProtocols = ['http/1.1', 'http/1.0'];

// X509_CERT_AUX with trust for clientAuth alone, OpenSSL's way to say that a certificate is an anchor whatever stands
// above it: how an intermediate in clientCA becomes one (allowPartialTrustChain, which tls.Server ignores, N15).
const trustedForClients = Buffer.from('300c300a06082b06010505070302', 'hex');

type StapleCallback = (error: Error | null, response: Buffer | null) => void;

export class TlsTerminator {
  readonly #server: Server;
  readonly #staples: StapleChoice | undefined;

  /** Throws OpenSSL's error where key, certificate, ciphers or curves do not work. */
  constructor(options: TlsTerminatorOptions) {
    const { trust, resumption } = options;
    this.#server = createServer({
      cert: [...options.cert],
      key: [...options.key],
      // Never undefined or '': that would mean every public root (N22). Without anchors nothing is asked for.
      ca:
        trust === undefined
          ? []
          : trust.bundle.certificates.map(({ der }) =>
              trust.partialChain
                ? encodePem('TRUSTED CERTIFICATE', Buffer.concat([der, trustedForClients]))
                : encodePem('CERTIFICATE', der),
            ),
      requestCert: trust !== undefined,
      // The verdict is ours, with a reason; Node would close without one (N12).
      rejectUnauthorized: false,
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
        (resumption === undefined ? constants.SSL_OP_NO_TICKET : 0),
      sessionIdContext: options.sessionIdContext,
      ...(resumption !== undefined && { sessionTimeout: resumption.lifetimeS }),
      ALPNProtocols: alpnProtocols,
    });
    this.#staples = options.staples && new StapleChoice(options.staples, options.cert);
    // Node asks for a response only where somebody listens; what counts is the stage's answer (start).
    if (this.#staples !== undefined) this.#server.on('OCSPRequest', () => {});
    // Not among the options: Node would hold on to them there.
    if (resumption !== undefined) this.setTicketKeys(resumption.ticketKeys);
  }

  /** For handshakes from now on. A ticket under other keys costs a full handshake; Node has no place for previous keys. */
  setTicketKeys(ticketKeys: Buffer): void {
    this.#server.setTicketKeys(ticketKeys);
  }

  /** Starts the handshake. `raw` must be unconsumed (what was read put back by unshift) and paused. */
  start(raw: Socket, sink: HandshakeSink): void {
    // Node reports to the server that the connection was put into; a stage of its own per connection says which one it
    // was. Should a Node version report elsewhere, nobody hears of success and the connection times out: fail closed.
    // The stage lives as long as its connection: it must not hold on to what only the handshake needs.
    let waiting: HandshakeSink | undefined = sink;
    let newKind: string | undefined;
    const report = (event: string, first: unknown, second: unknown, third: unknown): boolean => {
      if (event === 'OCSPRequest') {
        newKind = this.#staple(waiting, third as StapleCallback);
        return true;
      }
      const told = waiting;
      waiting = undefined;
      if (event === 'secureConnection') {
        if (newKind !== undefined) this.#learn(newKind, first as TLSSocket);
        told?.onSecure(first as TLSSocket);
      } else if (event === 'tlsClientError') {
        told?.onTlsError(first as Error);
        (second as TLSSocket | undefined)?.destroy();
      }
      return true;
    };
    const stage = Object.create(this.#server, { emit: { value: report } }) as Server;
    this.#server.emit.call(stage, 'connection', raw);
  }

  /** The client asked for a response. Returns the kind of its ClientHello where its handshake can teach something. */
  #staple(sink: HandshakeSink | undefined, answer: StapleCallback): string | undefined {
    const staples = this.#staples;
    const kindOf = (): string => sink?.helloKind() ?? '';
    answer(null, staples?.find(kindOf) ?? null);
    return staples?.isOpen(kindOf) === true ? kindOf() : undefined;
  }

  #learn(kind: string, socket: TLSSocket): void {
    const used = socket.isSessionReused() ? undefined : socket.getX509Certificate();
    if (used !== undefined) this.#staples?.learn(kind, used);
  }
}
