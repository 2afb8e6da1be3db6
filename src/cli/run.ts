// `countersign run`: loads, starts the primary, and turns signals into what they ask for.
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { coalesce } from '../base/coalesce.ts';
import { systemClock } from '../base/clock.ts';
import type { ConfigWatch } from '../loading/config-source.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import { type Listening, Primary } from '../process/primary.ts';
import { checkLogTarget } from '../telemetry/log-file.ts';
import { createLogger, type OpenLogger } from '../telemetry/logger.ts';
import { lenientOption, strictOption } from './lenient-option.ts';
import { printProblems } from './problems.ts';

type Options = { readonly config: string; readonly lenient?: true };

export function runCommand(): Command {
  return new Command('run')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .addOption(lenientOption())
    .addOption(strictOption())
    .action(async (options: Options) => {
      await runGateway(options.config, { strict: options.lenient !== true });
    });
}

export type RunOptions = {
  readonly strict: boolean;
  /** What a SIGHUP means; default reload. `stop`: as SIGTERM, for what is to end with its terminal. */
  readonly hangUp?: 'reload' | 'stop';
  /** Called once everything listens. */
  readonly onListening?: (listening: readonly Listening[]) => void;
  /** Called when the gateway has stopped, before the process ends. */
  readonly onStopped?: () => void;
};

/** Serves until a signal; resolves when it listens. Sets the exit code and returns where it cannot start. */
export async function runGateway(file: string, options: RunOptions): Promise<void> {
  const crls = new CrlPublisher({ clock: systemClock });
  const settings = { env: process.env, strict: options.strict, clock: systemClock, crls };
  const source = new FileSource(file);
  const first = await loadGateway(source, settings);
  await printProblems(first.problems, process.stderr);
  if (first.loaded === undefined) {
    process.stderr.write(`${file}: not started, see the errors above\n`);
    process.exitCode = 1;
    options.onStopped?.();
    return;
  }
  const { level, format, file: logFile } = first.loaded.config.log;
  const json = format === 'json' || (format === undefined && !process.stderr.isTTY);
  const log = createLogger({ level, format: json ? 'json' : 'text', file: logFile });
  const primary: Primary = new Primary(first.loaded, {
    load: async () => {
      const result = await loadGateway(source, { ...settings, tolerateExpired: true });
      await watch.set(result);
      return result;
    },
    clock: systemClock,
    log,
    workerEntry: new URL('../process/worker.ts', import.meta.url).pathname,
    cores: availableParallelism(),
    crls,
  });
  const watch: ConfigWatch = source.watch(systemClock, async () => primary.reload('a watched file changed'));
  const reload = coalesce(async () => {
    await watch.mark();
    await primary.reload('SIGHUP');
    primary.refreshCrls();
  });
  // From now on a SIGHUP is a reload, also one that comes while the workers start: it waits for its turn.
  const hangUp = (): void => {
    const failed = log.reopen();
    if (failed !== undefined) log.error({ err: failed }, 'the log file cannot be opened anew; the old one stays');
    primary.reopenLogs();
    void reload();
  };
  if (options.hangUp !== 'stop') process.on('SIGHUP', hangUp);
  try {
    const { accessLog } = first.loaded.config;
    if (accessLog.enabled) checkLogTarget(accessLog.path);
    await watch.set(first);
    const listening = await primary.start();
    // Whoever reads that it listens may stop it at once.
    obeySignals(primary, watch, log, options);
    announce(listening, json, options);
  } catch (error) {
    log.error({ err: error }, error instanceof Error ? error.message : String(error));
    watch.close();
    process.exitCode = 1;
    options.onStopped?.();
  }
}

function announce(listening: readonly Listening[], json: boolean, options: RunOptions): void {
  for (const { entryPoint, address } of listening) {
    const line = json
      ? JSON.stringify({ level: 'info', time: new Date().toISOString(), msg: 'listening', entryPoint, address })
      : `listening ${entryPoint} ${address}`;
    process.stdout.write(`${line}\n`);
  }
  options.onListening?.(listening);
}

function obeySignals(primary: Primary, watch: ConfigWatch, log: OpenLogger, options: RunOptions): void {
  // The event loop of the primary may have nothing else to wait for.
  const keepAlive = setInterval(() => {}, 1 << 30);
  let stops = 0;
  const stop = (signal: string): void => {
    stops++;
    watch.close();
    if (stops > 1) {
      primary.stopNow();
      return;
    }
    log.info({ signal }, 'draining; the same signal again stops at once');
    void primary.stop().then(() => {
      clearInterval(keepAlive);
      log.info({}, 'stopped');
      options.onStopped?.();
      process.exit(0);
    });
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  if (options.hangUp === 'stop') process.on('SIGHUP', () => stop('SIGHUP'));
}
