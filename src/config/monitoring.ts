// `gateway.monitoring`: what the admin entry point serves, and under which names.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { flag, list, map, text } from './atoms.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { readHostNames } from './host-names.ts';
import { defaultOf, key } from './key.ts';
import { reportMistake } from './reading.ts';
import { ignored } from './support.ts';
import { trafficHealthKey } from './traffic-health.ts';

export const monitoringKeys = {
  enableMetrics: key(flag, {
    says: '/metrics on the admin entry point. Default {default}.',
    default: true,
    page: 'On the admin entry point, so on by default (Goma: off).',
  }),
  metricsPath: key(text, { says: 'Default {default}.', default: '/metrics', page: 'Goma.' }),
  enableReadiness: key(flag, {
    says: '/readyz on the admin entry point. Default {default}.',
    default: true,
    page: 'Goma; `/readyz` on the admin entry point. Where it is written: [for traffic](#health-checks) too.',
  }),
  enableLiveness: key(flag, {
    says: '/healthz on the admin entry point. Default {default}.',
    default: true,
    page: 'Goma; `/healthz` on the admin entry point. Where it is written: [for traffic](#health-checks) too.',
  }),
  allowedHosts: key(list(text), {
    says: 'Names under which the admin entry point is asked, besides localhost and IP addresses.',
    default: [],
    page: 'own. Names under which `/metrics` and `/trust/identities` may be asked for, besides `localhost` and IP addresses: 421 otherwise, so that no web page can read them through a browser on this machine. Health is answered under any name.',
  }),
  health: trafficHealthKey,
  host: ignored('metrics are served by the admin entry point only, whatever the host'),
  path: ignored('monitoring.metricsPath decides', 'Write monitoring.metricsPath.'),
  healthCheck: ignored('/healthz/routes is not served'),
  visitorTTL: ignored('visitors are not counted'),
  enableRouteHealthCheck: ignored('/healthz/routes is not served; the state of backends is in the metrics'),
  includeRouteHealthErrors: ignored('/healthz/routes is not served'),
  middleware: ignored(
    'metrics are served by the admin entry point only, without middlewares',
    'Keep gateway.entryPoints.admin on a loopback address.',
  ),
};

export const deprecatedMonitoringKeys = {
  enableMetrics: key(flag, {
    says: 'Deprecated name of monitoring.enableMetrics.',
    untold: true,
    page: 'Goma, deprecated: see `monitoring.enableMetrics`.',
  }),
};

const around = map({ monitoring: map(monitoringKeys), ...deprecatedMonitoringKeys });

export function readMonitoring(
  gateway: z.output<typeof around>,
  at: Cursor,
  problems: ProblemList,
): GatewayConfig['monitoring'] {
  const { monitoring, enableMetrics } = gateway;
  const here = at.down('monitoring');
  const path = monitoring.metricsPath;
  const metricsPath = path === '' ? defaultOf(monitoringKeys.metricsPath) : path;
  if (!/^\/[A-Za-z0-9\-._~/]+$/.test(metricsPath) || ['/healthz', '/readyz'].includes(metricsPath))
    reportMistake(problems, 'bad_path', here.down('metricsPath'), metricsPath, {
      problem: 'cannot be the path of the metrics',
      hint: 'For example /metrics.',
    });
  if (enableMetrics !== undefined)
    problems.warn(
      'deprecated_key',
      at.keyPlace('enableMetrics'),
      'enableMetrics is deprecated here',
      'Write monitoring.enableMetrics.',
    );
  return {
    metrics: enableMetrics === undefined || here.holds('enableMetrics') ? monitoring.enableMetrics : enableMetrics,
    metricsPath,
    readiness: monitoring.enableReadiness,
    liveness: monitoring.enableLiveness,
    allowedHosts: readHostNames(monitoring.allowedHosts, here.down('allowedHosts'), problems),
  };
}
