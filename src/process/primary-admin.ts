// The admin entry point over a primary and its workers: whether they are ready, their metrics, the clients that were seen.
import { AdminServer } from '../admin/admin-server.ts';
import { SharedPage } from '../admin/shared-page.ts';
import type { Clock } from '../base/clock.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { LiveTrust } from './live-trust.ts';
import { UsageError } from '../base/usage-error.ts';
import { explainListenError } from './ports.ts';
import type { PrimaryMetrics } from './primary-metrics.ts';
import type { Workers } from './workers.ts';

export type PrimaryAdminOptions = {
  readonly clock: Clock;
  readonly workers: Workers;
  readonly trust: LiveTrust;
  readonly metrics: PrimaryMetrics;
  /** The newest configuration is not the active one. */
  readonly reload: { readonly failed: boolean };
};

export class PrimaryAdmin {
  readonly #options: PrimaryAdminOptions;
  #server: AdminServer | undefined;
  #draining = false;

  constructor(options: PrimaryAdminOptions) {
    this.#options = options;
  }

  /** Its port. Rejects with one sentence where the address cannot be had. */
  async listen({ entryPoints, monitoring }: GatewayConfig): Promise<number> {
    const { clock, workers, trust, metrics, reload } = this.#options;
    const { crls, staples, record } = trust;
    const { host, port } = entryPoints.admin;
    const page = new SharedPage(clock, async () => metrics.render(workers.list(), reload.failed, crls, staples));
    this.#server = new AdminServer({
      ready: () => this.#readiness(),
      metrics: async () => page.take(),
      identities: record && (async () => record.read(workers.list())),
      metricsPath: monitoring.metrics ? monitoring.metricsPath : undefined,
      liveness: monitoring.liveness,
      readiness: monitoring.readiness,
      allowedHosts: monitoring.allowedHosts,
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

  #readiness(): { ok: boolean; detail: string } {
    const { workers } = this.#options;
    const ready = workers.list().filter((worker) => worker.serving).length;
    if (this.#draining) return { ok: false, detail: 'draining' };
    return { ok: ready > 0, detail: `${ready} of ${workers.size} workers ready` };
  }
}
