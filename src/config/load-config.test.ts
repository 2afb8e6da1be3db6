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
  assert.equal(config?.extraDirectory, join(folder, 'conf.d'));
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

test('an extra folder that does not exist is an error where it is named, beside all others', async (t) => {
  const folder = await makeFiles(t, { 'goma.yml': 'gateway:\n  workers: x\n  extraConfig:\n    directory: nowhere\n' });
  const { config, problems } = await loadConfig({ file: join(folder, 'goma.yml') }, options);
  assert.equal(config, undefined);
  const found = problems.map(({ code, place }) => [code, place.line, place.col]);
  assert.deepEqual(found, [
    ['wrong_value', 2, 12],
    ['unreadable_file', 4, 16],
  ]);
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
