// `healthCheck` of a route: how its backends are asked whether they can serve.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, integer, list, map, text } from './atoms.ts';
import type { HealthCheckConfig } from './gateway-config.ts';
import { defaultOf, key } from './key.ts';
import { reportEndless, reportMistake } from './reading.ts';

const healthCheckKeys = {
  path: key(text, { says: 'Default {default}.', default: '/', restricts: true, page: 'Goma.' }),
  interval: key(duration, { says: 'Default {default}.', default: '30s', page: 'Goma.' }),
  timeout: key(duration, {
    says: 'Default {default}.',
    default: '10s',
    page: 'Goma. Never longer than the interval by default.',
  }),
  healthyStatuses: key(list(integer(100, 599)), {
    says: 'Default: every status below 400.',
    default: [],
    unset: 'every status below 400',
    page: 'Goma.',
  }),
  healthyThreshold: key(integer(1, 100), {
    says: 'Good answers in a row that bring a backend back. Default {default}.',
    default: 1,
    page: 'own. Good answers in a row that bring a backend back.',
  }),
  unhealthyThreshold: key(integer(1, 100), {
    says: 'Bad answers in a row that take a backend out. Default {default}.',
    default: 2,
    page: 'own. Bad answers in a row that take a backend out.',
  }),
};
export const healthCheckShape = map(healthCheckKeys);

/** The block under `healthCheck` of `around`; undefined where there is none. */
export function readHealthCheck(
  check: z.output<typeof healthCheckShape> | undefined,
  around: Cursor,
  problems: ProblemList,
): HealthCheckConfig | undefined {
  if (check === undefined) return undefined;
  const here = around.down('healthCheck');
  const { path, interval: intervalMs } = check;
  if (path !== '' && (!path.startsWith('/') || /[\u0000-\u0020\u007f-\uffff#\\]/.test(path)))
    reportMistake(problems, 'bad_path', here.down('path'), path, {
      problem: 'is not a path to ask for',
      hint: 'For example /healthz; a query is allowed.',
    });
  const timeoutMs = here.holds('timeout') ? check.timeout : Math.min(check.timeout, Math.max(intervalMs, 1));
  reportEndless(intervalMs, here.down('interval'), problems);
  reportEndless(timeoutMs, here.down('timeout'), problems);
  if (intervalMs > 0 && intervalMs < 100)
    problems.error(
      'too_often',
      here.down('interval').place,
      'a health check more often than every 100ms',
      'Give a longer interval.',
    );
  if (timeoutMs > intervalMs)
    problems.warn(
      'long_timeout',
      here.down('timeout').place,
      'the timeout of the health check is longer than its interval',
    );
  return {
    path: path === '' ? defaultOf(healthCheckKeys.path) : path,
    intervalMs,
    timeoutMs,
    healthyStatuses: [...new Set(check.healthyStatuses)],
    healthyThreshold: check.healthyThreshold,
    unhealthyThreshold: check.unhealthyThreshold,
  };
}
