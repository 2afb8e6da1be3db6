// `--generator h2load`: load by nghttp2's generator, for a figure that does not hang on one of ours. It has no client
// certificates, so the gateways are told to let clients come without one; it says no percentiles; and over HTTP/1.1 it counts an
// answer without a reason phrase, as HAProxy writes it, as failed, so that it is not used there.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { grpcMessage } from './grpc-message.ts';
import type { Job, JobResult, Report } from './job.ts';

/** Said when the warm-up is over; what counts follows. */
const BEGINS = 'Main benchmark duration is started';

export async function runH2load(job: Job, report: (message: Report) => void): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-h2load-'));
  try {
    const child = spawn('h2load', argsOf(job, dir), { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    let hasBegun = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (hasBegun || !output.includes(BEGINS)) return;
      hasBegun = true;
      report({ kind: 'begin' });
    });
    await once(child, 'close');
    if (!hasBegun) report({ kind: 'begin' });
    report({ kind: 'end', result: resultOf(output, job) });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function argsOf({ workload, port, warmMs, measureMs }: Job, dir: string): string[] {
  const { backend, connections, streams, requestBytes, path } = workload;
  const args = ['-c', String(connections), '-m', String(streams), '-t', '1', '--groups', 'X25519'];
  args.push('-D', String(Math.ceil(measureMs / 1000)), '--warm-up-time', String(Math.ceil(warmMs / 1000)));
  if (backend === 'grpc') args.push('-H', 'te: trailers', '-H', 'content-type: application/grpc');
  if (requestBytes > 0) {
    const file = join(dir, 'message');
    writeFileSync(file, grpcMessage(requestBytes));
    args.push('-d', file);
  }
  return [...args, `https://localhost:${port}${path}`];
}

function resultOf(output: string, { measureMs }: Job): JobResult {
  const [, done = '0', failed = '0', errored = '0', timeout = '0'] =
    /(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(output) ?? [];
  const counts = { failed: Number(failed), errored: Number(errored), timeout: Number(timeout) };
  const failures = Object.entries(counts).filter(([, count]) => count > 0);
  return {
    done: Number(done),
    seconds: Math.ceil(measureMs / 1000),
    p50: Number.NaN,
    p99: Number.NaN,
    failures: Object.fromEntries(failures),
    resumed: 0,
  };
}
