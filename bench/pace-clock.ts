// Says when requests are due, to the thread that sends them: at random moments around a fixed rate, as independent clients ask,
// from the same seed for every gateway. A thread, since it waits in microseconds, which timers of the event loop cannot.
import { parentPort, workerData } from 'node:worker_threads';

export type Pace = {
  /** Requests a second. */
  readonly rate: number;
  readonly forMs: number;
};

/** Milliseconds since the epoch, as performance.timeOrigin has them; `done` with the last. */
export type Due = { readonly at: readonly number[]; readonly isLast: boolean };

const cell = new Int32Array(new SharedArrayBuffer(4));
const { rate, forMs } = workerData as Pace;
const begin = performance.timeOrigin + performance.now();
const end = begin + forMs;

/** mulberry32, in [0, 1). */
let seed = 4711;
function random(): number {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
}

const nextAfter = (at: number): number => at - (Math.log(1 - random()) * 1000) / rate;

let next = nextAfter(begin);
while (next < end) {
  const now = performance.timeOrigin + performance.now();
  if (next > now) Atomics.wait(cell, 0, 0, next - now);
  const at: number[] = [];
  const reached = performance.timeOrigin + performance.now();
  while (next <= reached && next < end) {
    at.push(next);
    next = nextAfter(next);
  }
  if (at.length > 0) parentPort?.postMessage({ at, isLast: false } satisfies Due);
}
parentPort?.postMessage({ at: [], isLast: true } satisfies Due);
