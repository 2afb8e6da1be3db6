// `retry_policy` as `retry`: what may be tried again here is what certainly did not reach a backend.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import { type Context, readDeep } from './context.ts';

const words: Readonly<Record<string, string>> = {
  'connect-failure': 'connect',
  'reset-before-request': 'connect',
  'refused-stream': 'refused-stream',
  unavailable: 'connect',
};

export function readRetry(context: Context, map: SourceMap): DraftMap | undefined {
  const policy = map.map('retry_policy');
  const value = map.get('retry_policy');
  if (policy === undefined || value === undefined) return undefined;
  const asked = (policy.text('retry_on') ?? '').split(',').flatMap((word) => word.trim().toLowerCase() || []);
  const retries = context.number(policy, 'num_retries') ?? 1;
  for (const name of policy.names) {
    const detail = policy.getEmpty(name);
    if (name === 'retry_on' || name === 'num_retries' || detail === undefined) continue;
    readDeep(detail);
    context.report.left(detail, detail.shown, 'a detail of retries');
  }
  const on = [...new Set(asked.flatMap((word) => words[word] ?? []))];
  const others = asked.filter((word) => words[word] === undefined);
  if (others.length > 0)
    context.report.changed(
      value,
      `retry_on: ${others.join(',')}`,
      'what may have reached a backend is not tried again',
    );
  if (on.length === 0) return undefined;
  context.report.taken(value, 'retry_policy', 'retry');
  return { attempts: Math.min(10, retries + 1), on };
}
