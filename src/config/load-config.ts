// From where the texts of a configuration are to the configuration: reads the main file (or takes its text, where a store has
// it) and the extra files that it names, and hands the texts to parse-config.ts. What cannot be read is a problem like any other.
import { hash } from 'node:crypto';
import { FileRefusal, readRegularFile } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import { type ConfigOrigin, filesOf, nameOf } from './config-origin.ts';
import { findDefaultCertsDir } from './default-certs-dir.ts';
import type { Environment } from '../yaml/environment.ts';
import { listExtraFiles, unreadable } from './extra-files.ts';
import type { GatewayConfig } from './gateway-config.ts';
import type { Place } from '../yaml/place.ts';
import { parseConfig } from './parse-config.ts';
import type { StoreLocation } from './store-location.ts';
import { type ConfigText, extraFoldersOf, storeOf } from './written.ts';
import type { Problem } from '../yaml/problem.ts';
import { yamlLimits } from '../yaml/limits.ts';

export type LoadedText = {
  /** undefined where any problem is an error. */
  readonly config: GatewayConfig | undefined;
  /** As in ParsedConfig. */
  readonly draft: GatewayConfig | undefined;
  readonly problems: readonly Problem[];
  /** Absolute paths of every file (and extra folder) that was read or should have been: what to watch. */
  readonly files: readonly string[];
  /** Of each text that was read from the disk, over the very bytes that were parsed. */
  readonly digests: readonly FileDigest[];
};

/** `path`: absolute. `sha256`: hexadecimal. */
export type FileDigest = {
  readonly path: string;
  readonly sha256: string;
  /** It is a text of the configuration, and not what one refers to. */
  readonly isText?: true;
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
  if (text === undefined) return { config: undefined, draft: undefined, problems: failures, files: known, digests: [] };
  const main: ConfigText = { file: path, text };
  const listed = await listExtraFiles(origin.isWhole === true ? [] : extraFoldersOf(main, env), failures);
  const files = [...known, ...listed.names.map(({ name }) => name), ...listed.folders];
  onFiles?.(files);
  const extra: ConfigText[] = [];
  for (const { name, place } of listed.names) {
    const content = await texts.read(name, place);
    if (content !== undefined) extra.push({ file: name, text: content });
  }
  for (const one of origin.extra ?? []) {
    const content = texts.take(one.text, { file: one.file, line: 1, col: 1 });
    if (content !== undefined) extra.push({ file: one.file, text: content });
  }
  const defaultCertsDir = await findDefaultCertsDir();
  const { extraFolders } = listed;
  const { stored } = origin;
  const input = { ...main, extra, env, strict, failures, defaultCertsDir, extraFolders, stored };
  const { config, draft, problems } = parseConfig(input);
  return { config, draft, problems, files, digests: texts.digests };
}

/** As storeOf, of a file. Never rejects. */
export async function loadStore(origin: ConfigOrigin, env: Environment): Promise<StoreLocation | undefined> {
  const file = nameOf(origin);
  const text = origin.text ?? (await new TextReader([]).read(file, { file, line: 1, col: 1 }));
  return text === undefined ? undefined : storeOf({ file, text }, env);
}

/** Texts of files, each and all together within the limits. */
class TextReader {
  readonly #failures: Problem[];
  #leftBytes: number = yamlLimits.totalBytes;
  readonly digests: FileDigest[] = [];

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
      this.digests.push({ path, sha256: hash('sha256', bytes, 'hex'), isText: true });
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
