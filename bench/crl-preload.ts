// Loaded into every process of the gateway that the CRL benchmark watches: writes how long its event loop was busy without a
// pause, ten times a second, as `time in ms, longest in ms of the clock, longest in ms of CPU`. The clock counts what other
// processes of a shared machine took; CPU time of the main thread is our own doing alone.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const dir = process.env['STALL_DIR'];
if (isMainThread && dir !== undefined) {
  let [wall, cpu] = [performance.now(), process.threadCpuUsage()];
  let [longestWall, longestCpu, ticks] = [0, 0, 0];
  setInterval(() => {
    const spent = process.threadCpuUsage(cpu);
    const now = performance.now();
    // One millisecond is the interval itself.
    longestWall = Math.max(longestWall, now - wall - 1);
    longestCpu = Math.max(longestCpu, (spent.user + spent.system) / 1000);
    ticks += 1;
    if (ticks % 100 === 0) {
      appendFileSync(join(dir, String(process.pid)), `${Date.now()} ${longestWall} ${longestCpu}\n`);
      [longestWall, longestCpu] = [0, 0];
    }
    [wall, cpu] = [performance.now(), process.threadCpuUsage()];
  }, 1).unref();
}
