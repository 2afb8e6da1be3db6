// Which files the folders of extra configuration hold, and why one of them cannot be read.
import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileRefusal, type FileRefusalReason } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import type { Place } from '../yaml/place.ts';
import type { Problem } from '../yaml/problem.ts';
import type { ExtraFolder } from './extra-folders.ts';
import type { GatewayConfig } from './gateway-config.ts';

const maxExtraFiles = 10_000;
const maxFolderDepth = 32;
/** Of one folder, whatever they are. */
const maxFolderEntries = 100_000;

export type ExtraFiles = {
  /** Absolute, with the place where the folder is named. */
  readonly names: readonly { readonly name: string; readonly place: Place }[];
  /** All folders, those in others too: what to watch. */
  readonly folders: readonly string[];
  readonly extraFolders: GatewayConfig['extraFolders'];
};

/** Sorted by name within each folder. What is wrong goes to `failures`; a folder that does not exist is a warning, as in Goma. */
export async function listExtraFiles(wanted: readonly ExtraFolder[], failures: Problem[]): Promise<ExtraFiles> {
  const names: { name: string; place: Place }[] = [];
  const folders: string[] = [];
  const extraFolders: GatewayConfig['extraFolders'][number][] = [];
  for (const folder of wanted) {
    const list = new FolderList(folder, folders, failures);
    const found = await list.read();
    names.push(...found.map((name) => ({ name, place: folder.place })));
    const { json: _, ...ref } = folder;
    extraFolders.push({ ...ref, found: !list.missing });
  }
  return { names, folders, extraFolders };
}

/** The files below one folder; hidden ones are skipped (Kubernetes keeps copies in `..data`). */
class FolderList {
  missing = false;
  readonly #root: ExtraFolder;
  readonly #pattern: RegExp;
  readonly #folders: string[];
  readonly #failures: Problem[];

  constructor(root: ExtraFolder, folders: string[], failures: Problem[]) {
    this.#root = root;
    this.#pattern = root.json ? /\.(?:ya?ml|json)$/ : /\.ya?ml$/;
    this.#folders = folders;
    this.#failures = failures;
  }

  async read(): Promise<string[]> {
    const { path, label = showPath(path), place } = this.#root;
    const found = await this.#list(path, label, 0);
    if (found.length <= maxExtraFiles) return found;
    const message = `more than ${maxExtraFiles} files in ${label}`;
    this.#failures.push({ severity: 'error', code: 'too_many', place, message, hint: '' });
    return [];
  }

  async #list(folder: string, label: string, depth: number): Promise<string[]> {
    this.#folders.push(folder);
    const entries = await listEntries(folder).catch((error: unknown) => this.#fail(label, error, depth));
    const found: string[] = [];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory() && depth < maxFolderDepth)
        found.push(...(await this.#list(path, join(label, entry.name), depth + 1)));
      else if (!entry.isDirectory() && this.#pattern.test(entry.name)) found.push(path);
    }
    return found;
  }

  #fail(label: string, error: unknown, depth: number): Dirent[] {
    const { place, key } = this.#root;
    this.missing = depth === 0 && error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (this.missing)
      this.#failures.push({
        severity: 'warning',
        code: 'missing_folder',
        place,
        message: `the folder ${label} does not exist: no routes and middlewares are read from it until it does`,
        hint: `Make it, or correct ${key}.`,
      });
    else this.#failures.push(unreadable(label, place, error, `Correct ${key}.`));
    return [];
  }
}

async function listEntries(folder: string): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  for await (const entry of await opendir(folder)) {
    if (entries.length >= maxFolderEntries) throw new Error(`it holds more than ${maxFolderEntries} entries`);
    entries.push(entry);
  }
  return entries;
}

export function unreadable(path: string, place: Place, error: unknown, hint: string): Problem {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unreadable';
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'it does not exist',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'it is not a folder',
    ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8 text',
  };
  const refusals: Readonly<Record<FileRefusalReason, string>> = {
    directory: 'it is a folder',
    not_regular: 'it is not a regular file (a device, a socket or a pipe)',
    too_large: 'it is too large',
  };
  const reason =
    error instanceof FileRefusal
      ? refusals[error.reason]
      : (reasons[code] ?? (code === 'unreadable' && error instanceof Error ? error.message : code));
  return {
    severity: 'error',
    code: 'unreadable_file',
    place,
    message: `${path} cannot be read: ${reason}`,
    hint,
  };
}
