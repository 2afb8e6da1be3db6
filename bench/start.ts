// `npm run bench -- --only start`: what a start costs, each gateway beside the others: until the first request is served, how
// much CPU that took, what memory it holds then, and what a request costs in the second after it, when code is still cold; and the
// same of a worker that takes the place of one that was killed.
import { spawnSync } from 'node:child_process';
import { get } from 'node:https';
import { openPki, type Pki } from '../test/support/pki.ts';
import { readTreeCpu, readTreePss } from './cpu.ts';
import { type Job, workloads } from './job.ts';
import { Generator } from './load.ts';
import { findVersion, type PeerName, peers, type RunningPeer, type Setup, startBackend, startPeer } from './peer.ts';
import { measureRestart, type Restart, windowsMs } from './restart.ts';
import { median } from './table.ts';
import { mintToken } from './token.ts';

const LAUNCHER = new URL('../bin/countersign', import.meta.url).pathname;
const VERSIONS = 10;
const warmMs = 4_000;

type Start = {
  /** Milliseconds from the start of the process until it has answered a request through mutual TLS on both sides. */
  readonly servedMs: number;
  /** Milliseconds of CPU until then. */
  readonly cpuMs: number;
  /** Proportional set size in MB, the first process, then the sum of all that it has started. */
  readonly first: number;
  readonly others: number;
  /** Microseconds of CPU for a request of `small`: in the first second, and after some. */
  readonly cold: number;
  readonly warm: number;
  /** Of its worker, after that; undefined: nothing would start it again. */
  readonly restart: Restart | undefined;
};

export type StartRow = { readonly peer: PeerName; readonly version: string; readonly starts: readonly Start[] };
export type StartReport = { readonly rows: readonly StartRow[]; readonly versionMs: number };

export async function measureStarts(cores: Setup['cores'], rounds: number): Promise<StartReport> {
  using pki = await openPki();
  const backend = await startBackend(pki, cores.load);
  const generator = new Generator(cores.load);
  const token = mintToken();
  const setup: Setup = { pki, clientAuth: 'required', backend: 'h1', backendPort: backend.port, cores, token };
  const present = peers.flatMap((peer) => {
    const version = findVersion(peer);
    return version === undefined ? [] : [{ peer, version, starts: [] as Start[] }];
  });
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (let at = 0; at < present.length; at += 1) {
        const one = present[(at + round) % present.length];
        one?.starts.push(await measureStart(one.peer, setup, generator));
      }
    }
  } finally {
    generator.stop();
    await backend.process.stop();
  }
  const rows = present.map(({ peer, version, starts }) => ({ peer: peer.name, version, starts }));
  return { rows, versionMs: measureVersion(cores.gateway) };
}

async function measureStart(peer: (typeof peers)[number], setup: Setup, generator: Generator): Promise<Start> {
  const began = performance.now();
  const running = await startPeer(peer, setup);
  try {
    while (!(await isServed(running, setup.pki))) await new Promise((resolve) => setTimeout(resolve, 5));
    const servedMs = performance.now() - began;
    const { pid } = running.process;
    const cpuMs = readTreeCpu(pid) / 1000;
    const memory = readTreePss(pid);
    const first = memory.get(pid) ?? Number.NaN;
    const all = [...memory.values()].reduce((sum, bytes) => sum + bytes, 0);
    const job = jobOf(running, setup.pki);
    const cold = await load(running, job, generator);
    const warm = await load(running, { ...job, warmMs }, generator);
    const restart = await measureRestart(running, job);
    return { servedMs, cpuMs, first: first / 1e6, others: (all - first) / 1e6, cold, warm, restart };
  } finally {
    await running.process.stop();
  }
}

function isServed({ port }: RunningPeer, pki: Pki): Promise<boolean> {
  const { certPem: cert, keyPem: key } = pki.alice;
  const options = { ca: pki.servers.certPem, cert, key, agent: false, headers: { connection: 'close' } };
  return new Promise((resolve) => {
    get(`https://localhost:${port}/`, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).once('error', () => resolve(false));
  });
}

function jobOf(running: RunningPeer, pki: Pki): Job {
  const [workload] = workloads;
  if (workload?.name !== 'small') throw new Error('the first workload is the small one');
  const { certPem: ca } = pki.servers;
  const { chainPem: cert, keyPem: key } = pki.alice;
  const { port } = running;
  return {
    workload,
    generator: 'own',
    port,
    ca,
    cert,
    key,
    authorization: undefined,
    rate: undefined,
    warmMs: 0,
    measureMs: 1_000,
  };
}

async function load(running: RunningPeer, job: Job, generator: Generator): Promise<number> {
  const { cost, failures } = await generator.run(job, running);
  const [failure] = Object.keys(failures);
  if (failure !== undefined) throw new Error(`${running.name}: ${failure}`);
  return cost;
}

/** Milliseconds of CPU of `countersign --version`, as the shell that ran some has them counted (proc(5): cutime, cstime). */
function measureVersion(core: string): number {
  const script = `for at in $(seq ${VERSIONS}); do "$0" --version > /dev/null || exit 1; done; cat /proc/$$/stat`;
  const run = spawnSync('taskset', ['-c', core, 'sh', '-c', script, LAUNCHER], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`--version failed: ${run.stderr}`);
  const fields = run.stdout.slice(run.stdout.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[13]) + Number(fields[14])) * 10) / VERSIONS;
}

export function renderStarts({ rows, versionMs }: StartReport): string {
  const head = ['gateway', 'served ms', 'CPU ms', 'PSS MB', '+ others', 'µs cold', 'µs warm', 'cold ÷ warm'];
  const lines = rows.map(({ peer, version, starts }) => {
    const of = (read: (start: Start) => number, digits = 0): string => median(starts.map(read)).toFixed(digits);
    return [
      `${peer} ${version}`,
      of(({ servedMs }) => servedMs),
      of(({ cpuMs }) => cpuMs),
      of(({ first }) => first),
      of(({ others }) => others),
      of(({ cold }) => cold),
      of(({ warm }) => warm),
      of(({ cold, warm }) => cold / warm, 1),
    ];
  });
  return [
    'start: until a request is served; requests of "small" in the first second after it, and four seconds later',
    ...format(head, lines),
    `countersign --version: ${versionMs.toFixed(0)} ms of CPU`,
    '',
    renderRestarts(rows),
  ].join('\n');
}

function renderRestarts(rows: readonly StartRow[]): string {
  const windows = windowsMs.map((end) => `µs ${end} ms`);
  const head = ['gateway', 'gap ms', ...windows, 'µs warm', 'p99 ms', 'answers'];
  const lines = rows.flatMap(({ peer, version, starts }) => {
    const restarts = starts.flatMap(({ restart }) => (restart === undefined ? [] : [restart]));
    if (restarts.length === 0) return [];
    const of = (read: (restart: Restart) => number, digits = 0): string => median(restarts.map(read)).toFixed(digits);
    return [
      [
        `${peer} ${version}`,
        of(({ gapMs }) => gapMs),
        ...windowsMs.map((_, at) => of(({ costs }) => costs[at] ?? Number.NaN)),
        median(starts.map(({ warm }) => warm)).toFixed(0),
        of(({ p99 }) => p99, 1),
        of(({ answers }) => answers),
      ],
    ];
  });
  return [
    'restart: a worker is killed under the same load; from the first answer of its successor on',
    ...format(head, lines),
  ].join('\n');
}

function format(head: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
  return [head, ...lines].map((cells) =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '),
  );
}
