// The HTTP filters of a connection manager. What decides about requests is converted or lost; nothing that is not known is left out in
// silence.
import type { DraftMap } from '../import/draft.ts';
import type { LossCode } from '../import/losses.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { type Context, readDeep, typeOf } from './context.ts';
import { readJwt } from './jwt.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';
import { readRbac, type Rbac } from './rbac.ts';

export type HttpFilters = {
  /** For every route, in their order. */
  readonly middlewares: readonly string[];
  readonly rbac: readonly Rbac[];
  /** The filter that sends the fields of RFC 9440. */
  readonly rfc9440: DraftMap | undefined;
};

/** Left out: they refuse nobody, and change nothing that a backend relies on. */
const harmless: Readonly<Record<string, string>> = {
  Compressor: 'write a middleware compress',
  Gzip: 'write a middleware compress',
  Decompressor: 'bodies pass as they are',
  Cors: 'without a policy of a route it does nothing; write cors',
  GrpcWeb: 'gRPC-Web is not translated',
  GrpcStats: 'gRPC is counted by the metrics',
  HealthCheck: 'write monitoring.health',
  Tap: 'requests are not recorded',
  BandwidthLimit: 'no bandwidth is limited',
  AdmissionControl: 'requests are refused where a backend is short of connections',
  AdaptiveConcurrency: 'requests are refused where a backend is short of connections',
  OnDemand: 'nothing is fetched on demand',
  CacheConfig: 'answers are not kept',
  ConnectGrpcBridge: 'gRPC passes as it is',
  StatefulSession: 'write sticky',
};
const lost: Readonly<Record<string, LossCode>> = {
  ExtAuthz: 'external_authorization',
  OAuth2: 'browser_login',
  BasicAuth: 'password_login',
  ApiKeyAuth: 'password_login',
  CredentialInjector: 'header_edit',
  Lua: 'custom_code',
  LuaPerRoute: 'custom_code',
  Wasm: 'custom_code',
  ExternalProcessor: 'custom_code',
  DynamicModuleFilter: 'custom_code',
  RateLimit: 'rate_limit',
  LocalRateLimit: 'rate_limit',
  RateLimitQuotaFilterConfig: 'rate_limit',
  CsrfPolicy: 'request_filter',
  HeaderMutation: 'header_edit',
  Config: 'request_filter',
  Buffer: 'request_filter',
};
const says: Partial<Record<LossCode, string>> = {
  external_authorization: 'over HTTP a middleware forwardAuth asks the same service; write it by hand',
  browser_login: 'logins at a provider of OAuth are not made here',
  password_login: 'write a middleware basicAuth',
  custom_code: 'code does not run here',
  rate_limit: 'a middleware rateLimit counts by client, not for all together; write one',
  header_edit: 'write middlewares requestHeaders and responseHeaders',
  request_filter: 'has no counterpart',
};

export async function readHttpFilters(
  context: Context,
  hcm: SourceMap,
  middlewares: DraftMiddlewares,
): Promise<HttpFilters> {
  const names: string[] = [];
  const rbac: Rbac[] = [];
  let rfc9440: DraftMap | undefined;
  for (const value of hcm.items('http_filters')) {
    const { map } = value;
    if (map === undefined) {
      context.report.refuse('bad_value', value, value.shown, 'has to be a filter with name and typed_config');
      continue;
    }
    const name = map.text('name') ?? '';
    const config = map.map('typed_config');
    const type = config === undefined ? '' : typeOf(config);
    map.text('is_optional');
    const at = map.get('name') ?? value;
    if (context.flag(map, 'disabled') === true) {
      readDeep(value);
      context.report.left(at, name, 'it is disabled there, unless a route enables it');
    } else if (type === 'RBAC' && config !== undefined) {
      const one = readRbac(context, config, at);
      if (one !== undefined) rbac.push(one);
    } else if (type === 'JwtAuthentication' && config !== undefined) {
      names.push(...(await readJwt(context, config, at, middlewares)));
    } else if (type === 'ClientCertConfig' && config !== undefined) {
      const chain = context.flag(config, 'set_client_cert_chain') === true;
      rfc9440 = chain ? { clientCert: true, chain } : { clientCert: true };
      context.report.taken(at, name, 'gateway.forwardClientCert.rfc9440');
    } else readOther(context, value, at, name, type);
  }
  if (rbac.length > 1) {
    const value = hcm.get('http_filters');
    if (value !== undefined) context.loses('identity_rule', value, 'two RBAC filters; the first is taken over');
  }
  return { middlewares: names, rbac, rfc9440 };
}

function readOther(context: Context, value: SourceValue, at: SourceValue, name: string, type: string): void {
  const { report } = context;
  const isOld = value.map?.has('config') === true;
  const isElsewhere = value.map?.has('config_discovery') === true;
  if (type === 'Router' && !isOld) return readRouter(context, value, at, name);
  readDeep(value);
  const why = harmless[type];
  const code = lost[type];
  if (isOld) report.refuse('v2_api', at, name, "is of Envoy's API v2, which Envoy itself refuses today");
  // Before typed_config was asked for, the router had none.
  else if (isElsewhere) context.loses('dynamic_resource', at, 'the filter comes from another server');
  else if (type === '' && /^(?:envoy\.filters\.http\.|envoy\.)router$/.test(name))
    report.taken(at, name, 'what routes do');
  else if (why !== undefined) report.left(at, name, why);
  else if (type === 'FilterConfig' && /dynamic_forward_proxy/.test(name))
    report.refuse('dynamic_backends', at, name, 'where requests go is decided by requests there');
  else if (code !== undefined) context.loses(code, at, says[code] ?? 'has no counterpart');
  else context.loses('request_filter', at, `the filter ${type || name} is not known here`);
}

/** Its settings are about statistics and headers of its own; filters within it are filters all the same. */
function readRouter(context: Context, value: SourceValue, at: SourceValue, name: string): void {
  const config = value.map?.map('typed_config');
  context.report.taken(at, name, 'what routes do');
  for (const one of [
    'dynamic_stats',
    'start_child_span',
    'upstream_log',
    'upstream_log_options',
    'suppress_envoy_headers',
    'strict_check_headers',
    'respect_expected_rq_timeout',
    'suppress_grpc_request_failure_code_stats',
    'reject_connect_request_early_data',
  ]) {
    const setting = config?.getEmpty(one);
    readDeep(setting);
    if (setting !== undefined) context.report.left(setting, setting.shown, 'has no counterpart, and opens nothing');
  }
}
