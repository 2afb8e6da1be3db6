// Our image as others would run it: built by buildah from the Dockerfile, as `npm run build:image` does it, and started by runc from what the
// image itself says of user, command and environment, with a root that cannot be written to. Needs root, as the installation of the peers does.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LogLine, parseLine } from './gateway.ts';
import { type Exit, type Finished, runToEnd, startProcess } from './owned-process.ts';
import { debianRoot, imageStorage, requireCommand } from './peers.ts';
import { openTempDir } from './temp.ts';
import { Feed } from './wait-for.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const base = 'localhost/countersign-test-base';
const namespaces = ['pid', 'mount', 'ipc', 'uts'];

/** The parts of an image's configuration that decide how it runs. */
export type ImageConfig = {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal: string;
  readonly Healthcheck: { readonly Test: readonly string[] };
};

export type Image = {
  readonly config: ImageConfig;
  /** Its files, mounted on this machine. */
  readonly root: string;
  [Symbol.asyncDispose](): Promise<void>;
};

/** What buildah runs with: storage of its own, where layers stay for the next run. */
function buildahEnvironment(): Readonly<Record<string, string>> {
  mkdirSync(imageStorage, { recursive: true });
  const file = join(imageStorage, 'storage.conf');
  const [graph, run] = [join(imageStorage, 'graph'), join(imageStorage, 'run')];
  writeFileSync(file, `[storage]\ndriver = "overlay"\ngraphroot = "${graph}"\nrunroot = "${run}"\n`);
  // What the runner has for its own children would have Node in the build look for a cache that is not there.
  return { CONTAINERS_STORAGE_CONF: file, BUILDAH_ISOLATION: 'chroot', NODE_COMPILE_CACHE: '' };
}

async function buildah(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(requireCommand('buildah'), args, {
    env: buildahEnvironment(),
  });
  assert.equal(code, 0, `buildah ${args.join(' ')}\n${stderr.slice(-4000)}`);
  return stdout.trim();
}

/** Debian with the Node of this checkout, npm, and the certificates that this machine trusts. Made once for each of them. */
async function ensureBase(): Promise<void> {
  const node = join(root, `node_modules/node-linux-${process.arch}`);
  const { version } = JSON.parse(readFileSync(join(node, 'package.json'), 'utf8')) as { readonly version: string };
  const tag = `${base}:${version}`;
  if ((await buildah('images', '--quiet', '--filter', `reference=${tag}`)) !== '') return;
  using dir = openTempDir('image-base');
  const put = (from: string, name: string): void => {
    mkdirSync(dirname(dir.file(name)), { recursive: true });
    copyFileSync(from, dir.file(name));
  };
  put(debianRoot, 'debian.tar');
  put(join(node, 'bin/node'), 'local/bin/node');
  put(realpathSync('/etc/ssl/certs/ca-certificates.crt'), 'ca-certificates.crt');
  const npm = ['install', '--silent', '--global', '--prefix', dir.file('local'), '--no-audit', '--no-fund', 'npm@11'];
  const installed = await runToEnd('npm', npm);
  assert.equal(installed.code, 0, installed.stderr);
  const lines = [
    'FROM scratch',
    'ADD debian.tar /',
    'COPY local /usr/local',
    'COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt',
    'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt',
  ];
  dir.write('Dockerfile', lines.join('\n'));
  await buildah('build', '--quiet', '--network', 'host', '--tag', tag, '--tag', base, dir.path);
}

/** What runs that were broken off have left, which nothing else removes. */
async function removeStale(): Promise<void> {
  const names = (await buildah('containers', '--format', '{{.ContainerName}}')).split('\n');
  for (const name of names) {
    const [, pid] = /^countersign-test-(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await buildah('rm', name);
  }
}

export async function buildImage(): Promise<Image> {
  await ensureBase();
  await removeStale();
  const stages = 'localhost/countersign-test';
  const container = `countersign-test-${process.pid}`;
  const tag = `localhost/${container}`;
  const npmrc = join(process.env['HOME'] ?? '/root', '.npmrc');
  const secret = existsSync(npmrc) ? ['--secret', `id=npmrc,src=${npmrc}`] : [];
  const build = async (name: string, ...args: readonly string[]): Promise<void> => {
    const script = [
      join(root, 'scripts/image.ts'),
      '--engine',
      requireCommand('buildah'),
      '--base',
      base,
      '--tag',
      name,
    ];
    const options = ['--', '--quiet', '--network', 'host', ...secret, ...args];
    // What it downloads takes as long as it takes: the test as a whole has a limit.
    const built = await startProcess(process.execPath, [...script, ...options], {
      env: buildahEnvironment(),
      name: 'build',
    });
    const { code } = await built.exited;
    assert.equal(code, 0, built.lines.tail(40));
  };
  // What is downloaded keeps its layers by these names; all else goes with the test.
  for (const stage of ['modules', 'node', 'system']) await build(`${stages}-${stage}`, '--target', stage);
  await build(tag);
  const inspected = JSON.parse(await buildah('inspect', '--type', 'image', tag)) as {
    readonly Docker: { readonly config: ImageConfig };
  };
  await buildah('from', '--pull-never', '--name', container, tag);
  return {
    config: inspected.Docker.config,
    root: await buildah('mount', container),
    async [Symbol.asyncDispose]() {
      await buildah('rm', container);
      await buildah('rmi', '--force', tag);
      // The layers of another run that is still building have no name yet.
      if ((await buildah('containers', '--quiet')) === '') await buildah('rmi', '--prune');
    },
  };
}

export type Mount = { readonly at: string; readonly from: string; readonly writable?: true };

export type ContainerOptions = {
  readonly mounts: readonly Mount[];
  /** In place of the image's Cmd. */
  readonly args?: readonly string[];
  /** A network of its own, with nothing in it but loopback; default this machine's. */
  readonly alone?: true;
};

export type Container = {
  readonly log: Feed<LogLine>;
  readonly exited: Promise<Exit>;
  /** To its first process, as every runtime sends them. */
  signal(signal: 'TERM' | 'HUP' | 'KILL'): Promise<void>;
  /** Another process in it. */
  exec(...command: readonly string[]): Promise<Finished>;
  /** Ids of its processes as this machine has them, the first process first. */
  pids(): Promise<readonly number[]>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `User` of an image, by number. */
function userOf(config: ImageConfig): { uid: number; gid: number } {
  const [uid, gid] = config.User.split(':').map(Number);
  return { uid: uid ?? NaN, gid: gid ?? NaN };
}

/** As Kubernetes runs a Pod of the restricted profile: no capability, no new privilege, a root that cannot be written to; the network is this machine's. */
function bundleOf(image: Image, { mounts, args, alone }: ContainerOptions): object {
  const { config } = image;
  const none = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: userOf(config),
      args: [...config.Entrypoint, ...(args ?? config.Cmd)],
      env: config.Env,
      cwd: config.WorkingDir,
      noNewPrivileges: true,
      capabilities: none,
    },
    root: { path: image.root, readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      ...mounts.map(({ at, from, writable }) => ({
        destination: at,
        type: 'bind',
        source: from,
        options: ['rbind', writable === true ? 'rw' : 'ro'],
      })),
    ],
    linux: { namespaces: [...namespaces, ...(alone === true ? ['network'] : [])].map((type) => ({ type })) },
  };
}

export async function startContainer(image: Image, options: ContainerOptions): Promise<Container> {
  const dir = openTempDir('container');
  dir.write('bundle/config.json', JSON.stringify(bundleOf(image, options)));
  const runc = requireCommand('runc');
  const own = ['--root', dir.file('runc')];
  const id = `countersign-${process.pid}-${dir.path.slice(-6)}`;
  const outer = await startProcess(runc, [...own, 'run', '--bundle', dir.file('bundle'), id], { name: 'container' });
  const log = new Feed<LogLine>('container');
  outer.lines.subscribe(({ text }) => log.push(parseLine(text)));
  void outer.exited.then((exit) => log.end(`the container ended (${exit.signal ?? `exit ${exit.code}`})`));
  const signal = async (name: string): Promise<void> => {
    await runToEnd(runc, [...own, 'kill', id, name]);
  };
  return {
    log,
    exited: outer.exited,
    signal,
    exec: (...command) => runToEnd(runc, [...own, 'exec', id, ...command]),
    async pids() {
      const { stdout } = await runToEnd(runc, [...own, 'ps', '--format', 'json', id]);
      return (JSON.parse(stdout) as readonly number[]).toSorted((a, b) => a - b);
    },
    async [Symbol.asyncDispose]() {
      if (outer.exit() === undefined) await signal('KILL');
      await outer.exited;
      dir.remove();
    },
  };
}
