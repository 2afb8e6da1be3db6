// `countersign trust`: what is known about whom the gateway trusts.
import { Command } from 'commander';
import { auditAnchors, printAudit } from '../audit/audit-anchors.ts';
import { systemClock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import { safeJson } from '../base/safe-json.ts';
import type { MergedRecord } from '../inventory/merge-records.ts';
import { loadGateway } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { openSourceToLook } from '../loading/open-source.ts';
import type { CommandIo } from './command-io.ts';
import { parseDays } from './days-option.ts';
import { printProblems } from './problems.ts';
import { isStore, recordAgainst } from './record-against.ts';

type Options = {
  readonly config?: string;
  readonly against?: string;
  readonly json?: true;
  readonly csv?: true;
  readonly staleDays: number;
};

/** `io`: the process, or what stands for it. */
export function trustCommand(io: CommandIo = process): Command {
  const audit = new Command('audit')
    .description('every CA that vouches for clients: until when, for how many, and when last')
    .option('-c, --config <file>', 'configuration file (YAML): the CAs that are trusted')
    .option(
      '--against <where>',
      'admin URL of a running gateway, its trust record, or store (all gateways on that of the file): who came',
    )
    .option('--stale-days <n>', 'STALE: no client within so many days', parseDays, 90)
    .option('--json', 'as JSON on standard output; with --against store the document of the API')
    .option('--csv', 'with --against store: the document of the API as CSV, a line for each CA')
    .action(async (options: Options) => {
      const text = await runAudit(io, options);
      if (text === undefined) io.exitCode = 1;
      else io.stdout.write(text);
    });
  return new Command('trust').addCommand(audit);
}

/** What to print; undefined where it failed and was told. */
async function runAudit(io: CommandIo, options: Options): Promise<string | undefined> {
  const { config, against } = options;
  const wrong = whatIsWrong(options);
  if (wrong !== undefined) {
    io.stderr.write(`${wrong}\n`);
    return undefined;
  }
  let loaded: LoadedConfig | undefined;
  if (config !== undefined) {
    // An expired certificate of our own says nothing about whom we trust.
    const settings = {
      env: io.env,
      strict: false,
      clock: systemClock,
      tolerateExpired: true,
      readStore: io.readStore,
    };
    const read = { ...settings, ...(io.read && { read: io.read }) };
    const result = await loadGateway(await openSourceToLook(config, settings), read);
    loaded = result.loaded;
    if (loaded === undefined) {
      await printProblems(result.problems, io.stderr);
      return undefined;
    }
  }
  try {
    const record = against === undefined ? undefined : await recordAgainst(io, against, config);
    // What is missing makes an anchor look idle that is not: said with the warning, and by the exit code.
    if (record !== undefined && record.refused > 0) io.exitCode = 1;
    if (loaded !== undefined && record?.merged !== undefined) return await printReview(loaded, record.merged, options);
    return printAnchors(loaded, record?.contents, options);
  } catch (error) {
    io.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

function whatIsWrong({ config, against, json, csv }: Options): string | undefined {
  if (config === undefined && against === undefined) return '--config, --against or both are wanted';
  if (json === true && csv === true) return 'either --json or --csv is wanted';
  if (csv === true && !isStore(against)) return '--csv is of all gateways: it needs --against store';
  return undefined;
}

function printAnchors(
  loaded: LoadedConfig | undefined,
  record: MergedRecord['contents'] | undefined,
  { json, staleDays }: Options,
): string {
  const options = { now: systemClock.now(), staleDays };
  const anchors = auditAnchors(loaded, record, options);
  if (json !== true) return `${printAudit(anchors, record, options).join('\n')}\n`;
  const { since, written } = record ?? { since: null, written: null };
  return `${safeJson({ since, written, staleDays, anchors }, 2)}\n`;
}

/** Of all gateways: the document of GET /api/v1/trust-audits:preview, or the table for a person. */
async function printReview(loaded: LoadedConfig, merged: MergedRecord, options: Options): Promise<string> {
  const { json, csv, staleDays } = options;
  if (json !== true && csv !== true) {
    const names = merged.gateways.map(({ name }) => escapeForLog(name));
    return `${printAnchors(loaded, merged.contents, options)}over the clients of ${names.join(', ')}\n`;
  }
  const [{ reviewTrust }, { reviewToCsv, showReview }] = await Promise.all([
    import('../audit/trust-review.ts'),
    import('../audit/review-file.ts'),
  ]);
  const review = showReview(reviewTrust(loaded, merged, { now: systemClock.now(), staleDays }));
  return csv === true ? reviewToCsv(review) : `${safeJson(review, 2)}\n`;
}
