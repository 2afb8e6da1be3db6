// A clock for clients at a fixed rate, in a thread of its own: a timer of Node's event loop is up to a millisecond late, which is
// more than what is measured.
import { parentPort, workerData } from 'node:worker_threads';

const { everyUs } = workerData as { readonly everyUs: number };
const sleeping = new Int32Array(new SharedArrayBuffer(4));
const every = BigInt(everyUs) * 1000n;

for (let due = process.hrtime.bigint() + every; ; due += every) {
  const left = Number(due - process.hrtime.bigint()) / 1e6;
  if (left > 0) Atomics.wait(sleeping, 0, 0, left);
  parentPort?.postMessage(due);
}
