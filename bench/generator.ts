// The load, in a process of its own on a core of its own: closed-loop clients over mTLS that do little, so that the
// gateway is what is measured. Told what to do over IPC. Our own because it resumes sessions on purpose and sees
// microseconds; `--generator` repeats what is kept alive with generators that are not ours.
import autocannon from 'autocannon';
import { Client, Tally } from './client.ts';
import { runH2load } from './h2load.ts';
import { Http2Client } from './http2-client.ts';
import { Http2Upload } from './http2-upload.ts';
import { type Job, type JobResult, type Report, uploads } from './job.ts';
import { runPaced } from './pace.ts';
import { runWrk } from './wrk.ts';

/** Idle connections that are opened at a time, how many before those that count, and how long they rest before memory is read. */
const OPENED_AT_ONCE = 8;
const WARM_CONNECTIONS = 500;
const REST_MS = 500;

function report(message: Report): void {
  process.send?.(message);
}

async function runOwn(job: Job): Promise<void> {
  const tally = new Tally();
  const { connections, client } = job.workload;
  const Kind = client === 'h1' ? Client : uploads(job.workload) ? Http2Upload : Http2Client;
  const clients = Array.from({ length: connections }, () => new Kind(job, tally));
  await pause(job.warmMs);
  tally.reset();
  report({ kind: 'begin' });
  await pause(job.measureMs);
  const result = tally.result();
  report({ kind: 'end', result });
  for (const client of clients) client.stop();
}

/** Some connections first, for the memory that a process takes once; then those that are measured. */
async function runIdle(job: Job): Promise<void> {
  const tally = new Tally();
  const { connections } = job.workload;
  const warm = await openIdle(job, tally, Math.min(connections / 4, WARM_CONNECTIONS));
  await pause(REST_MS);
  tally.reset();
  report({ kind: 'begin' });
  const clients = await openIdle(job, tally, connections);
  const result = tally.result();
  await pause(REST_MS);
  report({ kind: 'end', result });
  for (const client of [...warm, ...clients]) client.stop();
}

async function openIdle(job: Job, tally: Tally, count: number): Promise<{ stop(): void }[]> {
  const clients: { stop(): void }[] = [];
  const Kind = job.workload.client === 'h2' ? Http2Client : Client;
  const openOneByOne = async (): Promise<void> => {
    while (clients.length < count) {
      await new Promise<void>((resolve) => clients.push(new Kind(job, tally, resolve)));
    }
  };
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, openOneByOne));
  return clients;
}

async function runAutocannon(job: Job): Promise<void> {
  const { ca, cert, key, port, workload, authorization } = job;
  const options = {
    url: `https://localhost:${port}${workload.path}`,
    headers: authorization === undefined ? {} : { authorization },
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
  if (job.workload.after === 'idle') void runIdle(job);
  else if (job.rate !== undefined) void runPaced(job, job.rate, report);
  else if (job.generator === 'h2load') void runH2load(job, report);
  else if (job.generator === 'wrk') void runWrk(job, report);
  else if (job.generator === 'autocannon') void runAutocannon(job);
  else void runOwn(job);
});
process.on('disconnect', () => process.exit());
