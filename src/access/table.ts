// Who may make one request under a configuration: the policy of the host, the route, and what both ask of the client. Uses the
// very tables that serve (downstream/policy-table.ts, routing/route-table.ts) and says what flow/authorize.ts would do; compiles no
// TLS context. Revocation and dates decide about single certificates, not about who may enter, and are left out.
import type { LoadedConfig, LoadedPolicy, LoadedRoute } from '../loading/loaded.ts';
import type { SanRuleConfig } from '../config/gateway-config.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import { certificateNames, makePolicyTable } from '../gateway/compile-policies.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import { RouteTable } from '../routing/route-table.ts';

import { type ConditionSample, factsOf, noConditions } from './sample-facts.ts';

/** Over one kind of connection. `allow`: rules over names; undefined: every certificate that the policy accepts. */
export type Who =
  | {
      readonly kind: 'nobody';
      readonly why: 'unknown_host' | 'no_route' | 'method' | 'off' | 'not_asked' | 'plaintext';
    }
  | { readonly kind: 'certificate'; readonly allow: readonly SanRuleConfig[] | undefined }
  /** `asked`: a certificate that is shown has to pass, and to satisfy `allow`. */
  | { readonly kind: 'anyone'; readonly asked: boolean; readonly allow: readonly SanRuleConfig[] | undefined };

export type Access = {
  readonly policy: LoadedPolicy | undefined;
  /** That is met over TLS; where none is, over plain HTTP. */
  readonly route: LoadedRoute | undefined;
  readonly secureRoute: LoadedRoute | undefined;
  readonly plainRoute: LoadedRoute | undefined;
  /** On webSecure: over TLS. */
  readonly secure: Who;
  /** On web: over plain HTTP. */
  readonly plain: Who;
};

type NamedPolicy = { readonly name: string; readonly loaded: LoadedPolicy };

export class AccessTable {
  readonly loaded: LoadedConfig;
  readonly #policies: PolicyTable<NamedPolicy>;
  readonly #routes: RouteTable<LoadedRoute>;

  constructor(loaded: LoadedConfig) {
    this.loaded = loaded;
    const byName = new Map(loaded.policies.map((one) => [one.config.name, { name: one.config.name, loaded: one }]));
    this.#policies = makePolicyTable(loaded.config, certificateNames(loaded), (name) => {
      const found = byName.get(name);
      if (found === undefined) throw new RangeError(`policy ${name} was not loaded`);
      return found;
    });
    this.#routes = new RouteTable(loaded.routes);
  }

  /** `host` and `path` as for RouteTable.match; `sample`: which conditions the request meets. */
  at(method: string, host: string, path: string, sample = noConditions): Access {
    const policy = this.#policies.find(host === '' ? undefined : host)?.loaded;
    if (policy === undefined) {
      const who: Who = { kind: 'nobody', why: 'unknown_host' };
      return { policy, route: undefined, secureRoute: undefined, plainRoute: undefined, secure: who, plain: who };
    }
    const secure = this.#over(true, policy, method, host, path, sample);
    const plain = this.#over(false, policy, method, host, path, sample);
    return {
      policy,
      route: secure.route ?? plain.route,
      secureRoute: secure.route,
      plainRoute: plain.route,
      secure: secure.who,
      plain: plain.who,
    };
  }

  #over(
    tls: boolean,
    policy: LoadedPolicy,
    method: string,
    host: string,
    path: string,
    sample: ConditionSample,
  ): { readonly route: LoadedRoute | undefined; readonly who: Who } {
    const { config } = this.loaded;
    const facts = this.#routes.asksForFacts ? factsOf(sample, config, tls ? policy.config.name : '') : undefined;
    const match = this.#routes.match(method, host, path, facts);
    if (match.kind !== 'route')
      return {
        route: undefined,
        who: { kind: 'nobody', why: match.kind === 'method_not_allowed' ? 'method' : 'no_route' },
      };
    const { route } = match;
    const { secure, plain } = verify(policy, route);
    const isOpen = listEntryPoints(config.entryPoints).some((one) => one.tls === tls);
    return { route, who: isOpen ? (tls ? secure : plain) : { kind: 'nobody', why: 'off' } };
  }
}

/** What flow/authorize.ts says of a route under a policy. */
function verify(
  { config: { clientAuth, routesRequireClientCert } }: LoadedPolicy,
  { config: { clientCert } }: LoadedRoute,
): { readonly secure: Who; readonly plain: Who } {
  const required = clientAuth?.required === true || (clientCert?.required ?? routesRequireClientCert);
  const allow = clientCert?.allow;
  const asked = clientAuth !== undefined;
  if (!required)
    return { secure: { kind: 'anyone', asked, allow }, plain: { kind: 'anyone', asked: false, allow: undefined } };
  return {
    secure: asked ? { kind: 'certificate', allow } : { kind: 'nobody', why: 'not_asked' },
    plain: { kind: 'nobody', why: 'plaintext' },
  };
}
