// Step 1b: how many requests one client has in progress, where there is a limit. Given back when the request is recorded.
import { Fault } from '../base/fault.ts';
import type { Identified, RequestContext } from './request-context.ts';

/** Faults: client_limit (429). */
export function countInFlight(context: Identified): Identified {
  const { serving, services, exchange, client } = context;
  const { requests, isExempt } = serving.clientLimits;
  if (requests === 0) return context;
  const address = serving.forwarding.clientAddress(exchange.head, client.peer);
  if (isExempt(address)) return context;
  const counted = services.clientRequests.enter(address, requests);
  if (counted === undefined) {
    const detail = `clientLimits.requests was reached: ${requests} of ${address}`;
    throw new Fault('client_limit', 'client', { detail });
  }
  const changing: RequestContext = context;
  changing.countedAs = counted;
  return context;
}

/** Once, when the request is over. */
export function countOut({ countedAs, services }: RequestContext): void {
  if (countedAs !== undefined) services.clientRequests.leave(countedAs);
}
