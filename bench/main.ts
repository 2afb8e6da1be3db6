// `npm run bench`: Countersign beside every other gateway on this machine, mTLS in and mTLS out. Same certificates,
// same backend, same load; one worker each on one core, load and backend on another; rounds in alternation.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { buildProgram } from '../scripts/build.ts';
import { findCommand } from '../test/support/peers.ts';
import { openPki } from '../test/support/pki.ts';
import { measureAttacks, renderAttacks } from './attack.ts';
import { measureCrl, renderCrl } from './crl.ts';
import { Generator } from './load.ts';
import {
  type Backend,
  chooseGenerator,
  generatorNames,
  type GeneratorName,
  groups,
  type Job,
  type Workload,
  withConnections,
  withoutCertificate,
  workloads,
} from './job.ts';
import { mintToken } from './token.ts';
import { findVersion, type PeerName, peers, type RunningPeer, type Setup, startBackend, startPeer } from './peer.ts';
import { type Measurement, renderTable, summarise, type WorkloadResult } from './table.ts';
import { measureRevocation, renderRevocation } from './revocation.ts';
import { measureStarts, renderStarts } from './start.ts';
import { findFlaw } from './verify.ts';

const USAGE = `npm run bench -- [--rounds 5] [--seconds 4] [--only small,filters,jwt,rate,body,handshake,resume | h2 | start | attack | crl | revocation]
                 [--only h2-h1,h2-h2,h1-h2,h2-grpc,h2-h1-body,h2-h2-body]
                 [--only h1-idle,h2-idle] [--idle 2000]
                 [--peers countersign,nginx,haproxy,caddy,envoy] [--generator own|autocannon|wrk|h2load] [--json]`;
const WARM_MS = 1_000;
/** What the configurations of the peers have room for. */
const MAX_IDLE = 10_000;

type Settings = {
  readonly rounds: number;
  readonly seconds: number;
  readonly chosen: readonly Workload[];
  readonly wanted: ReadonlySet<string>;
  readonly generator: GeneratorName;
  readonly json: boolean;
};

function readSettings(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      only: { type: 'string', default: 'h1' },
      idle: { type: 'string', default: '2000' },
      peers: { type: 'string', default: peers.map((peer) => peer.name).join(',') },
      generator: { type: 'string', default: 'own' },
      json: { type: 'boolean', default: false },
    },
  });
  const only = new Set(values.only.split(',').flatMap((name) => groups[name] ?? name));
  const idle = Number(values.idle);
  const settings = {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    chosen: workloads
      .filter((workload) => only.has(workload.name))
      .map((workload) => (workload.after === 'idle' ? withConnections(workload, idle) : workload)),
    wanted: new Set(values.peers.split(',')),
    json: values.json,
  };
  const generator = generatorNames.find((name) => name === values.generator);
  if (!(settings.rounds >= 1) || !(settings.seconds > 0) || settings.chosen.length < only.size) throw new Error(USAGE);
  if (generator === undefined || !(idle >= 1 && idle <= MAX_IDLE)) throw new Error(USAGE);
  if (withoutCertificate.has(generator) && findCommand(generator) === undefined)
    throw new Error(`${generator} is not installed.`);
  return { ...settings, generator };
}

/** The first two cores that we may use; throws where the machine cannot show what is asked for. */
function chooseCores(): { gateway: string; load: string } {
  if (process.platform !== 'linux') throw new Error('npm run bench reads CPU time from /proc: it needs Linux.');
  for (const command of ['taskset', 'nginx', 'curl', 'openssl']) {
    if (findCommand(command) === undefined) throw new Error(`npm run bench needs ${command} (see CONTRIBUTING.md).`);
  }
  const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const allowed = list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
  const [gateway, load] = allowed;
  if (gateway === undefined || load === undefined) throw new Error('npm run bench needs two cores.');
  return { gateway: String(gateway), load: String(load) };
}

type Present = { readonly running: readonly RunningPeer[]; readonly notes: readonly string[] };

/** Starts every wanted peer that is installed, and lets none in that does not do the work. */
async function startPeers(settings: Settings, setup: Setup): Promise<Present> {
  const running: RunningPeer[] = [];
  const notes: string[] = [];
  for (const peer of peers.filter((candidate) => settings.wanted.has(candidate.name))) {
    const version = findVersion(peer);
    if (version === undefined) {
      notes.push(`${peer.name}: not installed`);
      continue;
    }
    try {
      const started = await startPeer(peer, setup);
      const flaw = await findFlaw(started, setup);
      if (flaw === undefined) running.push(started);
      else await started.process.stop();
      notes.push(flaw === undefined ? `${peer.name} ${version}` : `${peer.name} ${version}: LEFT OUT, it ${flaw}`);
    } catch (error) {
      notes.push(`${peer.name} ${version}: LEFT OUT, ${String(error)}`);
    }
  }
  return { running, notes };
}

async function measure(
  settings: Settings,
  workload: Workload,
  running: readonly RunningPeer[],
  generator: Generator,
  setup: Setup,
): Promise<WorkloadResult> {
  const { pki } = setup;
  const able = running.filter(({ name }) => workload.peers?.includes(name) ?? true);
  const measured = new Map<PeerName, Measurement[]>(able.map((peer) => [peer.name, []]));
  for (let round = 0; round < settings.rounds; round += 1) {
    // Another one begins in every round, so that none always follows the same neighbour.
    const order = able.map((_, at) => able[(at + round) % able.length]);
    for (const peer of order) {
      if (peer === undefined) continue;
      await using fresh = workload.after === 'idle' ? await startAnew(peer, setup) : undefined;
      const gateway = fresh?.gateway ?? peer;
      const job: Job = {
        workload,
        generator: chooseGenerator(workload, settings.generator),
        port: gateway.port,
        ca: pki.servers.certPem,
        cert: pki.alice.chainPem,
        key: pki.alice.keyPem,
        authorization: workload.withToken === true ? `Bearer ${setup.token.text}` : undefined,
        warmMs: WARM_MS,
        measureMs: settings.seconds * 1000,
      };
      measured.get(peer.name)?.push(await generator.run(job, gateway));
    }
    if (process.stderr.isTTY) process.stderr.write(`${workload.name}: round ${round + 1} of ${settings.rounds}\r`);
  }
  return summarise(workload, chooseGenerator(workload, settings.generator), measured);
}

/** A process that has freed no memory yet, which new connections would get for nothing. */
async function startAnew({ name }: RunningPeer, setup: Setup): Promise<{ gateway: RunningPeer } & AsyncDisposable> {
  const peer = peers.find((candidate) => candidate.name === name);
  if (peer === undefined) throw new Error(`no peer ${name}`);
  const gateway = await startPeer(peer, setup);
  return { gateway, [Symbol.asyncDispose]: async () => void (await gateway.process.stop()) };
}

/** Tables of their own. */
const alone: Readonly<Record<string, (json: boolean) => Promise<string>>> = {
  attack: async (json) => {
    const cores = chooseCores();
    spawnSync('taskset', ['-pc', cores.load, String(process.pid)]);
    const rows = await measureAttacks(cores);
    return json ? JSON.stringify(rows, null, 2) : renderAttacks(rows);
  },
  start: async (json) => {
    const cores = chooseCores();
    spawnSync('taskset', ['-pc', cores.load, String(process.pid)]);
    const report = await measureStarts(cores, 5);
    return json ? JSON.stringify(report, null, 2) : renderStarts(report);
  },
  crl: async (json) => {
    const report = await measureCrl();
    return json ? JSON.stringify(report, null, 2) : renderCrl(report);
  },
  revocation: async (json) => {
    const rounds = await measureRevocation(5);
    return json ? JSON.stringify(rounds, null, 2) : renderRevocation(rounds);
  },
};

type Part = {
  readonly results: readonly WorkloadResult[];
  readonly notes: readonly string[];
  readonly present: readonly PeerName[];
};

/** All that is measured with one kind of backend: every gateway is configured for it. */
async function measureWith(
  kind: Backend,
  chosen: readonly Workload[],
  settings: Settings,
  { pki, cores, generator }: Pick<Setup, 'pki' | 'cores'> & { readonly generator: Generator },
): Promise<Part> {
  const backend = await startBackend(pki, cores.load, kind);
  const clientAuth = withoutCertificate.has(settings.generator) ? 'optional' : 'required';
  const setup: Setup = { pki, clientAuth, backend: kind, backendPort: backend.port, cores, token: mintToken() };
  const { running, notes } = await startPeers(settings, setup);
  const told = [
    `backend ${kind}${clientAuth === 'optional' ? ', client certificates optional' : ''}:`,
    ...notes.map((note) => `  ${note}`),
  ];
  if (!settings.json) console.log(`${told.join('\n')}\n`);
  const results: WorkloadResult[] = [];
  try {
    for (const workload of chosen) {
      const result = await measure(settings, workload, running, generator, setup);
      results.push(result);
      if (!settings.json) console.log(`${renderTable(result)}\n`);
    }
  } finally {
    await Promise.all([...running, backend].map((peer) => peer.process.stop()));
  }
  return { results, notes: told, present: running.map((peer) => peer.name) };
}

async function main(): Promise<void> {
  await buildProgram(new URL('../dist', import.meta.url).pathname);
  const only = process.argv.find((arg, at) => arg.startsWith('--only=') || process.argv[at - 1] === '--only');
  const measureAlone = alone[only?.replace('--only=', '') ?? ''];
  if (measureAlone !== undefined) {
    console.log(await measureAlone(process.argv.includes('--json')));
    return;
  }
  const settings = readSettings(process.argv.slice(2));
  const cores = chooseCores();
  spawnSync('taskset', ['-pc', cores.load, String(process.pid)]);
  using pki = await openPki();
  const generator = new Generator(cores.load);
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, Linux ${release()}, Node ${process.versions.node}`;
  const method = `mTLS in, mTLS out, TLS 1.3, ECDSA P-256; one worker on core ${cores.gateway}, load and backend on core ${cores.load}; ${settings.rounds} × ${settings.seconds} s`;
  if (!settings.json) console.log(`${machine}\n${method}\n`);
  const results: WorkloadResult[] = [];
  const notes: string[] = [];
  let weAreOut = false;
  try {
    for (const kind of ['h1', 'h2', 'grpc'] as const) {
      const chosen = settings.chosen.filter((workload) => workload.backend === kind);
      if (chosen.length === 0) continue;
      const part = await measureWith(kind, chosen, settings, { pki, cores, generator });
      results.push(...part.results);
      notes.push(...part.notes);
      weAreOut ||= settings.wanted.has('countersign') && !part.present.includes('countersign');
    }
  } finally {
    generator.stop();
  }
  if (settings.json) console.log(JSON.stringify({ machine, method, peers: notes, results }, null, 2));
  const failed = results.some((result) => result.rows.some((row) => Object.keys(row.failures).length > 0));
  if (failed || weAreOut) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
