// `npm run build:deb -- [--out DIR] [--fast]`: a Debian package of the built program with its Node, a unit and a first configuration.
// Needs dpkg-deb. `--fast` compresses little.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { openProgram } from '../src/cli/program.ts';
import { completionScript } from '../src/cli/completion.ts';
import { shapeOf } from '../src/cli/command-shape.ts';
import { buildProgram } from './build.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Path of the package below `out`. `dist`: what is built already; `arch`: as process.arch says it. Throws where it cannot be made. */
export async function buildDebian(options: {
  readonly out: string;
  readonly dist: string;
  readonly fast: boolean;
  readonly arch: string;
}): Promise<string> {
  const { out, dist, fast, arch } = options;
  const architecture = architectures[arch];
  if (architecture === undefined) throw new Error(`there is no Debian architecture for ${arch}`);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  const stage = mkdtempSync(join(tmpdir(), 'countersign-deb-'));
  // What it becomes is the root of somebody's system.
  chmodSync(stage, 0o755);
  try {
    await fill(stage, dist, arch);
    const kib = Math.ceil(sizeOf(stage) / 1024);
    writeFileSync(put(stage, 'DEBIAN/control'), control(version, architecture, kib));
    const file = join(out, `countersign_${version}_${architecture}.deb`);
    mkdirSync(out, { recursive: true });
    const compress = fast ? ['-Zgzip', '-z1'] : ['-Zxz'];
    const run = spawnSync('dpkg-deb', ['--root-owner-group', ...compress, '--build', stage, file], {
      encoding: 'utf8',
    });
    if (run.status !== 0) throw new Error(`dpkg-deb: ${run.error?.message ?? run.stderr}`);
    return file;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

async function fill(stage: string, dist: string, arch: string): Promise<void> {
  const lib = 'usr/lib/countersign';
  cpSync(join(root, 'bin'), join(stage, lib, 'bin'), { recursive: true });
  cpSync(dist, join(stage, lib, 'dist'), { recursive: true });
  copyFileSync(join(root, 'package.json'), put(stage, `${lib}/package.json`));
  const node = `node_modules/node-linux-${arch}`;
  copyFileSync(join(root, node, 'bin/node'), put(stage, `${lib}/${node}/bin/node`));
  copyFileSync(join(root, node, 'package.json'), put(stage, `${lib}/${node}/package.json`));
  writeFileSync(put(stage, 'usr/bin/countersign'), '#!/bin/sh\nexec /usr/lib/countersign/bin/countersign "$@"\n');
  chmodSync(join(stage, 'usr/bin/countersign'), 0o755);
  const from = join(root, 'packaging/debian');
  copyFileSync(join(from, 'countersign.service'), put(stage, 'lib/systemd/system/countersign.service'));
  copyFileSync(join(from, 'logrotate'), put(stage, 'etc/logrotate.d/countersign'));
  copyFileSync(join(from, 'gateway.yml'), put(stage, 'etc/countersign/gateway.yml'));
  for (const script of ['postinst', 'prerm', 'postrm']) {
    copyFileSync(join(from, script), put(stage, `DEBIAN/${script}`));
    chmodSync(join(stage, 'DEBIAN', script), 0o755);
  }
  writeFileSync(put(stage, 'DEBIAN/conffiles'), '/etc/countersign/gateway.yml\n/etc/logrotate.d/countersign\n');
  await fillShare(stage, dist, node);
}

/** What people read, and their shells. */
async function fillShare(stage: string, dist: string, node: string): Promise<void> {
  const share = (path: string): string => put(stage, `usr/share/${path}`);
  writeFileSync(share('man/man1/countersign.1.gz'), gzipSync(readFileSync(join(dist, 'countersign.1')), { level: 9 }));
  writeFileSync(share('doc/countersign/NEWS.md.gz'), gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }));
  const licences = ['LICENSE', `${node}/LICENSE`].map((file) => readFileSync(join(root, file), 'utf8'));
  const notices = readFileSync(join(dist, 'THIRD-PARTY.txt'), 'utf8');
  writeFileSync(share('doc/countersign/copyright'), [licences[0], notices, licences[1]].join('\n\n'));
  const program = shapeOf(await openProgram('all'));
  writeFileSync(share('bash-completion/completions/countersign'), completionScript('bash', program));
  writeFileSync(share('zsh/vendor-completions/_countersign'), completionScript('zsh', program));
  writeFileSync(share('fish/vendor_completions.d/countersign.fish'), completionScript('fish', program));
}

/** `path` below `stage`, its folder made. */
function put(stage: string, path: string): string {
  const file = join(stage, path);
  mkdirSync(dirname(file), { recursive: true });
  return file;
}

function sizeOf(stage: string): number {
  const listed = spawnSync('find', [stage, '-type', 'f'], { encoding: 'utf8' }).stdout.trim().split('\n');
  return listed.reduce((sum, file) => sum + statSync(file).size, 0);
}

function control(version: string, architecture: string, kib: number): string {
  return `Package: countersign
Version: ${version}
Architecture: ${architecture}
Maintainer: The Countersign developers <countersign@localhost>
Installed-Size: ${kib}
Depends: adduser, init-system-helpers (>= 1.54~), libatomic1, libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 9)
Recommends: ca-certificates
Section: net
Priority: optional
Description: API gateway for mutual TLS
 Both sides of every connection prove who they are: the client to the
 gateway, the gateway to the backend. Fails closed, and says one stable
 reason for every refusal. Brings the Node that it runs on.
`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { out: { type: 'string', default: '.' }, fast: { type: 'boolean', default: false } },
  });
  const dist = join(root, 'dist');
  await buildProgram(dist);
  console.log(await buildDebian({ out: values.out, dist, fast: values.fast, arch: process.arch }));
}
