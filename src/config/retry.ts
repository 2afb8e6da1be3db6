// `retry` of a route: after which failures its requests are tried again, and how often.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { integer, list, map, oneOf } from './atoms.ts';
import type { RouteConfig } from './gateway-config.ts';
import { key } from './key.ts';

export const retryKeys = {
  attempts: key(integer(1, 10), {
    says: 'Attempts in all; 1 = no retry. Default: another backend of the route is tried at once, up to three in all.',
    unset: 'another backend, if there is one',
    page: 'own. Attempts in all, {min} to {max}, also at the same backend; 1: no retry. Unset: what could not be connected is tried at once at up to two other backends of the route that are available.',
  }),
  on: key(list(oneOf(['connect', 'refused-stream'])), {
    says: 'Failures after which another attempt is made. Default {default}.',
    default: ['connect'],
    page: 'own. Failures after which another attempt is made. A stream that a backend refuses (HTTP/2) is tried again once in any case; `refused-stream`: as often as `attempts` allows.',
  }),
};
const retry = map(retryKeys);
export type RetryShape = z.output<typeof retry>;

/** `around`: the route. */
export function readRetry(shape: RetryShape, around: Cursor, problems: ProblemList): RouteConfig['retry'] {
  const at = around.down('retry');
  if (shape.on.length === 0 && (shape.attempts ?? 1) > 1)
    problems.warn(
      'ignored_key',
      at.keyPlace('attempts'),
      'attempts has no effect: `on` lists no failure after which to try again',
    );
  return { attempts: shape.attempts, on: shape.on };
}
