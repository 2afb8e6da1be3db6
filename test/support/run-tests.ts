// `npm test`: makes sure that the peers are there and the console is built, then runs every *.test.ts of src/, test/ and console/
// under node:test.
// `npm test -- src/http1 test/journeys/reload` runs what lies under these paths; `--times` says at the end what took longest; other
// options go to the processes of the tests.
import { globSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildProgram } from '../../scripts/build.ts';
import { Costs } from './costs.ts';
import { Durations } from './durations.ts';
import { ensurePeers } from './peers.ts';
import { costsVariable } from './process-cost.ts';
import { programVariable } from './program.ts';
import { openTempDir } from './temp.ts';

/** One test may take this long (what it waits for has shorter limits), the whole run that long. */
const TEST_TIMEOUT_MS = 10 * 60_000;
const RUN_TIMEOUT_MS = 60 * 60_000;
/** How many files share a process at most. */
const SHARED_FILES = 40;

/** Prints what took longest. */
const timesOption = '--times';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Seconds that the longest journeys take, where nothing has been measured yet. */
const guesses: Readonly<Record<string, number>> = {
  'fleet/alerts': 290,
  'fleet/shared': 140,
  'fleet/rollout': 130,
  alerts: 120,
  'console-services': 50,
  'postgres-store': 50,
  'single-sign-on': 45,
  debian: 45,
  'console-drift': 45,
  'slipped-trust': 40,
  'drift-listeners': 40,
  'acme/trouble': 35,
  'hung-worker': 30,
  'console-gateways': 30,
  'console-first-run': 25,
  'console-certificates': 25,
  'fleet/skew': 25,
  'live-api': 20,
  'acme/order': 20,
  examples: 20,
  'console-overview': 20,
  'drift-files': 20,
  control: 20,
  'drift-approve': 20,
  'console-session': 20,
  'console-people': 20,
  'console-alerts': 20,
  container: 20,
  'crl-url': 20,
  'console-retry': 15,
  'helm-chart': 15,
  'certificate-login': 15,
  'crl-files': 15,
  'fleet/join': 15,
  stapling: 15,
  demo: 15,
  'hostile-files': 15,
  'ocsp-live': 15,
  apply: 15,
  'inline-secrets': 15,
};
/** Before what takes at least so long nothing else begins: mostly pauses of the product, beside which there is room for the rest. */
const PATIENT_MS = 60_000;

/** Test files under `paths` (files, folders or beginnings of names, relative to the root); all where there are none. */
function findTests(paths: readonly string[]): string[] {
  const all = globSync(['src/**/*.test.ts', 'test/**/*.test.ts', 'console/src/**/*.test.ts'], { cwd: root }).toSorted();
  if (paths.length === 0) return all;
  const wanted = paths.map((path) => path.replace(/^\.\//, ''));
  return all.filter((file) => wanted.some((path) => file.startsWith(path)));
}

/** Paths of what node:test runs, each in a process: journeys themselves, and modules in `dir` that load many other files. */
function arrange(files: readonly string[], dir: string, durations: Durations): string[] {
  const journeys = durations.sort(files.filter((file) => file.startsWith('test/journeys/')));
  const others = files.filter((file) => !file.startsWith('test/journeys/'));
  const isPatient = (file: string): boolean => durations.of(file) >= PATIENT_MS;
  const [first, rest] = [journeys.filter(isPatient), journeys.filter((file) => !isPatient(file))];
  const paths = (some: readonly string[]): string[] => some.map((file) => join(root, file));
  return [...paths(first), ...share(others, dir), ...paths(rest)];
}

function share(files: readonly string[], dir: string): string[] {
  const count = Math.ceil(files.length / SHARED_FILES);
  const support = pathToFileURL(join(root, 'test/support/shared-process.ts')).href;
  return Array.from({ length: count }, (_, at) => {
    // In turns, so that the files of a folder, which are alike, are spread over all.
    const share = files.filter((_file, index) => index % count === at).map((file) => join(root, file));
    const path = join(dir, `shared-${at + 1}.mjs`);
    const calls = `await registerTogether(${JSON.stringify(share, undefined, 2)});`;
    writeFileSync(path, `import { registerTogether } from ${JSON.stringify(support)};\n${calls}\n`);
    return path;
  });
}

async function main(args: readonly string[]): Promise<void> {
  const missing = ensurePeers((line) => console.error(line));
  if (missing !== undefined) {
    console.error(missing);
    process.exitCode = 1;
    return;
  }
  const files = findTests(args.filter((arg) => !arg.startsWith('-')));
  if (files.length === 0) {
    console.error('no test file fits');
    process.exitCode = 1;
    return;
  }
  await buildProgram(join(root, 'dist'));
  process.env[programVariable] = join(root, 'dist/cli/main.js');
  runAll(
    files,
    args.filter((arg) => arg.startsWith('-')),
  );
}

function runAll(files: readonly string[], options: readonly string[]): void {
  // Every gateway that a test starts is a process of its own; compiled code is shared through this cache, which halves what
  // each of them costs at its start.
  process.env['NODE_COMPILE_CACHE'] ??= join(root, 'node_modules', '.cache', 'compiled');
  const dir = openTempDir('tests');
  process.env[costsVariable] = dir.path;
  const costs = new Costs();
  const guessed = Object.entries(guesses).map(([name, s]) => [`test/journeys/${name}.test.ts`, s * 1000] as const);
  const durations = new Durations(join(root, 'node_modules', '.cache', 'test-durations.json'), new Map(guessed));
  const startedAt = performance.now();
  const stop = new AbortController();
  const timer = setTimeout(() => {
    console.error(`the tests took longer than ${RUN_TIMEOUT_MS / 60_000} minutes`);
    stop.abort();
  }, RUN_TIMEOUT_MS);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const tests = run({
    cwd: root,
    files: arrange(files, dir.path, durations),
    // Journeys wait most of their time: for other processes, for pauses of the product. Three for each core keep it busy.
    concurrency: 3 * Math.max(2, availableParallelism()),
    execArgv: [
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      ...['process-cost.ts', 'process-end.ts'].map((name) => `--import=${new URL(name, import.meta.url).href}`),
      ...options.filter((option) => option !== timesOption),
    ],
    signal: stop.signal,
  });
  tests.on('test:fail', () => (process.exitCode = 1));
  tests.on('test:complete', ({ nesting, name, file, details }) => {
    if (nesting > 0 || file?.endsWith('.test.ts') !== true) return;
    // A file of its own counts as a test too, after those in it.
    if (name === file) costs.set(file, details.duration_ms);
    else costs.add(file, details.duration_ms);
  });
  tests.on('test:summary', ({ success, file, duration_ms: ms }) => {
    if (!success) process.exitCode = 1;
    else if (file?.startsWith(join(root, 'test')) === true) durations.note(relative(root, file), ms);
  });
  tests.once('close', () => {
    clearTimeout(timer);
    const table = options.includes(timesOption) ? costs.table(dir.file('costs'), (file) => relative(root, file)) : [];
    const cpuSeconds = costs.cpuSeconds(dir.file('costs'));
    dir.remove();
    durations.save();
    if (stop.signal.aborted) process.exitCode = 1;
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const verdict = (process.exitCode ?? 0) === 0 ? 'passed' : 'FAILED';
    const took = `${seconds} s (CPU ${cpuSeconds} s)`;
    process.on('exit', () => {
      for (const line of table) console.log(line);
      console.log(`${files.length} test files ${verdict} in ${took} on Node ${process.versions.node}`);
    });
  });
  tests.compose(spec).pipe(process.stdout);
}

await main(process.argv.slice(2));
