// The admin entry point over a primary and its workers: whether they are ready, their metrics, the clients that were seen.
import { AdminServer } from '../admin/admin-server.ts';
import { listCertificates } from '../admin/certificate-list.ts';
import { SharedPage } from '../admin/shared-page.ts';
import type { Clock } from '../base/clock.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { LoadedPair } from '../loading/material-loader.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ActiveConfig } from './active-config.ts';
import type { AdminLogin } from './admin-login.ts';
import type { ControlProcess } from './control-process.ts';
import type { DriftBoard } from './drift-board.ts';
import type { LiveTrust } from './live-trust.ts';
import { UsageError } from '../base/usage-error.ts';
import { explainListenError } from './ports.ts';
import type { PrimaryMetrics } from './primary-metrics.ts';
import { reloadAnswer } from './reload-answer.ts';
import type { Reloader } from './reloader.ts';
import type { Workers } from './workers.ts';

export type PrimaryAdminOptions = {
  readonly clock: Clock;
  readonly workers: Workers;
  readonly trust: LiveTrust;
  readonly metrics: PrimaryMetrics;
  readonly log: Logger;
  readonly active: Pick<ActiveConfig, 'loaded'>;
  readonly reloader: Pick<Reloader, 'failed' | 'reload'>;
  readonly drift: Pick<DriftBoard, 'list'>;
  /** Undefined where there is no store. */
  readonly control: () => Pick<ControlProcess, 'answer'> | undefined;
};

/** Wrong tokens are told at most so often: whoever tries many must not fill the log. */
const refusedEveryMs = 10_000;

export class PrimaryAdmin {
  readonly #options: PrimaryAdminOptions;
  #server: AdminServer | undefined;
  #draining = false;
  #refusals = 0;
  #isQuiet = false;

  constructor(options: PrimaryAdminOptions) {
    this.#options = options;
  }

  /** Its port. Rejects with one sentence where the address cannot be had. */
  async listen({ entryPoints, monitoring }: GatewayConfig): Promise<number> {
    const { clock, workers, trust, metrics, active, reloader } = this.#options;
    const { crls, staples, sources, record } = trust;
    const { host, port } = entryPoints.admin;
    // Whether there is one changes with a start only.
    const first = adminCertificate(active.loaded);
    let last = first;
    const login = await this.#openLogin();
    const page = new SharedPage(clock, async () =>
      metrics.render(workers.list(), reloader.failed, crls, staples, sources),
    );
    this.#server = new AdminServer({
      ready: () => this.#readiness(),
      metrics: async () => page.take(),
      certificates: () => listCertificates(active.loaded, sources?.statesByKey() ?? new Map()),
      drift: () => this.#options.drift.list.map((one) => ({ ...one, since: new Date(one.since).toISOString() })),
      identities: record && (async () => record.read(workers.list())),
      metricsPath: monitoring.metrics ? monitoring.metricsPath : undefined,
      liveness: monitoring.liveness,
      readiness: monitoring.readiness,
      allowedHosts: monitoring.allowedHosts,
      certificate: first && (() => (last = adminCertificate(active.loaded) ?? last ?? first)),
      clientCas: login && (() => login.cas()),
      reload: {
        endpoint: () => active.loaded.config.reload,
        run: async () => this.#reload(),
        refused: (address) => this.#refused(address),
      },
      control:
        this.#options.control() &&
        (async (request, response) => {
          const shown = login?.judge(request.socket);
          await this.#options.control()?.answer(request, response, shown);
        }),
    });
    try {
      return await this.#server.listen(host, port);
    } catch (error) {
      throw new UsageError(explainListenError(error as NodeJS.ErrnoException, host, port), { cause: error });
    }
  }

  /** From now on it says that nobody should send anything new. */
  drain(): void {
    this.#draining = true;
  }

  close(): void {
    this.#server?.close();
  }

  /** Whether there is one changes with a start only; whom it trusts, with each reload. */
  async #openLogin(): Promise<AdminLogin | undefined> {
    const { active, trust, clock } = this.#options;
    if (active.loaded.adminLogin === undefined || this.#options.control() === undefined) return undefined;
    const { AdminLogin: Login } = await import('./admin-login.ts');
    return new Login({ active, crls: trust.crls, clock });
  }

  async #reload(): Promise<{ status: number; body: object }> {
    const { clock, reloader } = this.#options;
    const begun = clock.now();
    const outcome = await reloader.reload('the reload endpoint');
    return reloadAnswer(outcome, clock.now() - begun);
  }

  #refused(address: string): void {
    const { clock, log } = this.#options;
    this.#refusals++;
    if (this.#isQuiet) return;
    this.#isQuiet = true;
    clock.after(refusedEveryMs, () => (this.#isQuiet = false));
    log.warn({ remote: address, refusals: this.#refusals }, 'a reload was asked for without the right token');
    this.#refusals = 0;
  }

  #readiness(): { ok: boolean; detail: string } {
    const { workers } = this.#options;
    const ready = workers.list().filter((worker) => worker.serving).length;
    if (this.#draining) return { ok: false, detail: 'draining' };
    return { ok: ready > 0, detail: `${ready} of ${workers.size} workers ready` };
  }
}

/** Undefined where the configuration has none for the admin entry point. */
export function adminCertificate({ config, named }: LoadedConfig): LoadedPair | undefined {
  const { certificate } = config.entryPoints.admin;
  const id = config.named.certificates.find(({ pair }) => pair === certificate)?.id;
  return named.certificates.find((one) => one.id === id)?.pair;
}
