// `countersign import`: the configuration of another gateway in our words on standard output, and on standard error what became of every
// line of it.
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { UsageError } from '../base/usage-error.ts';
import { wantsColours } from '../base/colour.ts';
import type { LossCode } from '../import/losses.ts';
import type { CommandIo } from './command-io.ts';

type Options = { readonly report?: string; readonly json?: true; readonly acceptLosses?: string };

export function importCommand(io: CommandIo = process): Command {
  return new Command('import')
    .argument('<from>', 'envoy, nginx, traefik or caddy')
    .argument('<files...>', 'its configuration')
    .option('--accept-losses <codes>', 'what may be lost, by its code; several with commas')
    .option('--report <file>', 'write the report there instead of standard error')
    .option('--json', 'the report as JSON')
    .addHelpText('after', '\nExit code: 0 imported, 1 something would be open, or cannot be read: nothing is written.')
    .action(async (from: string, files: string[], options: Options) => {
      try {
        io.exitCode = (await runImport(io, from, files, options)) ? 0 : 1;
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        io.exitCode = 1;
        io.stderr.write(`error: ${error.message}\n`);
      }
    });
}

async function runImport(io: CommandIo, from: string, files: readonly string[], options: Options): Promise<boolean> {
  const { importers } = await import('./importers.ts');
  const { importConfig } = await import('../import/import-config.ts');
  const { renderReport, reportToJson } = await import('../import/print-report.ts');
  const open = importers.get(from);
  if (open === undefined) throw new UsageError(`import knows ${[...importers.keys()].join(', ')}, not ${from}`);
  const accepted = await parseLosses(options.acceptLosses ?? '');
  const { env, read } = io;
  const outcome = await importConfig(await open(), files, { accepted, env, clock: systemClock, ...(read && { read }) });
  const colour = options.report === undefined && 'isTTY' in io.stderr && io.stderr.isTTY === true && wantsColours(env);
  const report =
    options.json === true ? reportToJson(outcome) : renderReport(outcome, outcome.sources, outcome.draftText, colour);
  if (options.report === undefined) io.stderr.write(report);
  else await writeReport(options.report, report);
  if (outcome.yaml !== undefined) io.stdout.write(outcome.yaml);
  return outcome.yaml !== undefined;
}

async function parseLosses(text: string): Promise<ReadonlySet<LossCode>> {
  const { isLossCode, losses } = await import('../import/losses.ts');
  const codes = text.split(',').flatMap((code) => code.trim() || []);
  return new Set(
    codes.map((code) => {
      if (isLossCode(code)) return code;
      throw new UsageError(`--accept-losses knows no ${code}; it knows ${Object.keys(losses).join(', ')}`);
    }),
  );
}

async function writeReport(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error: unknown) => {
    throw new UsageError(`the report cannot be written to ${file}: ${error instanceof Error ? error.message : ''}`);
  });
}
