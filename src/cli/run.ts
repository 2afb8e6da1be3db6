// `countersign run`: loads, starts the primary, and turns signals into what they ask for.
import { availableParallelism, constants } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { coalesce } from '../base/coalesce.ts';
import { systemClock } from '../base/clock.ts';
import { MaterialMemory } from '../certs/material-memory.ts';
import { entryModule } from '../base/entry-module.ts';
import { UsageError } from '../base/usage-error.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { ConfigWatch } from '../loading/config-source.ts';
import { openSourceToRun, type SourceToRun } from '../loading/open-source.ts';
import type { StoreSource } from '../loading/store-source.ts';
import { type LoadedResult, type LoadOptions, loadDeliveries, loadGateway } from '../loading/load.ts';
import type { Sharing } from '../sharing/sharing.ts';
import type { StoreLocation } from '../config/store-location.ts';
import { TextMemory } from '../config/text-memory.ts';
import { gatewayNameOf } from './gateway-name.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import { ChallengeDesk } from '../process/challenge-desk.ts';
import { SourcePublisher } from '../sources/publisher.ts';
import { type Listening, Primary } from '../process/primary.ts';
import { checkLogTarget } from '../telemetry/log-file.ts';
import { logProblem, type RefusedReload } from '../process/reloader.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { keepLastGood, logStore } from './log-store.ts';
import { WorkerFailure } from '../process/worker-handle.ts';
import { createLogger, type LoggerOptions, type OpenLogger } from '../telemetry/logger.ts';
import { followApprovals, loadCopy, openGuard, requireApprovalOption } from './approval-guard.ts';
import type { Problem } from '../yaml/problem.ts';
import { lenientOption, strictOption } from './lenient-option.ts';
import { printProblems } from './problems.ts';
import { ServiceManager } from './service-manager.ts';

type Options = { readonly config: string; readonly lenient?: true; readonly requireApproval?: string };

export function runCommand(): Command {
  return new Command('run')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .addOption(lenientOption())
    .addOption(strictOption())
    .addOption(requireApprovalOption())
    .action(async (options: Options) => {
      await runGateway(options.config, { strict: options.lenient !== true, requireApproval: options.requireApproval });
    });
}

export type RunOptions = {
  readonly strict: boolean;
  /** As the option: `root`, or the file with a public key. */
  readonly requireApproval?: string | undefined;
  /** What a SIGHUP means; default reload. `stop`: as SIGTERM, for what is to end with its terminal. */
  readonly hangUp?: 'reload' | 'stop';
  /** Called once everything listens. */
  readonly onListening?: (listening: readonly Listening[]) => void;
  /** Called when the gateway has stopped, before the process ends. */
  readonly onStopped?: () => void;
};

/** Serves until a signal; resolves when it listens. Sets the exit code and returns where it cannot start. */
export async function runGateway(file: string, options: RunOptions): Promise<void> {
  obeyAsFirstProcess();
  const crls = new CrlPublisher({ clock: systemClock });
  const challenges = new ChallengeDesk();
  const sources = new SourcePublisher({ clock: systemClock, env: process.env, challenges });
  const memory = new MaterialMemory();
  const texts = new TextMemory();
  const read: LoadOptions['read'] = async (origin, how) => texts.read(origin, how);
  const settings = { env: process.env, strict: options.strict, clock: systemClock, crls, sources, memory, read };
  const opened = await openSource(file, settings);
  if (opened === undefined) return options.onStopped?.();
  const { source, store, location } = opened;
  const guard = await openGuard(file, options.requireApproval, opened);
  if (guard === undefined) return options.onStopped?.();
  const load = async (how: typeof settings & { readonly tolerateExpired?: boolean }): Promise<LoadedResult> =>
    guard.files.guard(await loadGateway(source, how));
  const sharing = store && location && (await shareThrough(store, location));
  if (sharing !== undefined) crls.shareBy(sharing.fetches);
  const newest = await load(settings);
  // A revision that cannot be loaded does not keep a gateway from starting that served an earlier one.
  const copy = await loadCopy(guard, source, async (kept) => loadGateway(kept, settings));
  const first = copy ?? (newest.loaded === undefined && store?.useLastGood() === true ? await load(settings) : newest);
  if (first.loaded === undefined || isStoreMissed(first.loaded.config, store)) {
    await printProblems(newest.problems, process.stderr);
    process.stderr.write(`${file}: not started, see the errors above\n`);
    process.exitCode = 1;
    sources.close();
    options.onStopped?.();
    return;
  }
  const { level, format, file: logFile } = first.loaded.config.log;
  const log = openLog({ level, format, file: logFile });
  if (log === undefined) {
    options.onStopped?.();
    return;
  }
  // One form for each stream: what a collector reads as JSON is JSON from the first line on.
  const isJson = ({ isTTY }: NodeJS.WriteStream): boolean => (format ?? (isTTY ? 'text' : 'json')) === 'json';
  const told = first === newest ? first.problems : [...newest.problems, ...first.problems];
  if (logFile === undefined && isJson(process.stderr)) for (const problem of told) logProblem(log, problem);
  else await printProblems(told, process.stderr);
  if (store !== undefined) logStore(store, log);
  const primary: Primary = new Primary(first.loaded, {
    load: async () => {
      // Whoever asks: what changes while we load is told after it.
      await watch.mark();
      const result = await load({ ...settings, tolerateExpired: true });
      await watch.set(result);
      return result;
    },
    clock: systemClock,
    log,
    told: first.problems,
    workerEntry: fileURLToPath(entryModule('process/worker')),
    cores: availableParallelism(),
    crls,
    sharing,
    sources: {
      publisher: sources,
      challenges,
      refresh: async (active) => loadDeliveries(source, active, settings),
    },
    onCommitted: () => {
      guard.files.committed();
      if (store !== undefined) keepLastGood(store, log);
    },
    ...(store !== undefined &&
      location !== undefined && {
        storeState: () => store.state,
        ...(first !== newest && { refused: refusedAtStart(newest.problems, store) }),
        planning: { file: resolve(file), strict: options.strict, env: process.env, store: location },
      }),
  });
  guard.files.reportTo((report) => primary.reportDrift(report));
  const watch: ConfigWatch = source.watch(systemClock, async () => {
    await primary.reload('a watched file changed');
  });
  const manager = ServiceManager.find(process.env, {
    clock: systemClock,
    onFailed: (error) => log.error({ err: error }, 'systemd cannot be told how we are: it may restart us'),
  });
  const reload = coalesce(async () => {
    await manager?.reloading();
    const { ok } = await primary.reload('SIGHUP');
    primary.refreshCrls();
    await manager?.ready(ok ? 'serving' : 'serving the configuration before: the new one was refused');
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
    obeySignals(primary, watch, log, options, manager);
    void manager?.ready('serving');
    manager?.watch();
    followApprovals(guard.files, primary);
    announce(listening, isJson(process.stdout), options);
  } catch (error) {
    // What an operator can mend needs no stack; a defect of ours does.
    log.error(isMendable(error) ? {} : { err: error }, error instanceof Error ? error.message : String(error));
    watch.close();
    process.exitCode = 1;
    options.onStopped?.();
  }
}

/** The newest revision cannot be loaded; the last good one stands in for it. */
function refusedAtStart(problems: readonly Problem[], store: StoreSource): RefusedReload {
  const why = 'the configuration has errors';
  return { at: systemClock.now(), why, blame: 'configuration', problems, revision: store.state.tried };
}

/** What others on the store have is read over the connection that the configuration is read over. */
async function shareThrough(store: StoreSource, location: StoreLocation): Promise<Sharing> {
  const [{ Sharing }, { readOpener }] = await Promise.all([
    import('../sharing/sharing.ts'),
    import('../loading/read-opener.ts'),
  ]);
  const gateway = gatewayNameOf(location);
  const opener = () => readOpener(location);
  return new Sharing({ clock: systemClock, gateway, read: () => store.records(), opener });
}

/** undefined where it cannot be opened, which is told. */
async function openSource(
  file: string,
  settings: Parameters<typeof openSourceToRun>[1],
): Promise<SourceToRun | undefined> {
  try {
    return await openSourceToRun(file, settings);
  } catch (error) {
    if (!(error instanceof StoreProblem)) throw error;
    process.stderr.write(`error: the store cannot be opened: ${error.message} (${error.code})\n  ${error.help}\n`);
    process.exitCode = 1;
    return undefined;
  }
}

/** The file was changed in this very moment, or could not be asked which store it names: without it less could be served, or more. */
function isStoreMissed({ store: named }: GatewayConfig, store: StoreSource | undefined): boolean {
  if (named === undefined || store !== undefined) return false;
  process.stderr.write('error: the configuration names a store that was not read: try again\n');
  return true;
}

/** undefined where its file cannot be opened, which is told. */
function openLog(options: LoggerOptions): OpenLogger | undefined {
  try {
    return createLogger(options);
  } catch (error) {
    if (!isMendable(error)) throw error;
    process.stderr.write(`error: the log file cannot be opened: ${String(error)}\n`);
    process.exitCode = 1;
    return undefined;
  }
}

/** Of the operator's, of a worker that said why, or of the system: an address, a file. */
function isMendable(error: unknown): boolean {
  if (error instanceof UsageError || error instanceof WorkerFailure) return true;
  return error instanceof Error && 'syscall' in error;
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

/**
 * The first process of a container gets no signal that it does not ask for, SIGTERM included: without this, one that comes while we
 * load would be lost, and the container killed when its time is over.
 */
function obeyAsFirstProcess(): void {
  if (process.pid !== 1) return;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, endEarly);
}

function endEarly(signal: NodeJS.Signals): void {
  process.exit(128 + constants.signals[signal]);
}

function obeySignals(
  primary: Primary,
  watch: ConfigWatch,
  log: OpenLogger,
  options: RunOptions,
  manager: ServiceManager | undefined,
): void {
  // The event loop of the primary may have nothing else to wait for.
  const keepAlive = setInterval(() => {}, 1 << 30);
  let stops = 0;
  const stop = (signal: string): void => {
    stops++;
    watch.close();
    void manager?.stopping();
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
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, endEarly);
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  if (options.hangUp === 'stop') process.on('SIGHUP', () => stop('SIGHUP'));
}
