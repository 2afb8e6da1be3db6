// `countersign check`: loads everything that `run` would load and says everything that is wrong with it; with --against also
// whom it would lock out of those who came lately, with --compare what changes in who may enter, with --probe what its backends speak.
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { refusesEverybody } from '../crl/problems.ts';
import { SourcePublisher } from '../sources/publisher.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { safeJson } from '../base/safe-json.ts';
import { type Problem, problemsToJson } from '../yaml/problem.ts';
import { openSourceToLook } from '../loading/open-source.ts';
import { loadGateway } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { type Against, againstToJson, verifyAgainst, printAgainst } from '../audit/against.ts';
import { changesToJson, printChanges } from '../access/print-changes.ts';
import { type CommandIo, finish } from './command-io.ts';
import { parseDays } from './days-option.ts';
import { compareWith } from './compare.ts';
import { lenientOption, strictOption } from './lenient-option.ts';
import { printProbes, probeBackends, probesToJson } from '../probe/probe-backends.ts';
import { printProblems } from './problems.ts';
import { recordAgainst } from './record-against.ts';
import { parseSeconds } from './seconds-option.ts';

/** Exit code: the configuration is good, and somebody who was let in would be refused. */
const breaksExitCode = 3;
/** Likewise, and a backend is not as its route says. */
const unmetExitCode = 4;

type Options = {
  readonly config: string;
  readonly lenient?: true;
  readonly json?: true;
  readonly against?: string;
  readonly compare?: string;
  readonly days: number;
  readonly probe?: true;
  readonly timeout: number;
};

/** `io`: the process, or what stands for it. */
export function checkCommand(io: CommandIo = process): Command {
  return new Command('check')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .addOption(lenientOption())
    .addOption(strictOption())
    .option('--json', 'problems as JSON on standard output')
    .option(
      '--against <where>',
      'admin URL of a running gateway, its trust record, or store (all gateways on that of the file): whom would it refuse?',
    )
    .option('--compare <file>', 'another configuration, as the one in force: what changes in who may enter?')
    .option('--days <n>', 'with --against: clients seen within so many days', parseDays, 30)
    .option(
      '--probe',
      'ask the sources of certificates, and connect to every backend as the gateway would: what does it speak?',
    )
    .option('--timeout <seconds>', 'with --probe: for each backend', parseSeconds, 10)
    .addHelpText(
      'after',
      '\nExit code: 0 good, 1 errors, 3 good, but somebody who was let in would be refused, 4 good, but a backend is not as its route says.',
    )
    .action(async (options: Options) => {
      const crls = new CrlPublisher({ clock: systemClock });
      const sources = new SourcePublisher({ clock: systemClock, env: io.env, looksOnly: true });
      const { loaded, problems } = await loadGateway(
        await openSourceToLook(options.config, { env: io.env, clock: systemClock, readStore: io.readStore }),
        {
          env: io.env,
          strict: options.lenient !== true,
          clock: systemClock,
          crls,
          ...(io.read && { read: io.read }),
          ...(options.probe && { sources, sourceMs: options.timeout * 1000, once: true }),
        },
      );
      sources.close();
      const known = crls.lookUpPrepared(loaded?.crls ?? []);
      crls.close();
      const now = systemClock.now();
      const against = loaded === undefined ? undefined : await askRecord(io, loaded, known, options, now);
      const changes = loaded === undefined ? undefined : await compareWith(options.compare, loaded);
      const probes = loaded && options.probe && (await probeBackends(loaded, known, options.timeout * 1000));
      const about = { where: options.against ?? '', days: options.days, now };
      const than = options.compare ?? '';
      if (options.json === true) {
        const text = problemsToJson(problems);
        const more = {
          ...(typeof against === 'object' && { against: againstToJson(against, about) }),
          ...(typeof changes === 'object' && { access: changesToJson(changes, than) }),
          ...(probes && { backends: probesToJson(probes) }),
        };
        const plain = Object.keys(more).length === 0;
        io.stdout.write(`${plain ? text : safeJson({ ...(JSON.parse(text) as object), ...more }, 2)}\n`);
      } else {
        await printProblems(problems, io.stdout);
        io.stdout.write(`${summarize(options.config, loaded !== undefined, problems)}\n`);
        if (typeof changes === 'object') io.stdout.write(`${printChanges(changes, than).join('\n')}\n`);
        if (typeof against === 'object') io.stdout.write(`${printAgainst(against, about).join('\n')}\n`);
        if (probes) io.stdout.write(`${printProbes(probes).join('\n')}\n`);
      }
      const failures = [against, changes].filter((one) => typeof one === 'string');
      for (const line of failures) io.stderr.write(`${line}\n`);
      if (loaded === undefined || failures.length > 0) io.exitCode = 1;
      else if (typeof against === 'object' && against.breaks) io.exitCode = breaksExitCode;
      // That nobody would be refused cannot be said of those who are missing.
      else if (typeof against === 'object' && !against.isWhole) io.exitCode = 1;
      else io.exitCode = probes?.some(({ failure }) => failure !== undefined) === true ? unmetExitCode : 0;
      // A look-up of a name may still be under way, and nobody should wait for it.
      if (probes) finish(io, '', io.exitCode);
    });
}

function summarize(file: string, usable: boolean, problems: readonly Problem[]): string {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const keepsOut = problems.some(({ code }) => refusesEverybody.has(code));
  const good = keepsOut ? 'usable, but it refuses whole CAs, see the warnings about CRLs' : 'ok';
  const verdict = usable ? good : 'not usable';
  return `${file}: ${verdict}, ${count(errors, 'error')}, ${count(problems.length - errors, 'warning')}`;
}

/** undefined where nobody asks; one line where it fails. */
async function askRecord(
  io: CommandIo,
  loaded: LoadedConfig,
  crls: CrlLookup,
  options: Options,
  now: number,
): Promise<(Against & { readonly isWhole: boolean }) | string | undefined> {
  if (options.against === undefined) return undefined;
  try {
    const { contents, merged, refused } = await recordAgainst(io, options.against, options.config);
    const against = verifyAgainst(loaded, crls, contents, { days: options.days, now });
    return { ...against, isWhole: refused === 0, seenAt: merged && ((client) => merged.seenAt(client)) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
