// The answers of the gateway itself: problem details (RFC 9457) or plain text where the client prefers it.
// Only code, title, status and request id leave the gateway; never a detail, an internal name or an address.
import { type FaultCode, type FaultSource, titleOf } from '../base/fault.ts';

export type Problem = { readonly contentType: string; readonly body: string };

/** Renders the answer for a fault; its title says whose certificate it is about. `accept` is the request's Accept field, if any. `requestId` must be printable ASCII. */
export function renderProblem(
  { code, source, status }: { readonly code: FaultCode; readonly source: FaultSource; readonly status: number },
  requestId: string,
  accept: string | undefined,
): Problem {
  const title = titleOf(code, source);
  if (accept !== undefined && prefersText(accept)) {
    return { contentType: 'text/plain; charset=utf-8', body: `${status} ${title} (${code})\nrequest ${requestId}\n` };
  }
  const problem = { type: `urn:countersign:fault:${code}`, title, status, code, requestId };
  return { contentType: 'application/problem+json', body: `${JSON.stringify(problem)}\n` };
}

/** True where text/plain is named and neither JSON nor problem+json is. */
function prefersText(accept: string): boolean {
  const lower = accept.toLowerCase();
  return lower.includes('text/plain') && !lower.includes('json');
}
