// `countersign explain access`: who may call what. Per policy each route with its hosts, methods and path, and who gets there
// over TLS and over plain HTTP.
import { Command } from 'commander';
import { listAccess } from '../access/rows.ts';
import { accessToJson, printAccess } from '../access/print-rows.ts';
import { systemClock } from '../base/clock.ts';
import { safeJson } from '../base/safe-json.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import { printProblems } from './problems.ts';

export function explainAccessCommand(): Command {
  return new Command('access')
    .description('who may call what: every route with its hosts, over TLS and over plain HTTP')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .option('--json', 'for machines')
    .action(async (options: { readonly config: string; readonly json?: true }) => {
      // An expired certificate of our own says nothing about whom we let in.
      const { loaded, problems } = await loadGateway(new FileSource(options.config), {
        env: process.env,
        strict: false,
        clock: systemClock,
        tolerateExpired: true,
      });
      if (loaded === undefined) {
        await printProblems(problems, process.stderr);
        process.exitCode = 1;
        return;
      }
      const rows = listAccess(loaded);
      const text =
        options.json === true ? safeJson(accessToJson(loaded, rows), 2) : printAccess(loaded, rows).join('\n');
      process.stdout.write(`${text}\n`);
    });
}
