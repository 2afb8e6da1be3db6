// Step 4: the request as the backend will see it. What a client could forge is gone before anything of ours is added.
import { Fault } from '../base/fault.ts';
import { rewritePath } from '../routing/rewrite-path.ts';
import type { Permitted, Prepared } from './story.ts';

/** Faults: maintenance, no_healthy_backend. */
export function prepare(story: Permitted): Prepared {
  const { route, serving, client, exchange } = story;
  const { config } = route;
  const { head } = exchange;
  if (config.maintenance !== undefined) throw new Fault('maintenance', 'gateway');
  const backend = route.cluster.pick(head.fields, head.target, serving.forwarding.clientAddress(head, client.peer));
  if (backend === undefined) throw new Fault('no_healthy_backend', 'gateway', { detail: route.cluster.describe() });
  story.backend = backend;
  const path = rewritePath(config, story.path, backend.basePath);
  story.outgoing = {
    method: head.method,
    target: story.query === '' ? path : path + story.query,
    authority: config.forwardHostHeaders && head.authority !== '' ? head.authority : backend.authority,
    fields: serving.strip.strip(head.fields),
    extra: [
      serving.forwarding.perConnection(client.peer),
      serving.forwarding.perRequest(head, client.peer, story.requestId),
      client.identity(config.forwardClientCert, story.policy, serving, head.fields),
    ],
    bodyLength: head.bodyLength,
    acceptsTrailers: head.acceptsTrailers,
  };
  return story as Prepared;
}
