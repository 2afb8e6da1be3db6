// Before everything else: the file by which a CA sees that a name is ours (http-01, RFC 8555 section 8.3). Over plain HTTP alone, before
// redirects and guards, and only what an open order has put there: whatever else stands under that path is a request like any other.
import { Answer } from '../filters/filter.ts';
import { FieldBlock } from '../http/field.ts';
import { answerOf } from './refuse.ts';
import type { RequestContext } from './request-context.ts';

const fields = new FieldBlock([
  ['Content-Type', 'application/octet-stream'],
  ['Cache-Control', 'no-store'],
]);

/** True where the request is answered. */
export function answerAcmeChallenge(context: RequestContext): boolean {
  const { services, client, exchange } = context;
  const { method, target } = exchange.head;
  if (client.peer.secure || (method !== 'GET' && method !== 'HEAD')) return false;
  const content = services.challenges.findContent(target);
  if (content === undefined) return false;
  context.requestId = context.serving.forwarding.requestId(exchange.head, client.peer);
  services.onChallenge('http-01');
  answerOf(context, new Answer(200, fields, content));
  return true;
}
