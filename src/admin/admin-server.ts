// The admin listener: liveness, readiness, metrics. Loopback by default; it knows nothing of traffic, and gives away
// no configuration.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { metricsContentType } from '../telemetry/metrics.ts';

export type AdminView = {
  readonly ready: () => { readonly ok: boolean; readonly detail: string };
  /** Prometheus text exposition. */
  readonly metrics: () => Promise<string>;
  /** undefined: monitoring.enableMetrics is false; likewise the two below. */
  readonly metricsPath: string | undefined;
  readonly liveness: boolean;
  readonly readiness: boolean;
};

/** Serves GET and HEAD of /healthz, /readyz and the metrics path. Errors of `listen` are passed on. */
export class AdminServer {
  readonly #server: Server;
  readonly #view: AdminView;

  constructor(view: AdminView) {
    this.#view = view;
    this.#server = createServer({ maxHeaderSize: 8192, requestTimeout: 10_000, headersTimeout: 5_000 });
    this.#server.maxConnections = 256;
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Resolves with the port. */
  async listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', () => {});
        const address = this.#server.address();
        resolve(address !== null && typeof address === 'object' ? address.port : port);
      });
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, type, body } = await this.#route(request);
      response.writeHead(status, {
        'content-type': type,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      response.end(request.method === 'HEAD' ? '' : body);
    } catch {
      response.writeHead(500).end();
    }
  }

  async #route(request: IncomingMessage): Promise<{ status: number; type: string; body: string }> {
    const text = 'text/plain; charset=utf-8';
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return { status: 405, type: text, body: 'GET and HEAD only\n' };
    const path = (request.url ?? '').split('?')[0];
    if (path === '/healthz' && this.#view.liveness) return { status: 200, type: text, body: 'ok\n' };
    if (path === '/readyz' && this.#view.readiness) {
      const { ok, detail } = this.#view.ready();
      return { status: ok ? 200 : 503, type: text, body: `${detail}\n` };
    }
    if (path === this.#view.metricsPath) {
      return { status: 200, type: metricsContentType, body: await this.#view.metrics() };
    }
    return { status: 404, type: text, body: 'not found\n' };
  }
}
