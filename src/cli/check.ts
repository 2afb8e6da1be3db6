// `countersign check`: loads everything that `run` would load and says everything that is wrong with it.
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { problemsToJson } from '../config/problem.ts';
import { loadGateway } from '../gateway/load.ts';
import { printProblems } from './problems.ts';

type Options = { readonly config: string; readonly strict?: true; readonly json?: true };

export function checkCommand(): Command {
  return new Command('check')
    .description('check a configuration and every file it points to')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .option('--strict', 'unknown keys are errors')
    .option('--json', 'problems as JSON on standard output')
    .action(async (options: Options) => {
      const { loaded, problems } = await loadGateway(options.config, {
        env: process.env,
        strict: options.strict === true,
        clock: systemClock,
      });
      if (options.json === true) {
        process.stdout.write(`${problemsToJson(problems)}\n`);
      } else {
        await printProblems(problems, process.stdout);
        const errors = problems.filter((problem) => problem.severity === 'error').length;
        const warnings = problems.length - errors;
        const verdict = loaded === undefined ? 'not usable' : 'ok';
        process.stdout.write(
          `${options.config}: ${verdict}, ${count(errors, 'error')}, ${count(warnings, 'warning')}\n`,
        );
      }
      process.exitCode = loaded === undefined ? 1 : 0;
    });
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
