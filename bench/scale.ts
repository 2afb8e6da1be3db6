// `npm run bench -- --only scale [--sizes 1,10000] [--kinds policies] [--rivals countersign]`: what a request, a handshake, a start
// and a reload cost with 1 to 10,000 routes, policies and services, here and with nginx; how long the event loops of primary and
// worker stand still meanwhile, and what it takes of memory.
import { once } from 'node:events';
import { get } from 'node:https';
import { fork, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../test/support/free-port.ts';
import { type OwnedProcess, startProcess } from '../test/support/owned-process.ts';
import { findCommand } from '../test/support/peers.ts';
import { openPki, type Pki } from '../test/support/pki.ts';
import { readTreeCpu, readTreePss } from './cpu.ts';
import { stallOf } from './crl.ts';
import {
  backendConfig,
  configOf,
  type Kind,
  kinds,
  mintPolicies,
  type Rival,
  type Scale,
  type Target,
  targetsOf,
  type Variant,
} from './scale-setup.ts';
import type { ScaleJob, ScaleReport, ScaleResult } from './scale-load.ts';

const MAIN = new URL('../dist/cli/main.js', import.meta.url).pathname;
const PRELOAD = new URL('crl-preload.ts', import.meta.url).pathname;
const limitMs = 120_000;
/** Microseconds of CPU in a second. */
const quietUs = 30_000;

type Reload = {
  /** Milliseconds from the file in place to the first answer by the new rules. */
  readonly ms: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Milliseconds, of a client that asks 50 times a second. */
  readonly longest: number;
  /** Longest turn in milliseconds of CPU, and by the clock, of which other processes take their share; NaN for nginx. */
  readonly stall: Readonly<Record<'worker' | 'primary', { readonly cpu: number; readonly clock: number }>>;
};

export type ScaleRow = {
  readonly rival: Rival;
  readonly kind: Kind;
  readonly count: number;
  readonly startMs: number;
  readonly startCpuMs: number;
  /** MB, of all processes, and of the first. */
  readonly pss: number;
  readonly pssFirst: number;
  /** Microseconds of CPU. */
  readonly request: number;
  readonly handshake: number;
  readonly failures: Readonly<Record<string, number>>;
  /** One route more. */
  readonly one: Reload;
  /** A lifetime of sessions that every policy has. */
  readonly all: Reload;
  readonly pssAfter: number;
};

type Cores = { readonly gateway: string; readonly load: string };

export async function measureScale(cores: Cores): Promise<readonly ScaleRow[]> {
  const sizes = listOf('sizes', '1,100,1000,10000').map(Number);
  const chosen = kinds.filter((kind) => listOf('kinds', kinds.join(',')).includes(kind));
  const rivals = listOf('rivals', 'countersign,nginx') as readonly Rival[];
  using pki = await openPki();
  const clients = chosen.includes('policies') ? await mintPolicies(pki, Math.max(...sizes)) : new Map();
  const load = new Load(cores.load);
  const rows: ScaleRow[] = [];
  try {
    for (const kind of chosen) {
      for (const count of sizes) {
        const [port, backendPort] = [await findFreePort(), await findFreePort()];
        const scale = { kind, count, pki, clients, port, backendPort };
        const backendFile = pki.dir.write('scale-backend.conf', backendConfig(scale));
        const backend = await startNginx(cores.load, pki, backendFile);
        try {
          for (const rival of rivals) {
            const row = await measureOne(rival, scale, cores, load);
            rows.push(row);
            // Each takes a quarter of a minute and more.
            const { startMs, one, all } = row;
            const times = [startMs, one.ms, all.ms].map((ms) => ms.toFixed(0)).join(', ');
            process.stderr.write(`${rival}, ${count} ${kind}: start and reloads ${times} ms\n`);
          }
        } finally {
          await backend.stop();
        }
      }
    }
  } finally {
    load.stop();
  }
  return rows;
}

export function listOf(name: string, otherwise: string): readonly string[] {
  const at = process.argv.indexOf(`--${name}`);
  return ((at < 0 ? undefined : process.argv[at + 1]) ?? otherwise).split(',');
}

async function startNginx(core: string, pki: Pki, config: string): Promise<OwnedProcess> {
  const command = findCommand('nginx') ?? 'nginx';
  return startProcess('taskset', ['-c', core, command, '-p', pki.dir.path, '-e', 'stderr', '-c', config]);
}

/** None that the gateway watches: it would look at all its files whenever a process writes there. */
function stallFolder(pki: Pki): string {
  return join(pki.dir.path, 'stalls');
}

function makeStallFolder(pki: Pki): string {
  const folder = stallFolder(pki);
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function measureOne(rival: Rival, scale: Scale, { gateway: core }: Cores, load: Load): Promise<ScaleRow> {
  const { kind, count, pki, port } = scale;
  const targets = targetsOf(scale);
  const [first] = targets;
  if (first === undefined) throw new Error('no target');
  let variant: Variant = { marker: 0, hours: 1 };
  const name = rival === 'nginx' ? 'scale-nginx.conf' : 'scale.yml';
  const write = (): string => pki.dir.replace(name, configOf(rival, scale, variant));
  const config = write();
  const begun = performance.now();
  const running = await (rival === 'nginx'
    ? startNginx(core, pki, config)
    : startProcess('taskset', ['-c', core, process.execPath, MAIN, 'run', '--config', config], {
        env: { STALL_DIR: makeStallFolder(pki), NODE_OPTIONS: `--import=${PRELOAD}` },
      }));
  try {
    await served(first, port, running);
    const startMs = performance.now() - begun;
    const startCpuMs = readTreeCpu(running.pid) / 1000;
    await settled(running.pid);
    const common = { port, targets, pauseMs: 0, measureMs: 3_000 };
    const requests = await load.run({ ...common, connections: 64, reconnects: false, warmMs: 2_000 }, running.pid);
    const handshakes = await load.run({ ...common, connections: 8, reconnects: true, warmMs: 1_000 }, running.pid);
    const memory = readTreePss(running.pid);
    const reload = async (next: Variant): Promise<Reload> => {
      await load.begin({
        ...common,
        connections: 4,
        reconnects: false,
        pauseMs: 20,
        warmMs: 1_000,
        measureMs: undefined,
      });
      variant = next;
      const from = Date.now();
      write();
      if (rival === 'nginx') running.child.kill('SIGHUP');
      const marker = { ...first, path: `/marker${next.marker}/x` };
      await served(marker, port, running);
      const ms = Date.now() - from;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const { failures, longest } = await load.end();
      return { ms, failures, longest, stall: stallsOf(rival, running, pki, from, Date.now()) };
    };
    const one = await reload({ ...variant, marker: 1 });
    const all = await reload({ marker: 2, hours: 2 });
    return {
      rival,
      kind,
      count,
      startMs,
      startCpuMs,
      pss: sum(memory) / 1e6,
      pssFirst: (memory.get(running.pid) ?? NaN) / 1e6,
      request: requests.cost,
      handshake: handshakes.cost,
      failures: { ...requests.failures, ...handshakes.failures },
      one,
      all,
      pssAfter: sum(readTreePss(running.pid)) / 1e6,
    };
  } catch (error) {
    throw new Error(`${rival}, ${count} ${kind}\n${running.lines.tail(20)}`, { cause: error });
  } finally {
    await running.stop();
  }
}

function sum(memory: ReadonlyMap<number, number>): number {
  return [...memory.values()].reduce((total, bytes) => total + bytes, 0);
}

function stallsOf(rival: Rival, running: OwnedProcess, pki: Pki, from: number, to: number): Reload['stall'] {
  if (rival === 'nginx') return { worker: { cpu: NaN, clock: NaN }, primary: { cpu: NaN, clock: NaN } };
  const ready = running.lines.items.find(({ text }) => text.includes('"worker ready"'));
  const { pid: worker = 0 } = JSON.parse(ready?.text ?? '{}') as { pid?: number };
  const of = (pid: number) => ({
    cpu: stallOf(stallFolder(pki), pid, 2, from, to),
    clock: stallOf(stallFolder(pki), pid, 1, from, to),
  });
  return { worker: of(worker), primary: of(running.pid) };
}

/** Resolves when what follows a start (files are looked at, listeners are tried) is over: it is no cost of a request. */
async function settled(pid: number): Promise<void> {
  const until = performance.now() + limitMs;
  for (let before = readTreeCpu(pid); performance.now() < until; ) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const now = readTreeCpu(pid);
    if (now - before < quietUs) return;
    before = now;
  }
}

/** Resolves with the first answer of 200. */
async function served(target: Target, port: number, running: OwnedProcess): Promise<void> {
  const until = performance.now() + limitMs;
  const { servername, path, ca, cert, key } = target;
  const options = { host: '127.0.0.1', port, path, servername, headers: { host: servername, connection: 'close' } };
  const ask = async (): Promise<boolean> =>
    new Promise((resolve) => {
      get({ ...options, ca, cert, key, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      }).once('error', () => resolve(false));
    });
  while (!(await ask())) {
    if (running.exit() !== undefined || performance.now() > until) throw new Error(`${path} is not served`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The load in its own process; one job at a time. */
class Load {
  readonly #child;

  constructor(core: string) {
    this.#child = fork(new URL('scale-load.ts', import.meta.url).pathname);
    spawnSync('taskset', ['-pc', core, String(this.#child.pid)]);
  }

  async begin(job: ScaleJob): Promise<void> {
    this.#child.send(job);
    await this.#next();
  }

  async end(): Promise<ScaleResult> {
    this.#child.send('stop');
    return this.#result();
  }

  async run(job: ScaleJob, pid: number): Promise<ScaleResult & { readonly cost: number }> {
    await this.begin(job);
    const before = readTreeCpu(pid);
    const result = await this.#result();
    return { ...result, cost: (readTreeCpu(pid) - before) / result.done };
  }

  async #result(): Promise<ScaleResult> {
    const report = await this.#next();
    if (report.kind !== 'end') throw new Error('the load lost its place');
    return report.result;
  }

  async #next(): Promise<ScaleReport> {
    const [report] = (await once(this.#child, 'message', { signal: AbortSignal.timeout(limitMs) })) as [ScaleReport];
    return report;
  }

  stop(): void {
    this.#child.disconnect();
  }
}

export function renderScale(rows: readonly ScaleRow[]): string {
  const line = (cells: readonly (string | number)[]): string =>
    cells.map((cell, at) => (at < 2 ? String(cell).padEnd(12) : String(cell).padStart(at === 2 ? 7 : 10))).join('');
  const round = (value: number): string =>
    Number.isNaN(value) ? '-' : value < 10 ? value.toFixed(1) : value.toFixed(0);
  const lost = (...all: Readonly<Record<string, number>>[]): number =>
    all.flatMap((one) => Object.values(one)).reduce((total, count) => total + count, 0);
  const head = ['gateway', 'kind', 'count', 'start ms', 'CPU ms', 'PSS MB', 'µs/req', 'µs/hands', 'lost'];
  const reloads = ['gateway', 'reload', 'count', 'ms', 'lost', 'longest', 'worker', '(clock)', 'primary', '(clock)'];
  return [
    line(head),
    ...rows.map((row) =>
      line([
        row.rival,
        row.kind,
        row.count,
        round(row.startMs),
        round(row.startCpuMs),
        round(row.pss),
        round(row.request),
        round(row.handshake),
        lost(row.failures),
      ]),
    ),
    '',
    'Reload: milliseconds until in force, the longest answer meanwhile, the longest turn in CPU (and by the clock)',
    line(reloads),
    ...rows.flatMap((row) =>
      (['one', 'all'] as const).map((what) => {
        const { ms, failures, longest, stall } = row[what];
        const { worker, primary } = stall;
        const turns = [worker.cpu, worker.clock, primary.cpu, primary.clock].map(round);
        const changed = `${row.kind}, ${what}`;
        return line([row.rival, changed.padEnd(15), row.count, round(ms), lost(failures), round(longest), ...turns]);
      }),
    ),
  ].join('\n');
}
