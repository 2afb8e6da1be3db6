// The clients that are to be served whatever others do (fairness.ts): requests at a fixed rate over a few connections that are kept, or
// over a new connection each; a process for each kind, since the handshakes of one would delay the other. Latency counts from when
// the request was due, so that one that had to wait its turn is not left out.
import { connect, type ConnectionOptions, createSecureContext, type TLSSocket } from 'node:tls';
import { Worker } from 'node:worker_threads';

const KEPT = 8;
/** Between two requests. */
const EVERY_US = { kept: 2_000, fresh: 40_000 } as const;
/** An answer that takes longer is a failure. */
const TIMEOUT_MS = 5_000;
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

export type GoodJob = {
  readonly connections: keyof typeof EVERY_US;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
};

/** Milliseconds. */
export type Latencies = {
  readonly served: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
};

class Tally {
  #latencies: number[] = [];
  #failed = 0;

  served(due: bigint): void {
    this.#latencies.push(Number(process.hrtime.bigint() - due) / 1e6);
  }

  fail(): void {
    this.#failed += 1;
  }

  take(): Latencies {
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
    const result = { served: sorted.length, failed: this.#failed, p50: at(0.5), p99: at(0.99) };
    this.#latencies = [];
    this.#failed = 0;
    return result;
  }
}

const tally = new Tally();

class GoodClient {
  readonly #to: ConnectionOptions;
  readonly #free: TLSSocket[] = [];
  readonly #due: bigint[] = [];
  readonly #ticker: Worker;
  readonly #open = new Set<TLSSocket>();
  readonly #isKept: boolean;

  constructor({ connections, port, ca, cert, key }: GoodJob) {
    const secureContext = createSecureContext({ ca, cert, key, ecdhCurve: 'X25519' });
    this.#to = { host: '127.0.0.1', port, servername: 'localhost', secureContext };
    this.#isKept = connections === 'kept';
    for (let one = 0; this.#isKept && one < KEPT; one += 1) this.#keep();
    this.#ticker = new Worker(new URL('ticker.ts', import.meta.url), {
      workerData: { everyUs: EVERY_US[connections] },
    });
    this.#ticker.on('message', (due: bigint) => this.#onDue(due));
  }

  stop(): void {
    void this.#ticker.terminate();
    for (const socket of this.#open) socket.destroy();
  }

  #onDue(due: bigint): void {
    if (!this.#isKept) {
      this.#ask(this.#connect(), due, () => {});
      return;
    }
    this.#due.push(due);
    this.#next();
  }

  #next(): void {
    while (this.#free.length > 0 && this.#due.length > 0) {
      const socket = this.#free.pop();
      const due = this.#due.shift();
      if (socket === undefined || due === undefined) return;
      this.#ask(socket, due, (isServed) => {
        if (isServed) this.#free.push(socket);
        else this.#keep();
        this.#next();
      });
    }
  }

  #connect(): TLSSocket {
    const socket = connect(this.#to);
    this.#open.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#open.delete(socket));
    return socket;
  }

  #keep(): void {
    const socket = this.#connect();
    socket.once('secureConnect', () => {
      this.#free.push(socket);
      this.#next();
    });
  }

  /** One request and the whole of its answer. */
  #ask(socket: TLSSocket, due: bigint, then: (isServed: boolean) => void): void {
    let text = '';
    const timer = setTimeout(() => socket.destroy(), TIMEOUT_MS);
    const end = (isServed: boolean): void => {
      clearTimeout(timer);
      socket.off('data', read);
      socket.off('close', onClose);
      if (isServed) tally.served(due);
      else tally.fail();
      if (!this.#isKept || !isServed) socket.destroy();
      then(isServed);
    };
    const onClose = (): void => end(false);
    const read = (bytes: Buffer): void => {
      text += bytes.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1]);
      if (head >= 0 && text.length >= head + 4 + length) end(text.startsWith('HTTP/1.1 200'));
    };
    socket.on('data', read);
    socket.on('close', onClose);
    socket.write(REQUEST, 'latin1');
  }
}

let client: GoodClient | undefined;

process.on('message', (message: GoodJob | 'take' | 'stop') => {
  if (message === 'stop') client?.stop();
  else if (message === 'take') process.send?.(tally.take());
  else client = new GoodClient(message);
});
process.on('disconnect', () => process.exit());
