// Which policy, route, rule and backends a request would meet, what becomes of a client with a given certificate, and why every
// other route loses. Uses the very tables that serve, so it cannot tell another way than the gateway.
import { randomBytes } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import { UsageError } from '../base/usage-error.ts';
import type { ClientAuthConfig, GatewayConfig, PolicyConfig } from '../config/gateway-config.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import { describeConditions } from '../config/match-conditions.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { TrafficHealth } from '../flow/traffic-health.ts';
import { compilePolicies } from '../gateway/compile-policies.ts';
import { stripListOf } from '../gateway/strip-list-of.ts';
import { FieldNames, Fields } from '../http/field.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { findHeader, type RequestFacts } from '../routing/conditions.ts';
import {
  describeBadRewrite,
  describeConfusion,
  describeEncodedSlash,
  noNormalForm,
  slashesHideRoute,
} from '../routing/describe-confusion.ts';
import { explainMatch, type RouteVerdict } from '../routing/explain-match.ts';
import { hostOfAuthority } from '../routing/host-of-authority.ts';
import { normalizeTarget } from '../routing/normalize-target.ts';
import { pathToSend } from '../routing/path-to-send.ts';
import { findParameter } from '../routing/query-parameters.ts';
import { PathScope } from '../filters/path-scope.ts';
import { PathRewrite, rewritePath } from '../routing/rewrite-path.ts';
import { RouteTable } from '../routing/route-table.ts';
import { RouteRule } from '../trust/route-rule.ts';
import {
  type ClientChain,
  describePolicy,
  describeRule,
  describeVerdict,
  type ShownClient,
  verifyChain,
} from './explain-client.ts';
import type { Told } from './told.ts';

type Route = LoadedConfig['routes'][number];

/** Throws UsageError where one is none. */
export function readFields(written: readonly string[]): Fields {
  const fields = new Fields();
  const names = new FieldNames();
  for (const field of written) {
    const colon = field.indexOf(':');
    const name = colon < 1 ? undefined : names.find(field.slice(0, colon));
    if (name === undefined) throw new UsageError(`${field}: not a header field; write it as "name: value"`);
    fields.push(name, field.slice(colon + 1).trim());
  }
  return fields;
}

export type Asked = {
  readonly headers: Fields;
  readonly entryPoint: string;
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly target: string;
  readonly client: ClientChain | undefined;
};

/** Throws UsageError where it is none. */
export function splitUrl(
  url: string,
): Pick<Asked, 'scheme' | 'authority' | 'target'> & { readonly entryPoint: string } {
  const parts = /^(https?):\/\/([^/?#]*)([^#]*)$/.exec(url);
  if (parts === null) throw new UsageError(`${url}: not a URL; write it as https://host/path`);
  const [, scheme = '', authority = '', rest = ''] = parts;
  const target = rest.startsWith('/') ? rest : `/${rest}`;
  return { scheme, authority, target, entryPoint: scheme === 'https' ? 'webSecure' : 'web' };
}

/** Throws UsageError where the entry point is none, or not for URLs of this scheme. */
export function checkEntryPoint({ entryPoints }: GatewayConfig, name: string | undefined, scheme: string): void {
  if (name === undefined) return;
  const all = listEntryPoints(entryPoints);
  const found = all.find((one) => one.name === name);
  if (found === undefined)
    throw new UsageError(`${name}: no entry point that is on; there are ${all.map((one) => one.name).join(', ')}`);
  const wanted = found.tls ? 'https' : 'http';
  if (wanted !== scheme) throw new UsageError(`${name} speaks ${wanted}: write ${wanted}://…`);
}

export function explainRequest(
  loaded: Pick<LoadedConfig, 'config' | 'policies' | 'routes'>,
  crls: CrlLookup,
  { method, scheme, authority, target, client, entryPoint, headers }: Asked,
  told: Told,
): void {
  const host = hostOfAuthority(authority);
  const policy = compilePolicies(loaded, randomBytes(32), crls).find(host);
  told.say('host', host ?? authority);
  if (policy === undefined) {
    told.lines.push('policy   none: TLS is refused with unknown_sni, a request with 421 host_mismatch');
    return told.refuseUnsaid(421, 'host_mismatch');
  }
  const ofPolicy = loaded.policies.find((one) => one.config.name === policy.name)?.config;
  const config = ofPolicy?.clientAuth;
  told.note('policy', policy.name);
  told.lines.push(...describePolicy(policy, config));
  const secure = scheme === 'https';
  const shown = client && {
    chain: client,
    verdict: secure ? verifyChain(client, policy, systemClock.now()) : ('plain' as const),
  };
  if (shown !== undefined) tellClient(shown, config, told);
  const { trafficHealth } = loaded.config;
  // Whoever asks: of the address nothing is known here.
  const health = trafficHealth && new TrafficHealth({ ...trafficHealth, sourceRanges: undefined });
  if (health?.find({ target, method, entryPoint, address: '', isDraining: false }) !== undefined) {
    told.say('path', target);
    const asked = trafficHealth?.sourceRanges?.join(', ');
    return told.refuse(200, 'health', asked === undefined ? 'answered to everybody' : `answered to ${asked}`);
  }
  const normal = normalizeTarget(target);
  if (normal === undefined) {
    told.say('path', target);
    return told.refuse(400, 'ambiguous_path', noNormalForm);
  }
  const changed = normal.path + normal.query === target ? '' : `  (normalised from ${target})`;
  told.say('path', normal.path, changed);
  const table = new RouteTable(loaded.routes);
  const fields = stripListOf(loaded.config, []).strip(headers);
  const facts: RequestFacts = {
    policy: secure ? policy.name : '',
    entryPoint,
    header: (name) => findHeader(fields, name),
    parameter: (name) => findParameter(normal.query, name),
  };
  const match = table.match(method, host ?? '', normal.path, facts);
  if (match.kind === 'ambiguous_condition') return told.refuse(400, 'ambiguous_condition', match.why);
  if (normal.encodedSlash && !(match.kind === 'route' && match.route.config.allowEncodedSlash))
    return told.refuse(400, 'ambiguous_path', describeEncodedSlash(match));
  if (match.kind === 'ambiguous_path') return told.refuse(400, 'ambiguous_path', describeConfusion(match));
  const verdicts = explainMatch(loaded.routes, method, host ?? '', normal.path, facts);
  const chosen = verdicts.find(({ outcome }) => outcome === 'chosen')?.route;
  const sent = chosen && pathToSend(table, method, host ?? '', normal, chosen, facts);
  if (chosen !== undefined && sent === undefined) return told.refuse(400, 'ambiguous_path', slashesHideRoute);
  if (chosen !== undefined && sent !== undefined) tellRoute(chosen, sent, told);
  else if (verdicts.some(({ outcome }) => outcome === 'method')) told.refuse(405, 'method_not_allowed');
  else told.refuse(404, 'no_route');
  const rule = chosen && findRule(chosen, ofPolicy);
  if (rule !== undefined) tellRule(rule, shown, told);
  const why = policy.clientAuth?.required === true ? 'the policy' : rule?.required === true ? 'the route' : undefined;
  if (chosen !== undefined && !secure && why !== undefined) {
    const reason = `${why} requires a client certificate`;
    if (method === 'GET' || method === 'HEAD') told.refuse(308, 'to https', reason);
    else told.refuse(403, 'plaintext_refused', reason);
  }
  const lost = verdicts.filter(({ outcome }) => outcome !== 'chosen');
  told.note('others', lost.map(lossToJson));
  told.lines.push(...lost.map(describeLoss));
}

function tellClient(shown: ShownClient, config: ClientAuthConfig | undefined, told: Told): void {
  const { chain, verdict } = shown;
  told.lines.push(describeVerdict(chain, verdict, config));
  const refused = typeof verdict === 'object';
  const words = refused ? verdict : { code: verdict, detail: null };
  told.note('client', { subject: escapeForLog(chain[0].subject, 512), ...words });
  if (refused && verdict.code !== 'ok') told.refuseUnsaid(null, verdict.code, verdict.detail);
}

function tellRule(rule: RouteRule, shown: ShownClient | undefined, told: Told): void {
  const { lines, denial } = describeRule(rule, shown);
  told.lines.push(...lines);
  told.note('rule', { description: rule.description, required: rule.required });
  if (denial !== undefined) told.refuseUnsaid(403, 'policy_denied', denial);
}

/** As Generation.ruleOf. */
function findRule({ config }: Route, policy: PolicyConfig | undefined): RouteRule | undefined {
  if (config.clientCert !== undefined) return new RouteRule(config.clientCert);
  return policy?.routesRequireClientCert === true ? RouteRule.byDefault() : undefined;
}

function tellRoute({ config }: Route, path: string, told: Told): void {
  const at = config.place;
  told.lines.push(`route    ${config.name}  (${at.file}:${at.line})`);
  told.note('route', { name: config.name, file: at.file, line: at.line });
  const conditions = describeConditions(config.match);
  if (conditions.length > 0) told.lines.push(`match    ${escapeForLog(conditions.join('; '))}`);
  told.note('match', conditions);
  if (config.maintenance !== undefined) return told.refuse(config.maintenance.statusCode, 'maintenance');
  // As they run: pages of other origins are answered in front of all else.
  const filters = config.filters.toSorted((a, b) => Number(b.kind === 'cors') - Number(a.kind === 'cors'));
  const noted = filters.map(({ name, type, paths, guards }) => {
    const applies = paths === undefined || new PathScope(paths, guards).has(path);
    told.lines.push(`filter   ${name}  (${type}${applies ? '' : ', not for this path'})`);
    return { name, type, applies };
  });
  told.note('filters', noted);
  if (config.response !== undefined) return told.refuse(config.response.status, 'response', 'a fixed answer');
  const rewrite = PathRewrite.of(config);
  if (rewritePath(rewrite, path, '') === undefined)
    return told.refuse(400, 'ambiguous_path', describeBadRewrite({ config }));
  const backends = config.backends.map(({ scheme, host, port, basePath, weight, match }) => {
    const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${rewritePath(rewrite, path, basePath) ?? ''}`;
    const share = weight > 0 ? `, weight ${weight}` : '';
    const rules = match.length > 0 ? `, ${match.length} match rules` : '';
    told.lines.push(`backend  ${url}${share}${rules}`);
    return { url, weight, matchRules: match.length };
  });
  told.note('backends', backends);
}

const losses: Readonly<Record<Exclude<RouteVerdict<Route>['outcome'], 'chosen'>, string>> = {
  host: 'its hosts do not match',
  path: 'its path does not match',
  condition: 'it asks for something else',
  method: 'it does not take this method',
  priority: 'a lower priority number goes first',
  less_specific_path: 'its path is less specific',
  less_specific_host: 'its host pattern is less specific',
  fewer_conditions: 'it has fewer conditions',
  later: 'it stands later in the configuration',
};

function describeLoss({ route, outcome, against, unmet }: RouteVerdict<Route>): string {
  const reason = outcome === 'chosen' ? '' : losses[outcome];
  const why = unmet === undefined ? reason : `${reason} (${escapeForLog(unmet)})`;
  return `not      ${route.config.name}: ${why}${against === undefined ? '' : ` (than ${against.config.name})`}`;
}

function lossToJson({ route, outcome, against, unmet }: RouteVerdict<Route>): object {
  return {
    route: route.config.name,
    why: outcome,
    than: against?.config.name ?? null,
    ...(unmet !== undefined && { unmet }),
  };
}
