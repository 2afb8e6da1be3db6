// One thing that is wrong (or doubtful) in the configuration, and the text that shows it: file:line:col, the line with a
// caret, what to do. Problems are collected (problem-list.ts), never thrown one by one. Material problems (files,
// certificates) use it too. Text that ends on a terminal never carries control characters of a file along.
import { paint } from '../base/colour.ts';
import { maskSecrets } from '../base/secret-text.ts';
import { type Place, showPlace } from './place.ts';

export type Problem = {
  readonly severity: 'error' | 'warning';
  /** Stable, snake_case, for --json and tests. */
  readonly code: string;
  readonly place: Place;
  readonly message: string;
  /** What to do about it; '' where the message says it all. */
  readonly hint: string;
  /** The line may hold a secret that nothing in it gives away: of its values, none is shown. */
  readonly hidesValues?: true;
};

const excerptWidth = 120;
/** Beyond this a line is not shown, so that hiding its secrets costs little. */
const maskedWidth = 16_384;

/** Several lines without a trailing newline. `sourceText` is the text of `problem.place.file`, where it is at hand. */
export function renderProblem(problem: Problem, sourceText?: string, colour = false): string {
  const { line, col, stored } = problem.place;
  const severity = paint(problem.severity, problem.severity === 'error' ? '1;31' : '1;33', colour);
  const lines = [`${printable(`${showPlace(problem.place)}: `)}${severity}${printable(`: ${problem.message}`)}`];
  const source = sourceText === undefined || stored !== undefined ? undefined : findLine(sourceText, line);
  if (source !== undefined && source.trim() !== '')
    lines.push(...excerpt(problem.hidesValues === true ? hideValues(source) : source, line, col));
  if (problem.hint !== '') lines.push(printable(`  hint: ${problem.hint}`));
  return lines.join('\n');
}

/**
 * One JSON document for `--json`: `{ok, errors, warnings, problems: [{severity, code, file, line, col, message, hint}]}`; of an
 * object of a store `kind`, `id` and `pointer` stand in place of line and column.
 */
export function problemsToJson(problems: readonly Problem[]): string {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const list = problems.map(({ severity, code, place, message, hint }) => {
    const { file, line, col, stored } = place;
    return { severity, code, file, ...(stored ?? { line, col }), message, hint };
  });
  return JSON.stringify({ ok: errors === 0, errors, warnings: problems.length - errors, problems: list });
}

function excerpt(source: string, line: number, col: number): string[] {
  const number = String(line);
  // A long line is cut so that the caret stays in sight.
  const start = col > excerptWidth ? col - 1 - Math.floor(excerptWidth / 2) : 0;
  const shown = printable(
    mask(source)
      .slice(start, start + excerptWidth)
      .replaceAll('\t', ' '),
  );
  const caret = ' '.repeat(Math.max(0, col - 1 - start));
  return [
    `  ${number} | ${start > 0 ? '…' : ''}${shown}`,
    `  ${' '.repeat(number.length)} | ${start > 0 ? ' ' : ''}${caret}^`,
  ];
}

/** Secrets of the line as stars, in their length: problems end up in logs. Passwords, tokens, long base64 (inline keys). */
function mask(line: string): string {
  const stars = (text: string): string => '*'.repeat(text.length);
  return maskSecrets(line.slice(0, maskedWidth))
    .replace(/(?<=:\/\/)[^/\s@]*(?=@)/g, stars)
    .replace(/(?<=(?:password|passphrase|secret|token|credentials)["']?: {0,4})(?:"[^"]*"|'[^']*'|[^\s,}\]]+)/gi, stars)
    .replace(/(?<=\b(?:key|keys|clientKey)["']?: {0,4})[^\s"'.,/\\{}[\]]{12,}(?=["',}\s]|$)/g, stars);
}

/** Keys and what frames the values stay; the values are stars. */
function hideValues(line: string): string {
  return line
    .slice(0, maskedWidth)
    .replace(/[^\s,{}[\]]+/g, (word) => (/^(?:-|#|[A-Za-z]+:)$/.test(word) ? word : '*'.repeat(word.length)));
}

function findLine(text: string, line: number): string | undefined {
  let start = 0;
  for (let n = 1; n < line; n++) {
    const end = text.indexOf('\n', start);
    if (end < 0) return undefined;
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  return text.slice(start, end < 0 ? undefined : end).replace(/\r$/, '');
}

/** Control characters and bidirectional overrides become `?`: a configuration may come from somebody else. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '?');
}
