// `npm run bench -- --report --out FILE`: one complete run, every row with every gateway, sized so that it takes some eleven
// minutes on two cores. FILE is written after each row; where it is there already, what it has is not measured again.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { findCommand } from '../test/support/peers.ts';
import { openPki } from '../test/support/pki.ts';
import { type Contest, type Listener, measureWith } from './contest.ts';
import { takeCores } from './cores.ts';
import { chooseGenerator, type GeneratorName, groups, workloads } from './job.ts';
import { Generator } from './load.ts';
import { findVersion, peers } from './peer.ts';
import { findDifference, keyOf, parseRun, type ReportRun, rowOf } from './report-run.ts';
import { renderTable } from './table.ts';

const SECONDS = 1;
const ROUNDS = 3;
/** Rounds after the first find code and caches warm. */
const WARM_AGAIN_MS = 500;

type Stage = { readonly generator: GeneratorName; readonly rounds: number; readonly rows: readonly string[] };

const idle = groups['idle'] ?? [];
/** Every row with our generator, and what others can do of the small ones and of bodies. Idle ones take a fresh process and long. */
const stages: readonly Stage[] = [
  {
    generator: 'own',
    rounds: ROUNDS,
    rows: workloads.map(({ name }) => name).filter((name) => !idle.includes(name)),
  },
  { generator: 'wrk', rounds: ROUNDS, rows: ['small', 'body'] },
  { generator: 'h2load', rounds: ROUNDS, rows: ['h2-h1'] },
  { generator: 'own', rounds: 1, rows: idle },
];

/** Keys of the rows of a complete run. */
export const completeRun: readonly string[] = stages.flatMap(({ generator, rows }) =>
  rows.map((name) => keyOf({ name, generator })),
);

/** `only`: names of rows; undefined: all. No row is begun after `forMs`. Returns what remains to be measured for a complete run. */
export async function makeRun(
  file: string,
  only: ReadonlySet<string> | undefined,
  forMs: number,
): Promise<readonly string[]> {
  const until = performance.now() + forMs;
  const cores = takeCores();
  const fresh = describe(`core ${cores.gateway}`, `core ${cores.load}`);
  let run = resume(file, fresh);
  const save = (next: ReportRun): void => {
    run = next;
    writeFileSync(`${file}.next`, `${JSON.stringify(run)}\n`);
    renameSync(`${file}.next`, file);
  };
  const listener: Listener = {
    present: (notes) => {
      console.log(`${notes.join('\n')}\n`);
      const leftOut = notes.map((note) => note.trim()).filter((note) => note.includes('LEFT OUT'));
      save({ ...run, notes: [...new Set([...run.notes, ...leftOut])] });
    },
    result: (result) => {
      console.log(`${renderTable(result)}\n`);
      save({ ...run, rows: [...run.rows, rowOf(result)] });
    },
  };
  using pki = await openPki();
  const generator = new Generator(cores.load);
  try {
    for (const stage of stages) {
      if (run.generators[stage.generator] === null) continue;
      const contest: Contest = {
        pki,
        cores,
        contestants: peers,
        generator,
        generatorName: stage.generator,
        rounds: stage.rounds,
        seconds: SECONDS,
        warmAgainMs: WARM_AGAIN_MS,
      };
      const missing = workloads.filter((workload) => {
        const key = keyOf({ name: workload.name, generator: chooseGenerator(workload, stage.generator) });
        const isWanted = stage.rows.includes(workload.name) && (only?.has(workload.name) ?? true);
        return isWanted && !run.rows.some((row) => keyOf(row) === key);
      });
      for (const kind of ['h1', 'h2', 'grpc'] as const) {
        const chosen = missing.filter(({ backend }) => backend === kind);
        if (chosen.length > 0 && performance.now() < until)
          await measureWith(kind, chosen, contest, listener, () => performance.now() < until);
      }
    }
  } finally {
    generator.stop();
  }
  return completeRun.filter((key) => !run.rows.some((row) => keyOf(row) === key));
}

/** The run in the file goes on where it can be the same; throws where it cannot. */
function resume(file: string, fresh: ReportRun): ReportRun {
  if (!existsSync(file)) return fresh;
  const begun = parseRun(readFileSync(file, 'utf8'), file);
  const difference = findDifference(begun, fresh);
  if (difference !== undefined) throw new Error(`${file} was begun with another ${difference}: name another file.`);
  return { ...begun, interruptions: begun.interruptions + 1 };
}

function describe(gatewayCore: string, loadCore: string): ReportRun {
  const processors = cpus();
  return {
    format: 1,
    date: new Date().toISOString(),
    commit: commitOf(),
    machine: `${processors[0]?.model ?? 'unknown CPU'}, ${processors.length} cores, Linux ${release()}, Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`,
    method: `mutual TLS on both sides, TLS 1.3, ECDSA P-256, X25519; one worker on ${gatewayCore}, load and backend on ${loadCore}; ${ROUNDS} rounds of ${SECONDS} s, idle connections once`,
    peers: Object.fromEntries(peers.map((peer) => [peer.name, findVersion(peer) ?? null])),
    generators: {
      own: '',
      wrk: versionOf('wrk', ['-v']),
      h2load: versionOf('h2load', ['--version']),
    },
    interruptions: 0,
    notes: [],
    rows: [],
  };
}

function commitOf(): string {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', new URL('..', import.meta.url).pathname, ...args], { encoding: 'utf8' }).trim();
  return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src', 'bench') === '' ? '' : '+');
}

function versionOf(command: string, args: readonly string[]): string | null {
  if (findCommand(command) === undefined) return null;
  const { stdout, stderr } = spawnSync(command, [...args], { encoding: 'utf8', timeout: 20_000 });
  return /\d+\.\d+(?:\.\d+)?/.exec(stdout + stderr)?.[0] ?? 'unknown version';
}
