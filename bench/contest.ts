// Gateways side by side: which take part, and the rounds of a row in alternation.
import { statSync } from 'node:fs';
import { chooseGenerator, type GeneratorName, type Job, withoutCertificate } from './job.ts';
import type { Generator } from './load.ts';
import {
  findVersion,
  type Peer,
  type PeerName,
  type RunningPeer,
  type Setup,
  startBackend,
  startPeer,
} from './peer.ts';
import { type Measured, type Measurement, summarise, type WorkloadResult } from './table.ts';
import { mintToken } from './token.ts';
import { canDo, findFlaw } from './verify.ts';
import type { Backend, Workload } from './workload.ts';

const WARM_MS = 1_000;
/** The access log of a second has more than that. */
const LOG_BYTES = 65_536;

export type Contest = Pick<Setup, 'pki' | 'cores'> & {
  readonly contestants: readonly Peer[];
  readonly generator: Generator;
  readonly generatorName: GeneratorName;
  readonly rounds: number;
  readonly seconds: number;
  /** Warming up in all rounds but the first; default: as in the first. */
  readonly warmAgainMs?: number;
};

export type Part = {
  readonly results: readonly WorkloadResult[];
  readonly notes: readonly string[];
  readonly present: readonly PeerName[];
};

/** What is told while it goes on. */
export type Listener = { present(notes: readonly string[]): void; result(result: WorkloadResult): void };

/** All that is measured with one kind of backend: every gateway is configured for it. */
export async function measureWith(
  kind: Backend,
  chosen: readonly Workload[],
  contest: Contest,
  listener: Listener,
  goesOn: () => boolean = () => true,
): Promise<Part> {
  const { pki, cores } = contest;
  const clientAuth = withoutCertificate.has(contest.generatorName) ? 'optional' : 'required';
  const backend = await startBackend(pki, cores.load, kind);
  const setup: Setup = { pki, clientAuth, backend: kind, backendPort: backend.port, cores, token: mintToken() };
  const { running, notes } = await startPeers(contest.contestants, setup);
  const told = [
    `backend ${kind}${clientAuth === 'optional' ? ', client certificates optional' : ''}:`,
    ...notes.map((note) => `  ${note}`),
  ];
  listener.present(told);
  const results: WorkloadResult[] = [];
  try {
    for (const workload of chosen) {
      if (!goesOn()) break;
      const result = await measure(workload, running, contest, setup);
      results.push(result);
      listener.result(result);
    }
  } finally {
    await Promise.all([...running, backend].map((peer) => peer.process.stop()));
  }
  return { results, notes: told, present: running.map((peer) => peer.name) };
}

type Present = { readonly running: readonly RunningPeer[]; readonly notes: readonly string[] };

/** Starts every contestant that is installed, and lets none in that does not do the work. */
async function startPeers(contestants: readonly Peer[], setup: Setup): Promise<Present> {
  const running: RunningPeer[] = [];
  const notes: string[] = [];
  for (const peer of contestants) {
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

/** A gateway in a row, which may have another one with its access log on. */
type Entrant = Measured & { readonly gateway: RunningPeer; readonly rounds: Measurement[] };

async function measure(
  workload: Workload,
  running: readonly RunningPeer[],
  contest: Contest,
  setup: Setup,
): Promise<WorkloadResult> {
  const able = running.filter(({ name }) => canDo(workload, name));
  const extra: RunningPeer[] = [];
  const withLog: Setup = { ...setup, withLog: true };
  try {
    if (workload.withLog) for (const { name } of able) extra.push(await startPeer(find(name, contest), withLog));
    const enter = (gateway: RunningPeer): Entrant => {
      return { peer: gateway.name, withLog: extra.includes(gateway), gateway, rounds: [] };
    };
    const entrants = able.flatMap((gateway, at) => [gateway, extra[at] ?? []].flat()).map(enter);
    const rate =
      workload.pace === undefined ? undefined : await findRate(workload.pace, workload, entrants, contest, setup);
    const job = jobOf(workload, contest, setup, rate);
    for (let round = 0; round < contest.rounds; round += 1) {
      // Another one begins in every round, so that none always follows the same neighbour.
      const order = entrants.map((_, at) => entrants[(at + round) % entrants.length]);
      for (const entrant of order) {
        if (entrant === undefined) continue;
        await using fresh = workload.after === 'idle' ? await startAnew(entrant.peer, contest, setup) : undefined;
        const gateway = fresh?.gateway ?? entrant.gateway;
        const warmMs = round === 0 ? WARM_MS : (contest.warmAgainMs ?? WARM_MS);
        entrant.rounds.push(await contest.generator.run({ ...job, warmMs, port: gateway.port }, gateway));
      }
      if (process.stderr.isTTY) process.stderr.write(`${workload.name}: round ${round + 1} of ${contest.rounds}\r`);
    }
    for (const { gateway, rounds } of entrants.filter((entrant) => entrant.withLog)) {
      const [first] = rounds;
      if (first !== undefined && sizeOf(gateway.logFile) < LOG_BYTES)
        rounds[0] = { ...first, failures: { 'wrote no access log': 1 } };
    }
    const measured = entrants.map(({ peer, withLog, rounds }) => ({ peer, withLog, rounds }));
    return summarise(workload, job.generator, measured, rate);
  } finally {
    await Promise.all(extra.map((peer) => peer.process.stop()));
  }
}

function sizeOf(file: string | undefined): number {
  return file === undefined ? 0 : (statSync(file, { throwIfNoEntry: false })?.size ?? 0);
}

function jobOf(
  workload: Workload,
  { generatorName, seconds }: Contest,
  { pki, token }: Setup,
  rate: number | undefined,
): Omit<Job, 'port'> {
  return {
    workload,
    generator: chooseGenerator(workload, generatorName),
    ca: pki.servers.certPem,
    cert: pki.alice.chainPem,
    key: pki.alice.keyPem,
    authorization: workload.withToken === true ? `Bearer ${token.text}` : undefined,
    rate,
    warmMs: WARM_MS,
    measureMs: seconds * 1000,
  };
}

/** Requests a second, the same for all: a share of what goes through us as fast as answers come, through the first where we are not there. */
async function findRate(
  share: number,
  workload: Workload,
  entrants: readonly Entrant[],
  contest: Contest,
  setup: Setup,
): Promise<number | undefined> {
  const gateway = (entrants.find(({ peer }) => peer === 'countersign') ?? entrants[0])?.gateway;
  if (gateway === undefined) return undefined;
  const job = jobOf(workload, contest, setup, undefined);
  const { perSecond } = await contest.generator.run({ ...job, port: gateway.port }, gateway);
  return Math.max(1, Math.round((share * perSecond) / 100)) * 100;
}

function find(name: PeerName, { contestants }: Contest): Peer {
  const peer = contestants.find((candidate) => candidate.name === name);
  if (peer === undefined) throw new Error(`no peer ${name}`);
  return peer;
}

/** A process that has freed no memory yet, which new connections would get for nothing. */
async function startAnew(
  name: PeerName,
  contest: Contest,
  setup: Setup,
): Promise<{ gateway: RunningPeer } & AsyncDisposable> {
  const gateway = await startPeer(find(name, contest), setup);
  return { gateway, [Symbol.asyncDispose]: async () => void (await gateway.process.stop()) };
}
