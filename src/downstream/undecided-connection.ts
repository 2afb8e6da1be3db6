// A client over TLS that says nothing of protocols (ALPN): whether it speaks HTTP/2 by prior knowledge (RFC 9113 section 3.3) shows in
// its first bytes. Until then its connection is nobody's; then whichever protocol it is has it, from those bytes on.
import type { Socket } from 'node:net';
import type { Deadlines } from '../base/deadline.ts';
import type { Fault } from '../base/fault.ts';
import type { ClientConnection, ClientConnectionOwner } from '../http/client-connection.ts';
import { ConnectionTimers } from '../http/connection-timers.ts';
import type { ServerTimeouts } from '../http/limits.ts';
import { connectionPreface } from '../http2/frame.ts';

const preface = Buffer.from(connectionPreface, 'latin1');

/** Opens a connection of a protocol on the socket. */
type Open = (isHttp2: boolean, owner: ClientConnectionOwner) => ClientConnection;

export class UndecidedConnection implements ClientConnection {
  readonly #socket: Socket;
  readonly #open: Open;
  readonly #owner: ClientConnectionOwner;
  readonly #timers: ConnectionTimers;
  #received: Buffer = Buffer.alloc(0);
  #decided: ClientConnection | undefined;
  #endsAfterFirst = false;

  constructor(
    socket: Socket,
    { deadlines, timeouts }: { readonly deadlines: Deadlines; readonly timeouts: ServerTimeouts },
    open: Open,
    owner: ClientConnectionOwner,
  ) {
    this.#socket = socket;
    this.#open = open;
    this.#owner = owner;
    // A client that keeps us waiting for its first bytes speaks HTTP/1.1 no faster: that ends it.
    this.#timers = new ConnectionTimers(deadlines, timeouts, () => this.#decide(false).drain());
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.resume();
  }

  get activeRequests(): number {
    return this.#decided?.activeRequests ?? 0;
  }

  drain(): void {
    (this.#decided ?? this.#decide(false)).drain();
  }

  dismiss(): void {
    (this.#decided ?? this.#decide(false)).dismiss();
  }

  drainAfterFirst(): void {
    this.#endsAfterFirst = true;
    this.#decided?.drainAfterFirst();
  }

  destroy(fault?: Fault): void {
    if (this.#decided === undefined) this.#socket.destroy();
    else this.#decided.destroy(fault);
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    const first = this.#received.subarray(0, preface.length);
    if (!preface.subarray(0, first.length).equals(first)) this.#decide(false);
    else if (first.length === preface.length) this.#decide(true);
  };

  /** It has said nothing, or half of what nobody else says. */
  readonly #onEnd = (): void => {
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#timers.stop();
    this.#owner.onClosed(this);
  };

  #decide(isHttp2: boolean): ClientConnection {
    const socket = this.#socket;
    this.#timers.stop();
    socket.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onEnd).off('close', this.#onClose);
    socket.pause();
    if (this.#received.length > 0) socket.unshift(this.#received);
    this.#received = Buffer.alloc(0);
    this.#decided = this.#open(isHttp2, { onClosed: () => this.#owner.onClosed(this) });
    if (this.#endsAfterFirst) this.#decided.drainAfterFirst();
    return this.#decided;
  }
}
