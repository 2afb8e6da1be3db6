// The TLS entry point: a raw TCP listener, because Node's own TLS server lets sessions cross from one server name to another
// (N1-N7). It accepts and counts; each connection makes its own way to a verdict (accept.ts).
import { createServer, type Server, type Socket } from 'node:net';
import { FactsCache } from '../certs/facts-cache.ts';
import { keepAliveAfterMs } from '../http/limits.ts';
import { Accept } from './accept.ts';
import { ChainCache } from '../trust/chain-cache.ts';
import { ChallengeAnswers } from '../acme/challenge-answers.ts';
import { ChallengeTerminators } from './challenge-terminators.ts';
import { Admission, type AdmissionOwner, type RefusedAdmission } from './admission.ts';
import { ClientCounts } from './client-counts.ts';
import type { AcceptDependencies, DownstreamDependencies } from './dependencies.ts';
import { HandshakeLimits } from './handshake-limits.ts';
import { makeHandshakeRecord } from './handshake-record.ts';
import { FutileHandshakes } from './futile-handshakes.ts';
import { HandshakeTurns } from './handshake-turns.ts';
import { Intermediates } from '../trust/intermediates.ts';
import { OcspChecker } from '../ocsp/checker.ts';
import type { Address } from './peer.ts';
import { PendingHandshakes, type PendingLimits } from './pending-handshakes.ts';
import { SelfTestMarks } from './self-test-marks.ts';

export type DownstreamLimits = {
  /** Connections of one worker on this entry point, those in the handshake included. */
  readonly maxConnections: number;
};

const defaultDownstreamLimits: DownstreamLimits = { maxConnections: 20_000 };

/** Until the first connection brings those that are active. */
const noPendingLimits: PendingLimits = { max: 0, maxPerNetwork: 0 };

/** What is left out, a listener that stands alone has of its own, or nobody hears of it. */
export type TlsListenerOptions = Partial<DownstreamDependencies> &
  Pick<DownstreamDependencies, 'clock' | 'deadlines' | 'current' | 'onConnection' | 'onRefused'> & {
    readonly limits?: Partial<DownstreamLimits>;
  };

export type ListenAddress = { readonly host: string; readonly port: number; readonly reusePort?: boolean };

export class TlsListener implements AdmissionOwner {
  /** Connections so far, those that were turned away included. */
  accepted = 0;
  readonly #dependencies: AcceptDependencies;
  readonly #admission: Admission;
  readonly #pending = new PendingHandshakes(noPendingLimits, (address) =>
    this.#dependencies.turns.futile.isFutile(address),
  );
  readonly #server: Server;

  constructor(options: TlsListenerOptions) {
    const onDefect = options.onDefect ?? (() => {});
    const bounds = { ...defaultDownstreamLimits, ...options.limits };
    this.#dependencies = {
      clock: options.clock,
      deadlines: options.deadlines,
      pending: this.#pending,
      challenges: new ChallengeTerminators(options.challenges ?? new ChallengeAnswers()),
      facts: new FactsCache(),
      chains: new ChainCache(),
      intermediates: options.intermediates ?? new Intermediates(),
      ocsp: {
        checker: options.ocsp?.checker ?? new OcspChecker({ clock: options.clock }),
        onSoftFail: guard(options.ocsp?.onSoftFail ?? (() => {}), onDefect),
      },
      selfTests: options.selfTests ?? new SelfTestMarks(options.clock),
      current: options.current,
      clientConnections: options.clientConnections ?? new ClientCounts(),
      handshakes: options.handshakes ?? new HandshakeLimits(options.clock),
      turns: options.turns ?? HandshakeTurns.ofWorker(new FutileHandshakes(options.clock)),
      onConnection: options.onConnection,
      onRefused: guard(options.onRefused, onDefect),
      onVerified: guard(options.onVerified ?? (() => {}), onDefect),
      onOutcome: guard(options.onOutcome ?? (() => {}), onDefect),
      onChallenge: options.onChallenge ?? (() => {}),
      onDefect,
    };
    const { clock, deadlines, clientConnections: connections } = this.#dependencies;
    this.#admission = new Admission({ clock, deadlines, connections, rules: options.current }, this);
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs });
    this.#server.maxConnections = bounds.maxConnections;
    this.#server.on('connection', (raw) => this.#onRaw(raw));
    this.#server.on('drop', (dropped) => {
      const { remoteAddress = '', remotePort = 0, localPort = 0 } = dropped ?? {};
      const detail = 'too many connections at once';
      this.onRefused({ remoteAddress, remotePort, localPort }, { code: 'handshake_limit', detail });
    });
  }

  /** Connections that have no verdict yet. */
  get pending(): number {
    return this.#admission.pending + this.#pending.total;
  }

  /** Rejects with the system's error. Port 0 takes any free one. */
  async listen(address: ListenAddress): Promise<{ port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ reusePort: false, ...address }, () => {
        this.#server.off('error', reject);
        // Out of file descriptors and the like: the next connection may succeed.
        this.#server.on('error', this.#dependencies.onDefect);
        const bound = this.#server.address();
        resolve({ port: typeof bound === 'object' && bound !== null ? bound.port : address.port });
      });
    });
  }

  /**
   * Stops accepting, at once. Handshakes that run may finish (they have a deadline); open connections are the caller's.
   * `onGone` is called when the last of both is gone.
   */
  close(onGone?: () => void): void {
    this.#server.close(() => onGone?.());
  }

  #onRaw(raw: Socket): void {
    this.accepted++;
    raw.on('error', () => raw.destroy());
    try {
      this.#admission.take(raw);
    } catch (error) {
      this.#fail(raw, error);
    }
  }

  onAdmitted(raw: Socket, address: Address, acceptedAt: number): void {
    try {
      const { current, handshakes } = this.#dependencies;
      const { handshakesPerSecond, handshakesPerClient, pendingHandshakes } = current();
      handshakes.setRates({ perSecond: handshakesPerSecond, perClient: handshakesPerClient });
      this.#pending.setLimits(pendingHandshakes);
      const accept = new Accept(raw, this.#dependencies, address, acceptedAt);
      if (this.#pending.enter(accept)) {
        accept.begin();
        return;
      }
      raw.destroy();
      this.onRefused(address, { code: 'handshake_limit', detail: 'too many handshakes at once' });
    } catch (error) {
      this.#fail(raw, error);
    }
  }

  /** One connection too many costs nothing more than being counted. */
  onRefused(address: Address, { code, detail }: RefusedAdmission): void {
    const time = this.#dependencies.clock.now();
    const nothing = { serverName: undefined, offered: [], negotiated: '', policy: '', raw: '', leaf: undefined };
    this.#dependencies.onRefused(makeHandshakeRecord({ ...address, ...nothing, time, code, detail }));
    const nothingKnown = {
      policy: '',
      verdict: undefined,
      stapled: undefined,
      durationMs: 0,
      waited: false,
      isSelfTest: false,
    };
    this.#dependencies.onOutcome({ ...nothingKnown, code });
  }

  #fail(raw: Socket, error: unknown): void {
    raw.destroy();
    this.#dependencies.onDefect(error);
  }
}

/** A report that throws must not take a socket callback, and with it the process, along (incident 12). */
function guard<T>(report: (value: T) => void, onDefect: (error: unknown) => void): (value: T) => void {
  return (value) => {
    try {
      report(value);
    } catch (error) {
      onDefect(error);
    }
  };
}
