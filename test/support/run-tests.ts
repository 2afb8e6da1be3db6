// `npm test`: makes sure that the peers are there, then runs every *.test.ts of src/ and test/ under node:test.
// `npm test -- src/http1 test/journeys/reload` runs what lies under these paths; options go to `node --test`.
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePeers } from './peers.ts';

/** One test (a file counts as one too) may take this long, the whole run that long. */
const TEST_TIMEOUT_MS = 180_000;
const RUN_TIMEOUT_MS = 12 * 60_000;

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Test files under `paths` (files, folders or beginnings of names, relative to the root); all where there are none. */
function findTests(paths: readonly string[]): string[] {
  const all = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }).toSorted();
  if (paths.length === 0) return all;
  const wanted = paths.map((path) => path.replace(/^\.\//, ''));
  return all.filter((file) => wanted.some((path) => file.startsWith(path)));
}

function main(args: readonly string[]): void {
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
  const options = [
    '--test',
    '--test-reporter=spec',
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    `--test-concurrency=${Math.max(2, availableParallelism())}`,
    ...args.filter((arg) => arg.startsWith('-')),
  ];
  // Every test file and every gateway that it starts is a process of its own; compiled code is shared through this cache,
  // which halves what each of them costs at its start.
  const env = { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled'), ...process.env };
  const startedAt = performance.now();
  const run = spawn(process.execPath, [...options, ...files], { cwd: root, env, stdio: 'inherit' });
  const timer = setTimeout(() => {
    console.error(`the tests took longer than ${RUN_TIMEOUT_MS / 60_000} minutes`);
    run.kill('SIGTERM');
  }, RUN_TIMEOUT_MS);
  run.once('close', (code, signal) => {
    clearTimeout(timer);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const verdict = code === 0 ? 'passed' : `FAILED (${signal ?? `exit ${code}`})`;
    console.log(`${files.length} test files ${verdict} in ${seconds} s on Node ${process.versions.node}`);
    process.exitCode = code ?? 1;
  });
}

main(process.argv.slice(2));
