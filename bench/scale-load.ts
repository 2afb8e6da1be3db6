// The load of the scale benchmark, in a process of its own: closed-loop clients that go to any of many targets, each in its turn by
// chance. Told what to do over IPC; ends with its parent.
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { Target } from './scale-setup.ts';

export type ScaleJob = {
  readonly port: number;
  readonly targets: readonly Target[];
  readonly connections: number;
  /** One request on each connection; else one after the other. */
  readonly reconnects: boolean;
  /** Milliseconds between an answer and the next request. */
  readonly pauseMs: number;
  readonly warmMs: number;
  /** undefined: until `stop` comes. */
  readonly measureMs: number | undefined;
};
export type ScaleResult = {
  readonly done: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
};
export type ScaleReport = { readonly kind: 'begin' } | { readonly kind: 'end'; readonly result: ScaleResult };

const contexts = new Map<string, SecureContext>();

function contextOf({ servername, ca, cert, key }: Target): SecureContext {
  let context = contexts.get(servername);
  if (context === undefined)
    contexts.set(servername, (context = createSecureContext({ ca, cert, key, ecdhCurve: 'X25519' })));
  return context;
}

class Run {
  readonly #job: ScaleJob;
  #latencies: number[] = [];
  #failures: Record<string, number> = {};
  #stopped = false;
  readonly #sockets = new Set<TLSSocket>();

  constructor(job: ScaleJob) {
    this.#job = job;
    for (let at = 0; at < job.connections; at++) this.#open();
  }

  reset(): void {
    this.#latencies = [];
    this.#failures = {};
  }

  stop(): ScaleResult {
    this.#stopped = true;
    for (const socket of this.#sockets) socket.destroy();
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN;
    return {
      done: sorted.length,
      failures: this.#failures,
      p50: at(0.5),
      p99: at(0.99),
      longest: sorted.at(-1) ?? NaN,
    };
  }

  #any(): Target {
    const { targets } = this.#job;
    const target = targets[Math.floor(Math.random() * targets.length)];
    if (target === undefined) throw new Error('no target');
    return target;
  }

  #open(): void {
    if (this.#stopped) return;
    const { port, reconnects, pauseMs } = this.#job;
    const target = this.#any();
    const { servername } = target;
    const begun = performance.now();
    const socket = connect({ host: '127.0.0.1', port, servername, secureContext: contextOf(target) });
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    let sentAt = begun;
    let head = '';
    let isOver = false;
    const over = (failure?: string): void => {
      if (isOver) return;
      isOver = true;
      this.#sockets.delete(socket);
      socket.destroy();
      if (this.#stopped) return;
      if (failure !== undefined) this.#failures[failure] = (this.#failures[failure] ?? 0) + 1;
      setTimeout(() => this.#open(), failure === undefined ? pauseMs : 20);
    };
    const ask = (): void => {
      if (isOver) return;
      // Targets of several server names have one path in common.
      const { path } = reconnects ? target : this.#any();
      if (!reconnects) sentAt = performance.now();
      const close = reconnects ? 'Connection: close\r\n' : '';
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${servername}\r\n${close}\r\n`, 'latin1');
    };
    socket.once('secureConnect', ask);
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
      if (end < 0 || head.length < end + 4 + length) return;
      const status = head.slice(9, 12);
      head = '';
      if (status !== '200') return over(`status ${status}`);
      this.#latencies.push(performance.now() - sentAt);
      if (reconnects) over();
      else if (pauseMs > 0) setTimeout(ask, pauseMs);
      else ask();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => over(error.code ?? error.message));
    socket.once('close', () => over('closed without an answer'));
  }
}

const pause = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
let running: Run | undefined;

function end(): void {
  const result = running?.stop();
  running = undefined;
  if (result !== undefined) process.send?.({ kind: 'end', result } satisfies ScaleReport);
}

process.on('message', (message: ScaleJob | 'stop') => {
  if (message === 'stop') return end();
  const run = new Run(message);
  running = run;
  void (async () => {
    await pause(message.warmMs);
    run.reset();
    process.send?.({ kind: 'begin' } satisfies ScaleReport);
    if (message.measureMs === undefined) return;
    await pause(message.measureMs);
    end();
  })();
});
process.on('disconnect', () => process.exit());
