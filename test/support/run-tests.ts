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

/** One test may take this long (what it waits for has shorter limits), a process of several files that long, the whole run that long. */
const TEST_TIMEOUT_MS = 10 * 60_000;
const PROCESS_TIMEOUT_MS = 30 * 60_000;
const RUN_TIMEOUT_MS = 60 * 60_000;
/** How many files share a process at most. */
const SHARED_FILES = 40;

/** Prints what took longest. */
const timesOption = '--times';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What takes longest, where nothing has been measured yet. */
const longest: readonly string[] = [
  'slipped-trust',
  'hostile-files',
  'examples',
  'reload-broken',
  'inline-secrets',
  'crl-url',
  'stapling',
  'crl-files',
  'check-command',
  'crl-revocation',
  'explain-route',
  'ticket-keys',
  'spiffe',
  'trust-sessions',
  'backend-revocation',
  'trust-connections',
  'check-against',
  'drain',
  'admin',
].map((name) => `test/journeys/${name}.test.ts`);

/** Test files under `paths` (files, folders or beginnings of names, relative to the root); all where there are none. */
function findTests(paths: readonly string[]): string[] {
  const all = globSync(['src/**/*.test.ts', 'test/**/*.test.ts', 'console/src/**/*.test.ts'], { cwd: root }).toSorted();
  if (paths.length === 0) return all;
  const wanted = paths.map((path) => path.replace(/^\.\//, ''));
  return all.filter((file) => wanted.some((path) => file.startsWith(path)));
}

/** Paths of what node:test runs, each in a process: journeys themselves, and modules in `dir` that load many other files. */
function arrange(files: readonly string[], dir: string, durations: Durations): string[] {
  const journeys = files.filter((file) => file.startsWith('test/journeys/'));
  const others = files.filter((file) => !file.startsWith('test/journeys/'));
  // What files share takes longer than any journey.
  return [...share(others, dir), ...durations.sort(journeys).map((file) => join(root, file))];
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
  const durations = new Durations(join(root, 'node_modules', '.cache', 'test-durations.json'), longest);
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
    // Journeys wait for other processes some of their time: one more than there are cores.
    concurrency: Math.max(2, availableParallelism()) + 1,
    timeout: PROCESS_TIMEOUT_MS,
    execArgv: [
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      `--import=${new URL('process-cost.ts', import.meta.url).href}`,
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
