// Where a request goes that a backend did not get: to another one, to the same again, or nowhere.
import type { Backend } from '../upstream/backend.ts';
import { aimElsewhere } from './prepare.ts';
import { type Attempt, planNextAttempt } from './retry.ts';

/** Aims the request anew. Returns the backends that the next attempts avoid, given those of the last; undefined: there is no next attempt. */
export function aimAgain(attempt: Attempt, tried: readonly Backend[]): readonly Backend[] | undefined {
  const { context } = attempt;
  const next = planNextAttempt(attempt);
  if (next === 'none') return undefined;
  if (next === 'there') return tried;
  const failed = context.backend;
  const all = [...tried, failed];
  if (aimElsewhere(context, all)) return all;
  if (next === 'elsewhere') return undefined;
  // Once around: from here on the last one is avoided, where there is another.
  aimElsewhere(context, [failed]);
  return [failed];
}
