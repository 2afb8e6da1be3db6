// The text that an import made, read by the very loader of `check`. What is missing on this machine (files, variables) is told apart from
// what is wrong: a configuration is often imported elsewhere than it runs.
import type { Clock } from '../base/clock.ts';
import { readMaterialFile } from '../certs/material.ts';
import { loadGateway, type LoadOptions } from '../loading/load.ts';
import type { ConfigSource } from '../loading/config-source.ts';
import type { Problem } from '../yaml/problem.ts';

export type DraftCheck = {
  /** Errors and warnings; with an error the text must not be used. */
  readonly problems: readonly Problem[];
  readonly missing: readonly Problem[];
};

const missingCodes: ReadonlySet<string> = new Set(['file_missing', 'file_unreadable', 'unset_variable']);

/** A file that is not there, or not for this user to read; codes of CRLs, ticket keys and the like mean more than that. */
function isMissing({ code, message }: Problem): boolean {
  return missingCodes.has(code) || (code.endsWith('_unreadable') && /does not exist|may not be read/.test(message));
}

export type CheckOptions = {
  /** What messages call the text, with the folder that its paths start at. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly read?: LoadOptions['read'];
};

export async function checkDraft(text: string, options: CheckOptions): Promise<DraftCheck> {
  const { file, env, clock, read } = options;
  const source: ConfigSource = {
    name: file,
    readTexts: async () => ({ file, text }),
    readMaterial: readMaterialFile,
    watch: () => ({ mark: async () => {}, set: async () => {}, close: () => {} }),
  };
  const { problems } = await loadGateway(source, { env, strict: true, clock, ...(read && { read }) });
  return { problems: problems.filter((problem) => !isMissing(problem)), missing: problems.filter(isMissing) };
}
