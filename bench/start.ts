// `npm run bench -- --only start`: what a start costs, each gateway beside the others: until the first request is served, how
// much CPU that took, what memory it holds then, and what a request costs in the second after it, when code is still cold.
import { spawnSync } from 'node:child_process';
import { get } from 'node:https';
import { openPki, type Pki } from '../test/support/pki.ts';
import { readTreeCpu, readTreePss } from './cpu.ts';
import { type Job, workloads } from './job.ts';
import { Generator } from './load.ts';
import { findVersion, type PeerName, peers, type RunningPeer, type Setup, startBackend, startPeer } from './peer.ts';
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
    const cold = await load(running, setup.pki, generator, 0);
    const warm = await load(running, setup.pki, generator, warmMs);
    return { servedMs, cpuMs, first: first / 1e6, others: (all - first) / 1e6, cold, warm };
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

async function load(running: RunningPeer, pki: Pki, generator: Generator, warmFor: number): Promise<number> {
  const [workload] = workloads;
  if (workload?.name !== 'small') throw new Error('the first workload is the small one');
  const { certPem: ca } = pki.servers;
  const { chainPem: cert, keyPem: key } = pki.alice;
  const job: Job = {
    workload,
    generator: 'own',
    port: running.port,
    ca,
    cert,
    key,
    authorization: undefined,
    rate: undefined,
    warmMs: warmFor,
    measureMs: 1_000,
  };
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
  const widths = head.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const format = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  const title =
    'start: until a request is served; requests of "small" in the first second after it, and four seconds later';
  return [title, format(head), ...lines.map(format), `countersign --version: ${versionMs.toFixed(0)} ms of CPU`].join(
    '\n',
  );
}
