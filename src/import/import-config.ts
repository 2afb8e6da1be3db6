// An import from its files to the text of a configuration and a report: reads the files, has an importer make a draft, writes it, has it
// checked. Nothing is written where something would be open that was not.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { readRegularFile } from '../base/read-regular-file.ts';
import type { LoadOptions } from '../loading/load.ts';
import { yamlLimits } from '../yaml/limits.ts';
import { checkDraft } from './check-draft.ts';
import { Draft } from './draft.ts';
import type { LossCode } from './losses.ts';
import type { ImportOutcome } from './print-report.ts';
import { ImportReport } from './report.ts';
import { writeYaml } from './write-yaml.ts';

export type SourceText = { readonly file: string; readonly text: string };

export type ImportWorld = {
  readonly report: ImportReport;
  readonly draft: Draft;
  /**
   * A further file that the source names: its text, or undefined where it cannot be read (the importer says what that means). A
   * relative path starts at the folder of the first file.
   */
  readonly readText: (path: string) => Promise<string | undefined>;
};

/** What turns the files of one product into a draft. It says of every line what became of it, and throws for nothing. */
export type Importer = (files: readonly SourceText[], world: ImportWorld) => Promise<void>;

export type ImportOptions = {
  readonly accepted: ReadonlySet<LossCode>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly read?: LoadOptions['read'];
};

export type Imported = ImportOutcome & {
  /** Texts by the name under which the report speaks of them. */
  readonly sources: ReadonlyMap<string, string>;
  /** What was made, whether it may be used or not. */
  readonly draftText: string;
};

/** `files`: as they were given; the result is meant to lie beside the first. Never rejects for what is wrong with them. */
export async function importConfig(
  importer: Importer,
  files: readonly string[],
  options: ImportOptions,
): Promise<Imported> {
  const draft = new Draft();
  const report = new ImportReport(options.accepted, draft);
  const sources = new Map<string, string>();
  const read = async (file: string): Promise<string | undefined> => {
    const known = sources.get(file);
    if (known !== undefined) return known;
    const text = await readText(file);
    if (text !== undefined) sources.set(file, text);
    return text;
  };
  const texts: SourceText[] = [];
  for (const file of files) {
    const text = await read(file);
    if (text !== undefined) texts.push({ file, text });
    else
      report.refuse(
        'file_unreadable',
        { place: { file, line: 1, col: 1 } },
        file,
        existsSync(resolve(file)) ? 'cannot be read as text' : 'there is no such file',
      );
  }
  const folder = dirname(files[0] ?? '.');
  const world = { report, draft, readText: async (path: string) => read(nameBeside(folder, path)) };
  if (!report.failed) await importer(texts, world);
  report.writeComments();
  const { entries } = report;
  const draftText = writeYaml(draft);
  if (report.failed) return { yaml: undefined, entries, problems: [], missing: [], sources, draftText };
  const file = resolve(folder, 'countersign.yaml');
  const { problems, missing } = await checkDraft(draftText, { ...options, file });
  const isGood = problems.every(({ severity }) => severity !== 'error');
  return { yaml: isGood ? draftText : undefined, entries, problems, missing, sources, draftText };
}

function nameBeside(folder: string, path: string): string {
  return path.startsWith('/') ? path : join(folder, path);
}

async function readText(file: string): Promise<string | undefined> {
  try {
    const bytes = await readRegularFile(resolve(file), yamlLimits.fileBytes);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
