// Builds the console where what it is made of has changed since: `npm start`, `npm test` and `npm run build` run this, and `npm run
// console`. What it
// writes (dist/site) the control process serves; beside each file that gets smaller by it stands one for gzip.
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { foldersOf, notices } from '../scripts/notices.ts';

const here = import.meta.dirname;
export const builtSite = join(here, 'dist', 'site');
const mark = join(builtSite, '.inputs');

/** Of everything that the build reads. */
function digestInputs(): string {
  const hash = createHash('sha256');
  const own = ['index.html', 'package.json', 'vite.config.ts', 'build.ts', 'src/**/*', 'public/**/*'];
  const files = globSync(own, { cwd: here, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  for (const file of [...files, join(here, '..', 'package-lock.json')]) {
    const text = readFileSync(file);
    hash.update(`${file.slice(here.length)} ${text.length}\n`).update(text);
  }
  return hash.digest('hex');
}

/** True where it was built anew. Throws where it cannot be. */
export async function buildConsole(): Promise<boolean> {
  const inputs = digestInputs();
  if (existsSync(mark) && readFileSync(mark, 'utf8') === inputs) return false;
  const { build } = await import('vite');
  // Beside the one that is served, and in its place in one step: two builds at one time do not mix.
  const fresh = join(here, 'dist', `new-${process.pid}`);
  try {
    mkdirSync(join(here, 'dist'), { recursive: true });
    const built = await build({ configFile: join(here, 'vite.config.ts'), build: { outDir: fresh } });
    const outputs = [built].flat().flatMap((one) => ('output' in one ? one.output : []));
    const modules = outputs.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
    for (const entry of globSync('**/*', { cwd: fresh, withFileTypes: true }))
      if (entry.isFile()) compress(join(entry.parentPath, entry.name));
    writeFileSync(join(fresh, 'THIRD-PARTY.txt'), notices(foldersOf(modules)));
    writeFileSync(join(fresh, '.inputs'), inputs);
    rmSync(builtSite, { recursive: true, force: true });
    renameSync(fresh, builtSite);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return true;
}

function compress(file: string): void {
  const text = readFileSync(file);
  const packed = gzipSync(text, { level: constants.Z_BEST_COMPRESSION });
  if (packed.length < text.length * 0.9) writeFileSync(`${file}.gz`, packed);
}

if (import.meta.main) {
  const built = await buildConsole();
  if (process.argv.includes('--say')) console.log(built ? 'the console is built' : 'the console is as it was');
}
