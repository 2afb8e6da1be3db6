// Step 3: may this client use this route, on this kind of connection? A route behind mutual TLS is never reachable over
// plain HTTP, whatever forwarded headers say (incident 24).
import { Fault } from '../base/fault.ts';
import type { RouteDenial } from '../trust/route-rule.ts';
import type { RequestContext, Routed } from './request-context.ts';
import { secureAuthority } from './secure-authority.ts';

/** The proof that the rules of one request's route hold. Made below and nowhere else; that of another request is none. */
class Permission {
  readonly #request: Routed;

  constructor(request: Routed) {
    this.#request = request;
  }

  static holds(permission: object | undefined, request: RequestContext): boolean {
    return permission !== undefined && #request in permission && permission.#request === request;
  }
}

/** The route's own rules hold: the only value that can be prepared and dispatched. */
export type Permitted = Routed & { readonly permission: Permission };

/** False for whatever did not go through authorize, casts or not. */
export function isPermitted(context: RequestContext): context is Permitted {
  return Permission.holds(context.permission, context);
}

/**
 * Faults: plaintext_refused, or PlaintextRedirect where the request can simply be repeated over TLS; RouteDenied where the
 * route's rule, its own or the default, says no. A rule that requires no certificate lets anonymous clients pass over plain
 * HTTP as over TLS: whoever the rule would deny with a certificate can leave it away there too.
 */
export function authorize(context: Routed): Permitted {
  const { peer } = context.client;
  const rule = context.serving.ruleOf(context.route, context.policy);
  const policyRequires = context.policy.clientAuth?.required === true;
  if (!peer.secure && (policyRequires || rule?.required === true)) throw plaintextFault(context);
  // The handshake has refused such clients already; a second look costs nothing and guards every later way in.
  if (policyRequires && peer.identity === undefined) throw new Fault('no_client_cert', 'client');
  if (rule !== undefined) {
    const denial = context.client.verify(rule);
    if (denial !== undefined) throw new RouteDenied(denial, peer.identity === undefined);
  }
  const changing: RequestContext = context;
  changing.permission = new Permission(context);
  if (!isPermitted(context)) throw new Fault('internal', 'gateway');
  return context;
}

/** 403 with the rule that said no, for the log; the client is told nothing of it. */
export class RouteDenied extends Fault {
  readonly rule: string;
  /** `isAnonymous`: there was no certificate for the rule to look at. */
  constructor({ rule, detail }: RouteDenial, isAnonymous: boolean) {
    super(isAnonymous ? 'no_client_cert' : 'policy_denied', 'client', { detail });
    this.rule = rule;
  }
}

function plaintextFault(context: Routed): Fault {
  const { method, target } = context.exchange.head;
  const authority = context.serving.securePort === undefined ? undefined : secureAuthority(context);
  if ((method !== 'GET' && method !== 'HEAD') || authority === undefined)
    return new Fault('plaintext_refused', 'client');
  return new PlaintextRedirect(`https://${authority}${target}`);
}

/** 308 to the same resource over TLS (RFC 9110 section 15.4.9). */
export class PlaintextRedirect extends Fault {
  readonly location: string;
  constructor(location: string) {
    super('plaintext_refused', 'client', { detail: 'redirected to https' });
    this.location = location;
  }
  override get status(): number {
    return 308;
  }
}
