// What systemd is told where it started us with Type=notify (sd_notify(3)): ready, reloading, stopping, still alive. Node has no
// datagram sockets of the file system, so systemd's own `systemd-notify` says it: the unit needs NotifyAccess=all.
import { execFile } from 'node:child_process';
import type { Clock } from '../base/clock.ts';

/** Enough for a machine that is starved, and less than any watchdog. */
const sayMs = 5_000;

export type ServiceManagerOptions = {
  readonly clock: Pick<Clock, 'after'>;
  /** Told once; the service manager will act on its own when it hears nothing. */
  readonly onFailed: (error: Error) => void;
  /** For tests. */
  readonly command?: string;
};

export class ServiceManager {
  readonly #options: ServiceManagerOptions;
  readonly #watchdogMs: number | undefined;
  #last: Promise<void> = Promise.resolve();
  #failed = false;
  #stopWatch: (() => void) | undefined;

  private constructor(watchdogMs: number | undefined, options: ServiceManagerOptions) {
    this.#watchdogMs = watchdogMs;
    this.#options = options;
  }

  /** undefined where nobody listens: started by hand, or by another service manager. */
  static find(env: NodeJS.ProcessEnv, options: ServiceManagerOptions): ServiceManager | undefined {
    if (env['NOTIFY_SOCKET'] === undefined || env['NOTIFY_SOCKET'] === '') return undefined;
    const isOurs = env['WATCHDOG_PID'] === undefined || Number(env['WATCHDOG_PID']) === process.pid;
    const usec = isOurs ? Number(env['WATCHDOG_USEC'] ?? 0) : 0;
    return new ServiceManager(usec > 0 ? usec / 1000 : undefined, options);
  }

  /** Everything listens: what is ordered after the gateway may start. */
  ready(status: string): Promise<void> {
    return this.#say('READY=1', `STATUS=${status}`);
  }

  /** Until `ready`. systemd wants the time, so that it can tell this reload from the one before. */
  reloading(): Promise<void> {
    return this.#say('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): Promise<void> {
    this.#stopWatch?.();
    return this.#say('STOPPING=1');
  }

  /** Says at half of the time that systemd gives that our event loop turns. Workers that hang are ours to restart. */
  watch(): void {
    const everyMs = this.#watchdogMs === undefined ? undefined : this.#watchdogMs / 2;
    if (everyMs === undefined) return;
    const tick = (): void => {
      void this.#say('WATCHDOG=1');
      this.#stopWatch = this.#options.clock.after(everyMs, tick);
    };
    tick();
  }

  /** In turn: READY=1 must not overtake RELOADING=1. Never rejects. */
  #say(...states: readonly string[]): Promise<void> {
    this.#last = this.#last.then(
      () =>
        new Promise((resolve) => {
          const command = this.#options.command ?? 'systemd-notify';
          execFile(command, [`--pid=${process.pid}`, ...states], { timeout: sayMs }, (error) => {
            if (error !== null && !this.#failed) {
              this.#failed = true;
              this.#options.onFailed(error);
            }
            resolve();
          });
        }),
    );
    return this.#last;
  }
}
