// Who may make one request under a configuration: the policy of the host, the route, and what both ask of the client. Uses the
// very tables that serve (downstream/policy-table.ts, routing/route-table.ts) and says what flow/authorize.ts would do; compiles no
// TLS context. Revocation and dates decide about single certificates, not about who may enter, and are left out.
import type { LoadedConfig, LoadedPolicy, LoadedRoute } from '../loading/loaded.ts';
import type { SanRuleConfig } from '../config/gateway-config.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import { certificateNames, makePolicyTable } from '../gateway/compile-policies.ts';
import { RouteTable } from '../routing/route-table.ts';

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
  readonly route: LoadedRoute | undefined;
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

  /** `host` and `path` as for RouteTable.match. */
  at(method: string, host: string, path: string): Access {
    const policy = this.#policies.find(host === '' ? undefined : host)?.loaded;
    if (policy === undefined) return this.#nobody('unknown_host', undefined);
    const match = this.#routes.match(method, host, path);
    if (match.kind !== 'route') return this.#nobody(match.kind === 'no_route' ? 'no_route' : 'method', policy);
    const { route } = match;
    const { web, webSecure } = this.loaded.config.entryPoints;
    const { secure, plain } = verify(policy, route);
    return {
      policy,
      route,
      secure: webSecure.enabled ? secure : { kind: 'nobody', why: 'off' },
      plain: web.enabled ? plain : { kind: 'nobody', why: 'off' },
    };
  }

  #nobody(why: 'unknown_host' | 'no_route' | 'method', policy: LoadedPolicy | undefined): Access {
    const who: Who = { kind: 'nobody', why };
    return { policy, route: undefined, secure: who, plain: who };
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
