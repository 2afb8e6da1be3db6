// `npm run bench -- --only workers`: what a second worker gives. Each gateway with one worker on one core and with two on two, by
// turns; backend and load (wrk, a thread on each) on two others, so that the gateway is what ends first.
import { findCommand } from '../test/support/peers.ts';
import { openPki } from '../test/support/pki.ts';
import { allowedCores } from './cores.ts';
import { type Job, workloads } from './job.ts';
import { Generator } from './load.ts';
import { findVersion, type Peer, peers, type RunningPeer, type Setup, startBackend, startPeer } from './peer.ts';
import { type Measurement, spanOf } from './table.ts';
import { mintToken } from './token.ts';

const CORES = 4;

export type WorkersRow = {
  readonly gateway: string;
  /** Requests a second in each round, with one worker and with two. */
  readonly one: readonly number[];
  readonly two: readonly number[];
  readonly failures: readonly string[];
};

/** A sentence where the machine cannot show it. */
export async function measureWorkers(rounds: number, seconds: number): Promise<readonly WorkersRow[] | string> {
  const [first, second, third, fourth] = allowedCores();
  if (first === undefined || second === undefined || third === undefined || fourth === undefined)
    return `Two workers need ${CORES} cores, two for the gateway and two for load and backend: this machine gives ${allowedCores().length}.`;
  if (findCommand('wrk') === undefined) return 'Two workers are measured with wrk, which is not installed.';
  return measureOn([`${first}`, `${first},${second}`], `${third},${fourth}`, rounds, seconds);
}

/** `gateway`: the cores for one worker, and for two. */
export async function measureOn(
  [alone, both]: readonly [string, string],
  load: string,
  rounds: number,
  seconds: number,
): Promise<readonly WorkersRow[]> {
  using pki = await openPki();
  const backend = await startBackend(pki, load);
  const generator = new Generator(load);
  const common = { pki, clientAuth: 'optional', backend: 'h1', backendPort: backend.port, token: mintToken() } as const;
  const setups: readonly Setup[] = [
    { ...common, cores: { gateway: alone, load }, workers: 1 },
    { ...common, cores: { gateway: both, load }, workers: 2 },
  ];
  const rows: WorkersRow[] = [];
  try {
    for (const peer of peers) {
      const version = findVersion(peer);
      if (version === undefined) continue;
      rows.push(await measurePeer(peer, `${peer.name} ${version}`, setups, generator, rounds, seconds));
    }
  } finally {
    generator.stop();
    await backend.process.stop();
  }
  return rows;
}

async function measurePeer(
  peer: Peer,
  gateway: string,
  setups: readonly Setup[],
  generator: Generator,
  rounds: number,
  seconds: number,
): Promise<WorkersRow> {
  const running: RunningPeer[] = [];
  const measured: Measurement[][] = setups.map(() => []);
  try {
    for (const setup of setups) running.push(await startPeer(peer, setup));
    for (let round = 0; round < rounds; round += 1) {
      const order = running.map((_, at) => (at + round) % running.length);
      for (const at of order) {
        const one = running[at];
        if (one !== undefined) measured[at]?.push(await generator.run(jobFor(one, setups[at], seconds), one));
      }
    }
  } finally {
    await Promise.all(running.map((one) => one.process.stop()));
  }
  const [one = [], two = []] = measured.map((list) => list.map(({ perSecond }) => perSecond));
  return { gateway, one, two, failures: measured.flat().flatMap(({ failures }) => Object.keys(failures)) };
}

function jobFor({ port }: RunningPeer, setup: Setup | undefined, seconds: number): Job {
  const workload = workloads.find(({ name }) => name === 'small');
  if (workload === undefined || setup === undefined) throw new Error('nothing to measure');
  const { pki } = setup;
  return {
    workload: { ...workload, connections: 128 },
    generator: 'wrk',
    port,
    ca: pki.servers.certPem,
    cert: pki.alice.chainPem,
    key: pki.alice.keyPem,
    authorization: undefined,
    rate: undefined,
    warmMs: 1_000,
    measureMs: seconds * 1000,
  };
}

export function renderWorkers(rows: readonly WorkersRow[] | string): string {
  if (typeof rows === 'string') return rows;
  const lines = rows.map(({ gateway, one, two, failures }) => {
    const { median, lowest, highest } = spanOf(two.map((value, at) => value / (one[at] ?? Number.NaN)));
    const span = `${median.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)})`;
    const failed = failures.length === 0 ? '' : `  FAILED: ${[...new Set(failures)].join(', ')}`;
    const perSecond = [one, two].map((list) => spanOf(list).median.toFixed(0).padStart(8)).join('  ');
    return `${gateway.padEnd(20)}  ${perSecond}  ${failed === '' ? span : failed}`;
  });
  const head = `${'gateway'.padEnd(20)}  ${'1 worker'.padStart(8)}  ${'2'.padStart(8)}  2 ÷ 1`;
  return [
    'small requests a second (wrk, no client certificate, 128 connections), with one worker and with two',
    head,
    ...lines,
  ].join('\n');
}
