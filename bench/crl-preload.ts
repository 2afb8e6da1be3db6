// Loaded into every process of the gateway that the CRL benchmark watches: writes how long its event loop stood still, ten
// times a second, as `time in ms, longest delay in ms`.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const dir = process.env['STALL_DIR'];
if (isMainThread && dir !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  setInterval(() => {
    // One millisecond is the interval itself.
    appendFileSync(join(dir, String(process.pid)), `${Date.now()} ${Math.max(0, delays.max / 1e6 - 1).toFixed(1)}\n`);
    delays.reset();
  }, 100).unref();
}
