// The client's fields that may go on: without what it must not be able to say for itself. Conditions of routes, filters and
// backends see these and no others. And what the gateway itself says of the client beside them.
import type { FieldBlock, Fields } from '../http/field.ts';
import type { Permitted } from './authorize.ts';
import type { RequestContext } from './request-context.ts';

export function fieldsOfClient({ serving, client, exchange }: RequestContext): Fields {
  const { strip, forwarding } = serving;
  return strip.strip(exchange.head.fields, strip.asksForTrust && forwarding.isTrusted(client.peer));
}

/** Whence and for what the request came, and the verified identity as the route has it forwarded. Faults: as Client.identity. */
export function fieldsOfGateway(context: Permitted): readonly FieldBlock[] {
  const { serving, client, exchange, route, requestId } = context;
  return [
    serving.forwarding.perConnection(client.peer),
    serving.forwarding.perRequest(exchange.head, client.peer, requestId),
    client.identity(route.config.forwardClientCert, context),
  ];
}
