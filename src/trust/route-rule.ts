// Who may call a route: a client certificate that passed, and any rule of `allow` where there are some. Verified per request on
// the identity of the connection; whether that identity may connect at all is the edge's business.
import type { RouteClientCertConfig, SanRuleConfig } from '../config/gateway-config.ts';
import { describeCarried, describeSanRules, SanRules } from './san-rule.ts';
import type { Identity } from './verdict.ts';

/** Why not: the rule for the log and the sentence for a person, both escaped and cut. */
export type RouteDenial = { readonly rule: string; readonly detail: string };

const noneShown = 'a client certificate, and the client has shown none';
const anonymous: RouteDenial = { rule: 'clientCert.required', detail: `the route requires ${noneShown}` };
const anonymousByDefault: RouteDenial = {
  rule: 'defaults.security.clientCert.required',
  detail: `routes that say nothing themselves require ${noneShown}`,
};

/** For people who ask (`explain`), longer than a log line can be. */
const maxDescription = 2000;

export class RouteRule {
  /** Anonymous clients may not call the route, and so nobody may over plain HTTP. */
  readonly required: boolean;
  /** For people: what is asked for. */
  readonly description: string;
  readonly #allow: SanRules<SanRuleConfig> | undefined;
  readonly #anonymous: RouteDenial;

  /** Of routes without a rule of their own, where `defaults.security.clientCert` requires one. */
  static byDefault(): RouteRule {
    return new RouteRule({ required: true, allow: undefined }, anonymousByDefault);
  }

  /** Throws SyntaxError for a pattern that is none. */
  constructor({ required, allow }: Omit<RouteClientCertConfig, 'place'>, denial = anonymous) {
    this.required = required;
    this.#anonymous = denial;
    this.#allow = allow && new SanRules(allow);
    const who = required ? 'a client certificate' : 'no client certificate, or one';
    const byDefault = denial === anonymousByDefault ? ' (by default: defaults.security.clientCert)' : '';
    this.description =
      allow === undefined ? `${who}${byDefault}` : `${who} that carries ${describeSanRules(allow, maxDescription)}`;
  }

  /** undefined where the client may. `identity` undefined: a client without a certificate, or one over plain HTTP. */
  verify(identity: Pick<Identity, 'leaf'> | undefined): RouteDenial | undefined {
    if (identity === undefined) return this.required ? this.#anonymous : undefined;
    const { leaf } = identity;
    if (this.#allow === undefined || this.#allow.find(leaf) !== undefined) return undefined;
    const rules = describeSanRules(this.#allow.rules);
    return {
      rule: `clientCert.allow: ${rules}`,
      detail: `the certificate carries ${describeCarried(leaf, this.#allow.rules)}; the route allows ${rules}`,
    };
  }
}
