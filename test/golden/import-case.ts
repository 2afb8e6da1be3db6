// One golden case of an import. The form:
//   A sentence about behaviour.
//   from: envoy
//   files: a.yaml b.yaml   what the command is given; default the first section
//   accept: code,code      (optional)
//   === envoy.yaml         files, in a folder of their own; certificates and keys are not there
//   === result             what is written, or `nothing`
//   === report             the report, without what was taken over where the line `brief` stands above
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadConfig } from '../../src/config/load-config.ts';
import { importConfig } from '../../src/import/import-config.ts';
import { importers } from '../../src/cli/importers.ts';
import type { LossCode } from '../../src/import/losses.ts';
import { renderReport } from '../../src/import/print-report.ts';
import { systemClock } from '../../src/base/clock.ts';
import { openTempDir } from '../support/temp.ts';

export type ImportCase = {
  readonly sentence: string;
  readonly from: string;
  readonly given: readonly string[];
  readonly accepted: ReadonlySet<LossCode>;
  readonly brief: boolean;
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** Everything before the expectations, as it stands in the file. */
  readonly input: string;
};

export function parseImportCase(text: string): ImportCase {
  const sections = text.split(/^=== /m);
  const [sentence = '', ...options] = (sections[0] ?? '').trim().split('\n');
  const option = (name: string): string | undefined =>
    options.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const files = sections
    .slice(1)
    .map((section) => ({
      name: section.slice(0, section.indexOf('\n')).trim(),
      text: section.slice(section.indexOf('\n') + 1),
    }))
    .filter(({ name }) => name !== 'result' && name !== 'report');
  const end = text.search(/^=== result$/m);
  return {
    sentence,
    from: option('from') ?? '',
    given: option('files')?.split(' ') ?? files.slice(0, 1).map(({ name }) => name),
    accepted: new Set((option('accept')?.split(',') ?? []) as LossCode[]),
    brief: options.includes('brief'),
    files,
    input: end < 0 ? text : text.slice(0, end),
  };
}

/** The whole text of the case with what really comes out. */
export async function renderImportCase(golden: ImportCase): Promise<string> {
  const open = importers.get(golden.from);
  if (open === undefined) throw new Error(`no importer: ${golden.from}`);
  using dir = openTempDir('import');
  for (const { name, text } of golden.files) {
    mkdirSync(dirname(join(dir.path, name)), { recursive: true });
    writeFileSync(join(dir.path, name), text);
  }
  const given = golden.given.map((name) => join(dir.path, name));
  const outcome = await importConfig(await open(), given, {
    accepted: golden.accepted,
    env: {},
    clock: systemClock,
    // In this process: a case is checked as often as the tests run.
    read: loadConfig,
  });
  const shown = golden.brief
    ? { ...outcome, entries: outcome.entries.filter(({ outcome: became }) => became !== 'taken') }
    : outcome;
  const report = renderReport(shown, outcome.sources, outcome.draftText, false);
  const result = outcome.yaml ?? 'nothing\n';
  return `${golden.input}=== result\n${result}=== report\n${report}`.replaceAll(`${dir.path}/`, '');
}
