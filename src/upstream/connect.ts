// One attempt to reach a backend: its addresses, TCP to the first that answers (address-race.ts), then TLS, then our own verdict.
// Ends exactly once, with a socket that may carry requests or with a fault; each phase has its deadline.
import net from 'node:net';
import tls from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import { countRead } from '../base/read-garbage.ts';
import { keepAliveAfterMs } from '../http/limits.ts';
import type { ReadBuffer, ReadBuffers, OpenSocket } from '../http/read-buffer.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import type { Intermediates } from '../trust/intermediates.ts';
import { quoteSubject } from '../trust/issuer-diagnosis.ts';
import type { Verdict } from '../trust/verdict.ts';
import type { ConnectTimes } from './dependencies.ts';
import type { Found } from '../dns/name-resolver.ts';
import { AddressRace, type RaceOwner } from './address-race.ts';
import type { Addresses } from './addresses.ts';
import type { Endpoint } from './endpoint.ts';
import { endpointLabel } from './endpoint.ts';
import { type BackendVerification, verifyBackend } from './verify-backend.ts';
import type { Ticket, Tickets } from './tickets.ts';
import type { TlsIdentity } from './tls-identity.ts';
import { connectFault, lookUpFault, type TransportSituation } from './transport-failure.ts';

export type ConnectTarget = {
  readonly endpoint: Endpoint;
  readonly addresses: Addresses;
  /** undefined for plain HTTP. */
  readonly identity: TlsIdentity | undefined;
  /** Where sessions come from and go to; undefined = full handshakes only. */
  readonly tickets: Tickets | undefined;
  readonly clock: Clock;
  readonly readBuffers: ReadBuffers;
  readonly intermediates: Intermediates;
  /** Protocols to offer, best first. */
  readonly alpn: readonly string[];
  readonly connectMs: number;
  readonly handshakeMs: number;
  /** A PROXY header: the first bytes of the connection, before TLS. */
  readonly header?: Buffer | undefined;
};

export interface ConnectListener {
  /** The socket has an `error` listener and gives its bytes to `inlet`. `verdict` is undefined for plain HTTP, else its code is ok. */
  onConnected(open: OpenSocket, verdict: Verdict | undefined, times: ConnectTimes): void;
  onConnectFailure(fault: Fault, times: ConnectTimes): void;
}

export class ConnectAttempt implements RaceOwner {
  readonly #target: ConnectTarget;
  readonly #listener: ConnectListener;
  readonly #readBuffer: ReadBuffer;
  /** The only address to try; undefined: all, in the order that spreads connections. */
  readonly #only: string | undefined;
  #race: AddressRace | undefined;
  /** Connected. */
  #socket: net.Socket | undefined;
  /** Until TCP is up: what each of them would continue. */
  readonly #offered: { readonly socket: net.Socket; readonly ticket: Ticket }[] = [];
  /** What `#socket` was to continue. */
  #ticket: Ticket | undefined;
  #phase: 'lookup' | 'connect' | 'handshake' = 'lookup';
  /** What `#socket` leads to; counted in `addresses` until the attempt has failed or the connection is gone. */
  #address = '';
  #cancelLookUp: (() => void) | undefined;
  #sawBackendCertificate = false;
  #done = false;
  readonly #startedAt: number;
  /** Monotonic time when TLS could begin. */
  #connectedAt: number | undefined;
  #cancelTimer: () => void;

  constructor(target: ConnectTarget, listener: ConnectListener, only?: string) {
    this.#target = target;
    this.#only = only;
    this.#listener = listener;
    this.#startedAt = target.clock.monotonic();
    this.#readBuffer = target.readBuffers.open();
    this.#cancelTimer = target.clock.after(target.connectMs, () => this.#late());
  }

  /** Of the connection that came about; whoever takes it tells `addresses` when it is gone. */
  get address(): string {
    return this.#address;
  }

  /** The listener is called once, after this returns. */
  start(): void {
    if (this.#only !== undefined) return this.#open({ addresses: [this.#only] });
    this.#cancelLookUp = this.#target.addresses.choose((found) => this.#open(found));
  }

  #open(found: Found): void {
    if (this.#done) return;
    if ('failure' in found) {
      const fault = lookUpFault(found.failure, endpointLabel(this.#target.endpoint));
      return queueMicrotask(() => this.#fail(fault));
    }
    this.#phase = 'connect';
    const { addresses, clock } = this.#target;
    const connect = (address: string): net.Socket => this.#connect(address);
    this.#race = new AddressRace({ order: found.addresses, addresses, clock, connect }, this);
    this.#race.start();
  }

  /** Gives up; the listener is not called. */
  cancel(): void {
    if (!this.#done) this.#leave();
    this.#end();
    this.#socket?.destroy();
  }

  onLost(error: Error): void {
    this.#fail(error instanceof Fault ? error : connectFault(error, this.#situation()));
  }

  /** TCP is up; a TLS socket begins its handshake by itself. */
  onWon(opened: net.Socket, address: string): void {
    if (this.#done) return;
    const socket = this.#introduce(opened);
    this.#socket = socket;
    this.#address = address;
    // These listeners stay on the socket for its life: after the end of the attempt they only keep the process alive.
    socket.on('error', (error) => this.#onError(error));
    socket.on('close', () => this.#onError(undefined));
    const { identity, clock, handshakeMs } = this.#target;
    if (identity === undefined) return this.#succeed(socket, undefined);
    this.#phase = 'handshake';
    this.#connectedAt = clock.monotonic();
    this.#cancelTimer();
    this.#cancelTimer = clock.after(handshakeMs, () => this.#late());
    this.#ticket = this.#offered.find((offer) => offer.socket === socket)?.ticket;
    this.#takeBack(socket);
  }

  /** Says who connects, where the backend wants to know; TLS can begin on that socket only then. */
  #introduce(socket: net.Socket): net.Socket {
    const { header, identity } = this.#target;
    if (header === undefined) return socket;
    socket.write(header);
    if (identity === undefined) return socket;
    const secured = this.#openSecure(identity, { socket });
    secured.on('data', (chunk: Buffer) => {
      countRead(chunk.length);
      this.#readBuffer.take(chunk);
    });
    return secured;
  }

  /** Sessions of sockets on which TCP did not come up were not offered: another attempt may. */
  #takeBack(except?: net.Socket): void {
    for (const { socket, ticket } of this.#offered.splice(0))
      if (socket !== except) this.#target.tickets?.giveBack(ticket);
  }

  /** Nothing is under way to the address any more. */
  #leave(): void {
    if (this.#address !== '') this.#target.addresses.gone(this.#address);
    this.#address = '';
  }

  #connect(address: string): net.Socket {
    const { identity, header, endpoint } = this.#target;
    const transport = {
      host: address,
      port: endpoint.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveAfterMs,
    };
    // Only a TLS socket that opens its own TCP connection heeds it.
    const { onread } = this.#readBuffer;
    if (identity === undefined) return net.connect({ ...transport, onread });
    // TLS begins behind the header.
    return header === undefined ? this.#openSecure(identity, { ...transport, onread }) : net.connect(transport);
  }

  #openSecure(identity: TlsIdentity, transport: tls.ConnectionOptions & Partial<net.TcpNetConnectOpts>): tls.TLSSocket {
    const { endpoint, tickets, clock, alpn } = this.#target;
    const ticket = tickets?.take(clock.now());
    const serverName = identity.serverName(endpoint);
    const secured = tls.connect({
      ...transport,
      secureContext: identity.context(clock.now()),
      ALPNProtocols: [...alpn],
      // Node would decide with one bit; verifyBackend decides, before a byte of a request exists on this socket.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(ticket === undefined ? {} : { session: ticket.session }),
    });
    if (ticket !== undefined) this.#offered.push({ socket: secured, ticket });
    // A failed socket no longer tells how far it came. Keys exist once version and cipher are agreed, with TLS 1.2 once
    // the certificate was read; what they are is nobody's business here.
    secured.once('keylog', () => {
      this.#sawBackendCertificate = true;
    });
    const sessions: Buffer[] = [];
    let result: BackendVerification | undefined;
    secured.on('session', (session) => {
      // TLS 1.2 delivers it within the handshake: kept until the verdict is known.
      if (result === undefined) sessions.push(session);
      else if (result.verdict.code === 'ok') tickets?.add(toTicket(session, result));
    });
    secured.once('secureConnect', () => {
      if (this.#done) return;
      result = this.#verify(secured, identity);
      if (result.verdict.code !== 'ok') return this.#refuse(result.verdict);
      if (identity.http2 === 'on' && secured.alpnProtocol !== 'h2') return this.#fail(this.#withoutHttp2(secured));
      for (const session of sessions) tickets?.add(toTicket(session, result));
      this.#succeed(secured, result.verdict);
    });
    return secured;
  }

  #verify(secured: tls.TLSSocket, identity: TlsIdentity): BackendVerification {
    const { endpoint, clock, intermediates } = this.#target;
    return verifyBackend(secured, identity, endpoint, this.#ticket, intermediates, clock.now());
  }

  #refuse({ code, detail, remedy, raw, leaf }: Verdict): void {
    if (code === 'ok') return;
    this.#target.tickets?.clear();
    const which = leaf === undefined ? '' : describeLeaf(leaf, detail);
    const label = endpointLabel(this.#target.endpoint);
    this.#fail(new Fault(code, 'backend', { detail: `${label}: ${detail}${which}`, remedy, raw }));
  }

  /** HTTP/2 was promised: HTTP/1.1 instead would be a guess. */
  #withoutHttp2({ alpnProtocol }: tls.TLSSocket): Fault {
    const agreed =
      alpnProtocol === false || alpnProtocol === null ? 'agreed on no protocol (ALPN)' : `chose ${alpnProtocol}`;
    const detail = `${endpointLabel(this.#target.endpoint)} ${agreed}, and the route says http2: on`;
    return new Fault('protocol_mismatch', 'backend', { detail });
  }

  #late(): void {
    const label = endpointLabel(this.#target.endpoint);
    if (this.#phase === 'lookup') {
      const detail = `the host name had no answer within ${this.#target.connectMs} ms`;
      return this.#fail(lookUpFault({ code: 'timeout', raw: 'deadline', detail }, label));
    }
    const detail =
      this.#phase === 'connect'
        ? `${label} did not accept the connection within ${this.#target.connectMs} ms`
        : `${label} accepted the connection but did not finish the TLS handshake within ${this.#target.handshakeMs} ms`;
    this.#race?.cancel('ETIMEDOUT');
    this.#fail(new Fault('timeout', 'backend', { detail, raw: 'deadline' }));
  }

  #onError(error: Error | undefined): void {
    if (this.#done) return;
    // A session that the backend cannot continue must not be offered for ever.
    if (this.#ticket !== undefined && this.#phase === 'handshake') this.#target.tickets?.clear();
    const cause = error ?? Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' });
    this.#fail(connectFault(cause, this.#situation()));
  }

  #situation(): TransportSituation {
    const { endpoint, identity } = this.#target;
    return {
      label: endpointLabel(endpoint),
      phase: this.#phase === 'handshake' ? 'handshake' : 'connect',
      presents: identity?.presents,
      sawBackendCertificate: this.#sawBackendCertificate,
      offered: identity === undefined ? '' : identity.offered,
    };
  }

  #succeed(socket: net.Socket, verdict: Verdict | undefined): void {
    if (this.#readBuffer.missed) {
      const detail = `${endpointLabel(this.#target.endpoint)} sent bytes before it was asked`;
      return this.#fail(new Fault('backend_protocol', 'backend', { detail }));
    }
    this.#target.addresses.reached(this.#address);
    this.#end();
    this.#listener.onConnected({ socket, readBuffer: this.#readBuffer }, verdict, this.#times());
  }

  #fail(fault: Fault): void {
    if (this.#done) return;
    if (this.#address !== '') this.#target.addresses.failed(this.#address, fault.raw ?? '');
    this.#leave();
    this.#end();
    this.#socket?.destroy();
    this.#listener.onConnectFailure(fault, this.#times());
  }

  #times(): ConnectTimes {
    const now = this.#target.clock.monotonic();
    const at = this.#connectedAt;
    if (at === undefined) return { connectMs: now - this.#startedAt, handshakeMs: undefined };
    return { connectMs: at - this.#startedAt, handshakeMs: now - at };
  }

  #end(): void {
    this.#done = true;
    this.#ticket = undefined;
    this.#takeBack();
    this.#race?.cancel();
    this.#cancelTimer();
    this.#cancelLookUp?.();
  }
}

/** Which certificate it was, where the sentence does not say. */
function describeLeaf(leaf: CertificateFacts, detail: string): string {
  const subject = quoteSubject(leaf);
  return ` (${detail.includes(subject) ? '' : `${subject}, `}serial ${leaf.serial})`;
}

function toTicket(session: Buffer, { verdict, root, validUntil }: BackendVerification): Ticket {
  return { session, verdict: root ?? verdict, validUntil };
}
