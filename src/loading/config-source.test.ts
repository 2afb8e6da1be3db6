// What every source of a configuration promises: on the file, on a file with a store beside it, and on one that has its texts and
// its material in memory.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { openStoreToWrite } from '../../test/support/stored-config.ts';
import { Feed } from '../../test/support/wait-for.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { mintCa } from '../certs/test-ca.ts';
import { type MaterialBytes, materialUnknown, readMaterialFile, type StoredRef } from '../certs/material.ts';
import type { Ref } from '../config/ref.ts';
import type { ConfigOrigin } from '../config/config-origin.ts';
import { loadConfig } from '../config/load-config.ts';
import { readConfig } from '../config/read-config.ts';
import type { JsonObject } from '../store/canonical-json.ts';
import type { ConfigSource, ConfigWatch, Dependencies } from './config-source.ts';
import { FileSource } from './file-source.ts';
import { type LoadedResult, type LoadOptions, loadGateway } from './load.ts';
import { MaterialLoader } from './material-loader.ts';

/** A configuration that somebody changes while a gateway looks on. */
type Setup = {
  readonly source: ConfigSource;
  /** How problems name the main text. */
  readonly textName: string;
  writeText(text: string): void;
  /** Its routes belong to the configuration of the main text. */
  writeExtra(text: string): void;
  writeMaterial(name: string, pem: string): void;
  refTo(name: string): Ref;
  /** From now on the source has nothing to give. */
  takeAway(): void;
};

/** Short waits of the file watch are over at once. */
const quickClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  after: (ms, act) => systemClock.after(ms < 1000 ? 1 : ms, act),
};

const route = (name: string): string => `{name: ${name}, path: /${name}, target: "http://127.0.0.1:1"}`;
const mainText = (name: string): string =>
  `gateway:\n  extraConfig: {directory: more}\n  entryPoints: {webSecure: {enabled: false}}\n  routes: [${route(name)}]\n`;
const textWithoutExtra = (name: string): string =>
  `gateway:\n  entryPoints: {webSecure: {enabled: false}}\n  routes: [${route(name)}]\n`;

function onFiles(t: TestContext): Setup {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-source-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'more'));
  const file = join(dir, 'gateway.yml');
  /** As people do it who do not want half a file to be read. */
  const write = (path: string, text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  const place = { file, line: 3, col: 5 };
  return {
    source: new FileSource(file),
    textName: file,
    writeText: (text) => write(file, text),
    writeExtra: (text) => write(join(dir, 'more', 'extra.yml'), text),
    writeMaterial: (name, pem) => write(join(dir, `${name}.pem`), pem),
    refTo: (name) => ({ place, path: join(dir, `${name}.pem`) }),
    takeAway: () => rmSync(file),
  };
}

/** Numbers what it has; a watch compares the numbers. */
class MemorySource implements ConfigSource {
  readonly name = 'store:main';
  readonly texts = new Map<string, string>();
  readonly material = new Map<string, string>();
  isReachable = true;
  readonly #watches = new Set<MemoryWatch>();
  #versions = new Map<string, number>();

  async readTexts(): Promise<ConfigOrigin> {
    if (!this.isReachable) throw new Error('the store does not answer');
    const extra = [...this.texts].filter(([name]) => name !== 'main').map(([name, text]) => ({ file: name, text }));
    return { file: this.name, text: this.texts.get('main') ?? '', extra };
  }

  async readMaterial(ref: StoredRef, maxBytes: number): Promise<MaterialBytes> {
    if ('path' in ref) return readMaterialFile(ref, maxBytes);
    const pem = this.material.get(ref.id);
    return pem === undefined ? materialUnknown(ref.id) : { ok: true, bytes: Buffer.from(pem) };
  }

  watch(_: Clock, onChange: () => Promise<void>): ConfigWatch {
    const watch = new MemoryWatch(this, onChange, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    return watch;
  }

  put(among: Map<string, string>, name: string, text: string): void {
    among.set(name, text);
    const key = among === this.texts ? 'texts' : `id ${name}`;
    this.#versions.set(key, (this.#versions.get(key) ?? 0) + 1);
    for (const watch of this.#watches) watch.look();
  }

  version(key: string): number {
    return this.#versions.get(key) ?? 0;
  }
}

class MemoryWatch implements ConfigWatch {
  readonly #source: MemorySource;
  readonly #onChange: () => Promise<void>;
  readonly close: () => void;
  #keys: readonly string[] = ['texts'];
  #seen = new Map<string, number>();
  #running: Promise<void> | undefined;

  constructor(source: MemorySource, onChange: () => Promise<void>, close: () => void) {
    this.#source = source;
    this.#onChange = onChange;
    this.close = close;
  }

  async mark(): Promise<void> {
    this.#seen = this.#now();
  }

  async set({ materialIds }: Dependencies): Promise<void> {
    this.#keys = ['texts', ...materialIds.map((id) => `id ${id}`)];
    this.#seen = new Map([...this.#now(), ...this.#seen]);
    this.look();
  }

  look(): void {
    const now = this.#now();
    if (this.#running !== undefined || this.#keys.every((key) => this.#seen.get(key) === now.get(key))) return;
    this.#seen = now;
    this.#running = this.#onChange().finally(() => {
      this.#running = undefined;
      this.look();
    });
  }

  #now(): Map<string, number> {
    return new Map(this.#keys.map((key) => [key, this.#source.version(key)]));
  }
}

function inMemory(): Setup {
  const source = new MemorySource();
  const place = { file: source.name, line: 3, col: 5 };
  return {
    source,
    textName: source.name,
    writeText: (text) => source.put(source.texts, 'main', text.replace(/ {2}extraConfig.*\n/, '')),
    writeExtra: (text) => source.put(source.texts, 'store:extra', text),
    writeMaterial: (name, pem) => source.put(source.material, name, pem),
    refTo: (name) => ({ place, id: name }),
    takeAway: () => {
      source.isReachable = false;
    },
  };
}

/** The main text in a file; further routes, and material, in a store. */
async function onFileAndStore(t: TestContext): Promise<Setup> {
  const files = onFiles(t);
  const written = await openStoreToWrite(t);
  return {
    ...files,
    source: written.source(files.textName),
    writeText: (text) => files.writeText(text.replace(/ {2}extraConfig.*\n/, '')),
    writeExtra: (text) => {
      const { routes } = parse(text) as { routes: readonly (JsonObject & { name: string })[] };
      for (const { name, ...body } of routes) written.put('routes', name, body);
    },
    writeMaterial: (name, pem) => written.putSealed('certificates', name, { cert: pem }, pem),
    refTo: (name) => ({ place: { file: files.textName, line: 3, col: 5 }, id: `certificates/${name}/key` }),
  };
}

/** Reads in this process: one of its own for each load would be most of what they cost. The first test of each source has one. */
const load = async ({ source }: Setup, read: LoadOptions['read'] = loadConfig): Promise<LoadedResult> =>
  loadGateway(source, { env: {}, strict: true, clock: systemClock, read });
const routesOf = ({ loaded }: LoadedResult): string[] => loaded?.config.routes.map(({ name }) => name) ?? [];

/** A watch, and what it told. */
function observe(t: TestContext, { source }: Setup): { watch: ConfigWatch; told: Feed<string> } {
  const told = new Feed<string>('changes of the configuration');
  const watch = source.watch(quickClock, async () => told.push('changed'));
  // The watch is not to keep a process alive; here something has to.
  const alive = setInterval(() => {}, 1000);
  t.after(() => {
    clearInterval(alive);
    watch.close();
  });
  return { watch, told };
}

for (const [what, open] of [
  ['a file', onFiles],
  ['a file and a store', onFileAndStore],
  ['texts and material in memory', inMemory],
] as const) {
  describe(`a configuration from ${what}`, () => {
    it('is loaded with the texts that belong to it', async (t) => {
      const setup = await open(t);
      setup.writeText(mainText('main'));
      setup.writeExtra(`routes: [${route('extra')}]\n`);
      const result = await load(setup, readConfig);
      assert.deepEqual(
        result.problems.filter(({ severity }) => severity === 'error'),
        [],
      );
      assert.deepEqual(routesOf(result), ['main', 'extra']);
    });

    it('is read anew at each load', async (t) => {
      const setup = await open(t);
      setup.writeText(textWithoutExtra('one'));
      assert.deepEqual(routesOf(await load(setup)), ['one']);
      setup.writeText(textWithoutExtra('two'));
      assert.deepEqual(routesOf(await load(setup)), ['two']);
    });

    it('has its problems told with name, line and column', async (t) => {
      const setup = await open(t);
      setup.writeText('gateway:\n  workers: many\n');
      const { loaded, problems } = await load(setup);
      assert.equal(loaded, undefined);
      assert.deepEqual(
        problems.map(({ code, place }) => [code, place.file, place.line, place.col]),
        [['wrong_value', setup.textName, 2, 12]],
      );
    });

    it('is held to the limits of size, wherever its texts are', async (t) => {
      const setup = await open(t);
      setup.writeText(`# ${'x'.repeat(9_000_000)}\n`);
      const { loaded, problems } = await load(setup);
      assert.equal(loaded, undefined);
      assert.deepEqual(
        problems.map(({ code, place }) => [code, place.file]),
        [['file_too_large', setup.textName]],
      );
    });

    it('is held to the limits that are taken before parsing', async (t) => {
      const setup = await open(t);
      setup.writeText(`gateway: ${'['.repeat(10_000)}${']'.repeat(10_000)}\n`);
      const { loaded, problems } = await load(setup);
      assert.equal(loaded, undefined);
      assert.equal(problems[0]?.place.file, setup.textName);
    });

    it('that has gone is a problem, not a throw', async (t) => {
      const setup = await open(t);
      setup.writeText(textWithoutExtra('one'));
      setup.takeAway();
      const { loaded, problems } = await load(setup);
      assert.equal(loaded, undefined);
      assert.deepEqual(
        problems.map(({ severity, place }) => [severity, place.file]),
        [['error', setup.textName]],
      );
      assert.match(problems[0]?.message ?? '', /cannot be read|could not be read/);
    });

    it('has its material read by reference, and says what the outcome depends on', async (t) => {
      const setup = await open(t);
      const ca = await mintCa({ cn: 'Root' });
      setup.writeMaterial('clients', ca.certPem);
      const loader = new MaterialLoader(setup.source, Date.now());
      const bundle = await loader.bundle([setup.refTo('clients')]);
      assert.deepEqual(loader.problems, []);
      assert.match(bundle?.certificates[0]?.subject ?? '', /Root/);
      const ref = setup.refTo('clients');
      assert.deepEqual([...loader.paths, ...loader.ids], ['path' in ref ? ref.path : 'id' in ref ? ref.id : '']);
    });

    it('says what material it does not have, at the place that refers to it, and watches for it', async (t) => {
      const setup = await open(t);
      const loader = new MaterialLoader(setup.source, Date.now());
      assert.equal(await loader.bundle([setup.refTo('nobody')]), undefined);
      const [problem] = loader.problems;
      assert.deepEqual([problem?.severity, problem?.place], ['error', { file: setup.textName, line: 3, col: 5 }]);
      assert.match(problem?.message ?? '', /nobody/);
      assert.notEqual(problem?.hint, '');
      assert.equal(loader.paths.size + loader.ids.size, 1);
    });

    it('tells when a text becomes another, and when material does that the load depended on', async (t) => {
      const setup = await open(t);
      setup.writeText(textWithoutExtra('one'));
      setup.writeMaterial('clients', (await mintCa({ cn: 'Root' })).certPem);
      const { watch, told } = observe(t, setup);
      await watch.mark();
      const result = await load(setup);
      const loader = new MaterialLoader(setup.source, Date.now());
      await loader.bundle([setup.refTo('clients')]);
      const all = { watch: [...result.watch, ...loader.paths], materialIds: [...result.materialIds, ...loader.ids] };
      await watch.set(all);
      assert.equal(told.length, 0);
      setup.writeText(textWithoutExtra('two'));
      await told.waitFor(() => true);
      await watch.set(all);
      const from = told.length;
      setup.writeMaterial('clients', (await mintCa({ cn: 'Other' })).certPem);
      await told.waitFor(() => true, { from });
    });

    it('tells after a load what changed while it ran', async (t) => {
      const setup = await open(t);
      setup.writeText(textWithoutExtra('one'));
      const { watch, told } = observe(t, setup);
      await watch.set(await load(setup));
      await watch.mark();
      const result = await load(setup);
      const from = told.length;
      setup.writeText(textWithoutExtra('two'));
      await watch.set(result);
      await told.waitFor(() => true, { from });
    });

    it('tells nothing to who has stopped watching', async (t) => {
      const setup = await open(t);
      setup.writeText(textWithoutExtra('one'));
      const [former, present] = [observe(t, setup), observe(t, setup)];
      const result = await load(setup);
      await former.watch.set(result);
      await present.watch.set(result);
      former.watch.close();
      const from = former.told.length;
      setup.writeText(textWithoutExtra('two'));
      await present.told.waitFor(() => true);
      assert.equal(former.told.length, from);
    });
  });
}

describe('named material', () => {
  it('is refused by a file, which has none', async () => {
    const place = { file: 'g.yml', line: 1, col: 1 };
    const loader = new MaterialLoader(new FileSource('g.yml'), Date.now());
    assert.equal(await loader.bundle([{ place, id: 'internal' }]), undefined);
    assert.deepEqual(
      loader.problems.map(({ code, message }) => [code, message]),
      [['material_unknown', 'material "internal" is not known']],
    );
  });

  it('that is named by what may be a key is not shown', async () => {
    const place = { file: 'g.yml', line: 1, col: 1 };
    const secret = Buffer.from('d'.repeat(20) + 'Zx81kQ9').toString('base64');
    const loader = new MaterialLoader(new FileSource('g.yml'), Date.now());
    await loader.bundle([{ place, id: `MC4CAQAwBQYDK2VwBCIEI${secret}` }]);
    assert.equal(loader.problems.length, 1);
    assert.ok(!JSON.stringify(loader.problems).includes(secret));
  });

  it('that has the name of a file is another', async (t) => {
    const setup = inMemory();
    const ca = await mintCa({ cn: 'Root' });
    setup.writeMaterial('/etc/ca.pem', ca.certPem);
    const loader = new MaterialLoader(setup.source, Date.now());
    assert.ok(await loader.bundle([setup.refTo('/etc/ca.pem')]));
    const dir = mkdtempSync(join(tmpdir(), 'countersign-source-'));
    t.after(() => rmSync(dir, { recursive: true }));
    const place = { file: 'store:main', line: 1, col: 1 };
    assert.equal(await loader.bundle([{ place, path: join(dir, 'ca.pem') }]), undefined);
  });
});
