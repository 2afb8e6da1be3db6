// Step 2: which route. The path is normalised before it is matched, and the normalised one is what the backend gets. Where
// a backend could read another route's path in it, no rule of a route could be relied on: refused (incident 25).
import { Fault } from '../base/fault.ts';
import {
  describeConfusion,
  describeEncodedSlash,
  noNormalForm,
  slashesHideRoute,
} from '../routing/describe-confusion.ts';
import { normalizeTarget } from '../routing/normalize-target.ts';
import { pathToSend } from '../routing/path-to-send.ts';
import type { RequestHead } from '../http/exchange.ts';
import type { Identified, Routed } from './request-context.ts';
import type { Route } from './serving.ts';
import { FactsOfRequest } from './request-facts.ts';
import { chooseUpgrade } from './upgrade.ts';

/**
 * Faults: ambiguous_path, ambiguous_condition, no_route, method_not_allowed (with the methods that are allowed), and those about the protocol that
 * the request wants to switch to.
 */
export function route(context: Identified): Routed {
  const { head } = context.exchange;
  const { method, target } = head;
  if (method === 'CONNECT') throw new Fault('method_unsupported', 'client');
  const normal = normalizeTarget(target);
  if (normal === undefined) throw new AmbiguousPath(noNormalForm);
  context.query = normal.query;
  const { routes } = context.serving;
  const facts = routes.asksForFacts ? new FactsOfRequest(context) : undefined;
  let match = routes.match(method, context.host, normal.path, facts);
  let served = method;
  if (match.kind === 'method_not_allowed') {
    context.unserved = new MethodNotAllowed(match.allow);
    served = preflightMethod(head) ?? method;
    const asked = routes.match(served, context.host, normal.path, facts);
    if (asked.kind === 'route' && answersPreflights(asked.route)) match = asked;
  }
  if (match.kind === 'ambiguous_condition') throw new Ambiguous('ambiguous_condition', match.why);
  if (normal.encodedSlash && !(match.kind === 'route' && match.route.config.allowEncodedSlash))
    throw new AmbiguousPath(describeEncodedSlash(match));
  if (match.kind === 'method_not_allowed') throw new MethodNotAllowed(match.allow);
  if (match.kind === 'no_route') throw new Fault('no_route', 'client');
  if (match.kind === 'ambiguous_path') throw new AmbiguousPath(describeConfusion(match));
  const path = pathToSend(routes, served, context.host, normal, match.route, facts);
  if (path === undefined) throw new AmbiguousPath(slashesHideRoute);
  context.path = path;
  context.route = match.route;
  context.upgrade = chooseUpgrade(head, match.route.config.upgrades);
  if (!isRouted(context)) throw new Fault('internal', 'gateway');
  return context;
}

/** The method that a page of another origin asks about (Fetch standard, section 3.2.2). */
function preflightMethod({ method, fields }: RequestHead): string | undefined {
  if (method !== 'OPTIONS' || fields.find('origin') === undefined) return undefined;
  return fields.find('access-control-request-method');
}

function answersPreflights({ filters }: Route): boolean {
  return filters.some((filter) => filter.answersPreflights === true);
}

function isRouted(context: Identified): context is Routed {
  return context.route !== undefined;
}

/** 400 with why, for the log; the client is told nothing of other routes. */
export class Ambiguous extends Fault {
  readonly rule: string;
  constructor(code: 'ambiguous_path' | 'ambiguous_condition', why: string) {
    super(code, 'client', { detail: why });
    this.rule = why;
  }
}

export class AmbiguousPath extends Ambiguous {
  constructor(why: string) {
    super('ambiguous_path', why);
  }
}

/** 405 with the value of its Allow field (RFC 9110 section 15.5.6). */
export class MethodNotAllowed extends Fault {
  readonly allow: string;
  constructor(allow: string) {
    super('method_not_allowed', 'client', { detail: `allowed: ${allow}` });
    this.allow = allow;
  }
}
