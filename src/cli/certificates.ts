// `countersign certificates`: every certificate and CA bundle, where it comes from, until when it holds, when its source is asked next and
// what went wrong last. Of a running gateway, by its admin entry point; or of a configuration, whose sources are asked with --probe.
import { Command } from 'commander';
import type { ListedCertificate } from '../admin/certificate-list.ts';
import { systemClock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import { safeJson } from '../base/safe-json.ts';
import { UsageError } from '../base/usage-error.ts';
import { describeExpiry, isoSeconds } from '../certs/expiry.ts';
import { loadGateway } from '../loading/load.ts';
import { openSourceToLook } from '../loading/open-source.ts';
import { SourcePublisher } from '../sources/publisher.ts';
import { type CommandIo, finish } from './command-io.ts';
import { printProblems } from './problems.ts';
import { parseSeconds } from './seconds-option.ts';

type Options = {
  readonly config?: string;
  readonly against?: string;
  readonly probe?: true;
  readonly json?: true;
  readonly timeout: number;
};

const fetchMs = 10_000;
/** Somebody has to see to one of them. */
const troubledExitCode = 3;

export function certificatesCommand(io: CommandIo = process): Command {
  return new Command('certificates')
    .description('every certificate and CA bundle: source, serial, expiry, next renewal, last error')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('--against <url>', 'admin URL of a running gateway: what it has, and how its sources are')
    .option('--probe', 'with --config: ask its sources')
    .option('--timeout <seconds>', 'with --probe: for all sources together', parseSeconds, 10)
    .option('--json', 'as JSON on standard output')
    .addHelpText('after', '\nExit code: 0 good, 1 it cannot be told, 3 a source failed, or something has expired.')
    .action(async (options: Options) => {
      const { config, against, json } = options;
      if ((config === undefined) === (against === undefined))
        throw new UsageError('either --config or --against is wanted');
      const list =
        config === undefined ? await askGateway(against ?? '') : await readConfiguration(config, options, io);
      if (list === undefined) {
        io.exitCode = 1;
        return;
      }
      const now = systemClock.now();
      const text = json === true ? safeJson({ certificates: list }, 2) : printCertificates(list, now).join('\n');
      const isTroubled = list.some(({ lastError, notAfter }) => lastError !== null || (notAfter ?? Infinity) < now);
      finish(io, `${text}\n`, isTroubled ? troubledExitCode : 0);
    });
}

/** Throws UsageError with one sentence. */
async function askGateway(where: string): Promise<readonly ListedCertificate[]> {
  if (!URL.canParse(where)) throw new UsageError(`${where}: this is no URL`);
  const url = new URL(where);
  if (url.pathname === '/') url.pathname = '/trust/certificates';
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(fetchMs) });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    const { certificates } = (await response.json()) as { certificates: readonly ListedCertificate[] };
    if (!Array.isArray(certificates)) throw new Error('it answered something else');
    return certificates;
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string } };
    throw new UsageError(`${where}: ${cause?.code ?? message}`, { cause: error });
  }
}

/** Undefined where it cannot be used, which was told. */
async function readConfiguration(
  file: string,
  { probe, timeout }: Options,
  io: CommandIo,
): Promise<readonly ListedCertificate[] | undefined> {
  const sources = new SourcePublisher({ clock: systemClock, env: io.env, looksOnly: true });
  try {
    const { loaded, problems } = await loadGateway(await openSourceToLook(file, { env: io.env, clock: systemClock }), {
      env: io.env,
      strict: false,
      clock: systemClock,
      tolerateExpired: true,
      ...(io.read && { read: io.read }),
      ...(probe && { sources, sourceMs: timeout * 1000, once: true }),
    });
    if (loaded === undefined) {
      await printProblems(
        problems.filter(({ severity }) => severity === 'error'),
        io.stderr,
      );
      return undefined;
    }
    const { listCertificates } = await import('../admin/certificate-list.ts');
    return listCertificates(loaded, sources.statesByKey());
  } finally {
    sources.close();
  }
}

/** As lines. `now`: milliseconds since the epoch. */
export function printCertificates(list: readonly ListedCertificate[], now: number): string[] {
  const rows = list.map(({ name, source, serial, subject, notAfter, nextRenewal }) => [
    escapeForLog(name, 60),
    source,
    serial === '' ? escapeForLog(subject, 40) || '-' : serial,
    notAfter === null ? 'not asked' : `${isoSeconds(notAfter)} (${describeExpiry(notAfter, now)})`,
    nextRenewal === null ? '-' : isoSeconds(Math.floor(nextRenewal / 1000) * 1000),
  ]);
  const all = [['NAME', 'SOURCE', 'SERIAL', 'NOT AFTER', 'NEXT RENEWAL'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return lines.flatMap((line, at) => {
    const error = list[at - 1]?.lastError;
    if (error === null || error === undefined) return [line];
    const when = describeExpiry(error.at, now);
    return [line, `    last error, ${when}: ${escapeForLog(error.message, 300)} (${error.code})`];
  });
}
