// A protocol for the contract suite alone: many calls over one connection, a line each. Request `1 GET /path`, answer
// `1 200 body`, in any order; `0 5` from the server changes the capacity. As simple as can be, yet over real sockets.
import type { Socket } from 'node:net';
import { Fault } from '../../src/base/fault.ts';
import type { BackendConnection, CallAccount, ConnectionOwner } from '../../src/http/backend-connection.ts';
import type { BackendCall, OutgoingRequest, ResponseSink } from '../../src/http/exchange.ts';
import { Fields } from '../../src/http/field.ts';
import type { OpenSocket } from '../../src/http/read-buffer.ts';
import type { BackendProtocol } from '../../src/upstream/protocols.ts';

/** `capacity`: at the start of each connection. */
export function manyCallProtocol(capacity: number): BackendProtocol {
  return { alpn: 'many', open: (open, _options, owner) => new ManyCallConnection(open, capacity, owner) };
}

class ManyCallConnection implements BackendConnection {
  capacity: number;
  hasAnswered = false;
  readonly takesUpgrades = false;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #calls = new Map<number, ManyCall>();
  #last = 0;
  #text = '';
  #closed = false;

  constructor({ socket, readBuffer }: OpenSocket, capacity: number, owner: ConnectionOwner) {
    this.#socket = socket;
    this.capacity = capacity;
    this.#owner = owner;
    readBuffer.receiver = (chunk) => this.#read(chunk.toString('latin1'));
    socket.on('error', () => this.#lose());
    socket.on('end', () => this.#lose());
    socket.on('close', () => this.#lose());
    socket.resume();
  }

  get activeCalls(): number {
    return this.#calls.size;
  }

  openCall(account?: CallAccount): BackendCall {
    this.#last += 1;
    const call = new ManyCall(this, this.#last, account);
    this.#calls.set(this.#last, call);
    return call;
  }

  destroy(fault?: Fault): void {
    this.#close(fault, fault ?? new Fault('backend_closed', 'backend'));
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** False where the call is over already. */
  end(id: number): boolean {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.account?.onCallOver();
    return call !== undefined;
  }

  free(): void {
    if (!this.#closed) this.#owner.onFree(this);
  }

  #read(text: string): void {
    const lines = (this.#text + text).split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      const [id = '', status = '', body = ''] = line.split(' ');
      if (id === '0') {
        this.capacity = Number(status);
        this.free();
      } else {
        this.hasAnswered = true;
        this.#calls.get(Number(id))?.answer(Number(status), body);
      }
    }
  }

  #lose(): void {
    this.#close(undefined, new Fault('backend_closed', 'backend', { raw: 'EOF' }));
  }

  #close(fault: Fault | undefined, forCalls: Fault): void {
    if (this.#closed) return;
    this.#closed = true;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#socket.destroy();
    for (const { account } of calls) account?.onCallOver();
    this.#owner.onClosed(this, fault);
    for (const call of calls) call.sink?.onBackendFailure(forCalls);
  }
}

class ManyCall implements BackendCall {
  readonly reused: boolean;
  readonly mayBeRefused = false;
  readonly account: CallAccount | undefined;
  sink: ResponseSink | undefined;
  readonly #connection: ManyCallConnection;
  readonly #id: number;

  constructor(connection: ManyCallConnection, id: number, account: CallAccount | undefined) {
    this.account = account;
    this.#connection = connection;
    this.#id = id;
    this.reused = id > 1;
  }

  sendRequest({ method, target }: OutgoingRequest, sink: ResponseSink): void {
    this.sink = sink;
    this.#connection.write(`${this.#id} ${method} ${target}\n`);
  }

  answer(status: number, body: string): void {
    const bytes = Buffer.from(body);
    const { length } = bytes;
    this.sink?.onHead({ status, reason: '', fields: new Fields(), bodyLength: length, announcedLength: length });
    this.sink?.onResponseBody(bytes);
    if (!this.#connection.end(this.#id)) return;
    this.sink?.onResponseEnd(undefined);
    this.#connection.free();
  }

  cancel(): void {
    this.sink = undefined;
    if (this.#connection.end(this.#id)) this.#connection.free();
  }

  sendRequestBody(): boolean {
    return true;
  }
  sendRequestEnd(): void {}
  flushRequest(): void {}
  pauseResponse(): void {}
  resumeResponse(): void {}
  verifyLiveness(): void {}
}
