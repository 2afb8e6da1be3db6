// `npm run build:image -- [--engine docker|podman|buildah] [--tag NAME] [--platform LIST] [--base IMAGE] [-- OPTIONS OF THE ENGINE]`: the image of
// packaging/container/Dockerfile, with the version of package.json, by what builds images here.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const engines = ['docker', 'podman', 'buildah'] as const;
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Program and arguments. `epoch`: seconds that files and image are dated with, so that the same sources give the same image. */
function command(engine: string, options: { readonly [name: string]: string | undefined }): string[] {
  const { tag, platform, base, epoch, version, revision } = options;
  // Docker's own format: that of OCI has no place for a health check.
  const own = engine === 'docker' ? [] : ['--format', 'docker', '--layers', '--timestamp', epoch ?? '0'];
  const given = {
    VERSION: version,
    REVISION: revision,
    BASE: base,
    ...(engine === 'docker' && { SOURCE_DATE_EPOCH: epoch }),
  };
  const args = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : ['--build-arg', `${name}=${value}`],
  );
  const file = join(root, 'packaging/container/Dockerfile');
  // Docker before BuildKit and buildah before 1.30 know TARGETARCH only where it is said.
  const forPlatform = ['--platform', platform ?? `linux/${architectures[process.arch] ?? process.arch}`];
  return [engine, 'build', '--file', file, '--tag', tag ?? `countersign:${version}`, ...forPlatform, ...own, ...args];
}

function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

const { values, positionals } = parseArgs({
  options: {
    engine: { type: 'string' },
    tag: { type: 'string' },
    platform: { type: 'string' },
    base: { type: 'string' },
  },
  allowPositionals: true,
});
const engine = values.engine ?? engines.find((name) => spawnSync(name, ['--version']).status === 0);
if (engine === undefined) throw new Error(`an image is built by ${engines.join(', ')}: none is on PATH`);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
const [program = '', ...args] = command(engine, {
  ...values,
  version,
  revision: git('rev-parse', 'HEAD'),
  epoch: git('log', '-1', '--format=%ct') ?? '0',
});
const { status, error } = spawnSync(program, [...args, ...positionals, root], { stdio: 'inherit' });
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
