// The licences of what a build contains of other packages: most ask that they come along.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The packages that `modules` (paths) belong to, by their folders. */
export function foldersOf(modules: readonly string[]): string[] {
  const folder = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;
  return [...new Set(modules.flatMap((path) => folder.exec(path)?.[1] ?? []))].toSorted();
}

/** Name, version and licence of each, whose licences ask for that. Throws where one has none. */
export function notices(folders: readonly string[]): string {
  const parts = folders.map((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>;
    const text = findLicence(folder);
    if (text === undefined) throw new Error(`${manifest['name']} has no licence to pass on`);
    return `${manifest['name']} ${manifest['version']} (${manifest['license']})\n\n${text}\n`;
  });
  return `Countersign contains these packages.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

/** A file of its own, or the last section of what describes the package. */
function findLicence(folder: string): string | undefined {
  const files = readdirSync(folder);
  const file = files.find((name) => /^licen[cs]e/i.test(name));
  if (file !== undefined) return readFileSync(join(folder, file), 'utf8').trim();
  const about = files.find((name) => /^readme/i.test(name));
  const text = about === undefined ? '' : readFileSync(join(folder, about), 'utf8');
  return /^#+ *licen[cs]e *$([^]*)/im.exec(text)?.[1]?.trim();
}
