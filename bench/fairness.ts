// `npm run bench -- --only fairness`: what good clients get beside each flood of floods.ts, through us as we are by default and through
// nginx with the limits that its documentation advises. Each figure stands beside that of the same process when it was quiet.
// --floods NAME,… (parts of names) and --rounds N choose and repeat; --ours leaves nginx out.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { accepts, findFreePort } from '../test/support/free-port.ts';
import { openPki, type Pki } from '../test/support/pki.ts';
import { eventually } from '../test/support/wait-for.ts';
import { readTreeCpu } from './cpu.ts';
import { type Flood, type FloodJob, type FloodReport, floods } from './floods.ts';
import type { GoodJob, Latencies } from './good-client.ts';
import { findVersion, peers, type RunningPeer, startPeer } from './peer.ts';
import { mintToken } from './token.ts';

const QUIET_MS = 3_000;
const BESIDE_MS = 4_000;
/** Before each of them: code gets warm, a flood gets going. */
const WARM_MS = 1_500;
/** Until hundreds of slow clients or streams are there, and the backend has filled the kernel's buffers for them. */
const SLOW_WARM_MS = 5_000;

/** Over connections that are kept, and over new ones. */
type Window = { readonly kept: Latencies; readonly fresh: Latencies; readonly cpuShare: number };

type Good = { readonly kept: ChildProcess; readonly fresh: ChildProcess };

export type FairnessRow = {
  readonly flood: string;
  readonly peer: string;
  readonly round: number;
  readonly quiet: Window;
  readonly beside: Window;
  /** What the flood got done a second, by the seconds that were measured. */
  readonly floodPerSecond: number;
};

type Scene = {
  readonly pki: Pki;
  readonly backendPort: number;
  readonly cores: { readonly gateway: string; readonly load: string };
};

/** A process of the load, on its core; `nice`: how little it claims. */
function startLoad(script: string, core: string, nice: number, args: readonly string[] = []): ChildProcess {
  const path = new URL(script, import.meta.url).pathname;
  const command = ['-c', core, 'nice', '-n', String(nice), process.execPath, path, ...args];
  return spawn('taskset', command, { stdio: ['ignore', 2, 2, 'ipc'] });
}

async function ask<T>(child: ChildProcess, message: string): Promise<T> {
  child.send(message);
  const [report] = (await once(child, 'message', { signal: AbortSignal.timeout(20_000) })) as [T];
  return report;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** `cores`: as in main.ts. */
export async function measureFairness(cores: Scene['cores']): Promise<FairnessRow[]> {
  const { values } = parseArgs({
    strict: false,
    options: {
      floods: { type: 'string', default: '' },
      rounds: { type: 'string', default: '1' },
      ours: { type: 'boolean' },
    },
  });
  const wanted = String(values.floods).split(',');
  const chosen = floods.filter(({ name }) => wanted.some((part) => name.includes(part)));
  const through = values.ours === true ? ['countersign'] : ['countersign', 'nginx'];
  using pki = await openPki();
  const backendPort = await findFreePort();
  const args = [String(backendPort), pki.backend.cert, pki.backend.key, pki.internal.file];
  const backend = startLoad('fair-backend.ts', cores.load, 0, args);
  const rows: FairnessRow[] = [];
  try {
    await eventually(() => accepts(backendPort), { what: 'the backend to accept connections' });
    for (let round = 1; round <= Number(values.rounds); round += 1)
      for (const flood of chosen)
        for (const name of through) {
          rows.push(await measureOne(flood, name, round, { pki, backendPort, cores }));
          process.stderr.write(`round ${round}: ${flood.name}, ${name}\n`);
        }
  } finally {
    backend.kill('SIGKILL');
  }
  return rows;
}

/** A gateway of its own for each flood, so that none suffers from the one before. */
async function measureOne(flood: Flood, name: string, round: number, scene: Scene): Promise<FairnessRow> {
  const { pki, backendPort, cores } = scene;
  const found = peers.find((candidate) => candidate.name === name);
  if (found === undefined || findVersion(found) === undefined) throw new Error(`${name} is not installed`);
  const peer = name === 'nginx' ? { ...found, template: 'nginx-fair.conf' } : found;
  const token = mintToken();
  const gateway = await startPeer(peer, { pki, clientAuth: 'required', backend: 'h1', backendPort, cores, token });
  const startGood = (): ChildProcess => startLoad('good-client.ts', cores.load, 0);
  const good: Good = { kept: startGood(), fresh: startGood() };
  const bad = startLoad('flood.ts', cores.load, 19);
  const to = { port: gateway.port, ca: pki.servers.certPem };
  try {
    const alice = { cert: pki.alice.chainPem, key: pki.alice.keyPem };
    for (const connections of ['kept', 'fresh'] as const)
      good[connections].send({ ...to, ...alice, connections } satisfies GoodJob);
    await pause(WARM_MS);
    const quiet = await measureWindow(good, gateway, QUIET_MS);
    const { chainPem, keyPem } =
      flood.kind === 'refused' ? pki.stranger : await pki.clients.issue({ kind: 'client', cn: 'mallory' });
    bad.send({ ...to, flood, cert: chainPem, key: keyPem } satisfies FloodJob);
    const warmMs = flood.kind === 'slow' || flood.kind === 'windows' ? SLOW_WARM_MS : WARM_MS;
    await pause(warmMs);
    const beside = await measureWindow(good, gateway, BESIDE_MS);
    const { done } = await ask<FloodReport>(bad, 'stop');
    return {
      flood: flood.name,
      peer: name,
      round,
      quiet,
      beside,
      floodPerSecond: done / ((warmMs + BESIDE_MS) / 1000),
    };
  } finally {
    bad.kill('SIGKILL');
    for (const child of [good.kept, good.fresh]) child.kill('SIGKILL');
    await gateway.process.stop();
  }
}

async function measureWindow(good: Good, gateway: RunningPeer, ms: number): Promise<Window> {
  const take = async (): Promise<Pick<Window, 'kept' | 'fresh'>> => {
    const [kept, fresh] = await Promise.all([good.kept, good.fresh].map((child) => ask<Latencies>(child, 'take')));
    if (kept === undefined || fresh === undefined) throw new Error('a client is missing');
    return { kept, fresh };
  };
  await take();
  const before = readTreeCpu(gateway.process.pid);
  const startedAt = performance.now();
  await pause(ms);
  const cpuShare = (readTreeCpu(gateway.process.pid) - before) / 1000 / (performance.now() - startedAt);
  return { ...(await take()), cpuShare };
}

export function renderFairness(rows: readonly FairnessRow[]): string {
  const head = [
    'beside',
    'through',
    'flood/s',
    'core',
    'kept p50',
    'p99 ms',
    '(quiet)',
    '×',
    'new p50',
    'p99 ms',
    '(quiet)',
    '×',
    'failed',
  ];
  const table = rows.map(({ flood, peer, quiet, beside, floodPerSecond }) => [
    flood,
    peer,
    floodPerSecond.toFixed(0),
    `${(100 * (beside.cpuShare - quiet.cpuShare)).toFixed(0)} %`,
    ...cells(quiet.kept, beside.kept),
    ...cells(quiet.fresh, beside.fresh),
    String(beside.kept.failed + beside.fresh.failed),
  ]);
  const widths = [30, 13, 8, 6, 9, 8, 8, 6, 9, 8, 8, 6, 7];
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('');
  const method = `500 requests a second over 8 connections and 25 over new ones for ${BESIDE_MS / 1000} s; "core" is what the flood took of the gateway's`;
  return [method, ...[head, ...table].map(line)].join('\n');
}

function cells(quiet: Latencies, beside: Latencies): string[] {
  return [beside.p50.toFixed(2), beside.p99.toFixed(2), quiet.p99.toFixed(2), (beside.p99 / quiet.p99).toFixed(1)];
}
