// `countersign check`: loads everything that `run` would load and says everything that is wrong with it; with --against also
// whom it would lock out of those who came lately.
import { Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../base/clock.ts';
import { safeJson } from '../base/safe-json.ts';
import { problemsToJson } from '../config/problem.ts';
import { loadGateway } from '../gateway/load.ts';
import type { LoadedConfig } from '../gateway/loaded.ts';
import { type Against, againstToJson, judgeAgainst, printAgainst } from '../audit/against.ts';
import { loadRecord } from '../audit/load-record.ts';
import { lenientOption, strictOption } from './lenient-option.ts';
import { printProblems } from './problems.ts';

/** Exit code: the configuration is good, and somebody who was let in would be refused. */
const breaksExitCode = 3;

type Options = {
  readonly config: string;
  readonly lenient?: true;
  readonly json?: true;
  readonly against?: string;
  readonly days: number;
};

export function checkCommand(): Command {
  return new Command('check')
    .description('check a configuration and every file it points to')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .addOption(lenientOption())
    .addOption(strictOption())
    .option('--json', 'problems as JSON on standard output')
    .option('--against <where>', 'admin URL of a running gateway, or its trust record: whom would it refuse?')
    .option('--days <n>', 'with --against: clients seen within so many days', parseDays, 30)
    .addHelpText('after', '\nExit code: 0 good, 1 errors, 3 good, but somebody who was let in would be refused.')
    .action(async (options: Options) => {
      const { loaded, problems } = await loadGateway(options.config, {
        env: process.env,
        strict: options.lenient !== true,
        clock: systemClock,
      });
      const now = systemClock.now();
      const against = loaded === undefined ? undefined : await askRecord(loaded, options, now);
      const about = { where: options.against ?? '', days: options.days, now };
      if (options.json === true) {
        const text = problemsToJson(problems);
        if (typeof against !== 'object') process.stdout.write(`${text}\n`);
        else {
          const all = { ...(JSON.parse(text) as object), against: againstToJson(against, about) };
          process.stdout.write(`${safeJson(all, 2)}\n`);
        }
      } else {
        await printProblems(problems, process.stdout);
        const errors = problems.filter((problem) => problem.severity === 'error').length;
        const warnings = problems.length - errors;
        const verdict = loaded === undefined ? 'not usable' : 'ok';
        process.stdout.write(
          `${options.config}: ${verdict}, ${count(errors, 'error')}, ${count(warnings, 'warning')}\n`,
        );
        if (typeof against === 'object') process.stdout.write(`${printAgainst(against, about).join('\n')}\n`);
      }
      if (typeof against === 'string') process.stderr.write(`${against}\n`);
      if (loaded === undefined || typeof against === 'string') process.exitCode = 1;
      else process.exitCode = against?.breaks === true ? breaksExitCode : 0;
    });
}

/** undefined where nobody asks; one line where it fails. */
async function askRecord(loaded: LoadedConfig, options: Options, now: number): Promise<Against | string | undefined> {
  if (options.against === undefined) return undefined;
  try {
    return judgeAgainst(loaded, await loadRecord(options.against), { days: options.days, now });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** For options that are a number of days; throws what commander shows. */
export function parseDays(text: string): number {
  const days = Number(text);
  if (!Number.isFinite(days) || days <= 0 || days > 36_500)
    throw new InvalidArgumentError('a number of days is wanted');
  return days;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
