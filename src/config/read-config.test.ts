// What reading a configuration may cost: time, memory, and nothing of it afterwards.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Clock, systemClock } from '../base/clock.ts';
import { loadConfig } from './load-config.ts';
import { readConfig, type ReadConfigOptions } from './read-config.ts';

const route = (name: string): string => `    - {name: ${name}, path: /${name}, target: "http://127.0.0.1:1"}\n`;
const routes = (count: number): string => Array.from({ length: count }, (_, i) => route(`r${i}`)).join('');
const options = { env: { HERE: 'there' }, strict: true, clock: systemClock } as const;

function writeConfig(t: TestContext, text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-read-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'g.yml'), text);
  return join(dir, 'g.yml');
}

/** A clock whose waits end when they are told to. */
function handClock(): { clock: Clock; ring: () => void } {
  let act = (): void => {};
  const clock: Clock = {
    ...systemClock,
    after: (_, call) => {
      act = call;
      return () => {};
    },
  };
  return { clock, ring: () => act() };
}

/** A thread with other things to do. */
const thread = (source: string): URL => new URL(`data:text/javascript,${encodeURIComponent(source)}`);

describe('a configuration that is read in a thread', () => {
  it('comes back as it is read without one', async (t) => {
    const file = writeConfig(t, `gateway:\n  extraConfig: {directory: more}\n  routes:\n${routes(3)}`);
    mkdirSync(join(file, '..', 'more'));
    writeFileSync(join(file, '..', 'more', 'a.yml'), 'routes: [{name: "${HERE}", path: /a, target: "http://h:1"}]');
    const read = await readConfig(file, options);
    assert.deepEqual(read, await loadConfig(file, options));
    assert.deepEqual(
      read.config?.routes.map(({ name }) => name),
      ['r0', 'r1', 'r2', 'there'],
    );
  });

  it('may have 10,000 routes', async (t) => {
    const { config, problems } = await readConfig(writeConfig(t, `gateway:\n  routes:\n${routes(10_000)}`), options);
    assert.deepEqual(problems, []);
    assert.equal(config?.routes.length, 10_000);
  });
});

describe('a configuration that takes too much', () => {
  const refusal = async (file: string, more: Partial<ReadConfigOptions>): Promise<string> => {
    const { config, problems, files } = await readConfig(file, { ...options, ...more });
    assert.equal(config, undefined);
    assert.equal(problems[0]?.code, 'config_too_costly');
    assert.equal(problems[0].place.file, file);
    assert.ok(files.includes(file), 'it is watched: it may be corrected');
    return problems[0].message;
  };

  it('of memory is refused', async (t) => {
    const file = writeConfig(t, `gateway:\n  routes:\n${routes(10_000)}`);
    assert.match(await refusal(file, { maxHeapMb: 24 }), /more than 24 MiB of memory/);
  });

  it('of time is refused, however busy the thread is', async (t) => {
    const file = writeConfig(t, '');
    const { clock, ring } = handClock();
    const reading = refusal(file, { clock, entry: thread('for (;;);'), readMs: 5_000 });
    ring();
    assert.match(await reading, /took longer than 5 s/);
  });

  it('has all its files watched, those too that were not parsed yet', async (t) => {
    const file = writeConfig(t, '');
    const entry = thread(`
      import { parentPort, workerData } from 'node:worker_threads';
      parentPort.postMessage({ kind: 'files', files: [workerData.file, '/more.yml'] });
      process.exit(0);`);
    assert.deepEqual((await readConfig(file, { ...options, entry })).files, [file, '/more.yml']);
  });

  it('or ends the thread in any other way is refused', async (t) => {
    const file = writeConfig(t, '');
    assert.match(await refusal(file, { entry: thread('throw new TypeError("a defect")') }), /a defect/);
    assert.match(await refusal(file, { entry: thread('process.exit(0)') }), /ended/);
    assert.match(await refusal(file, { entry: new URL('file:///nonexistent.js') }), /failed/);
  });
});
