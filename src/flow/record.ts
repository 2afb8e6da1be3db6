// Step 8: what happened, once per request: counters, how long it took, an access-log line. Refusals pass here too.
import type { Fault } from '../base/fault.ts';
import { RouteDenied } from './authorize.ts';
import type { Client } from './client.ts';
import { Ambiguous } from './route.ts';
import { countOut } from './in-flight.ts';
import { endTrace } from './trace.ts';
import type { Services } from './serving.ts';
import type { RequestContext } from './request-context.ts';
import type { AccessLog } from '../telemetry/access-log.ts';

/** Counts and logs a request that is over; what is told a second time (after a defect) counts once. */
export function record(context: RequestContext): void {
  if (context.recorded) return;
  context.recorded = true;
  countOut(context);
  const { services, fault } = context;
  services.metrics.active.dec();
  const durationMs = services.clock.monotonic() - context.exchange.startedAt;
  const route = context.route?.config.name ?? '';
  const backend = context.backend?.label ?? '';
  const status = fault?.code === 'client_aborted' ? 499 : context.status;
  const metrics = context.route?.metrics ?? services.metrics.unrouted;
  metrics.of(backend).answered(status);
  if (!context.isTunnel) metrics.took(durationMs);
  if (fault !== undefined) {
    services.metrics.countFault(fault);
    // What the stop of the gateway cuts off is no trouble of anybody's.
    if (fault.source !== 'client' && fault.code !== 'draining') report(context, fault, route, backend);
  }
  const { tracing } = services;
  if (tracing !== undefined && context.trace?.isSampled === true)
    endTrace(tracing.tracer, context.trace, context, status);
  if (services.accessLog !== undefined) log(services.accessLog, context, status, durationMs, route, backend);
}

function report(context: RequestContext, fault: Fault, route: string, backend: string): void {
  const { requestId } = context;
  context.services.onFault({
    requestId,
    code: fault.code,
    source: fault.source,
    detail: fault.detail,
    raw: fault.raw,
    route,
    backend,
    help: fault.help,
  });
}

function log(
  accessLog: AccessLog,
  context: RequestContext,
  status: number,
  durationMs: number,
  route: string,
  backend: string,
): void {
  const { exchange, client, services } = context;
  accessLog.write({
    time: services.clock.now(),
    requestId: context.requestId,
    client: client.logFragment(accessLog.fields),
    method: exchange.head.method,
    host: exchange.head.authority,
    target: exchange.head.target,
    version: exchange.head.version,
    status,
    grpcStatus: context.grpcStatus,
    code: context.fault?.code ?? '',
    rule: context.fault instanceof RouteDenied || context.fault instanceof Ambiguous ? context.fault.rule : '',
    detail: context.fault?.detail ?? '',
    route,
    backend,
    backendCertificate: accessLog.fields.describeBackend(context.backendCertificate),
    durationMs,
    receivedBytes: exchange.receivedBytes,
    sentBytes: exchange.sentBytes,
    noted: context.noted,
  });
}

/** A request that the codec could not read: no method, no target, no route. */
export function recordBadRequest(client: Client, services: Services, fault: Fault): void {
  services.metrics.unrouted.of('').answered(fault.status);
  services.metrics.countFault(fault);
  const { accessLog } = services;
  accessLog?.write({
    time: services.clock.now(),
    requestId: '',
    client: client.logFragment(accessLog.fields),
    method: '',
    host: '',
    target: '',
    version: 0,
    status: fault.status,
    grpcStatus: undefined,
    code: fault.code,
    rule: '',
    detail: fault.detail ?? '',
    route: '',
    backend: '',
    backendCertificate: '',
    durationMs: 0,
    receivedBytes: 0,
    sentBytes: 0,
  });
}
