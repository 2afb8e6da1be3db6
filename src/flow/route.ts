// Step 2: which route. The path is normalised before it is matched, and the normalised one is what the backend gets.
import { Fault } from '../base/fault.ts';
import { normalizeTarget } from '../routing/normalize-target.ts';
import type { Identified, Routed } from './story.ts';

/** Faults: bad_request (ambiguous path), no_route, method_not_allowed (with the methods that are allowed). */
export function route(story: Identified): Routed {
  const { method, target, upgrade } = story.exchange.head;
  if (upgrade !== '') throw new Fault('upgrade_unsupported', 'client', { detail: `Upgrade: ${upgrade}` });
  if (method === 'CONNECT') throw new Fault('method_unsupported', 'client');
  const normal = normalizeTarget(target);
  if (normal === undefined)
    throw new Fault('bad_request', 'client', { detail: 'the path cannot be normalised without ambiguity' });
  story.path = normal.path;
  story.query = normal.query;
  const match = story.serving.routes.match(method, story.host, normal.path);
  if (match.kind === 'method_not_allowed') throw new MethodNotAllowed(match.allow);
  if (match.kind === 'no_route') throw new Fault('no_route', 'client');
  story.route = match.route;
  return story as Routed;
}

/** 405 with the value of its Allow field (RFC 9110 section 15.5.6). */
export class MethodNotAllowed extends Fault {
  readonly allow: string;
  constructor(allow: string) {
    super('method_not_allowed', 'client', { detail: `allowed: ${allow}` });
    this.allow = allow;
  }
}
