// The load, in a process of its own on a core of its own: closed-loop clients over mTLS that do little, so that the
// gateway is what is measured. Told what to do over IPC. Our own because it resumes sessions on purpose and sees
// microseconds; `--generator autocannon` repeats the keep-alive workloads with a generator that is not ours.
import autocannon from 'autocannon';
import { Client, Tally } from './client.ts';
import type { Job, JobResult, Report } from './job.ts';

function report(message: Report): void {
  process.send?.(message);
}

async function runOwn(job: Job): Promise<void> {
  const tally = new Tally();
  const clients = Array.from({ length: job.workload.connections }, () => new Client(job, tally));
  await pause(job.warmMs);
  tally.reset();
  report({ kind: 'begin' });
  await pause(job.measureMs);
  const result = tally.result();
  report({ kind: 'end', result });
  for (const client of clients) client.stop();
}

async function runAutocannon(job: Job): Promise<void> {
  const { ca, cert, key, port, workload } = job;
  const options = {
    url: `https://localhost:${port}${workload.path}`,
    connections: workload.connections,
    tlsOptions: { ca, cert, key, servername: 'localhost', host: '127.0.0.1' },
  };
  await autocannon({ ...options, duration: Math.ceil(job.warmMs / 1000) });
  report({ kind: 'begin' });
  const { requests, latency, duration, errors, timeouts, non2xx } = await autocannon({
    ...options,
    duration: Math.ceil(job.measureMs / 1000),
  });
  const failures = Object.entries({ errors, timeouts, non2xx }).filter(([, count]) => count > 0);
  const result: JobResult = {
    done: requests.total,
    seconds: duration,
    p50: latency.p50,
    p99: latency.p99,
    failures: Object.fromEntries(failures),
    resumed: 0,
  };
  report({ kind: 'end', result });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.on('message', (job: Job) => {
  const useOwn = job.generator === 'own' || job.workload.after !== 'keep';
  void (useOwn ? runOwn(job) : runAutocannon(job));
});
process.on('disconnect', () => process.exit());
