// What a main file said the last time, for as long as it holds the same bytes: a certificate that is renewed, or a signal, is no reason
// to parse ten thousand policies again. The file is read each time; where extra files or a store belong to it, so is everything.
import { hash } from 'node:crypto';
import { hostname } from 'node:os';
import { readRegularFile } from '../base/read-regular-file.ts';
import { type ConfigOrigin, nameOf } from './config-origin.ts';
import { findDefaultCertsDir } from './default-certs-dir.ts';
import type { LoadedText } from './load-config.ts';
import { readConfig, type ReadConfigOptions } from './read-config.ts';

/** As yamlLimits.fileBytes, without loading the parser. */
const maxBytes = 8 * 1024 * 1024;

type Read = (origin: ConfigOrigin, options: ReadConfigOptions) => Promise<LoadedText>;

export class TextMemory {
  readonly #read: Read;
  #last: { readonly around: string; readonly sha256: string; readonly loaded: LoadedText } | undefined;

  /** `read`: how what is not known is read; default readConfig. */
  constructor(read: Read = readConfig) {
    this.#read = read;
  }

  /** As readConfig. */
  async read(origin: ConfigOrigin, options: ReadConfigOptions): Promise<LoadedText> {
    const { file, ...more } = origin;
    if (Object.keys(more).length > 0) return this.#read(origin, options);
    const around = await aroundOf(file, options);
    const last = this.#last;
    if (last?.around === around && last.sha256 === (await digestOf(origin))) return last.loaded;
    const loaded = await this.#read(origin, options);
    const [digest] = loaded.digests;
    const isAlone = loaded.files.length === 1 && loaded.digests.length === 1 && digest?.path === nameOf(origin);
    this.#last =
      isAlone && loaded.config !== undefined && around === (await aroundOf(file, options))
        ? { around, sha256: digest.sha256, loaded }
        : undefined;
    return loaded;
  }
}

/** What a text means depends on it as well. */
async function aroundOf(file: string, { env, strict }: ReadConfigOptions): Promise<string> {
  const said = JSON.stringify([file, strict, hostname(), (await findDefaultCertsDir()) ?? null, env]);
  // There are secrets in it.
  return hash('sha256', said);
}

async function digestOf(origin: ConfigOrigin): Promise<string | undefined> {
  return readRegularFile(nameOf(origin), maxBytes).then(
    (bytes) => hash('sha256', bytes),
    () => undefined,
  );
}
