// The client's fields that may go on: without what it must not be able to say for itself. Conditions of routes, filters and
// backends see these and no others.
import type { Fields } from '../http/field.ts';
import type { RequestContext } from './request-context.ts';

export function fieldsOfClient({ serving, client, exchange }: RequestContext): Fields {
  const { strip, forwarding } = serving;
  return strip.strip(exchange.head.fields, strip.asksForTrust && forwarding.isTrusted(client.peer));
}
