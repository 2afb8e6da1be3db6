// Step 1: who asks, and is this connection good for the host that is asked for? (docs/verification.md, order of checks; incident 3)
import { Fault } from '../base/fault.ts';
import type { Client } from './client.ts';
import { beginTrace } from './trace.ts';
import type { Identified, RequestContext } from './request-context.ts';

/** Faults: the verdict's code where the handshake failed (`onFailure: explain`), expired since then, host_mismatch (421). */
export function identify(context: RequestContext): Identified {
  const { client, serving } = context;
  context.requestId = serving.forwarding.requestId(context.exchange.head, client.peer);
  const { tracing } = context.services;
  if (tracing !== undefined) context.trace = beginTrace(tracing.tracer, tracing.followFrom, context);
  verifyClient(client, context.services.clock.now());
  const found = client.findHost(context.exchange.head.authority, serving);
  context.host = found.host;
  context.policy = found.policy;
  if (found.policy === undefined) {
    throw new Fault('host_mismatch', 'client', { detail: `no policy for host ${JSON.stringify(found.host)}` });
  }
  if (client.peer.secure && found.policy.name !== client.peer.policy) {
    throw new Fault('host_mismatch', 'client', {
      detail: `connection belongs to policy ${client.peer.policy}, host to policy ${found.policy.name}`,
    });
  }
  if (!isIdentified(context)) throw new Fault('internal', 'gateway');
  return context;
}

function isIdentified(context: RequestContext): context is Identified {
  return context.policy !== undefined;
}

/**
 * Is this a client that may ask? Looked at for each request, and again after each wait. `now`: milliseconds since the epoch.
 * Faults: the verdict's code where the handshake failed, or where the connection would not be let in any more; expired.
 */
export function verifyClient(client: Client, now: number): void {
  const { refused, identity } = client.peer;
  if (refused !== undefined && refused.code !== 'ok') {
    throw new Fault(refused.code, 'client', { detail: refused.detail, raw: refused.raw });
  }
  const { distrust } = client;
  if (distrust !== undefined) throw distrust;
  // The one thing in a verdict that changes without anybody doing anything: a busy connection may outlive its certificate.
  if (identity !== undefined && now > identity.leaf.notAfter) {
    const when = new Date(identity.leaf.notAfter).toISOString();
    throw new Fault('expired', 'client', { detail: `the client certificate of this connection expired on ${when}` });
  }
}
