// `health_checks` of a cluster as `healthCheck` of its routes. The one over HTTP is taken over; losing one opens nothing.
import type { DraftMap, DraftValue } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import { type Context, duration, readDeep } from './context.ts';

export function readHealthCheck(context: Context, cluster: SourceMap): DraftMap | undefined {
  const [check, ...more] = cluster.items('health_checks');
  for (const one of more) {
    context.report.left(one, 'health_checks', 'one health check counts');
    readDeep(one);
  }
  const map = check?.map;
  if (check === undefined || map === undefined) return undefined;
  const http = map.map('http_health_check');
  if (http === undefined) {
    context.report.left(
      check,
      'health_checks',
      'only over HTTP; backends that cannot be connected are put aside in any case',
    );
    readDeep(check);
    return undefined;
  }
  const result: DraftMap = { path: http.text('path') ?? '/' };
  const interval = context.durationMs(map, 'interval');
  const timeout = context.durationMs(map, 'timeout');
  const healthy = context.number(map, 'healthy_threshold');
  const unhealthy = context.number(map, 'unhealthy_threshold');
  if (interval !== undefined) result['interval'] = duration(interval);
  if (timeout !== undefined) result['timeout'] = duration(timeout);
  if (healthy !== undefined && healthy > 1) result['healthyThreshold'] = healthy;
  if (unhealthy !== undefined && unhealthy > 1) result['unhealthyThreshold'] = unhealthy;
  const host = http.text('host');
  if (host !== undefined) result['host'] = host;
  const statuses = readStatuses(context, http);
  if (statuses.length > 0) result['healthyStatuses'] = statuses;
  const headers = readHeaders(http);
  if (headers.length > 0) result['headers'] = headers;
  for (const name of ['interval', 'timeout', 'healthy_threshold', 'unhealthy_threshold'])
    context.taken(map, name, 'healthCheck');
  context.taken(http, 'path', 'healthCheck.path');
  context.report.taken(check, 'health_checks', 'healthCheck');
  for (const name of map.names) if (!known.has(name)) leave(context, map, name);
  for (const name of http.names) if (!knownOfHttp.has(name)) leave(context, http, name);
  return result;
}

const known = new Set(['interval', 'timeout', 'healthy_threshold', 'unhealthy_threshold', 'http_health_check']);
const knownOfHttp = new Set(['path', 'host', 'expected_statuses', 'request_headers_to_add']);

function leave(context: Context, map: SourceMap, name: string): void {
  const value = map.getEmpty(name);
  readDeep(value);
  if (value !== undefined) context.report.left(value, value.shown, 'a detail of the probe');
}

/** Half-open ranges. Without any, 200 alone counts there. */
function readStatuses(context: Context, http: SourceMap): DraftValue[] {
  const ranges = http.maps('expected_statuses');
  if (ranges.length === 0) return [200];
  return ranges.flatMap((range) => {
    const start = context.number(range, 'start') ?? 200;
    const end = context.number(range, 'end') ?? start + 1;
    return Array.from({ length: Math.min(100, Math.max(0, end - start)) }, (_, i) => start + i);
  });
}

function readHeaders(http: SourceMap): DraftMap[] {
  return http.maps('request_headers_to_add').flatMap((one) => {
    const header = one.map('header');
    one.text('append_action');
    one.text('append');
    const [name, value] = [header?.text('key'), header?.text('value')];
    return name === undefined || value === undefined || value.includes('%') ? [] : { name, value };
  });
}
