// The gateway's own answers: a fault becomes a status, a problem document and a line in the log.
import type { Fault } from '../base/fault.ts';
import type { Answer } from '../filters/filter.ts';
import { Refusal } from '../filters/refusal.ts';
import { FieldBlock } from '../http/field.ts';
import { renderProblem } from '../http/problem.ts';
import { fieldsWithId } from './answer-id.ts';
import { PlaintextRedirect } from './authorize.ts';
import { grpcFields, grpcStatusOf, isGrpc } from './grpc.ts';
import { record } from './record.ts';
import { MethodNotAllowed } from './route.ts';
import type { OwnAnswer, RequestContext } from './request-context.ts';

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
  if (isGrpc(exchange.head)) return answerGrpc(context, fault);
  const accept = exchange.head.fields.find('accept');
  const { contentType, body } = renderProblem(fault, context.requestId, accept);
  const fields: (readonly [string, string])[] = [
    ['Content-Type', contentType],
    ['Cache-Control', 'no-store'],
  ];
  if (fault instanceof MethodNotAllowed) fields.push(['Allow', fault.allow]);
  if (fault instanceof Refusal) fields.push(...fault.fields.pairs);
  if (fault instanceof PlaintextRedirect) fields.push(['Location', fault.location]);
  if (status === 503 && !fields.some(([name]) => name === 'Retry-After')) fields.push(['Retry-After', '5']);
  context.status = status;
  const own = withFilters(context, status, new FieldBlock(fields));
  exchange.respond(status, fieldsWithId(context, own.fields), own.body ?? body, mustClose(context, fault));
}

/** What the filters of the route make of answers of the gateway's own; a filter that fails here changes nothing. */
function withFilters(context: RequestContext, status: number, fields: FieldBlock, isOnPurpose = false): OwnAnswer {
  const { changes, services } = context;
  if (changes === undefined) return { fields, body: undefined };
  try {
    return changes.changeOwnAnswer(status, fields, isOnPurpose);
  } catch (error) {
    services.onDefect(error);
    return { fields, body: undefined };
  }
}

/** A client of gRPC reads the outcome of its call from trailers, here without anything before them. */
function answerGrpc(context: RequestContext, fault: Fault): void {
  const fields = new FieldBlock([['Content-Type', 'application/grpc'], ...grpcFields(fault)]);
  context.status = 200;
  context.grpcStatus = grpcStatusOf(fault);
  context.exchange.respond(200, fieldsWithId(context, fields), '', mustClose(context, fault));
}

/** Sends the answer of a filter; where it stands for a fault, in the terms of the client. */
export function answerOf(context: RequestContext, answer: Answer): void {
  context.fault = answer.fault;
  if (answer.fault !== undefined && isGrpc(context.exchange.head)) {
    answerGrpc(context, answer.fault);
  } else {
    context.status = answer.status;
    const { fields, body } = withFilters(context, answer.status, answer.fields, answer.fault === undefined);
    context.exchange.respond(answer.status, fieldsWithId(context, fields), body ?? answer.body);
  }
  record(context);
}

/** Faults of the client after which what was sent behind the request is not read. */
const doubtful: ReadonlySet<Fault['code']> = new Set([
  'bad_request',
  'ambiguous_path',
  'ambiguous_condition',
  'host_mismatch',
]);

/**
 * A client whose handshake failed, or whose certificate has expired, gets one answer and nothing more. A malformed or misdirected request
 * ends an HTTP/1.x connection; over HTTP/2 nothing stands behind it, and a 421 is about one stream (RFC 9113 section 9.1.2).
 */
function mustClose({ client, exchange }: RequestContext, fault: Fault): boolean {
  if (client.peer.refused !== undefined) return true;
  if (fault.source !== 'client') return false;
  return fault.code === 'expired' || (doubtful.has(fault.code) && exchange.head.version < 20);
}
