// jwt_authn as a middleware jwtAuth, where it says exactly that: one provider, required of every request.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { type Context, duration, readDeep } from './context.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';

/** Names of middlewares for every route; none where it is lost, or asks for nothing. */
export async function readJwt(
  context: Context,
  config: SourceMap,
  at: SourceValue,
  middlewares: DraftMiddlewares,
): Promise<string[]> {
  const rule = readRule(context, config);
  if (typeof rule !== 'string') {
    context.report.taken(at, 'jwt_authn', 'middleware jwtAuth');
    return [middlewares.add('jwtAuth', rule, 'tokens')];
  }
  for (const name of config.names) readDeep(config.get(name));
  context.loses('token_check', at, `${rule}; write a middleware jwtAuth`);
  return [];
}

/** The rule, or why there is none. */
function readRule(context: Context, config: SourceMap): DraftMap | string {
  config.text('@type');
  for (const name of ['bypass_cors_preflight', 'strip_failure_response', 'stat_prefix']) config.text(name);
  const providers = config.map('providers');
  const rules = config.maps('rules');
  const [rule, more] = rules;
  const [name, other] = providers?.names ?? [];
  const provider = name === undefined ? undefined : providers?.map(name);
  if (rule === undefined || more !== undefined || other !== undefined || provider === undefined)
    return 'several providers or rules, or none';
  const prefix = rule.map('match')?.text('prefix');
  const required = rule.map('requires')?.text('provider_name');
  if (prefix !== '/' || required !== name || rule.map('match')?.names.length !== 1)
    return 'tokens are asked for of some paths, or in combinations';
  const result = providerOf(context, provider);
  const unread = provider.names.find((one) => !known.has(one));
  return typeof result !== 'string' && unread !== undefined ? `${unread} has no counterpart` : result;
}

const known = new Set([
  'issuer',
  'audiences',
  'remote_jwks',
  'local_jwks',
  'forward',
  'claim_to_headers',
  'clock_skew_seconds',
  'require_expiration',
]);

function providerOf(context: Context, provider: SourceMap): DraftMap | string {
  const rule: DraftMap = {};
  const file = provider.map('local_jwks')?.text('filename');
  const remote = provider.map('remote_jwks');
  const uri = remote?.map('http_uri')?.text('uri');
  if (file !== undefined) rule['jwks'] = { file };
  else if (remote !== undefined && uri !== undefined && uri.startsWith('https://')) {
    const refresh = context.durationMs(remote, 'cache_duration');
    rule['jwks'] = refresh === undefined ? { url: uri } : { url: uri, refresh: duration(refresh) };
    readDeep(provider.get('remote_jwks'));
    context.report.changed(
      remote,
      'remote_jwks',
      'the keys are fetched from the URL itself; the CAs of the system vouch for it',
    );
  } else return 'the keys are inline, or fetched in plain text';
  const issuer = provider.text('issuer');
  const audiences = provider.items('audiences').flatMap(({ text }) => text ?? []);
  rule['issuer'] = issuer ?? 'any';
  rule['audience'] = audiences.length === 0 ? 'any' : audiences.length === 1 ? (audiences[0] ?? 'any') : audiences;
  const skew = context.number(provider, 'clock_skew_seconds') ?? 60;
  if (skew > 300) return 'a clock skew of more than five minutes';
  rule['clockSkew'] = duration(skew * 1000);
  context.flag(provider, 'require_expiration');
  if (context.flag(provider, 'forward') === true) rule['forwardAuthorization'] = true;
  const headers: DraftMap = {};
  for (const one of provider.maps('claim_to_headers')) {
    const [header, claim] = [one.text('header_name'), one.text('claim_name')];
    if (header === undefined || claim === undefined) return 'claim_to_headers without names';
    headers[header] = claim;
  }
  if (Object.keys(headers).length > 0) rule['forwardHeaders'] = headers;
  return rule;
}
