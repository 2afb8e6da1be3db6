// `gateway` without routes and TLS: entry points, timeouts, transport, trusted proxies, logs.
import { dirname, resolve } from 'node:path';
import { isToken } from '../http/field.ts';
import { defaultServerTimeouts } from '../http/limits.ts';
import { parseCidr } from './cidr.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { EntryPoint, GatewayConfig } from './gateway-config.ts';
import type { EntryPointShape, GatewayShape } from './gateway-shape.ts';
import { isLoopback, parseListenAddress } from './listen-address.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readHostNames } from './read-host-names.ts';
import { readTrustedHeaders } from './read-passed-fields.ts';
import { reportMistake } from './reading.ts';

const maxWorkers = 1024;
const defaultDrainMs = 10_000;

type EntryPoints = GatewayConfig['entryPoints'];

export function readEntryPoints(shape: GatewayShape, at: Cursor, problems: ProblemList): EntryPoints {
  const points = shape.entryPoints;
  const here = at.down('entryPoints');
  const result = {
    web: readEntryPoint(points?.web, here.down('web'), { host: '', port: 8080 }, problems),
    webSecure: readEntryPoint(points?.webSecure, here.down('webSecure'), { host: '', port: 8443 }, problems),
    admin: readEntryPoint(points?.admin, here.down('admin'), { host: '127.0.0.1', port: 9901 }, problems),
  };
  checkClashes(result, problems);
  if (!result.web.enabled && !result.webSecure.enabled)
    problems.error(
      'nothing_to_listen_on',
      here.place,
      'both web and webSecure are switched off: the gateway would serve nothing',
    );
  if (result.admin.enabled && !isLoopback(result.admin.host))
    problems.warn(
      'admin_exposed',
      result.admin.place,
      'the admin entry point is reachable from other machines, without authentication',
      'Write 127.0.0.1:PORT unless the network keeps strangers out.',
    );
  return result;
}

function readEntryPoint(
  shape: EntryPointShape | undefined,
  at: Cursor,
  byDefault: { host: string; port: number },
  problems: ProblemList,
): EntryPoint {
  const text = shape?.address ?? '';
  const address = text === '' ? byDefault : parseListenAddress(text);
  const here = at.down('address');
  if (address === undefined)
    reportMistake(problems, 'bad_address', here, text, {
      problem: 'is not an address to listen on',
      hint: 'Write :PORT for every address of the machine, or IP:PORT; host names are not resolved here.',
    });
  return { enabled: shape?.enabled ?? true, ...(address ?? byDefault), place: here.place };
}

function checkClashes(points: EntryPoints, problems: ProblemList): void {
  const seen: [string, EntryPoint][] = [];
  for (const [name, point] of Object.entries(points)) {
    if (!point.enabled) continue;
    const clash = seen.find(
      ([, other]) => other.port === point.port && point.port !== 0 && overlaps(other.host, point.host),
    );
    if (clash === undefined) seen.push([name, point]);
    else
      problems.error(
        'address_taken',
        point.place,
        `${name} listens on the same address as ${clash[0]}`,
        'Give each entry point its own port.',
      );
  }
}

function overlaps(a: string, b: string): boolean {
  const every = ['', '::', '0.0.0.0'];
  return a === b || every.includes(a) || every.includes(b);
}

/** Goma's 0 means "no limit on the whole". Limits of ours that Goma does not have (head, stall) stay: slow clients are cut off. */
export function readTimeouts(shape: GatewayShape, at: Cursor, problems: ProblemList): GatewayConfig['timeouts'] {
  for (const key of ['readTimeout', 'writeTimeout', 'idleTimeout'] as const)
    if (shape[key] !== undefined)
      problems.warn(
        'deprecated_key',
        at.keyPlace(key),
        `${key} is deprecated`,
        `Write timeouts.${key.replace('Timeout', '')}.`,
      );
  const pick = (old: number | undefined, now: number | undefined): number | undefined =>
    old !== undefined && old > 0 ? old : (now ?? old);
  const { timeouts } = shape;
  const requestMs = pick(shape.readTimeout, timeouts?.read) ?? defaultServerTimeouts.requestMs;
  const write = pick(shape.writeTimeout, timeouts?.write) ?? 0;
  const { headMs, stallMs } = defaultServerTimeouts;
  if (timeouts?.drain === 0)
    problems.error(
      'endless_wait',
      at.down('timeouts', 'drain').place,
      'drain cannot be 0',
      'Write 1ms to cut off what is in flight at once.',
    );
  return {
    headMs: requestMs > 0 ? Math.min(headMs, requestMs) : headMs,
    stallMs: write > 0 ? write : stallMs,
    idleMs: pick(shape.idleTimeout, timeouts?.idle) ?? defaultServerTimeouts.idleMs,
    requestMs,
    drainMs: timeouts?.drain ?? defaultDrainMs,
    minRequestRate: timeouts?.minRequestRate ?? defaultServerTimeouts.minRequestRate,
    minResponseRate: timeouts?.minResponseRate ?? defaultServerTimeouts.minResponseRate,
    rateMs: timeouts?.ratePeriod ?? defaultServerTimeouts.rateMs,
  };
}

export function readWorkers(text: string | undefined, at: Cursor, problems: ProblemList): number | 'auto' {
  if (text === undefined || text === 'auto') return 'auto';
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= maxWorkers) return count;
  reportMistake(problems, 'wrong_value', at.down('workers'), text, {
    problem: `is neither auto nor a number from 1 to ${maxWorkers}`,
    hint: '',
  });
  return 'auto';
}

export function readTransport(shape: GatewayShape): GatewayConfig['transport'] {
  const transport = shape.networking?.transport;
  const maxConnsPerHost = transport?.maxConnsPerHost ?? 256;
  return {
    maxIdleConns: transport?.maxIdleConns ?? 512,
    maxIdleConnsPerHost: transport?.maxIdleConnsPerHost ?? 256,
    maxConnsPerHost,
    reservedConnsPerHost: transport?.reservedConnsPerHost ?? Math.ceil(maxConnsPerHost / 8),
    maxPendingRequests: transport?.maxPendingRequests ?? 1024,
    idleConnTimeoutMs: transport?.idleConnTimeout ?? 90_000,
  };
}

const MiB = 1_048_576;

export function readBuffering(shape: GatewayShape): GatewayConfig['buffering'] {
  const { buffering } = shape;
  return {
    requestBytes: buffering?.requestBytes ?? 65_536,
    requestTotalBytes: buffering?.requestTotalBytes ?? 64 * MiB,
    responseBytes: buffering?.responseBytes ?? MiB,
    responseTotalBytes: buffering?.responseTotalBytes ?? 64 * MiB,
  };
}

/** Goma trusts everybody where the list is empty; nobody is trusted here. */
export function readProxy(shape: GatewayShape, at: Cursor, problems: ProblemList): GatewayConfig['proxy'] {
  const { enabled = false, trustedProxies = [], ipHeaders = ['X-Forwarded-For', 'X-Real-IP'] } = shape.proxy ?? {};
  const here = at.down('proxy');
  const ranges = trustedProxies.map((text, i) => {
    const range = parseCidr(text);
    const item = here.down('trustedProxies', i);
    if (range === undefined)
      reportMistake(problems, 'bad_address', item, text, {
        problem: 'is not an IP address or range',
        hint: 'For example 192.0.2.7 or 10.0.0.0/8.',
      });
    else if (range.endsWith('/0'))
      problems.warn(
        'trusts_everybody',
        item.place,
        'every address is a trusted proxy: any client can claim any address',
        'Name the addresses of your proxies.',
      );
    return range;
  });
  for (const [i, name] of ipHeaders.entries())
    if (!isToken(name))
      reportMistake(problems, 'bad_header', here.down('ipHeaders', i), name, {
        problem: 'is not the name of a header',
        hint: '',
      });
  if (enabled && trustedProxies.length === 0)
    problems.warn(
      'trusts_nobody',
      here.keyPlace('enabled'),
      'proxy is enabled without trustedProxies: no forwarded header is believed (Goma believes everybody)',
      'List the addresses of your proxies.',
    );
  if (!enabled && trustedProxies.length > 0)
    problems.warn(
      'ignored_key',
      here.keyPlace('trustedProxies'),
      'trustedProxies has no effect: proxy is not enabled',
      'Write enabled: true.',
    );
  const believed = enabled ? ranges.filter((range) => range !== undefined) : [];
  return {
    trustedProxies: believed,
    ipHeaders,
    trustedHeaders: readTrustedHeaders(shape.proxy?.trustedHeaders ?? [], here, believed.length > 0, problems),
  };
}

export function readMonitoring(shape: GatewayShape, at: Cursor, problems: ProblemList): GatewayConfig['monitoring'] {
  const monitoring = shape.monitoring;
  const path = monitoring?.metricsPath ?? '';
  const metricsPath = path === '' ? '/metrics' : path;
  const here = at.down('monitoring', 'metricsPath');
  if (!/^\/[A-Za-z0-9\-._~/]+$/.test(metricsPath) || ['/healthz', '/readyz'].includes(metricsPath))
    reportMistake(problems, 'bad_path', here, metricsPath, {
      problem: 'cannot be the path of the metrics',
      hint: 'For example /metrics.',
    });
  if (shape.enableMetrics !== undefined)
    problems.warn(
      'deprecated_key',
      at.keyPlace('enableMetrics'),
      'enableMetrics is deprecated here',
      'Write monitoring.enableMetrics.',
    );
  return {
    metrics: monitoring?.enableMetrics ?? shape.enableMetrics ?? true,
    metricsPath,
    readiness: monitoring?.enableReadiness ?? true,
    liveness: monitoring?.enableLiveness ?? true,
    allowedHosts: readHostNames(monitoring?.allowedHosts ?? [], at.down('monitoring', 'allowedHosts'), problems),
  };
}

export function readLogs(shape: GatewayShape, file: string): Pick<GatewayConfig, 'log' | 'accessLog'> {
  const absolute = (path: string): string => resolve(dirname(file), path);
  const { level = 'info', format, filePath = '' } = shape.log ?? {};
  const { enabled = true, path = 'stdout', sample = 1 } = shape.accessLog ?? {};
  return {
    log: { level, format, file: filePath === '' ? undefined : absolute(filePath) },
    accessLog: { enabled, path: path === 'stdout' || path === 'stderr' ? path : absolute(path), sample },
  };
}
