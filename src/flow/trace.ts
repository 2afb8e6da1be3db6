// A request as spans of OpenTelemetry, by its semantic conventions for HTTP and TLS: one for what the gateway did for the client, one
// for what it asked of a backend. Nothing of this runs where there is no tracer.
import type { CertificateFacts } from '../certs/facts.ts';
import { FieldBlock, Fields } from '../http/field.ts';
import { SpanAttributes } from '../telemetry/span-text.ts';
import type { RequestTrace, Tracer } from '../telemetry/tracer.ts';
import type { Client } from './client.ts';
import type { RequestContext } from './request-context.ts';
import type { FollowFrom } from './serving.ts';

const parentField = 'traceparent';
const stateField = 'tracestate';

/** Whether this client may say which trace its request belongs to. */
function isFollowed(followFrom: FollowFrom, { serving, client }: RequestContext): boolean {
  if (followFrom === 'everybody' || serving.forwarding.isTrusted(client.peer)) return true;
  return followFrom === 'verified' && client.peer.identity !== undefined;
}

export function beginTrace(tracer: Tracer, followFrom: FollowFrom, context: RequestContext): RequestTrace {
  if (!isFollowed(followFrom, context)) return tracer.begin([], []);
  const { fields } = context.exchange.head;
  return tracer.begin(valuesOf(fields, parentField), valuesOf(fields, stateField));
}

/** The client's fields without what it says of traces. */
export function withoutTrace({ names, values }: Fields): Fields {
  const kept = new Fields();
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name !== undefined && name.lower !== parentField && name.lower !== stateField) kept.push(name, values[i] ?? '');
  }
  return kept;
}

/** What the backend is told of the trace. */
export function fieldsOfTrace(trace: RequestTrace): FieldBlock {
  const pairs: [string, string][] = [[parentField, trace.header]];
  if (trace.traceState !== '') pairs.push([stateField, trace.traceState]);
  return new FieldBlock(pairs);
}

function valuesOf({ names, values }: Fields, lower: string): string[] {
  return values.filter((_, at) => names[at]?.lower === lower);
}

/** Both spans of a request that is over; `status`: as it is logged. */
export function endTrace(tracer: Tracer, trace: RequestTrace, context: RequestContext, status: number): void {
  const { services, exchange, fault } = context;
  const endedAt = services.clock.now();
  const now = services.clock.monotonic();
  const { traceId, traceState, serverId, clientId, parentId, dispatchedAt } = trace;
  const route = context.route?.config.name ?? '';
  const { method } = exchange.head;
  const shared = { traceId, traceState, endedAt, name: `${method} ${route}`.trimEnd() };
  if (dispatchedAt !== undefined) {
    tracer.add({
      ...shared,
      spanId: clientId,
      parentId: serverId,
      kind: 'client',
      startedAt: endedAt - (now - dispatchedAt),
      attributes: askedOf(context, status),
      isError: status >= 400 || fault !== undefined,
    });
  }
  tracer.add({
    ...shared,
    spanId: serverId,
    parentId,
    kind: 'server',
    startedAt: endedAt - (now - exchange.startedAt),
    attributes: served(context, route, status),
    isError: status >= 500,
  });
}

const versions: Readonly<Record<number, string>> = { 10: '1.0', 11: '1.1', 20: '2' };
/** RFC 9110 and RFC 5789; another word is somebody's own, and there may be any number of them. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);

function served(context: RequestContext, route: string, status: number): string {
  const { exchange, client, fault } = context;
  const { head } = exchange;
  const query = head.target.indexOf('?');
  const isKnown = methods.has(head.method);
  return new SpanAttributes(ofConnection(client))
    .string('http.request.method', isKnown ? head.method : '_OTHER')
    .string('http.request.method_original', isKnown ? undefined : head.method)
    .string('url.path', query < 0 ? head.target : head.target.slice(0, query))
    .string('server.address', context.host)
    .string('network.protocol.version', versions[head.version])
    .integer('http.response.status_code', status === 0 ? undefined : status)
    .integer('rpc.grpc.status_code', context.grpcStatus)
    .string('error.type', fault?.code)
    .string('countersign.route', route)
    .string('countersign.request_id', context.requestId).text;
}

function askedOf(context: RequestContext, status: number): string {
  const { backend, backendCertificate, fault, exchange } = context;
  const { host, port } = splitLabel(backend?.label ?? '');
  return certificate(new SpanAttributes(), 'tls.server', backendCertificate)
    .string('http.request.method', exchange.head.method)
    .string('server.address', host)
    .integer('server.port', port)
    .integer('http.response.status_code', status === 0 ? undefined : status)
    .string('error.type', fault?.code).text;
}

function splitLabel(label: string): { host: string; port: number | undefined } {
  const [, host = label, port] = /^(?:[a-z]+:\/\/)?(.*):(\d+)$/.exec(label) ?? [];
  return { host, port: port === undefined ? undefined : Number(port) };
}

const connections = new WeakMap<Client, string>();

/** The same for all requests of a connection: who the client is. */
function ofConnection(client: Client): string {
  let text = connections.get(client);
  if (text === undefined) {
    const { peer } = client;
    const all = new SpanAttributes()
      .string('url.scheme', peer.secure ? 'https' : 'http')
      .string('client.address', peer.remoteAddress)
      .string('tls.protocol.version', peer.verdict?.version.replace(/^TLSv/, ''))
      .string('countersign.policy', peer.policy);
    text = certificate(all, 'tls.client', peer.identity?.leaf).text;
    connections.set(client, text);
  }
  return text;
}

function certificate(to: SpanAttributes, prefix: string, facts: CertificateFacts | undefined): SpanAttributes {
  if (facts === undefined) return to;
  return to
    .string(`${prefix}.subject`, facts.subject)
    .string(`${prefix}.issuer`, facts.issuer)
    .string(`${prefix}.hash.sha256`, facts.sha256.toUpperCase())
    .string(`${prefix}.not_after`, new Date(facts.notAfter).toISOString())
    .strings(
      'countersign.uris',
      facts.sans.filter(({ type }) => type === 'URI').map(({ value }) => value),
    );
}
