// `healthCheck` of a route: how its backends are asked whether they can serve.
import type { z } from 'zod';
import { isAuthority } from '../http/authority.ts';
import { FieldKind, isToken, kindOf } from '../http/field.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, integer, list, map, text } from './atoms.ts';
import type { HealthCheckConfig } from './gateway-config.ts';
import { defaultOf, key } from './key.ts';
import { reportEndless, reportMistake } from './reading.ts';

const maxHeaders = 32;
/** Visible ASCII, blanks within. */
const fieldValue = /^(?:[!-~](?:[\t -~]*[!-~])?)?$/;

const headerShape = map({
  name: key(text, {}),
  value: key(text, { default: '' }),
});

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
    default: 1,
    page: 'own. Bad answers in a row that take a backend out; unset, the first does, as in Goma.',
  }),
  host: key(text, {
    says: 'Host (:authority) of the probe. Default: that of the endpoint.',
    unset: 'that of the endpoint',
    page: 'own. `Host` of the probe, `name` or `name:port`. The server name of TLS is `security.tls.serverName`, for probes and requests alike.',
  }),
  headers: key(list(headerShape), {
    says: 'Fields of the probe.',
    default: [],
    page: 'own. Fields of the probe: `{name, value}`, at most 32; they replace its own `User-Agent` and `Accept`. Not those that frame a message.',
  }),
};
export const healthCheckShape = map(healthCheckKeys);
export type HealthCheckShape = z.output<typeof healthCheckShape>;

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
    host: readHost(check.host, here, problems),
    headers: readHeaders(check.headers, here.down('headers'), problems),
  };
}

/** `uri-host [":" port]`, for the Host field. */
function readHost(host: string | undefined, around: Cursor, problems: ProblemList): string | undefined {
  if (host === undefined || isAuthority(host)) return host;
  reportMistake(problems, 'bad_host', around.down('host'), host, {
    problem: 'is not a host to ask for',
    hint: 'For example health.example.com, or health.example.com:8443.',
  });
  return undefined;
}

/** Values may be secrets: no message repeats them. */
function readHeaders(
  shapes: z.output<typeof healthCheckShape>['headers'],
  at: Cursor,
  problems: ProblemList,
): HealthCheckConfig['headers'] {
  if (shapes.length > maxHeaders) problems.error('too_many', at.place, `more than ${maxHeaders} fields`);
  return shapes.flatMap(({ name, value }, index) => {
    const here = at.down(index);
    if (name === undefined) {
      if (!here.isBroken('name')) problems.error('missing_key', here.place, 'the field has no `name`');
      return [];
    }
    if (!isToken(name))
      reportMistake(problems, 'wrong_value', here.down('name'), name, {
        problem: 'is not the name of a field',
        hint: 'For example X-Probe.',
      });
    else if (kindOf(name.toLowerCase()) !== FieldKind.plain)
      reportMistake(problems, 'wrong_value', here.down('name'), name, {
        problem: 'is a field that the gateway sets itself',
        hint: name.toLowerCase() === 'host' ? 'Write healthCheck.host.' : 'Remove it.',
      });
    if (!fieldValue.test(value))
      problems.error('wrong_value', here.down('value').place, 'the value could not stand in a field');
    return [{ name, value }];
  });
}
