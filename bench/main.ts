// `npm run bench`: Countersign beside every other gateway on this machine, mTLS in and mTLS out. Same certificates,
// same backend, same load; one worker each on one core, load and backend on another; rounds in alternation.
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { buildProgram } from '../scripts/build.ts';
import { openPki } from '../test/support/pki.ts';
import { buildCommit, renderAgainst } from './against.ts';
import { type Contest, type Listener, measureWith } from './contest.ts';
import { takeCores } from './cores.ts';
import { measureCrl, renderCrl } from './crl.ts';
import { measureFairness, renderFairness } from './fairness.ts';
import { Generator } from './load.ts';
import { peers } from './peer.ts';
import { measureJudged, renderJudged } from './judged.ts';
import { measureRevocation, renderRevocation } from './revocation.ts';
import { completeRun, makeRun } from './report.ts';
import { renderRuns } from './render-runs.ts';
import { measureScale, renderScale } from './scale.ts';
import { readSettings, type Settings, USAGE } from './settings.ts';
import { measureStarts, renderStarts } from './start.ts';
import { renderTable, type WorkloadResult } from './table.ts';
import { measureWorkers, renderWorkers } from './workers.ts';

/** Tables of their own. */
const alone: Readonly<Record<string, (json: boolean) => Promise<string>>> = {
  fairness: async (json) => {
    const cores = takeCores();
    const rows = await measureFairness(cores);
    return json ? JSON.stringify(rows, null, 2) : renderFairness(rows);
  },
  start: async (json) => {
    const cores = takeCores();
    const report = await measureStarts(cores, 5);
    return json ? JSON.stringify(report, null, 2) : renderStarts(report);
  },
  workers: async (json) => {
    const rows = await measureWorkers(5, 2);
    return json ? JSON.stringify(rows, null, 2) : renderWorkers(rows);
  },
  scale: async (json) => {
    const rows = await measureScale(takeCores());
    return json ? JSON.stringify(rows, null, 2) : renderScale(rows);
  },
  crl: async (json) => {
    const report = await measureCrl();
    return json ? JSON.stringify(report, null, 2) : renderCrl(report);
  },
  judged: async (json) => {
    const report = await measureJudged();
    return json ? JSON.stringify(report, null, 2) : renderJudged(report);
  },
  revocation: async (json) => {
    const rounds = await measureRevocation(5);
    return json ? JSON.stringify(rounds, null, 2) : renderRevocation(rounds);
  },
};

async function compare(settings: Settings): Promise<void> {
  const cores = takeCores();
  using pki = await openPki();
  using other = settings.against === undefined ? undefined : buildCommit(settings.against);
  const generator = new Generator(cores.load);
  const wanted = peers.filter(({ name }) => (other === undefined ? settings.wanted.has(name) : name === 'countersign'));
  const contest: Contest = {
    pki,
    cores,
    contestants: other === undefined ? wanted : [...wanted, other.peer],
    generator,
    generatorName: settings.generator,
    rounds: settings.rounds,
    seconds: settings.seconds,
  };
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, Linux ${release()}, Node ${process.versions.node}`;
  const method = `mTLS in, mTLS out, TLS 1.3, ECDSA P-256; one worker on core ${cores.gateway}, load and backend on core ${cores.load}; ${settings.rounds} × ${settings.seconds} s`;
  const say = (text: string): void => {
    if (!settings.json) console.log(`${text}\n`);
  };
  const listener: Listener = {
    present: (notes) => say(notes.join('\n')),
    result: (result) => say(renderTable(result)),
  };
  say(`${machine}\n${method}`);
  const results: WorkloadResult[] = [];
  const notes: string[] = [];
  let isMissing = false;
  try {
    for (const kind of ['h1', 'h2', 'grpc'] as const) {
      const chosen = settings.chosen.filter((workload) => workload.backend === kind);
      if (chosen.length === 0) continue;
      const part = await measureWith(kind, chosen, contest, listener);
      results.push(...part.results);
      notes.push(...part.notes);
      isMissing ||= wanted.some(({ name }) => name === 'countersign') && !part.present.includes('countersign');
    }
  } finally {
    generator.stop();
  }
  if (settings.json) console.log(JSON.stringify({ machine, method, peers: notes, results }, null, 2));
  else if (other !== undefined) console.log(renderAgainst(results, other.commit));
  const failed = results.some((result) => result.rows.some((row) => Object.keys(row.failures).length > 0));
  if (failed || isMissing) process.exitCode = 1;
}

async function makeReport(args: readonly string[]): Promise<string> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      report: { type: 'boolean' },
      out: { type: 'string' },
      only: { type: 'string' },
      for: { type: 'string', default: '3600' },
    },
  });
  if (values.out === undefined) throw new Error('--report writes into a file: --out FILE.');
  const only = values.only === undefined ? undefined : new Set(values.only.split(','));
  const missing = await makeRun(values.out, only, Number(values.for) * 1000);
  return missing.length === 0 ? `${values.out} is a complete run.` : `${values.out} lacks ${missing.join(', ')}.`;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    console.log(USAGE.replace('{{alone}}', Object.keys(alone).join(', ')));
    return;
  }
  if (args.includes('--render')) {
    console.log(renderRuns(args.slice(args.indexOf('--render') + 1), completeRun));
    return;
  }
  const only = args.find((arg, at) => arg.startsWith('--only=') || args[at - 1] === '--only')?.replace('--only=', '');
  const measureAlone = alone[only ?? ''];
  const isReport = args.includes('--report');
  const settings = measureAlone === undefined && !isReport ? readSettings(args) : undefined;
  await buildProgram(new URL('../dist', import.meta.url).pathname);
  if (measureAlone !== undefined) console.log(await measureAlone(args.includes('--json')));
  else if (isReport) console.log(await makeReport(args));
  else if (settings !== undefined) await compare(settings);
}

// What was started and written ends with us; two of each gateway, and a backend, listen for that.
process.setMaxListeners(50);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
