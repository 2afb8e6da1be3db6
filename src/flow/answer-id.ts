// The id of a request in its answer, so that whoever has the answer finds the line of the log.
import type { ResponseHead } from '../http/exchange.ts';
import { FieldBlock } from '../http/field.ts';
import { RequestIdBlock, switchWithRequestId, withoutRequestId, withRequestId } from '../forwarding/request-id.ts';
import type { RequestContext } from './request-context.ts';

/** What is added to the answer of a backend. */
export function idOfAnswer(context: RequestContext): FieldBlock {
  return isTold(context) ? new RequestIdBlock(context.requestId) : FieldBlock.empty;
}

/** The answer of a backend, without an id of its own where ours takes its place. */
export function headWithoutId(context: RequestContext, head: ResponseHead): ResponseHead {
  return isTold(context) ? withoutRequestId(head) : head;
}

/** The backend agrees to another protocol. */
export function switchWithId(context: RequestContext, head: ResponseHead): ResponseHead {
  return isTold(context) ? switchWithRequestId(head, context.requestId) : head;
}

/** An answer of ours. */
export function fieldsWithId(context: RequestContext, fields: FieldBlock): FieldBlock {
  return isTold(context) ? withRequestId(fields, context.requestId) : fields;
}

/** A request that failed before it had an id has none to tell. */
function isTold({ serving, requestId }: RequestContext): boolean {
  return serving.forwarding.tellsRequestId && requestId !== '';
}
