// `retry` of a route: after which failures its requests are tried again, and how often.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { integer, list, map, oneOf } from './atoms.ts';
import type { RouteConfig } from './gateway-config.ts';
import { key } from './key.ts';

export const retryKeys = {
  attempts: key(integer(1, 10), {
    says: 'Attempts in all; 1 = no retry.',
    default: 1,
    page: 'own. Attempts in all, {min} to {max}; 1: no retry.',
  }),
  on: key(list(oneOf(['connect', 'refused-stream'])), {
    says: 'Failures after which another attempt is made. Default {default}; refused-stream has no effect yet.',
    default: ['connect'],
    page: 'own. Failures after which another attempt is made. `refused-stream` has no effect before backends are spoken to in HTTP/2 (warning).',
  }),
};
const retry = map(retryKeys);
type RetryShape = z.output<typeof retry>;

/** `around`: the route. */
export function readRetry(shape: RetryShape, around: Cursor, problems: ProblemList): RouteConfig['retry'] {
  const at = around.down('retry');
  if (!shape.on.includes('connect') && shape.attempts > 1)
    problems.warn(
      'ignored_key',
      at.keyPlace('attempts'),
      'attempts has no effect: `on` lists no failure after which to try again',
    );
  return { attempts: shape.attempts, on: readRetryOn(shape.on, at.down('on'), problems) };
}

/** Streams are refused in HTTP/2 alone (RFC 9113 section 8.7), which backends are not spoken to in yet. */
function readRetryOn(written: RetryShape['on'], at: Cursor, problems: ProblemList): 'connect'[] {
  for (const [i, failure] of written.entries())
    if (failure === 'refused-stream')
      problems.warn(
        'unsupported_key',
        at.down(i).place,
        'refused-stream is not supported by this version: backends are spoken to in HTTP/1.1, which refuses no streams',
        'Remove it.',
      );
  return written.includes('connect') ? ['connect'] : [];
}
