// `--generator wrk`: load by a generator that is not ours and costs little. It has no client certificates, so that the gateways
// are told to let clients come without one. It knows no warm-up: it runs twice, and the second run counts with its handshakes,
// one for each connection.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { text } from 'node:stream/consumers';
import type { Job, JobResult, Report } from './job.ts';

export async function runWrk(job: Job, report: (message: Report) => void): Promise<void> {
  await run(job, job.warmMs);
  report({ kind: 'begin' });
  const result = readWrk(await run(job, job.measureMs));
  report({ kind: 'end', result });
}

function run({ workload, port, authorization }: Job, ms: number): Promise<string> {
  // As many threads as we have cores.
  const args = [
    '-t',
    String(availableParallelism()),
    '-c',
    String(workload.connections),
    '-d',
    `${Math.ceil(ms / 1000)}s`,
    '--latency',
  ];
  if (authorization !== undefined) args.push('-H', `Authorization: ${authorization}`);
  const child = spawn('wrk', [...args, `https://localhost:${port}${workload.path}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.once('error', () => child.stdout.destroy());
  return text(child.stdout);
}

const msPerUnit: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, m: 60e3 };

/** What wrk prints, as a result. */
export function readWrk(output: string): JobResult {
  const [, done = '0', span = '0', unit = 's'] = /(\d+) requests in ([\d.]+)(us|ms|s|m)/.exec(output) ?? [];
  const percentile = (share: string): number => {
    const [, value, of = ''] = new RegExp(`^ +${share}% +([\\d.]+)(us|ms|s|m)$`, 'm').exec(output) ?? [];
    return value === undefined ? Number.NaN : Number(value) * (msPerUnit[of] ?? Number.NaN);
  };
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output)?.slice(1) ?? [];
  const refused = /Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? '0';
  const counts = ['connect', 'read', 'write', 'timeout'].map((name, at) => [name, Number(errors[at] ?? 0)] as const);
  const failures = [...counts, ['non2xx', Number(refused)] as const].filter(([, count]) => count > 0);
  return {
    done: Number(done),
    seconds: (Number(span) * (msPerUnit[unit] ?? Number.NaN)) / 1000,
    p50: percentile('50'),
    p99: percentile('99'),
    failures: Object.fromEntries(failures),
    resumed: 0,
  };
}
