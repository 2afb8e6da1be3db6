// `countersign trust`: what is known about whom the gateway trusts.
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { safeJson } from '../base/safe-json.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { loadRecord } from '../inventory/load-record.ts';
import { parseDays } from './days-option.ts';
import { printProblems } from './problems.ts';
import { auditAnchors, printAudit } from '../audit/audit-anchors.ts';

type Options = {
  readonly config?: string;
  readonly against?: string;
  readonly json?: true;
  readonly staleDays: number;
};

export function trustCommand(): Command {
  const audit = new Command('audit')
    .description('every CA that vouches for clients: until when, for how many, and when last')
    .option('-c, --config <file>', 'configuration file (YAML): the CAs that are trusted')
    .option('--against <where>', 'admin URL of a running gateway, or its trust record: who came')
    .option('--stale-days <n>', 'STALE: no client within so many days', parseDays, 90)
    .option('--json', 'as JSON on standard output')
    .action(async (options: Options) => {
      const lines = await runAudit(options);
      if (lines === undefined) process.exitCode = 1;
      else process.stdout.write(`${lines}\n`);
    });
  return new Command('trust').addCommand(audit);
}

/** What to print; undefined where it failed and was told. */
async function runAudit({ config, against, json, staleDays }: Options): Promise<string | undefined> {
  if (config === undefined && against === undefined) {
    process.stderr.write('--config, --against or both are wanted\n');
    return undefined;
  }
  let loaded: LoadedConfig | undefined;
  if (config !== undefined) {
    // An expired certificate of our own says nothing about whom we trust.
    const result = await loadGateway(new FileSource(config), {
      env: process.env,
      strict: false,
      clock: systemClock,
      tolerateExpired: true,
    });
    loaded = result.loaded;
    if (loaded === undefined) {
      await printProblems(result.problems, process.stderr);
      return undefined;
    }
  }
  try {
    const record = against === undefined ? undefined : await loadRecord(against);
    const options = { now: systemClock.now(), staleDays };
    const anchors = auditAnchors(loaded, record, options);
    if (json !== true) return printAudit(anchors, record, options).join('\n');
    const { since, written } = record ?? { since: null, written: null };
    return safeJson({ since, written, staleDays, anchors }, 2);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}
