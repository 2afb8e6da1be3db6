// One accepted connection on its way to a verdict: ClientHello, policy, TLS, verification, then either the flow or a refusal with
// its reason. Every step is under one deadline; no throw leaves a socket callback (incident 12).
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Late } from '../base/deadline.ts';
import { noSlot } from '../base/slot-set.ts';
import { canonicalHostName } from '../base/host.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { verifyHandshakeError } from '../trust/handshake-error.ts';
import type { Verdict } from '../trust/verdict.ts';
import { type ClientHello, ClientHelloReader } from './client-hello.ts';
import type { OcspSettings } from '../trust/revocation.ts';
import type { TrustPolicy } from './trust-policy.ts';
import type { AcceptDependencies } from './dependencies.ts';
import { type HandshakeRecord, makeHandshakeRecord } from './handshake-record.ts';
import { kindOfHello } from './hello-kind.ts';
import { type ClientProof, verifyClient } from '../trust/verify-client.ts';
import { verifyErrorOf } from '../certs/sent-chain.ts';
import { readProof } from './client-proof.ts';
import { alert, plainHttpAnswer } from './early-refusal.ts';
import { verifyByOcsp } from '../ocsp/verification.ts';
import { startsProxyHeader } from '../proxy-protocol/reader.ts';
import { type Address, peerOfVerdict } from './peer.ts';
import type { PendingHandshake } from './pending-handshakes.ts';
import type { TurnTaker } from './handshake-turns.ts';
import { putBack } from './put-back.ts';
import type { HandshakeSink, ShownProof, TlsError, TlsTerminator } from './tls-terminator.ts';

/** After an alert or the plain-text answer, for the client to read it before the connection is torn down. */
const lingerMs = 1000;

const maxPieces = 32;
/** Bytes that come at once behind a ClientHello. */
const maxMore = 1024;
/** Of what a client offers, in one sentence. */
const maxShown = 8;

type Refusal = {
  readonly code: HandshakeRecord['code'];
  readonly raw?: string;
  readonly detail: string;
  readonly remedy?: string | undefined;
  /** Where the handshake broke after the client had sent one, and before there was a verdict on it. */
  readonly leaf?: CertificateFacts | undefined;
};

export class Accept implements Late, HandshakeSink, PendingHandshake, TurnTaker {
  deadline: number;
  slot = noSlot;
  readonly #raw: Socket;
  readonly #dependencies: AcceptDependencies;
  readonly #address: Address;
  readonly #startedAt: number;
  #reader: ClientHelloReader | undefined = new ClientHelloReader();
  #received: Buffer[] = [];
  #hello: ClientHello | undefined;
  #serverName: string | undefined;
  #policy: TrustPolicy | undefined;
  /** Set where a CA looks for the certificate of an open order: then there is no policy, and never a request. */
  #challenge: TlsTerminator | undefined;
  /** Set while an OCSP responder is asked. */
  #stopAsking: (() => void) | undefined;
  #stapled: boolean | undefined;
  /** Set while it waits for its turn; finds, or makes, what it starts with. */
  #next: (() => TlsTerminator) | undefined;
  #waited = false;
  /** TLS has begun, which is what costs. */
  #isStarted = false;
  /** From the handshake to the verdict. */
  #letResume: (() => void) | undefined;
  /** It is the gateway itself. */
  #isSelfTest = false;
  #settled = false;

  /** `acceptedAt`: Clock.monotonic(), when the time for the handshake began. */
  constructor(raw: Socket, dependencies: AcceptDependencies, address: Address, acceptedAt: number) {
    this.#raw = raw;
    this.#dependencies = dependencies;
    this.#address = address;
    this.#startedAt = acceptedAt;
    this.deadline = acceptedAt + dependencies.current().handshakeTimeoutMs;
  }

  /** Takes the socket over, of which nothing is consumed. */
  begin(): void {
    this.#raw.on('error', this.#onError);
    this.#raw.on('close', this.#onClose);
    this.#raw.on('data', this.#onData);
    this.#raw.resume();
    this.#dependencies.deadlines.add(this);
  }

  get remoteAddress(): string {
    return this.#address.remoteAddress;
  }

  giveWay(): void {
    this.#refuse({ code: 'handshake_limit', detail: `its place was needed, ${this.#progress()}` });
    this.#raw.destroy();
  }

  onLate(): void {
    if (!this.#settled) {
      this.#refuse({ code: 'timeout', detail: `the handshake was not finished in time, ${this.#progress()}` });
    }
    this.#raw.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      // A client that drips its bytes must not fill memory with the bookkeeping of small buffers.
      if (this.#received.push(chunk) > maxPieces) this.#received = [Buffer.concat(this.#received)];
      const result = this.#reader?.read(chunk);
      if (result === undefined || result.kind === 'more') return;
      this.#raw.off('data', this.#onData);
      this.#reader = undefined;
      if (result.kind === 'hello') this.#onHello(result);
      else if (result.kind === 'malformed') {
        this.#refuse({ code: 'not_tls', raw: 'CLIENT_HELLO', detail: result.detail }, alert.decodeError);
      } else this.#onForeign(result.looksLikeHttp);
    } catch (error) {
      this.#fail(error);
    }
  };

  #onForeign(looksLikeHttp: boolean): void {
    if (startsProxyHeader(Buffer.concat(this.#received))) {
      const sent = this.#address.balancer === undefined ? 'a PROXY header, and it is none of' : 'two PROXY headers, of';
      this.#refuse({ code: 'untrusted_proxy', detail: `it sent ${sent} proxyProtocol.from of this entry point` });
      return;
    }
    const detail = looksLikeHttp ? 'plain HTTP on a TLS port' : 'the first bytes are not TLS';
    this.#refuse({ code: 'not_tls', detail }, looksLikeHttp ? plainHttpAnswer : undefined);
  }

  #onHello(hello: ClientHello): void {
    const { current, handshakes, challenges, selfTests } = this.#dependencies;
    const { policies, isExempt } = current();
    this.#hello = hello;
    this.#isSelfTest = selfTests.take(hello.alpn, this.#address.localPort);
    this.#serverName = hello.serverName === undefined ? undefined : canonicalHostName(hello.serverName);
    // A CA that validates a name of ours has no certificate, whatever the policy of that name asks for.
    this.#challenge = challenges.find(hello, this.#serverName);
    this.#policy = this.#challenge === undefined ? policies.find(this.#serverName) : undefined;
    const [challenge, policy, serverName] = [this.#challenge, this.#policy, this.#serverName];
    const next =
      challenge !== undefined ? () => challenge : policy && (() => policy.findTerminator(serverName, hello.ticketName));
    if (next === undefined) {
      const detail = hello.serverName === undefined ? 'no server name was sent' : 'no policy has this server name';
      this.#refuse(
        { code: 'unknown_sni', detail: `${detail}, and there is no default policy` },
        alert.unrecognizedName,
      );
      return;
    }
    const { remoteAddress } = this.#address;
    // What the gateway tries itself takes nobody's place.
    const reached = this.#isSelfTest
      ? undefined
      : handshakes.takeHandshake(isExempt(remoteAddress) ? undefined : remoteAddress);
    if (reached !== undefined) {
      this.#refuse(reached, alert.internalError);
      return;
    }
    this.#next = next;
    if (this.#isSelfTest) this.takeTurn();
    else this.#dependencies.turns.take(this);
    this.#waited = this.#next !== undefined;
    // Read on, it tells when its client has gone: then there is nothing to start.
    if (this.#waited) this.#raw.on('data', this.#onMore);
  }

  readonly #onMore = (chunk: Buffer): void => {
    // Nobody has much to say before the server's hello.
    if (this.#received.push(chunk) > maxPieces || chunk.length > maxMore) this.#raw.pause();
  };

  takeTurn(): void {
    const next = this.#next;
    this.#next = undefined;
    if (this.#settled || next === undefined) return;
    try {
      const terminator = next();
      // One that cannot be made is our fault, and nobody's whose handshakes come to nothing.
      this.#isStarted = true;
      this.#start(terminator);
    } catch (error) {
      this.#fail(error);
    }
  }

  #start(terminator: TlsTerminator): void {
    this.#raw.off('data', this.#onMore);
    // Paused, with its bytes put back, the socket reads for OpenSSL as if nobody had looked (N28).
    this.#raw.pause();
    const [first] = this.#received;
    putBack(this.#raw, first !== undefined && this.#received.length === 1 ? first : Buffer.concat(this.#received));
    this.#received = [];
    terminator.start(this.#raw, this, this.#dependencies.clock.now());
  }

  helloKind(): string {
    return this.#hello === undefined ? '' : kindOfHello(this.#hello.body);
  }

  onStaple(sent: boolean): void {
    this.#stapled = sent;
  }

  onUnauthorized(socket: TLSSocket, shown: ShownProof): void {
    const policy = this.#policy;
    if (this.#settled || policy === undefined) return;
    try {
      this.#refuseProof(socket, policy, { ...shown, authorized: false, raw: verifyErrorOf(socket) });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The connection is closed already, or about to be. */
  #refuseProof(socket: TLSSocket, policy: TrustPolicy, proof: ClientProof): void {
    const { clock, facts, chains, intermediates } = this.#dependencies;
    const verdict = verifyClient(proof, { policy, facts, chains, intermediates, now: clock.now() });
    if (verdict.code === 'ok') this.#fail(new Error('a client that Node refused would be let in'));
    else this.#conclude(socket, policy, verdict);
  }

  onTlsError(error: TlsError, socket: TLSSocket | undefined): void {
    const raw = error.code ?? '';
    if (raw === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE' && socket !== undefined && this.#policy !== undefined) {
      // OpenSSL has said so to the client, with an alert.
      const nothing = { leaf: undefined, resumed: false, version: '', cipher: '' };
      this.#refuseProof(socket, this.#policy, { ...nothing, authorized: false, raw });
      return;
    }
    const leaf = this.#readLeaf(socket);
    const situation = { leg: 1, sawPeerCertificate: leaf !== undefined, library: error.library } as const;
    const found = verifyHandshakeError(raw, situation);
    const { code, detail, remedy } = found ?? { code: 'refused_by_peer', detail: error.message };
    const about = code === 'protocol_mismatch' ? this.#offers(raw, leaf) : '';
    this.#refuse({ code: code === 'ok' ? 'internal' : code, raw, detail: detail + about, remedy, leaf });
  }

  /** What the client sent before it went wrong: it names who that is, and proves nothing. */
  #readLeaf(socket: TLSSocket | undefined): CertificateFacts | undefined {
    try {
      const certificate = this.#policy?.clientAuth === undefined ? undefined : socket?.getPeerX509Certificate();
      return certificate && this.#dependencies.facts.read(certificate.raw);
    } catch {
      // What cannot be read names nobody.
      return undefined;
    }
  }

  /** Both sides of what did not meet. */
  #offers(raw: string, leaf: CertificateFacts | undefined): string {
    const [policy, hello] = [this.#policy, this.#hello];
    if (policy === undefined || hello === undefined) return '';
    if (leaf !== undefined) return `: its key is ${leaf.key}`;
    if (raw === 'ERR_SSL_NO_APPLICATION_PROTOCOL')
      return `: the client offers ${hello.alpn.slice(0, maxShown).join(', ')}, we speak ${policy.protocols.join(', ')}`;
    return `; the client offers ${hello.versions.slice(0, maxShown).join(', ')}, the policy ${policy.minVersion} to ${policy.maxVersion}`;
  }

  offeredSession(): string {
    return this.#hello?.session ?? '';
  }

  onSecure(socket: TLSSocket, { shown, letResume }: Parameters<HandshakeSink['onSecure']>[1]): void {
    // Node keeps an error listener of its own here, but that is Node's affair: without one an error kills the process.
    socket.on('error', () => socket.destroy());
    if (this.#challenge !== undefined && !this.#settled) {
      this.#endChallenge(socket);
      return;
    }
    if (this.#settled || this.#policy === undefined) {
      socket.destroy();
      return;
    }
    this.#letResume = letResume;
    try {
      this.#verify(socket, this.#policy, shown);
    } catch (error) {
      socket.destroy();
      this.#fail(error);
    }
  }

  /** It has seen the certificate, which is all there is to it. */
  #endChallenge(socket: TLSSocket): void {
    this.#settle(undefined, undefined);
    this.#dependencies.onChallenge();
    this.#linger(socket);
    socket.end();
  }

  #verify(socket: TLSSocket, policy: TrustPolicy, shown: ShownProof | undefined): void {
    const { clock, facts, chains, intermediates } = this.#dependencies;
    const proof = readProof(socket, policy.clientAuth !== undefined, shown);
    const verdict = verifyClient(proof, { policy, facts, chains, intermediates, now: clock.now() });
    const ocsp = verdict.leaf === undefined ? undefined : policy.ocsp;
    if (verdict.code === 'ok' && ocsp !== undefined) this.#verifyByOcsp(socket, policy, verdict, ocsp);
    else this.#conclude(socket, policy, verdict);
  }

  /** Waits for the responder where nothing is known: nothing is read meanwhile, and the deadline of the handshake holds. */
  #verifyByOcsp(socket: TLSSocket, policy: TrustPolicy, passed: Verdict, settings: OcspSettings): void {
    const ocsp = { ...this.#dependencies.ocsp, policy: policy.name, settings };
    const found = verifyByOcsp(passed, ocsp, (verdict) => {
      this.#stopAsking = undefined;
      try {
        if (socket.destroyed) this.#onClosed('CLOSED');
        else this.#conclude(socket, policy, verdict);
      } catch (error) {
        socket.destroy();
        this.#fail(error);
      }
    });
    if (typeof found === 'function') {
      this.#stopAsking = found;
      this.#dependencies.pending.hold(this);
    } else this.#conclude(socket, policy, found);
  }

  #conclude(socket: TLSSocket, policy: TrustPolicy, verdict: Verdict): void {
    const { name, trust } = policy;
    const serverName = this.#serverName;
    if (!this.#isSelfTest) this.#dependencies.onVerified({ policy: name, serverName, verdict, bundle: trust?.bundle });
    const known = peerOfVerdict(this.#address, serverName, policy, verdict);
    const peer = this.#isSelfTest ? { ...known, isSelfTest: true as const } : known;
    if (verdict.code === 'ok') {
      this.#settle('ok', verdict);
      this.#letResume?.();
      this.#letResume = undefined;
      // An open connection should not keep alive what only its handshake needed.
      this.#raw.off('error', this.#onError);
      this.#raw.off('close', this.#onClose);
    } else {
      const { code, raw, detail, remedy, leaf } = verdict;
      this.#refuse({ code, raw, detail, remedy, leaf }, undefined, verdict);
      // A bare close: Node offers no way to send an alert after the handshake. No byte of HTTP was read.
      if (policy.clientAuth?.onFailure !== 'explain') {
        socket.destroy();
        return;
      }
    }
    this.#dependencies.onConnection(socket, peer, this.#raw);
  }

  /** Ends the attempt, with last words where the client can still read them. Closes unless there is a verdict to explain. */
  #refuse(refusal: Refusal, lastWords?: Buffer, verdict?: Verdict): void {
    if (this.#settled) return;
    this.#settle(refusal.code, verdict);
    const { clock, current, turns, onRefused } = this.#dependencies;
    const { remoteAddress } = this.#address;
    if (this.#isStarted && !this.#isSelfTest && !current().isExempt(remoteAddress)) turns.futile.note(remoteAddress);
    onRefused(
      makeHandshakeRecord({
        ...this.#address,
        time: clock.now(),
        serverName: this.#hello?.serverName,
        offered: this.#hello?.versions ?? [],
        negotiated: verdict?.version ?? '',
        policy: this.#policy?.name ?? '',
        code: refusal.code,
        raw: refusal.raw ?? '',
        detail: refusal.detail,
        remedy: refusal.remedy,
        leaf: refusal.leaf,
        ...(this.#isSelfTest && { isSelfTest: true as const }),
      }),
    );
    if (verdict !== undefined) return;
    if (lastWords === undefined || this.#raw.destroyed) {
      this.#raw.destroy();
      return;
    }
    this.#linger(this.#raw);
    this.#raw.end(lastWords);
  }

  /** What the client still sends is thrown away: unread bytes would make the kernel reset, and lose our words. */
  #linger(socket: Socket): void {
    const { clock, deadlines } = this.#dependencies;
    this.deadline = clock.monotonic() + lingerMs;
    deadlines.add(this);
    socket.on('end', () => this.#raw.destroy());
    socket.resume();
  }

  readonly #onError = (error: Error & { code?: string }): void => this.#onClosed(error.code ?? error.message);

  readonly #onClose = (): void => this.#onClosed('CLOSED');

  #onClosed(raw: string): void {
    this.#dependencies.deadlines.delete(this);
    if (this.#settled) return;
    // Load balancers look whether the port is open and say nothing: not worth a word.
    if (this.#isSilent) this.#settle(undefined, undefined);
    else
      this.#refuse({ code: 'refused_by_peer', raw, detail: `the client closed the connection, ${this.#progress()}` });
  }

  #fail(error: unknown): void {
    this.#dependencies.onDefect(error);
    this.#refuse({ code: 'internal', raw: '', detail: String(error) });
    this.#raw.destroy();
  }

  get #isSilent(): boolean {
    return this.#reader?.received === 0;
  }

  #progress(): string {
    if (this.#next !== undefined) return 'while it waited for its turn';
    if (this.#stopAsking !== undefined) return 'while an OCSP responder was asked about it';
    if (this.#hello !== undefined) return 'after its ClientHello';
    return this.#isSilent ? 'before it sent anything' : 'within its ClientHello';
  }

  /** Ends the attempt once: gives its place back and reports how it ended; `code` undefined where there is nothing to tell. */
  #settle(code: HandshakeRecord['code'] | 'ok' | undefined, verdict: Verdict | undefined): void {
    this.#settled = true;
    this.#received = [];
    this.#stopAsking?.();
    this.#stopAsking = undefined;
    const { clock, deadlines, pending, turns, onOutcome } = this.#dependencies;
    deadlines.delete(this);
    pending.leave(this);
    if (this.#next !== undefined) turns.leave(this);
    this.#next = undefined;
    if (code === undefined) return;
    onOutcome({
      policy: this.#policy?.name ?? '',
      code,
      verdict,
      stapled: this.#stapled,
      durationMs: clock.monotonic() - this.#startedAt,
      waited: this.#waited,
      isSelfTest: this.#isSelfTest,
    });
  }
}
