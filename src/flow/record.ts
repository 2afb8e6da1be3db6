// Step 7: what happened, once per request: a counter and an access-log line. Refusals pass here too.
import type { Fault } from '../base/fault.ts';
import type { Client } from './client.ts';
import type { Services } from './serving.ts';
import type { Story } from './story.ts';

/** A counter resolved ahead: one addition. */
export type Increment = { inc(): void };

/** Requests of one route by backend and status class; handles are made on first use and kept. */
export class RouteMetrics {
  readonly #counter: (backend: string, statusClass: string) => Increment;
  readonly #byBackend = new Map<string, (Increment | undefined)[]>();

  constructor(counter: (backend: string, statusClass: string) => Increment) {
    this.#counter = counter;
  }

  count(backend: string, status: number): void {
    let classes = this.#byBackend.get(backend);
    if (classes === undefined) this.#byBackend.set(backend, (classes = []));
    const hundreds = (status / 100) | 0;
    (classes[hundreds] ??= this.#counter(backend, `${hundreds}xx`)).inc();
  }
}

/** Counts and logs a request that is over. */
export function record(story: Story): void {
  const { services, fault } = story;
  const route = story.route?.config.name ?? '';
  const backend = story.backend?.label ?? '';
  const status = fault?.code === 'client_aborted' ? 499 : story.status;
  (story.route?.metrics ?? services.unrouted).count(backend, status);
  if (fault !== undefined && fault.source !== 'client') report(story, fault, route, backend);
  if (services.accessLog !== undefined) log(story, status, route, backend);
}

function report(story: Story, fault: Fault, route: string, backend: string): void {
  const { requestId } = story;
  story.services.onFault({
    requestId,
    code: fault.code,
    source: fault.source,
    detail: fault.detail,
    raw: fault.raw,
    route,
    backend,
  });
}

function log(story: Story, status: number, route: string, backend: string): void {
  const { exchange, client, services } = story;
  services.accessLog?.write({
    time: services.clock.now(),
    requestId: story.requestId,
    client: client.logFragment,
    method: exchange.head.method,
    host: exchange.head.authority,
    target: exchange.head.target,
    status,
    code: story.fault?.code ?? '',
    route,
    backend,
    durationMs: services.clock.monotonic() - exchange.startedAt,
    receivedBytes: exchange.receivedBytes,
    sentBytes: exchange.sentBytes,
  });
}

/** A request that the codec could not read: no method, no target, no route. */
export function recordBadRequest(client: Client, services: Services, fault: Fault): void {
  services.unrouted.count('', fault.status);
  services.accessLog?.write({
    time: services.clock.now(),
    requestId: '',
    client: client.logFragment,
    method: '',
    host: '',
    target: '',
    status: fault.status,
    code: fault.code,
    route: '',
    backend: '',
    durationMs: 0,
    receivedBytes: 0,
    sentBytes: 0,
  });
}
