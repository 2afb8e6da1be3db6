// `countersign explain route METHOD URL`: which policy, route, rule and backends a request would meet, what becomes of a client
// with a given certificate, and why every other route loses.
import { Command } from 'commander';
import { checkEntryPoint, explainRequest, readFields, splitUrl } from '../access/explain-request.ts';
import type { ClientChain } from '../access/explain-client.ts';
import { Told } from '../access/told.ts';
import { safeJson } from '../base/safe-json.ts';
import { UsageError } from '../base/usage-error.ts';
import { loadPem, parseCertificates } from '../certs/material.ts';
import type { CommandIo } from './command-io.ts';
import { loadForCommand } from './load-for-command.ts';

type Options = {
  readonly config: string;
  readonly cert?: string;
  readonly header: readonly string[];
  readonly entryPoint?: string;
  readonly json?: true;
};

function collect(field: string, before: readonly string[]): readonly string[] {
  return [...before, field];
}

export function explainRouteCommand(io: CommandIo = process): Command {
  return new Command('route')
    .description('which policy, route, rule and backend a request would meet, and why')
    .argument('<method>', 'GET, POST, …')
    .argument('<url>', 'https://host/path, or http://host/path for the plain entry point')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .option('--cert <file>', "the client's certificate, with its intermediates (PEM): says whether it would be let in")
    .option('-H, --header <field>', 'a header field of the request, "name: value"; any number', collect, [])
    .option('--entry-point <name>', 'the entry point that is asked (default: webSecure for https, web for http)')
    .option('--json', 'for machines')
    .addHelpText(
      'after',
      '\nExit code: 0 it would reach a backend, 1 it would be refused or answered before, 2 the question could not be asked.',
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(async (method: string, url: string, options: Options) => {
      try {
        await run(method, url, options, io);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        io.stderr.write(`${error.message}\n`);
        io.exitCode = 2;
      }
    });
}

async function run(method: string, url: string, options: Options, io: CommandIo): Promise<void> {
  const place = splitUrl(url);
  const { loaded, crls } = await loadForCommand(options.config, io);
  const client = options.cert === undefined ? undefined : await loadClient(options.cert);
  const { entryPoint = place.entryPoint } = options;
  checkEntryPoint(loaded.config, options.entryPoint, place.scheme);
  const told = new Told();
  explainRequest(loaded, crls, { ...place, method, client, entryPoint, headers: readFields(options.header) }, told);
  const text = options.json === true ? safeJson(told.toJson({ method, url }), 2) : told.lines.join('\n');
  io.stdout.write(`${text}\n`);
  io.exitCode = told.answer === undefined ? 0 : 1;
}

/** The certificates of a file, leaf first. Throws UsageError with one line that says what is wrong with it. */
async function loadClient(path: string): Promise<ClientChain> {
  const loaded = await loadPem({ path });
  if (!loaded.ok) throw new UsageError(loaded.message);
  const { certificates, problems } = parseCertificates(loaded.pem, path);
  const [leaf, ...above] = certificates;
  const wrong = problems.find(({ severity }) => severity === 'error')?.message;
  if (leaf === undefined || wrong !== undefined) throw new UsageError(wrong ?? `${path} holds no certificate`);
  return [leaf, ...above];
}
