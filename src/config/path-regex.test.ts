import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePathRegex } from './path-regex.ts';

function shape(text: string): string {
  const parsed = parsePathRegex(text);
  if ('problem' in parsed) return parsed.problem;
  const parts = parsed.segments.map((segment) =>
    segment.kind === 'text'
      ? segment.text
      : segment.kind === 'any'
        ? `<${segment.groups}>`
        : `~${segment.source}~${segment.groups}`,
  );
  return `/${parts.join('/')}${parsed.open ? ' open' : ''}`;
}

test('An expression is a list of segments: text, expressions, any', () => {
  assert.equal(shape('/'), '/');
  assert.equal(shape('/.*'), '/ open');
  assert.equal(shape('^/api/v[0-9]+/users$'), '/api/~v[0-9]+~0/users');
  assert.equal(shape('/a\\.b/[^/]+/([^/]+)(/.*)?'), '/a.b/<0>/<1> open');
  assert.equal(shape('/(a|b)-(\\d+)/(?:x|y)/.*'), '/~(a|b)-(\\d+)~2/~(?:x|y)~0 open');
  assert.equal(shape('/@me,x/a{2,3}'), '/@me,x/~a{2,3}~0');
});

const refused: readonly [text: string, problem: RegExp][] = [
  ['api', /starts with a slash/],
  ['/a.b', /a dot that stands for any character/],
  ['/a/', /empty segment/],
  ['/a//b', /empty segment/],
  ['/(a/b)', /does not close a group/],
  ['/a)', /closes a group/],
  ['/a/.*/b', /a dot/],
  ['/[^a]+', /character class \[\^a\]/],
  ['/[a/b]', /does not close a character class/],
  ['/[A-z]', /character class/],
  ['/[+-_]', /character class/],
  ['/x[^/]+', /whole segment/],
  ['/a%20b', /"%"/],
  ['/a;b', /";"/],
  ['/a b', /" "/],
  ['/caf\u00e9', /holds/],
  ['/a\\s', /escape/],
  ['/(?=a)b', /group of a kind/],
  ['/(?<n>a)', /group of a kind/],
  ['/a\\.', /end with a dot/],
  ['/\\.\\.', /end with a dot/],
  ['/(a+)+', /repeats a group/],
  ['/a**', /holds "\*"/],
  ['/\u0001', /control/],
];

for (const [text, problem] of refused)
  test(`${JSON.stringify(text)} is refused: ${problem.source}`, () => assert.match(shape(text), problem));

test('The sample of an expression matches it', () => {
  for (const text of ['v[0-9]+', '(a|b)[_-]?x*', '\\d{2,}\\w', 'a{0,2}b', '[.a]b', '(?:ab|c)?d']) {
    const parsed = parsePathRegex(`/${text}`);
    const [segment] = 'segments' in parsed ? parsed.segments : assert.fail(parsed.problem);
    assert.ok(segment?.kind === 'regex');
    assert.match(segment.sample, new RegExp(`^(?:${text})$`));
  }
});
