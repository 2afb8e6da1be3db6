// The gateway's own answers: a fault becomes a status, a problem document and a line in the log.
import type { Fault } from '../base/fault.ts';
import type { Answer } from '../filters/filter.ts';
import { FieldBlock } from '../http/field.ts';
import { renderProblem } from '../http/problem.ts';
import { PlaintextRedirect } from './authorize.ts';
import { record } from './record.ts';
import { MethodNotAllowed } from './route.ts';
import type { RequestContext } from './request-context.ts';

/** Answers with the fault's status, or breaks off where an answer has begun. Never throws. */
export function refuse(context: RequestContext, fault: Fault): void {
  const { exchange, services } = context;
  try {
    context.fault = fault;
    if (fault.code === 'internal') services.onDefect(fault.cause ?? fault);
    if (exchange.canRespond) answer(context, fault);
    else exchange.abort();
    record(context);
  } catch (error) {
    services.onDefect(error);
    exchange.abort();
  }
}

function answer(context: RequestContext, fault: Fault): void {
  const { exchange } = context;
  const { status } = fault;
  const accept = exchange.head.fields.find('accept');
  const { contentType, body } = renderProblem(fault, context.requestId, accept);
  const fields: [string, string][] = [
    ['Content-Type', contentType],
    ['Cache-Control', 'no-store'],
  ];
  if (fault instanceof MethodNotAllowed) fields.push(['Allow', fault.allow]);
  if (fault instanceof PlaintextRedirect) fields.push(['Location', fault.location]);
  if (status === 503) fields.push(['Retry-After', '5']);
  context.status = status;
  exchange.respond(status, new FieldBlock(fields), body, mustClose(context, fault));
}

/** Sends the answer of a filter. */
export function answerOf(context: RequestContext, answer: Answer): void {
  context.fault = answer.fault;
  context.status = answer.status;
  context.exchange.respond(answer.status, answer.fields, answer.body);
  record(context);
}

/** Faults of the client after which its connection is not used again, whatever was sent behind the request. */
const final: ReadonlySet<Fault['code']> = new Set(['bad_request', 'ambiguous_path', 'host_mismatch', 'expired']);

/** A client whose handshake failed gets one answer and nothing more; a malformed or misdirected request ends its connection. */
function mustClose(context: RequestContext, fault: Fault): boolean {
  return context.client.peer.refused !== undefined || (fault.source === 'client' && final.has(fault.code));
}
