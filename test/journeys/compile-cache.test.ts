// Compiled code is kept between starts, in a place where nobody else can put code of his own. The installed command runs
// in a folder of the test's, in front of a program that says what it found.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runToEnd } from '../support/owned-process.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';

type CompileCache = {
  findCacheFolder(root: string, env: Record<string, string>, uid: number): string | undefined;
};

const bin = fileURLToPath(new URL('../../bin', import.meta.url));
const program = `import { getCompileCacheDir } from 'node:module';
console.log(JSON.stringify([getCompileCacheDir() ?? null, process.env.NODE_COMPILE_CACHE ?? null]));`;

/** A package as it was installed, without its node_modules. */
function install(dir: TempDir): string {
  mkdirSync(dir.file('app/bin'), { recursive: true });
  for (const name of readdirSync(bin)) copyFileSync(join(bin, name), dir.file(`app/bin/${name}`));
  dir.write('app/dist/cli/main.js', program);
  dir.write('app/package.json', '{"type":"module"}');
  return dir.file('app');
}

/** Where the command keeps compiled code, and where its workers would; undefined: nowhere. */
async function run(app: string, env: Record<string, string>): Promise<string | undefined> {
  const nothing = { NODE_COMPILE_CACHE: '', CACHE_DIRECTORY: '', XDG_CACHE_HOME: '', HOME: '', TMPDIR: app };
  const { stdout, stderr, code } = await runToEnd(process.execPath, [join(app, 'bin/countersign.js')], {
    env: { ...nothing, ...env },
  });
  assert.equal(code, 0, stderr);
  const [own, workers] = JSON.parse(stdout) as [string | null, string | null];
  if (own === null) {
    assert.equal(workers ?? '', '');
    return undefined;
  }
  assert.ok(workers !== null && own.startsWith(`${workers}/`), stdout);
  return workers;
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('compiled code', () => {
  it('is kept beside the package, for us alone, and is there at the next start', async () => {
    using dir = openTempDir('compiled');
    const app = install(dir);
    mkdirSync(join(app, 'node_modules'));
    const cache = join(app, 'node_modules/.cache/countersign');
    assert.equal(await run(app, {}), cache);
    assert.equal(modeOf(cache), 0o700);
    const [version = ''] = readdirSync(cache);
    assert.ok(readdirSync(join(cache, version)).length > 0);
    assert.equal(await run(app, {}), cache);
  });

  it('is kept where systemd or the user keep such things where it cannot be beside the package', async () => {
    using dir = openTempDir('compiled');
    const app = install(dir);
    mkdirSync(dir.file('state'));
    assert.equal(await run(app, { CACHE_DIRECTORY: dir.file('state'), HOME: dir.path }), dir.file('state/compiled'));
    const xdg = dir.file('xdg');
    assert.equal(await run(app, { XDG_CACHE_HOME: xdg, HOME: dir.path }), join(xdg, 'countersign/compiled'));
    assert.equal(modeOf(join(xdg, 'countersign')), 0o700);
    assert.equal(await run(app, { HOME: dir.path }), dir.file('.cache/countersign/compiled'));
  });

  it('is kept nowhere where others could plant code', async () => {
    using dir = openTempDir('compiled');
    const app = install(dir);
    assert.equal(await run(app, {}), undefined, 'never in the temporary folder');
    // Others may write to it.
    mkdirSync(dir.file('shared/countersign/compiled'), { recursive: true });
    chmodSync(dir.file('shared/countersign/compiled'), 0o777);
    assert.equal(await run(app, { XDG_CACHE_HOME: dir.file('shared') }), undefined);
    // Others may put another in its place.
    chmodSync(dir.file('shared/countersign/compiled'), 0o700);
    chmodSync(dir.file('shared'), 0o777);
    assert.equal(await run(app, { XDG_CACHE_HOME: dir.file('shared') }), undefined);
    // Not even by another name.
    symlinkSync(dir.file('shared'), dir.file('alias'));
    assert.equal(await run(app, { XDG_CACHE_HOME: dir.file('alias') }), undefined);
    // As in /tmp, where only the owner can remove what is his.
    chmodSync(dir.file('shared'), 0o1777);
    assert.equal(await run(app, { XDG_CACHE_HOME: dir.file('shared') }), dir.file('shared/countersign/compiled'));
  });

  it('makes nothing in the folder of somebody else, as root would under sudo', () => {
    using dir = openTempDir('compiled');
    const app = install(dir);
    mkdirSync(join(app, 'node_modules'));
    mkdirSync(dir.file('home'));
    const cache = createRequire(import.meta.url)(join(bin, 'compile-cache.js')) as CompileCache;
    const own = statSync(app).uid;
    assert.equal(cache.findCacheFolder(app, { HOME: dir.file('home') }, own + 1), undefined);
    assert.deepEqual([readdirSync(join(app, 'node_modules')), readdirSync(dir.file('home'))], [[], []]);
    assert.ok(cache.findCacheFolder(app, { HOME: dir.file('home') }, own)?.startsWith(join(app, 'node_modules')));
  });

  it('stays where the operator says', async () => {
    using dir = openTempDir('compiled');
    const app = install(dir);
    mkdirSync(join(app, 'node_modules'));
    assert.equal(await run(app, { NODE_COMPILE_CACHE: dir.file('mine') }), dir.file('mine'));
    assert.equal(await run(app, { NODE_DISABLE_COMPILE_CACHE: '1' }), undefined);
  });
});
