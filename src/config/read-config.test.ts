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

/** A process with other things to do. */
function writeEntry(file: string, source: string): string {
  const entry = join(file, '..', 'entry.mjs');
  writeFileSync(entry, source);
  return entry;
}

describe('a configuration that is read in a process of its own', () => {
  it('comes back as it is read without one', async (t) => {
    const file = writeConfig(t, `gateway:\n  extraConfig: {directory: more}\n  routes:\n${routes(3)}`);
    mkdirSync(join(file, '..', 'more'));
    writeFileSync(join(file, '..', 'more', 'a.yml'), 'routes: [{name: "${HERE}", path: /a, target: "http://h:1"}]');
    const read = await readConfig({ file }, options);
    assert.deepEqual(read, await loadConfig({ file }, options));
    assert.deepEqual(
      read.config?.routes.map(({ name }) => name),
      ['r0', 'r1', 'r2', 'there'],
    );
  });

  it('comes back the same from texts that are given instead of files', async () => {
    const origin = {
      file: 'store:main',
      text: `gateway:\n  routes:\n${routes(2)}`,
      extra: [{ file: 'store:extra', text: 'routes: [{name: "${HERE}", path: /a, target: "http://h:1"}]' }],
    };
    const read = await readConfig(origin, options);
    assert.deepEqual(read, await loadConfig(origin, options));
    assert.deepEqual([read.files, read.config?.routes.map(({ name }) => name)], [[], ['r0', 'r1', 'there']]);
  });

  it('may have 10,000 routes', async (t) => {
    const { config, problems } = await readConfig(
      { file: writeConfig(t, `gateway:\n  routes:\n${routes(10_000)}`) },
      options,
    );
    assert.deepEqual(problems, []);
    assert.equal(config?.routes.length, 10_000);
  });
});

describe('a configuration that takes too much', () => {
  const refusal = async (file: string, more: Partial<ReadConfigOptions>): Promise<string> => {
    const { config, problems, files } = await readConfig({ file }, { ...options, ...more });
    assert.equal(config, undefined);
    assert.equal(problems[0]?.code, 'config_unread');
    assert.equal(problems[0].place.file, file);
    assert.ok(files.includes(file), 'it is watched: it may be corrected');
    return problems[0].message;
  };

  it('of memory is refused', async (t) => {
    const file = writeConfig(t, `gateway:\n  routes:\n${routes(10_000)}`);
    assert.match(await refusal(file, { maxHeapMb: 24 }), /more than 24 MiB of memory/);
  });

  it('of memory is refused as well where its text is given', async () => {
    const origin = { file: 'store:main', text: `gateway:\n  routes:\n${routes(10_000)}` };
    const { config, problems, files } = await readConfig(origin, { ...options, maxHeapMb: 24 });
    assert.deepEqual([config, files, problems[0]?.code], [undefined, [], 'config_unread']);
    assert.equal(problems[0]?.place.file, 'store:main');
  });

  it('of time is refused, however busy the process is', async (t) => {
    const file = writeConfig(t, '');
    const { clock, ring } = handClock();
    const reading = refusal(file, { clock, entry: writeEntry(file, 'for (;;);'), readMs: 5_000 });
    ring();
    assert.match(await reading, /took longer than 5 s/);
  });

  it('has all its files watched, those too that were not parsed yet', async (t) => {
    const file = writeConfig(t, '');
    const entry = writeEntry(
      file,
      `process.once('message', ({ file }) => {
        process.send({ kind: 'files', files: [file, '/more.yml'] }, () => process.exit(0));
      });`,
    );
    assert.deepEqual((await readConfig({ file }, { ...options, entry })).files, [file, '/more.yml']);
  });

  it('or ends the process in any other way is refused', async (t) => {
    const file = writeConfig(t, '');
    assert.match(await refusal(file, { entry: writeEntry(file, 'process.exit(3)') }), /the process ended \(3\)/);
    assert.match(await refusal(file, { entry: '/nonexistent.js' }), /the process ended \(1\)/);
    const failing = `process.once('message', () => process.send({ kind: 'failed', why: 'a defect' }));`;
    assert.match(await refusal(file, { entry: writeEntry(file, failing) }), /a defect/);
  });
});
