// What the reload endpoint answers: what changed, or what is wrong. 422 where the configuration is to blame; 503 where the moment
// is: then it is tried again by itself.
import type { Problem } from '../yaml/problem.ts';
import type { ReloadOutcome } from './reloader.ts';

const maxProblems = 100;
const statusOf = { configuration: 422, moment: 503, defect: 500 } as const;

export function reloadAnswer(outcome: ReloadOutcome, durationMs: number): { status: number; body: object } {
  const { generation, problems } = outcome;
  const about = { generation, durationMs, problems: problems.slice(0, maxProblems).map(toJson) };
  if (!outcome.ok) return { status: statusOf[outcome.blame], body: { status: 'error', error: outcome.why, ...about } };
  const { routes, changes, needsRestart } = outcome;
  const restart = needsRestart.length === 0 ? {} : { needsRestart };
  return { status: 200, body: { status: 'ok', routes, ...changes, ...restart, ...about } };
}

function toJson({ severity, code, place, message, hint }: Problem): object {
  const { file, line, col } = place;
  return { severity, code, file, line, col, message, hint };
}
