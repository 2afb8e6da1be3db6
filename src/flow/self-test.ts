// A request of the gateway to itself: the answer says whether a client like this one may ask, for the host that it names. It goes no
// further, and no counter or log of requests hears of it.
import { toFault } from '../base/fault.ts';
import { FieldBlock } from '../http/field.ts';
import { identify } from './identify.ts';
import type { RequestContext } from './request-context.ts';

export function answerSelfTest(context: RequestContext): void {
  const { exchange } = context;
  let [status, said] = [204, ''];
  try {
    identify(context);
  } catch (error) {
    const fault = toFault(error);
    [status, said] = [fault.status, fault.code];
  }
  exchange.respond(status, new FieldBlock([['Cache-Control', 'no-store']]), said, true);
}
