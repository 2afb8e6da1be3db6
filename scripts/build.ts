// `npm run build`: the program as JavaScript in dist/, with the console's files. Node strips no types below node_modules, so that an installed package
// needs it; and what is bundled is read and compiled in a fraction of the time. What the program uses of other packages is in
// it too: the installed gateway depends on its Node alone.
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { buildConsole, builtSite } from '../console/build.ts';
import { entryModules } from '../src/base/entry-module.ts';
import { manPage } from './man-page.ts';
import { foldersOf, notices } from './notices.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Builds into `dir`, which must lie at the root of the package: what runs from it finds bin/ beside it. */
export async function buildProgram(dir: string): Promise<void> {
  const build = await rolldown({
    input: Object.fromEntries(entryModules.map((name) => [name, join(root, 'src', `${name}.ts`)])),
    platform: 'node',
    external: /^node:/,
    onLog(_level, log) {
      // What cannot be resolved would fail at a customer's, in the one situation that needs it.
      throw new Error(log.message);
    },
  });
  rmSync(dir, { recursive: true, force: true });
  const { output } = await build.write({
    dir,
    format: 'esm',
    // Where `entryModule` looks for them.
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  });
  await build.close();
  const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  writeFileSync(join(dir, 'THIRD-PARTY.txt'), notices(foldersOf(modules)));
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  writeFileSync(join(dir, 'countersign.1'), await manPage(version));
  await buildConsole();
  cpSync(builtSite, join(dir, 'console'), { recursive: true });
}

if (import.meta.main) {
  const dir = join(root, 'dist');
  await buildProgram(dir);
  if (!existsSync(join(dir, 'cli/main.js'))) throw new Error('nothing was built');
}
