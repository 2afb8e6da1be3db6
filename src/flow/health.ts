// Before everything else: `/healthz` and `/readyz` for whoever watches the gateway from outside (traffic-health.ts).
import { verifyClient } from './identify.ts';
import { answerOf } from './refuse.ts';
import type { RequestContext } from './request-context.ts';

/** True where the request is answered. Faults: those of a client whose handshake failed, or that lost its trust. */
export function answerHealth(context: RequestContext): boolean {
  const { serving, services, client, exchange } = context;
  const { health } = serving;
  if (health === undefined) return false;
  const answer = health.find({
    target: exchange.head.target,
    method: exchange.head.method,
    entryPoint: client.entryPoint,
    address: client.peer.remoteAddress,
    isDraining: services.isDraining(),
  });
  if (answer === undefined) return false;
  context.requestId = serving.forwarding.requestId(exchange.head, client.peer);
  // Where a certificate is asked for and did not pass, nothing is answered: that is the policy's word, not this path's.
  verifyClient(client, services.clock.now());
  answerOf(context, answer);
  return true;
}
