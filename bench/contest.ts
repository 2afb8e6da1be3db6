// Gateways side by side: which take part, and the rounds of a row in alternation.
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
import { type Measurement, summarise, type WorkloadResult } from './table.ts';
import { mintToken } from './token.ts';
import { canDo, findFlaw } from './verify.ts';
import type { Backend, Workload } from './workload.ts';

const WARM_MS = 1_000;

export type Contest = Pick<Setup, 'pki' | 'cores'> & {
  readonly contestants: readonly Peer[];
  readonly generator: Generator;
  readonly generatorName: GeneratorName;
  readonly rounds: number;
  readonly seconds: number;
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

async function measure(
  workload: Workload,
  running: readonly RunningPeer[],
  contest: Contest,
  setup: Setup,
): Promise<WorkloadResult> {
  const { pki } = setup;
  const { rounds, generator } = contest;
  const generatorName = chooseGenerator(workload, contest.generatorName);
  const able = running.filter(({ name }) => canDo(workload, name));
  const measured = new Map<PeerName, Measurement[]>(able.map((peer) => [peer.name, []]));
  for (let round = 0; round < rounds; round += 1) {
    // Another one begins in every round, so that none always follows the same neighbour.
    const order = able.map((_, at) => able[(at + round) % able.length]);
    for (const peer of order) {
      if (peer === undefined) continue;
      await using fresh = workload.after === 'idle' ? await startAnew(peer, contest, setup) : undefined;
      const gateway = fresh?.gateway ?? peer;
      const job: Job = {
        workload,
        generator: generatorName,
        port: gateway.port,
        ca: pki.servers.certPem,
        cert: pki.alice.chainPem,
        key: pki.alice.keyPem,
        authorization: workload.withToken === true ? `Bearer ${setup.token.text}` : undefined,
        warmMs: WARM_MS,
        measureMs: contest.seconds * 1000,
      };
      measured.get(peer.name)?.push(await generator.run(job, gateway));
    }
    if (process.stderr.isTTY) process.stderr.write(`${workload.name}: round ${round + 1} of ${rounds}\r`);
  }
  return summarise(workload, generatorName, measured);
}

/** A process that has freed no memory yet, which new connections would get for nothing. */
async function startAnew(
  { name }: RunningPeer,
  { contestants }: Contest,
  setup: Setup,
): Promise<{ gateway: RunningPeer } & AsyncDisposable> {
  const peer = contestants.find((candidate) => candidate.name === name);
  if (peer === undefined) throw new Error(`no peer ${name}`);
  const gateway = await startPeer(peer, setup);
  return { gateway, [Symbol.asyncDispose]: async () => void (await gateway.process.stop()) };
}
