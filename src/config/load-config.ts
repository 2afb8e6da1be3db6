// Reads the configuration file and the extra files that it names, and hands their texts to parse-config.ts. What cannot
// be read is a problem like any other.
import { access, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { showPath } from '../base/secret-text.ts';
import type { Environment } from './environment.ts';
import type { GatewayConfig, PathRef, Place } from './gateway-config.ts';
import { type ConfigText, findExtraDirectory, parseConfig } from './parse-config.ts';
import type { Problem } from './problem.ts';
import { maxFileLength } from './yaml-tree.ts';

/** Goma's folder of certificates where none is named. */
const gomaCertsDir = '/etc/goma/certs';
const maxExtraFiles = 10_000;
const maxFolderDepth = 32;

export type LoadedText = {
  /** undefined where any problem is an error. */
  readonly config: GatewayConfig | undefined;
  /** As in ParsedConfig. */
  readonly draft: GatewayConfig | undefined;
  readonly problems: readonly Problem[];
  /** Absolute paths of every file (and extra folder) that was read or should have been: what to watch. */
  readonly files: readonly string[];
};

/** Never rejects for what is wrong with the files. `file` is made absolute. */
export async function loadConfig(
  file: string,
  options: { readonly env: Environment; readonly strict: boolean },
): Promise<LoadedText> {
  const path = resolve(file);
  const failures: Problem[] = [];
  const text = await readText(path, { file: path, line: 1, col: 1 }, failures);
  if (text === undefined) return { config: undefined, draft: undefined, problems: failures, files: [path] };
  const main: ConfigText = { file: path, text };
  const directory = findExtraDirectory(main, options.env);
  const folders: string[] = [];
  const names = directory === undefined ? [] : await listFolder(directory, folders, failures, 0);
  const extra: ConfigText[] = [];
  for (const name of names) {
    const content = await readText(name, directory?.place ?? { file: path, line: 1, col: 1 }, failures);
    if (content !== undefined) extra.push({ file: name, text: content });
  }
  const defaultCertsDir = await access(gomaCertsDir).then(
    () => gomaCertsDir,
    () => undefined,
  );
  const { env, strict } = options;
  const { config, draft, problems } = parseConfig({ ...main, extra, env, strict, failures, defaultCertsDir });
  return { config, draft, problems, files: [path, ...names, ...folders] };
}

/** *.yml and *.yaml of the folder and the folders in it, sorted; hidden ones are skipped (Kubernetes keeps copies in `..data`). */
async function listFolder(
  { path: folder, label = folder, place }: PathRef,
  folders: string[],
  failures: Problem[],
  depth: number,
): Promise<string[]> {
  folders.push(folder);
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    failures.push(unreadable(label, place, error, 'Correct gateway.extraConfig.directory.'));
    return [];
  });
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth < maxFolderDepth)
      found.push(...(await listFolder({ path, label: join(label, entry.name), place }, folders, failures, depth + 1)));
    else if (!entry.isDirectory() && /\.ya?ml$/.test(entry.name)) found.push(path);
  }
  if (found.length > maxExtraFiles) {
    failures.push({
      severity: 'error',
      code: 'too_many',
      place,
      message: `more than ${maxExtraFiles} files in ${label}`,
      hint: '',
    });
    return [];
  }
  return found;
}

async function readText(path: string, place: Place, failures: Problem[]): Promise<string | undefined> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > 4 * maxFileLength) throw new Error('too large');
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    failures.push(
      unreadable(showPath(path), place, error, 'Check the path, the permissions and the encoding (UTF-8).'),
    );
    return undefined;
  }
}

function unreadable(path: string, place: Place, error: unknown, hint: string): Problem {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unreadable';
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'it does not exist',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'it is not a folder',
    ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8 text',
  };
  return {
    severity: 'error',
    code: 'unreadable_file',
    place,
    message: `${path} cannot be read: ${reasons[code] ?? code}`,
    hint,
  };
}
