// One TLS handshake and one question, as a client that looks at everything and decides nothing: what was agreed, what the
// bytes said, how OpenSSL verified, how it ended. What it means is the business of diagnose-handshake.ts.
import type { Socket } from 'node:net';
import tls, { type SecureContext, type TLSSocket } from 'node:tls';
import { sentChain, verifyErrorOf } from '../certs/sent-chain.ts';
import { findAnswerEnd } from './answer.ts';
import { deadlineRaw, type Failure, failureOf, type TimeLeft } from './connect.ts';
import { Tap } from './tap.ts';
import { readTranscript, type Transcript } from './transcript.ts';

export type ProbeSettings = {
  readonly context: SecureContext;
  /** SNI; undefined: none. */
  readonly serverName: string | undefined;
  readonly alpn: readonly string[];
  /** How long TCP took, milliseconds. */
  readonly roundTripMs: number;
  /** Decides after the handshake whether the server is asked anything; undefined is said where not. */
  readonly question: (evidence: TlsEvidence) => Buffer | undefined;
};

/** What is known once both sides have finished, or when it failed. */
export type TlsEvidence = {
  /** TLS was agreed from our point of view; with TLS 1.3 the server verifies us only then (N24). */
  readonly established: boolean;
  /** 'TLSv1.3'; '' where it did not come that far. */
  readonly version: string;
  readonly cipher: string;
  /** '' where none was agreed. */
  readonly alpn: string;
  /** OpenSSL's result on their chain; '' is good; undefined where it came not to it. */
  readonly verifyError: string | undefined;
  readonly transcript: Transcript;
  /** Of the server, DER, leaf first; undefined where it came not to them. */
  readonly certificates: readonly Buffer[] | undefined;
  /** The first bytes that the server sent, TLS or not. */
  readonly firstBytes: Buffer;
};

export type ProbeEvidence = TlsEvidence & {
  /** Why it ended before the answer did; undefined where the server closed in order, or we had enough. */
  readonly failure: Failure | undefined;
  readonly asked: boolean;
  /** What the server said within TLS, bounded. */
  readonly answer: Buffer;
  /** True where the server ended the connection. */
  readonly closed: boolean;
};

const maxAnswerBytes = 16 * 1024;
/** Certificates looked at in what a server sends. */
const maxChain = 16;

/**
 * With TLS 1.3, and with servers that decide outside of OpenSSL, a refusal of our certificate follows the handshake. It is
 * given this long and some round trips: a question asked before could drown an alert in a reset, and a close after a question
 * proves less. Where nothing was asked of us a session ticket says that all is well.
 */
const refusalWaitMs = 300;
const refusalWaitRoundTrips = 3;

/** Takes the socket over. Never rejects. */
export function probeTls(raw: Socket, settings: ProbeSettings, time: TimeLeft): Promise<ProbeEvidence> {
  return new Promise((resolve) => new Probe(raw, settings, time, resolve).start());
}

class Probe {
  readonly #tap: Tap;
  readonly #settings: ProbeSettings;
  readonly #time: TimeLeft;
  readonly #resolve: (evidence: ProbeEvidence) => void;
  readonly #secrets = new Map<string, Buffer>();
  readonly #answer: Buffer[] = [];
  #answerBytes = 0;
  #agreed = { version: '', cipher: '', alpn: '' };
  #verifyError: string | undefined;
  #peerChain: readonly Buffer[] | undefined;
  #established = false;
  #isAskedForOurs = false;
  #asked = false;
  #done = false;
  #cancelDeadline = (): void => undefined;
  #cancelWait = (): void => undefined;

  constructor(raw: Socket, settings: ProbeSettings, time: TimeLeft, resolve: (evidence: ProbeEvidence) => void) {
    this.#tap = new Tap(raw);
    this.#settings = settings;
    this.#time = time;
    this.#resolve = resolve;
  }

  start(): void {
    const { context, serverName, alpn } = this.#settings;
    const { clock } = this.#time;
    this.#cancelDeadline = clock.after(this.#time.left(), () =>
      this.#finish({ raw: deadlineRaw, message: 'the server did not go on in time' }, false),
    );
    let socket: TLSSocket;
    try {
      socket = tls.connect({
        socket: this.#tap,
        secureContext: context,
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
        ...(serverName === undefined ? {} : { servername: serverName }),
        ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
      });
    } catch (error) {
      return this.#finish(failureOf(error as Error), false);
    }
    socket.on('keylog', (line: Buffer) => this.#onKeylog(socket, line));
    socket.once('secureConnect', () => this.#onSecure(socket));
    socket.once('session', () => {
      if (!this.#isAskedForOurs) this.#ask(socket);
    });
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.once('end', () => this.#finish(undefined, true));
    socket.on('error', (error) => this.#finish(failureOf(error), true));
    socket.once('close', () => this.#finish(undefined, true));
  }

  #onKeylog(socket: TLSSocket, line: Buffer): void {
    const [label = '', , secret = ''] = line.toString('latin1').trim().split(' ');
    if (label.endsWith('_HANDSHAKE_TRAFFIC_SECRET')) this.#secrets.set(label, Buffer.from(secret, 'hex'));
    // A handshake that fails later does not tell any more what had been agreed.
    this.#noteAgreed(socket);
  }

  #noteAgreed(socket: TLSSocket): void {
    const cipher = socket.getCipher() as { name?: string } | undefined;
    this.#agreed = {
      version: socket.getProtocol() ?? '',
      cipher: cipher?.name ?? '',
      alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
    };
  }

  #onSecure(socket: TLSSocket): void {
    if (this.#done) return;
    this.#established = true;
    this.#noteAgreed(socket);
    this.#verifyError = verifyErrorOf(socket);
    const sent = sentChain(socket.getPeerX509Certificate(), maxChain);
    this.#peerChain = sent.length === 0 ? undefined : sent.map(({ raw }) => raw);
    this.#isAskedForOurs = this.#evidence().transcript.request !== undefined;
    if (this.#agreed.version !== 'TLSv1.3' && !this.#isAskedForOurs) return this.#ask(socket);
    const waitMs = refusalWaitMs + refusalWaitRoundTrips * this.#settings.roundTripMs;
    this.#cancelWait = this.#time.clock.after(Math.min(waitMs, this.#time.left() / 2), () => this.#ask(socket));
  }

  #ask(socket: TLSSocket): void {
    // TLS 1.2 hands out its session within the handshake.
    if (this.#done || this.#asked || !this.#established) return;
    this.#cancelWait();
    this.#asked = true;
    const question = this.#settings.question(this.#evidence());
    if (question === undefined) {
      this.#asked = false;
      return this.#finish(undefined, false);
    }
    socket.write(question);
  }

  #onData(chunk: Buffer): void {
    if (this.#done) return;
    this.#answer.push(chunk);
    this.#answerBytes += chunk.length;
    if (this.#answerBytes >= maxAnswerBytes || findAnswerEnd(Buffer.concat(this.#answer)))
      this.#finish(undefined, false);
  }

  #evidence(): TlsEvidence {
    const transcript = readTranscript(this.#tap.received, this.#tap.sent, this.#secrets);
    return {
      established: this.#established,
      ...this.#agreed,
      verifyError: this.#verifyError,
      transcript,
      // Under a cipher that the transcript cannot open, Node's own list is the next best: issuers in order, nothing else.
      certificates: transcript.certificates ?? this.#peerChain,
      firstBytes: this.#tap.received.subarray(0, maxAnswerBytes),
    };
  }

  #finish(failure: Failure | undefined, closed: boolean): void {
    if (this.#done) return;
    this.#done = true;
    this.#cancelDeadline();
    this.#cancelWait();
    const evidence = this.#evidence();
    this.#tap.on('error', () => undefined);
    this.#tap.destroy();
    const answer = Buffer.concat(this.#answer).subarray(0, maxAnswerBytes);
    this.#resolve({ ...evidence, failure, asked: this.#asked, answer, closed });
  }
}
