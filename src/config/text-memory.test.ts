import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { loadConfig } from './load-config.ts';
import { TextMemory } from './text-memory.ts';

const text = (name: string, more = ''): string =>
  `gateway:\n${more}  entryPoints: {webSecure: {enabled: false}}\n  routes: [{name: ${name}, path: /, target: "http://127.0.0.1:1"}]\n`;

function open(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-texts-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'g.yml');
  let reads = 0;
  const memory = new TextMemory(async (origin, options) => {
    reads++;
    return loadConfig(origin, options);
  });
  return {
    dir,
    file,
    write: (content: string) => writeFileSync(file, content),
    /** The name of the first route (or the first error), and whether the text was parsed for it. */
    read: async (env = {}, strict = true, more = {}): Promise<[string | undefined, 'parsed' | 'known']> => {
      const before = reads;
      const { config, problems } = await memory.read({ file, ...more }, { env, strict, clock: systemClock });
      const said = config?.routes[0]?.name ?? problems.find(({ severity }) => severity === 'error')?.code;
      return [said, reads > before ? 'parsed' : 'known'];
    },
  };
}

describe('a main file that was read before', () => {
  it('is parsed when its bytes are others, whatever its time says, and when they are again what they were', async (t) => {
    const { file, write, read } = open(t);
    write(text('a'));
    assert.deepEqual(await read(), ['a', 'parsed']);
    const { mtime } = statSync(file);
    write(text('a'));
    assert.deepEqual(await read(), ['a', 'known']);
    write(text('b'));
    utimesSync(file, mtime, mtime);
    assert.deepEqual(await read(), ['b', 'parsed']);
    write(text('a'));
    assert.deepEqual(await read(), ['a', 'parsed']);
    assert.deepEqual(await read(), ['a', 'known']);
  });

  it('is parsed when what stands around it is another', async (t) => {
    const { write, read } = open(t);
    write(text('"${NAME}"'));
    assert.deepEqual(await read({ NAME: 'a' }), ['a', 'parsed']);
    assert.deepEqual(await read({ NAME: 'a' }), ['a', 'known']);
    assert.deepEqual(await read({ NAME: 'b' }), ['b', 'parsed']);
    assert.deepEqual(await read({ NAME: 'b' }, false), ['b', 'parsed']);
  });

  it('is parsed each time when it was wrong, is gone, or others belong to it', async (t) => {
    const { dir, file, write, read } = open(t);
    write('gateway: [');
    for (let time = 0; time < 2; time++) assert.deepEqual(await read(), ['yaml_syntax', 'parsed']);
    write(text('a'));
    assert.deepEqual(await read(), ['a', 'parsed']);
    rmSync(file);
    assert.equal((await read())[1], 'parsed');
    write(text('a'));
    assert.deepEqual(await read(), ['a', 'parsed']);
    const given = { text: text('given') };
    for (let time = 0; time < 2; time++) assert.deepEqual(await read({}, true, given), ['given', 'parsed']);
    mkdirSync(join(dir, 'more'));
    write(text('c', '  extraConfig: {directory: more}\n'));
    for (let time = 0; time < 2; time++) assert.deepEqual(await read(), ['c', 'parsed']);
  });
});
