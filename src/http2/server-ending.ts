// How a client's HTTP/2 connection ends (RFC 9113 section 6.8): announced first, so that what is on its way is served; then no further
// stream is taken on; then our last frames go out, and the client has a while to read them. Or at once, where the socket is gone.
import type { Socket } from 'node:net';
import { Fault } from '../base/fault.ts';
import type { ConnectionTimers } from '../http/connection-timers.ts';
import { ErrorCode, greatestStreamId } from './frame.ts';
import type { Http2Session } from './session.ts';

/** Bytes thrown away after our last one, so that a reset does not take our answers from the client. */
const maxLingerBytes = 262_144;
const drainOpaque = Buffer.from('draining');

/** `open`: streams are taken on. `leaving`: only what was begun is finished. `ending`: our last frames are out. */
export type Phase = 'open' | 'leaving' | 'ending' | 'closed';

/** What of the connection is about its requests. */
export interface EndingConnection {
  /** Nothing is served, and no answer waits for its client. */
  readonly isAtRest: boolean;
  /** The last stream that was taken on. */
  readonly lastStreamId: number;
  /** Whoever speaks another protocol is told that the connection is to end. */
  tellTunnels(): void;
  /** Every request in progress fails. */
  loseAll(fault: Fault): void;
}

export class ServerEnding {
  phase: Phase = 'open';
  /** We have been told to end it. */
  isToEnd = false;
  /** A client that has asked nothing yet may do so once. */
  isAfterFirst = false;
  readonly #socket: Socket;
  readonly #session: Http2Session;
  readonly #timers: ConnectionTimers;
  readonly #connection: EndingConnection;
  /** GOAWAY was announced; the last stream is not fixed before the client has answered our PING. */
  #isAnnounced = false;
  #mayLinger = maxLingerBytes;

  constructor(socket: Socket, session: Http2Session, timers: ConnectionTimers, connection: EndingConnection) {
    this.#socket = socket;
    this.#session = session;
    this.#timers = timers;
    this.#connection = connection;
  }

  drain(): void {
    this.#tellTunnels();
    if (this.phase !== 'open' || this.#isAnnounced) return;
    // A request may be on its way: the last stream is fixed when the client has heard of the end.
    this.#isAnnounced = true;
    if (this.#connection.isAtRest && this.#session.isBetweenFrames) return this.leave();
    this.#session.goAway(greatestStreamId, ErrorCode.noError);
    this.#session.ping(drainOpaque);
  }

  dismiss(): void {
    this.#tellTunnels();
    this.leave();
  }

  drainAfterFirst(): void {
    if (this.#connection.lastStreamId > 0) return this.drain();
    this.isAfterFirst = true;
    this.#timers.awaitHead();
  }

  destroy(fault?: Fault): void {
    this.#socket.destroy();
    this.gone(fault ?? 'destroyed');
  }

  #tellTunnels(): void {
    this.isToEnd = true;
    this.#connection.tellTunnels();
  }

  /** No further stream is taken on; it ends with the last that was. */
  leave(): void {
    if (this.phase !== 'open') return;
    this.phase = 'leaving';
    this.#session.goAway(this.#connection.lastStreamId, ErrorCode.noError);
    if (this.#connection.isAtRest) this.end();
  }

  /** The client has heard that no further streams are wanted. */
  onPingAck(): void {
    if (this.#isAnnounced) this.leave();
  }

  /** Our last frames go out. Reads on for a while, so that the client can read them, then closes. */
  end(): void {
    if (this.phase === 'ending' || this.phase === 'closed') return;
    this.phase = 'ending';
    this.#session.output.flush();
    this.#session.close();
    this.#timers.awaitEnd();
    this.#socket.end(() => this.#timers.awaitClose());
    this.#socket.resume();
  }

  /** What the client still sends then is thrown away, up to a limit. */
  discard(bytes: Buffer): void {
    this.#mayLinger -= bytes.length;
    if (this.#mayLinger < 0) this.destroy();
  }

  /** The time that was set last is over. */
  onLate(): void {
    if (this.phase === 'ending') this.destroy();
    else if (this.#timers.isWriteLate) this.#breakOff({ detail: 'the answers were not taken' });
    else if (this.#connection.isAtRest) this.leave();
  }

  /** The client ends its side: over TLS that is what a killed client leaves behind. */
  onEnd(): void {
    if (this.#connection.isAtRest) this.leave();
    else this.#breakOff({ raw: 'EOF' });
  }

  #breakOff(how: { readonly detail?: string; readonly raw?: string }): void {
    this.#socket.destroy();
    this.gone(new Fault('client_aborted', 'client', how));
  }

  /** The socket is of no more use: `why` as a fault, or as what Node calls it. */
  gone(why: Fault | string): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.#timers.stop();
    this.#session.close();
    this.#connection.loseAll(typeof why === 'string' ? new Fault('client_aborted', 'client', { raw: why }) : why);
  }
}
