// Idempotency-Key: a request that is sent again under the same key by the same caller gets the answer of the first.
import type { Clock } from '../base/clock.ts';
import { canonicalJson, type Json, type JsonObject } from '../store/canonical-json.ts';
import { digestOf } from '../store/digest.ts';
import type { IdempotencyKeys } from '../store/idempotency.ts';
import { ApiProblem } from './api-problem.ts';
import type { Answer } from './operation.ts';

const keptMs = 24 * 60 * 60_000;

export const keyPattern = /^[!-~]{1,200}$/;

export type Repeatable = {
  readonly key: string;
  readonly caller: string;
  readonly operation: string;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
};

export async function answerOnce(
  { key, caller, operation, params, query, body }: Repeatable,
  keys: IdempotencyKeys,
  clock: Pick<Clock, 'now'>,
  run: () => Promise<Answer>,
): Promise<Answer> {
  if (!keyPattern.test(key))
    throw new ApiProblem('bad_request', 'Idempotency-Key takes 1 to 200 visible ASCII characters.');
  const own = digestOf('row', `${caller}\n${key}`);
  const asked = digestOf('row', `${operation}\n${canonicalJson({ params, query, body: body ?? null })}`);
  const begun = await keys.begin(own, asked, clock.now() + keptMs);
  if (begun.outcome === 'mismatch')
    throw new ApiProblem('key_mismatch', 'Take a new Idempotency-Key for another request.');
  if (begun.outcome === 'running')
    throw new ApiProblem('key_running', 'Wait until the first request is answered, then ask what became of it.');
  if (begun.outcome === 'done') return readKept(begun.answer);
  try {
    const answer = await run();
    await keys.finish(own, kept(answer));
    return answer;
  } catch (error) {
    // Nothing was done: the next one may try.
    await keys.release(own);
    throw error;
  }
}

function kept({ status, body, keep, fields }: Answer): JsonObject {
  const shown = keep ?? body ?? null;
  return { status, body: JSON.parse(JSON.stringify(shown)) as Json, fields: { ...fields } };
}

function readKept(answer: JsonObject): Answer {
  return {
    status: Number(answer['status']),
    body: answer['body'],
    fields: { ...(answer['fields'] as Record<string, string>), 'idempotency-replayed': 'true' },
  };
}
