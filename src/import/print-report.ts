// The report of an import for people and as JSON: first what keeps it from being made, then what is different, then every line that was
// taken over and what it became.
import { safeJson } from '../base/safe-json.ts';
import { maskSecrets } from '../base/secret-text.ts';
import { type Problem, renderProblem } from '../yaml/problem.ts';
import { showPlace } from '../yaml/place.ts';
import { isLossCode, losses } from './losses.ts';
import type { Outcome, ReportEntry } from './report.ts';

export type ImportOutcome = {
  /** undefined where nothing may be written. */
  readonly yaml: string | undefined;
  readonly entries: readonly ReportEntry[];
  /** Of the result, as `check` finds them. Places are those in the result. */
  readonly problems: readonly Problem[];
  /** Of these, what this machine lacks: files and variables that are there where the gateway runs. */
  readonly missing: readonly Problem[];
};

/** `sources`: texts by the name of their file, for the lines in question. `result`: what would be written, likewise. */
export function renderReport(
  outcome: ImportOutcome,
  sources: ReadonlyMap<string, string>,
  result: string,
  colour: boolean,
): string {
  const { entries, problems, missing } = outcome;
  const parts: string[] = [];
  const of = (...outcomes: Outcome[]) => entries.filter((entry) => outcomes.includes(entry.outcome));
  for (const entry of of('refused', 'lost')) {
    parts.push(renderProblem(problemOf(entry), sources.get(entry.place.file), colour));
  }
  for (const problem of problems) parts.push(renderProblem(ofResult(problem), result, colour));
  parts.push(section('Not on this machine; the gateway needs it where it runs', missing.map(sayMissing)));
  parts.push(section('Different here', of('changed').map(sayEntry)));
  parts.push(section('Left out, and nothing is open without it', of('left').map(sayEntry)));
  parts.push(section('Taken over', of('taken').map(sayTaken)));
  parts.push(summarize(outcome));
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** `{ok, counts, entries: [{outcome, code, file, line, col, what, says, accepted}], problems, missing}`. */
export function reportToJson({ yaml, entries, problems, missing }: ImportOutcome): string {
  const plain = ({ place, what, says, ...more }: ReportEntry) => {
    const { file, line, col } = place;
    return { ...more, file, line, col, what: maskSecrets(what), says: maskSecrets(says) };
  };
  const withoutFile = ({ severity, code, place, message, hint }: Problem) => {
    return { severity, code, line: place.line, col: place.col, message, hint };
  };
  const report = {
    ok: yaml !== undefined,
    counts: countsOf(entries),
    entries: entries.map(plain),
    problems: problems.map(withoutFile),
    missing: missing.map(withoutFile),
  };
  return `${safeJson(report, 2)}\n`;
}

function problemOf({ outcome, code = '', place, what, says, accepted }: ReportEntry): Problem {
  const message = maskSecrets(`${what}: ${says}`);
  if (outcome === 'refused' || !isLossCode(code)) return { severity: 'error', code, place, message, hint: '' };
  const hint = accepted
    ? `Accepted (${code}). ${losses[code]}`
    : `${losses[code]} Where that is known and meant: --accept-losses ${code}`;
  return { severity: accepted ? 'warning' : 'error', code, place, message, hint };
}

/** What was made has no file yet. */
function ofResult(problem: Problem): Problem {
  return { ...problem, place: { ...problem.place, file: 'result' } };
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

function sayEntry({ place, what, says }: ReportEntry): string {
  return `${printable(showPlace(place))}: ${printable(maskSecrets(`${what}: ${says}`))}`;
}

function sayTaken({ place, what, says }: ReportEntry): string {
  return `${printable(showPlace(place))}: ${printable(maskSecrets(`${what} -> ${says}`))}`;
}

function sayMissing({ place, message }: Problem): string {
  return printable(`line ${place.line}: ${message}`);
}

function summarize({ yaml, entries, problems, missing }: ImportOutcome): string {
  const counts = countsOf(entries);
  const errors = counts.refused + counts.lost + problems.filter(({ severity }) => severity === 'error').length;
  const parts = [
    `${counts.taken} taken over`,
    `${counts.changed} different`,
    `${counts.left} left out`,
    ...(counts.accepted > 0 ? [`${counts.accepted} losses accepted`] : []),
    ...(missing.length > 0 ? [`${missing.length} not on this machine`] : []),
    `${errors} ${errors === 1 ? 'error' : 'errors'}`,
  ];
  return `${yaml === undefined ? 'Nothing was written' : 'Imported'}: ${parts.join(', ')}.`;
}

type Counts = Record<Outcome | 'accepted', number>;

function countsOf(entries: readonly ReportEntry[]): Counts {
  const counts: Counts = { taken: 0, changed: 0, left: 0, lost: 0, refused: 0, accepted: 0 };
  for (const { outcome, accepted } of entries) counts[accepted === true ? 'accepted' : outcome]++;
  return counts;
}

/** One line, without what moves a terminal's cursor. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '?');
}
