// From where the texts of a configuration are to the configuration: reads the main file (or takes its text, where a store has
// it) and the extra files that it names, and hands the texts to parse-config.ts. What cannot be read is a problem like any other.
import type { Dirent } from 'node:fs';
import { access, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileRefusal, type FileRefusalReason, readRegularFile } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import { type ConfigOrigin, filesOf, nameOf } from './config-origin.ts';
import type { Environment } from '../yaml/environment.ts';
import type { GatewayConfig } from './gateway-config.ts';
import type { PathRef } from './ref.ts';
import type { Place } from '../yaml/place.ts';
import { type ConfigText, findExtraDirectory, parseConfig } from './parse-config.ts';
import type { Problem } from '../yaml/problem.ts';
import { yamlLimits } from '../yaml/limits.ts';

/** Goma's folder of certificates where none is named. */
const gomaCertsDir = '/etc/goma/certs';
const maxExtraFiles = 10_000;
const maxFolderDepth = 32;
/** Of one folder, whatever they are. */
const maxFolderEntries = 100_000;

export type LoadedText = {
  /** undefined where any problem is an error. */
  readonly config: GatewayConfig | undefined;
  /** As in ParsedConfig. */
  readonly draft: GatewayConfig | undefined;
  readonly problems: readonly Problem[];
  /** Absolute paths of every file (and extra folder) that was read or should have been: what to watch. */
  readonly files: readonly string[];
};

export type LoadConfigOptions = {
  readonly env: Environment;
  readonly strict: boolean;
  /** Called with `files` before any of them is parsed: who gives up on a file still has to watch it. */
  readonly onFiles?: (files: readonly string[]) => void;
};

/** Never rejects for what is wrong with the texts. */
export async function loadConfig(origin: ConfigOrigin, options: LoadConfigOptions): Promise<LoadedText> {
  const path = nameOf(origin);
  const failures: Problem[] = [];
  const { env, strict, onFiles } = options;
  const texts = new TextReader(failures);
  const start = { file: path, line: 1, col: 1 };
  const text = origin.text === undefined ? await texts.read(path, start) : texts.take(origin.text, start);
  const known = filesOf(origin);
  if (text === undefined) return { config: undefined, draft: undefined, problems: failures, files: known };
  const main: ConfigText = { file: path, text };
  const directory = findExtraDirectory(main, env);
  const folders: string[] = [];
  const names = directory === undefined ? [] : await listFolder(directory, folders, failures, 0);
  const files = [...known, ...names, ...folders];
  onFiles?.(files);
  const extra: ConfigText[] = [];
  for (const name of names) {
    const content = await texts.read(name, directory?.place ?? start);
    if (content !== undefined) extra.push({ file: name, text: content });
  }
  for (const one of origin.extra ?? []) {
    const content = texts.take(one.text, { file: one.file, line: 1, col: 1 });
    if (content !== undefined) extra.push({ file: one.file, text: content });
  }
  const defaultCertsDir = await access(gomaCertsDir).then(
    () => gomaCertsDir,
    () => undefined,
  );
  const { config, draft, problems } = parseConfig({ ...main, extra, env, strict, failures, defaultCertsDir });
  return { config, draft, problems, files };
}

/** *.yml and *.yaml of the folder and the folders in it, sorted; hidden ones are skipped (Kubernetes keeps copies in `..data`). */
async function listFolder(
  { path: folder, label = folder, place }: PathRef,
  folders: string[],
  failures: Problem[],
  depth: number,
): Promise<string[]> {
  folders.push(folder);
  const entries = await listEntries(folder).catch((error: unknown) => {
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

async function listEntries(folder: string): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  for await (const entry of await opendir(folder)) {
    if (entries.length >= maxFolderEntries) throw new Error(`it holds more than ${maxFolderEntries} entries`);
    entries.push(entry);
  }
  return entries;
}

/** Texts of files, each and all together within the limits. */
class TextReader {
  readonly #failures: Problem[];
  #leftBytes: number = yamlLimits.totalBytes;

  constructor(failures: Problem[]) {
    this.#failures = failures;
  }

  /** A text that was given, within the same limits; undefined where it passes them. */
  take(text: string, place: Place): string | undefined {
    const size = Buffer.byteLength(text);
    if (size > Math.min(yamlLimits.fileBytes, this.#leftBytes)) {
      this.#failures.push(tooLargeFile(place.file, place, size));
      return undefined;
    }
    this.#leftBytes -= size;
    return text;
  }

  /** undefined where it cannot be read; a failure says why. */
  async read(path: string, place: Place): Promise<string | undefined> {
    try {
      const bytes = await readRegularFile(path, Math.min(yamlLimits.fileBytes, this.#leftBytes));
      this.#leftBytes -= bytes.length;
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (error) {
      const tooLarge = error instanceof FileRefusal && error.reason === 'too_large';
      this.#failures.push(
        tooLarge
          ? tooLargeFile(showPath(path), place, error.size)
          : unreadable(showPath(path), place, error, 'Check the path, the permissions and the encoding (UTF-8).'),
      );
      return undefined;
    }
  }
}

function tooLargeFile(path: string, place: Place, size: number): Problem {
  const { fileBytes, totalBytes } = yamlLimits;
  const which =
    size > fileBytes
      ? `over the limit of ${fileBytes}`
      : `and all files together are over the limit of ${totalBytes} with it`;
  return {
    severity: 'error',
    code: 'file_too_large',
    place,
    message: `${path} has ${size} bytes, ${which}`,
    hint: 'Is this the right file? Many routes can stand in several: gateway.extraConfig.directory.',
  };
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
