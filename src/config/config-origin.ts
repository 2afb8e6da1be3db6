// Where the texts of a configuration are. Apart from load-config.ts, so that who has them read elsewhere does not load the parser.
import { resolve } from 'node:path';
import type { StoredObjects } from './stored-objects.ts';
import type { ConfigText } from './written.ts';

/** Plain data: they are read, and parsed, in another process (read-config.ts). */
export type ConfigOrigin = {
  /** The main file; with `text`, what messages call it, and what relative paths in it are relative to. */
  readonly file: string;
  /** Its text, where it is not to be read from the disk. */
  readonly text?: string;
  /** Texts that belong to it beside the files of gateway.extraConfig, after them. */
  readonly extra?: readonly ConfigText[];
  /** The texts are all there are: no file is looked for beside them. */
  readonly isWhole?: true;
  /** Objects of a store that belong to it as well. */
  readonly stored?: StoredObjects;
};

/** The files of it that are known before it is read. */
export function filesOf(origin: ConfigOrigin): string[] {
  return origin.text === undefined ? [nameOf(origin)] : [];
}

/** What messages call the main text: an absolute path, where it is a file. */
export function nameOf({ file, text }: ConfigOrigin): string {
  return text === undefined ? resolve(file) : file;
}
