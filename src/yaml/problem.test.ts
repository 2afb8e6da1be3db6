import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Problem, problemsToJson, renderProblem } from './problem.ts';
import { maxProblems, ProblemList } from './problem-list.ts';

function problemAt(line: number, col: number, hint = ''): Problem {
  return { severity: 'error', code: 'x', place: { file: 'a.yml', line, col }, message: 'wrong', hint };
}

test('a problem shows its place, its line with a caret, and the hint', () => {
  assert.equal(
    renderProblem(problemAt(2, 3, 'do this'), 'a: 1\nb: oops\n'),
    'a.yml:2:3: error: wrong\n  2 | b: oops\n    |   ^\n  hint: do this',
  );
});

test('a problem without its source, or behind its end, shows no line', () => {
  assert.equal(renderProblem(problemAt(2, 3)), 'a.yml:2:3: error: wrong');
  assert.equal(renderProblem(problemAt(9, 3), 'a: 1\n'), 'a.yml:9:3: error: wrong');
});

test('the caret stays under its character behind tabs and in long lines', () => {
  const [, line = '', caret = ''] = renderProblem(problemAt(1, 301), `\t${'x'.repeat(299)}!${'y'.repeat(99)}`).split(
    '\n',
  );
  assert.equal(line[caret.indexOf('^')], '!');
});

test('the shown line carries no secrets: passwords, credentials in URLs, inline keys', () => {
  const source = [
    'a: {password: hunter2, token: "s3cret", url: https://me:hunter2@host/}',
    `key: ${'TUlJRXZnSUJBREFOQmdrcWhr'.repeat(5)}`,
  ].join('\n');
  for (const line of [1, 2]) {
    const text = renderProblem(problemAt(line, 1), source);
    assert.doesNotMatch(text, /hunter2|s3cret|TUlJRXZn/);
    assert.match(text, /\*{6}/);
  }
});

test('problems as JSON are one document with counts', () => {
  const warning: Problem = { ...problemAt(1, 2), severity: 'warning' };
  assert.deepEqual(JSON.parse(problemsToJson([warning])), {
    ok: true,
    errors: 0,
    warnings: 1,
    problems: [{ severity: 'warning', code: 'x', file: 'a.yml', line: 1, col: 2, message: 'wrong', hint: '' }],
  });
});

test('a list keeps a problem once, sorts by place, and counts what it has no room for', () => {
  const list = new ProblemList();
  for (let line = maxProblems + 5; line > 0; line--) list.warn('x', { file: 'a.yml', line, col: 1 }, 'wrong');
  list.warn('x', { file: 'a.yml', line: 9, col: 1 }, 'wrong');
  list.error('y', { file: 'a.yml', line: 1, col: 1 }, 'late');
  const sorted = list.sorted(['a.yml']);
  assert.equal(list.hasErrors, true);
  assert.equal(sorted.length, maxProblems + 1);
  assert.deepEqual([sorted[0]?.place.line, sorted[1]?.place.line], [6, 7]);
  assert.equal(sorted.at(-1)?.severity, 'error', 'an error that was dropped is not lost');
});
