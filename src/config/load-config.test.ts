import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from './load-config.ts';

const options = { env: {}, strict: false };
const route = (name: string): string => `{name: ${name}, path: /${name}, target: "https://${name}:1"}`;

async function makeFiles(t: TestContext, files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'config-'));
  t.after(async () => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

test('extra files are read in the order of their names, through all folders but hidden ones', async (t) => {
  const folder = await makeFiles(t, {
    'goma.yml': `gateway: {extraConfig: {directory: conf.d}, routes: [${route('main')}]}`,
    'conf.d/b.yaml': `routes: [${route('b')}]`,
    'conf.d/a/z.yml': `routes: [${route('z')}]`,
    'conf.d/.hidden/x.yml': 'not: [yaml',
    'conf.d/.x.yml': 'not: [yaml',
    'conf.d/notes.txt': 'not: [yaml',
  });
  const { config, problems, files } = await loadConfig({ file: join(folder, 'goma.yml') }, options);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    config?.routes.map((one) => one.name),
    ['main', 'z', 'b'],
  );
  assert.deepEqual(
    config?.extraFolders.map(({ path, found }) => [path, found]),
    [[join(folder, 'conf.d'), true]],
  );
  assert.ok(files.includes(join(folder, 'conf.d', 'a')), 'folders are watched too');
});

test('files that are symbolic links are read, as Kubernetes mounts them', async (t) => {
  const folder = await makeFiles(t, {
    'goma.yml': 'gateway: {extraConfig: {directory: conf.d}}',
    'conf.d/..data/r.yml': `routes: [${route('r')}]`,
  });
  await symlink(join('..data', 'r.yml'), join(folder, 'conf.d', 'r.yml'));
  const { config } = await loadConfig({ file: join(folder, 'goma.yml') }, options);
  assert.deepEqual(
    config?.routes.map((one) => one.name),
    ['r'],
  );
});

test('a main file that does not exist is a problem, and still a file to watch', async (t) => {
  const folder = await makeFiles(t, {});
  const file = join(folder, 'goma.yml');
  const { config, problems, files } = await loadConfig({ file }, options);
  assert.equal(config, undefined);
  assert.deepEqual(
    problems.map(({ code, message }) => [code, message]),
    [['unreadable_file', `${file} cannot be read: it does not exist`]],
  );
  assert.deepEqual(files, [file]);
});

test('text that is not UTF-8 and a folder in place of a file are problems', async (t) => {
  const folder = await makeFiles(t, { 'goma.yml': Buffer.from([0x67, 0xff, 0xfe]) });
  assert.match((await loadConfig({ file: join(folder, 'goma.yml') }, options)).problems[0]?.message ?? '', /not UTF-8/);
  assert.match((await loadConfig({ file: folder }, options)).problems[0]?.message ?? '', /it is a folder/);
});

test('an extra folder that does not exist is a warning where it is named, and is watched', async (t) => {
  const folder = await makeFiles(t, {
    'goma.yml': `gateway:\n  routes: [${route('main')}]\n  extraConfig:\n    directory: nowhere\n`,
  });
  const { config, problems, files } = await loadConfig({ file: join(folder, 'goma.yml') }, options);
  const found = problems.map(({ severity, code, place }) => [severity, code, place.line, place.col]);
  assert.deepEqual(found, [['warning', 'missing_folder', 4, 16]]);
  assert.equal(config?.extraFolders[0]?.found, false);
  assert.ok(files.includes(join(folder, 'nowhere')), 'it may come');
});

test('an extra folder that is a file, and a folder in it that cannot be read, are errors', async (t) => {
  const folder = await makeFiles(t, { 'goma.yml': 'gateway: {extraConfig: {directory: goma.yml}}' });
  const { config, problems } = await loadConfig({ file: join(folder, 'goma.yml') }, options);
  assert.equal(config, undefined);
  assert.match(problems[0]?.message ?? '', /goma\.yml cannot be read: it is not a folder/);
});

test('providers.file is a folder of extra files with JSON, where it is enabled', async (t) => {
  const files = {
    'off.yml': 'gateway: {providers: {file: {directory: conf.d}}}',
    'on.yml': 'gateway: {providers: {file: {enabled: true, directory: conf.d, watch: true}}}',
    'both.yml': 'gateway: {extraConfig: {directory: conf.d}, providers: {file: {enabled: true, directory: ./conf.d/}}}',
    'conf.d/b.json': `{"version": "1",\n\t"routes": [\n\t\t{"name": "json", "path": "/j", "target": "https://j:1"}\n\t]\n}\n`,
    'conf.d/a.yml': `routes: [${route('yaml')}]`,
  };
  const folder = await makeFiles(t, files);
  const routesOf = async (file: string): Promise<unknown> => {
    const { config, problems } = await loadConfig({ file: join(folder, file) }, options);
    return [config?.routes.map((one) => one.name), problems.map(({ code }) => code)];
  };
  assert.deepEqual(await routesOf('off.yml'), [[], ['no_routes', 'ignored_key']]);
  assert.deepEqual(await routesOf('on.yml'), [['yaml', 'json'], []]);
  assert.deepEqual(await routesOf('both.yml'), [['yaml', 'json'], []], 'one folder is read once');
});

test('providers.file that is enabled without a folder, and what would have to be fetched, are errors', async (t) => {
  const folder = await makeFiles(t, {
    'goma.yml':
      'gateway:\n  providers:\n    file: {enabled: true}\n    git: {enabled: true, url: x}\n    http: {enabled: false, endpoint: x}\n',
  });
  const { config, problems } = await loadConfig({ file: join(folder, 'goma.yml') }, options);
  assert.equal(config, undefined);
  assert.deepEqual(
    problems.map(({ code, place }) => [code, place.line]),
    [
      ['missing_key', 3],
      ['unsupported_key', 4],
    ],
  );
});

test("Goma's variable for the extra folder counts, relative to the configuration file", async (t) => {
  const folder = await makeFiles(t, { 'goma.yml': 'gateway: {}', 'other/r.yml': `routes: [${route('r')}]` });
  const { config } = await loadConfig(
    { file: join(folder, 'goma.yml') },
    {
      ...options,
      env: { GOMA_EXTRA_CONFIG_DIR: 'other' },
    },
  );
  assert.deepEqual(
    config?.routes.map((one) => one.name),
    ['r'],
  );
});
