// Step 5: the request as the backend will see it. What a client could forge is gone before anything of ours is added.
import { Fault } from '../base/fault.ts';
import { describeBadRewrite } from '../routing/describe-confusion.ts';
import { rewritePath } from '../routing/rewrite-path.ts';
import type { Backend } from '../upstream/backend.ts';
import type { OutgoingRequest } from '../http/exchange.ts';
import { Fields } from '../http/field.ts';
import { keyField, webSocket } from '../http/websocket.ts';
import type { ProxiedAddresses } from '../proxy-protocol/header.ts';
import type { Caller } from '../upstream/caller.ts';
import { isPermitted } from './authorize.ts';
import { fieldsOfClient, fieldsOfGateway } from './client-fields.ts';
import { type Filtered, isFiltered } from './filtering.ts';
import { AmbiguousPath } from './route.ts';
import type { RequestContext } from './request-context.ts';
import { fieldsOfTrace, withoutTrace } from './trace.ts';

export type Prepared = Filtered & {
  readonly outgoing: OutgoingRequest;
  readonly backend: Backend;
  readonly caller: Caller;
};

/** Faults: no_healthy_backend, ambiguous_path (a rewrite that would break out of its segment), identity_too_large, bad_request (an identity that is to be passed on). */
export function prepare(context: Filtered): Prepared {
  // The types say so; a mistake that went past them must not reach a backend.
  if (!isPermitted(context)) throw new Fault('internal', 'gateway', { detail: 'a request that nobody authorised' });
  if (!isFiltered(context))
    throw new Fault('internal', 'gateway', { detail: 'a request that filters did not let pass' });
  const { route, serving, client, exchange } = context;
  const { config } = route;
  const { head } = exchange;
  const address = serving.forwarding.clientAddress(head, client.peer);
  const backend = route.cluster.pick(head.fields, head.target, address, client.peer.identity);
  if (backend === undefined) throw new Fault('no_healthy_backend', 'gateway', { detail: route.cluster.describe() });
  context.backend = backend;
  context.caller = client.caller(config.name, address);
  let fields = context.changes?.requestFields ?? fieldsOfClient(context);
  let extra = fieldsOfGateway(context);
  const { trace } = context;
  if (trace !== undefined) {
    trace.dispatchedAt = context.services.clock.monotonic();
    fields = withoutTrace(fields);
    extra = [...extra, fieldsOfTrace(trace)];
  }
  context.outgoing = {
    method: head.method,
    target: targetAt(context, backend),
    authority: authorityAt(context, backend),
    fields: context.upgrade === webSocket ? withoutKey(fields) : fields,
    extra,
    bodyLength: head.bodyLength,
    acceptsTrailers: head.acceptsTrailers,
    upgrade: context.upgrade,
  };
  if (!isPrepared(context)) throw new Fault('internal', 'gateway');
  return context;
}

/** The key of a WebSocket is between neighbours: each codec has its own (http/websocket.ts). */
function withoutKey({ names, values }: Fields): Fields {
  const kept = new Fields();
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name !== undefined && name.folded !== keyField) kept.push(name, values[i] ?? '');
  }
  return kept;
}

function isPrepared(context: Filtered): context is Prepared {
  return context.backend !== undefined && context.outgoing !== undefined && context.caller !== undefined;
}

/**
 * After attempts that did not reach `tried`: the same request for another backend of the route. False where there is none that
 * may take it: then nothing has changed.
 */
export function aimElsewhere(context: Prepared, tried: readonly Backend[]): boolean {
  const { route, serving, client, exchange, outgoing } = context;
  const { head } = exchange;
  const address = serving.forwarding.clientAddress(head, client.peer);
  const backend = route.cluster.pickOther(tried, head.fields, head.target, address, client.peer.identity);
  if (backend === undefined) return false;
  const changing: RequestContext = context;
  changing.backend = backend;
  changing.outgoing = { ...outgoing, target: targetAt(context, backend), authority: authorityAt(context, backend) };
  return true;
}

/** Who is said to connect to a backend that is told by a PROXY header: the client, behind trusted proxies too. */
export function proxiedAddresses({ client, caller }: Prepared): ProxiedAddresses {
  const { remoteAddress, remotePort, localAddress = '', localPort } = client.peer;
  // Of a client that a proxy names only the address is known.
  const source = { address: caller.from, port: caller.from === remoteAddress ? remotePort : 0 };
  return { source, destination: { address: localAddress, port: localPort } };
}

function targetAt({ route, path, query, isPathChanged }: Filtered, { basePath }: Backend): string {
  const rewritten = rewritePath(route.rewrite, path, basePath, isPathChanged);
  if (rewritten === undefined) throw new AmbiguousPath(describeBadRewrite(route));
  return query === '' ? rewritten : rewritten + query;
}

function authorityAt({ route, exchange }: Filtered, backend: Backend): string {
  const { authority } = exchange.head;
  return route.config.forwardHostHeaders && authority !== '' ? authority : backend.authority;
}
