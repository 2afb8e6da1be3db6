// Step 7: what happened, once per request: counters, how long it took, an access-log line. Refusals pass here too.
import type { Fault } from '../base/fault.ts';
import { RouteDenied } from './authorize.ts';
import type { Client } from './client.ts';
import { AmbiguousPath } from './route.ts';
import type { Services } from './serving.ts';
import type { Story } from './story.ts';

/** Counts and logs a request that is over; what is told a second time (after a defect) counts once. */
export function record(story: Story): void {
  if (story.recorded) return;
  story.recorded = true;
  const { services, fault } = story;
  services.metrics.active.dec();
  const durationMs = services.clock.monotonic() - story.exchange.startedAt;
  const route = story.route?.config.name ?? '';
  const backend = story.backend?.label ?? '';
  const status = fault?.code === 'client_aborted' ? 499 : story.status;
  const metrics = story.route?.metrics ?? services.metrics.unrouted;
  metrics.of(backend).answered(status);
  metrics.took(durationMs);
  if (fault !== undefined) {
    services.metrics.countFault(fault);
    if (fault.source !== 'client') report(story, fault, route, backend);
  }
  if (services.accessLog !== undefined) log(story, status, durationMs, route, backend);
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

function log(story: Story, status: number, durationMs: number, route: string, backend: string): void {
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
    rule: story.fault instanceof RouteDenied || story.fault instanceof AmbiguousPath ? story.fault.rule : '',
    route,
    backend,
    durationMs,
    receivedBytes: exchange.receivedBytes,
    sentBytes: exchange.sentBytes,
  });
}

/** A request that the codec could not read: no method, no target, no route. */
export function recordBadRequest(client: Client, services: Services, fault: Fault): void {
  services.metrics.unrouted.of('').answered(fault.status);
  services.metrics.countFault(fault);
  services.accessLog?.write({
    time: services.clock.now(),
    requestId: '',
    client: client.logFragment,
    method: '',
    host: '',
    target: '',
    status: fault.status,
    code: fault.code,
    rule: '',
    route: '',
    backend: '',
    durationMs: 0,
    receivedBytes: 0,
    sentBytes: 0,
  });
}
