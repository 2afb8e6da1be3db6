// Step 6: the request goes to a backend and becomes the relay's business.
import { Relay } from './relay.ts';
import type { Prepared } from './prepare.ts';

/** Starts the exchange with the backend; everything after this arrives as events at the relay. */
export function dispatch(context: Prepared): void {
  new Relay(context).start();
}
