import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchInputLimit, parseSafeRegex, parseWholeRegex } from './safe-regex.ts';

const accepted = [
  ['^v[0-9]+$', '^v[0-9]+$'],
  ['.*Chrome.*', 'Chrome'],
  ['^.*Chrome.*$', 'Chrome'],
  ['^(get|post|put|delete|patch)$', '^(get|post|put|delete|patch)$'],
  ['^/api/v[0-9]+/.*$', '^/api/v[0-9]+/'],
  ['(?:beta|alpha)-[0-9]{1,3}', '(?:beta|alpha)-[0-9]{1,3}'],
  ['^(ab)+$', '^(ab)+$'],
  ['a\\.*', 'a\\.*'],
  ['', ''],
  ['a{', 'a{'],
] as const;

for (const [written, pattern] of accepted) {
  test(`${JSON.stringify(written)} is accepted as ${JSON.stringify(pattern)}`, () =>
    assert.deepEqual(parseSafeRegex(written), { pattern }));
}

const refused = [
  '(a+)+',
  '(a*)*$',
  '((a))+b|(a|b)+',
  '(a|a)*',
  '(?=a)',
  '(?<!a)b',
  '(?<n>a)',
  '(?i)a',
  '(a)\\1',
  '\\k<n>',
  '^a*a*a*$',
  '.*a.*b.*c',
  'a?'.repeat(40),
  '(a|b)'.repeat(30),
  'a{1000}',
  '(a{2}){2}',
  '[]a]',
  '[^]]',
  '[[:alpha:]]',
  '\\pL',
  '\\Aa',
  'a)',
  '(a',
  '[a',
  '*',
  'a'.repeat(300),
];

for (const written of refused) {
  test(`${JSON.stringify(written.slice(0, 40))} is refused`, () =>
    assert.ok('problem' in parseSafeRegex(written), JSON.stringify(parseSafeRegex(written))));
}

test('a redundant .* that is removed changes no answer', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 12 });
  const core = fc.constantFrom('ab', 'a+b', 'a|b', '^a', 'b$', 'a\\.', '(a|b)a');
  fc.assert(
    fc.property(
      core,
      fc.constantFrom('.*', '^.*', ''),
      fc.constantFrom('.*', '.*$', ''),
      text,
      (middle, before, after, value) => {
        const written = before + middle + after;
        const reading = parseSafeRegex(written);
        assert.ok('pattern' in reading);
        assert.equal(new RegExp(reading.pattern).test(value), new RegExp(written).test(value), written);
      },
    ),
    { numRuns: 500 },
  );
});

test('whatever is accepted answers on the longest input that can be built to hurt it', () => {
  const piece = fc.constantFrom(
    'a',
    'aa',
    '.',
    'a*',
    'a+',
    '.*',
    'a?',
    '(a|aa)',
    '(aa)*',
    '[ab]{1,9}',
    '(?:a+)',
    'a{0,9}',
    '|',
    '(',
    ')',
    '*',
    '+',
    '?',
    '^',
    '$',
    'b',
    '{2}',
  );
  const pattern = fc.array(piece, { maxLength: 10 }).map((parts) => parts.join(''));
  const inputs = ['a'.repeat(matchInputLimit), `${'a'.repeat(matchInputLimit - 1)}!`, 'ab'.repeat(matchInputLimit / 2)];
  fc.assert(
    fc.property(pattern, (written) => {
      const reading = parseSafeRegex(written);
      if (!('pattern' in reading)) return;
      const expression = new RegExp(`${reading.pattern}!!`);
      for (const input of inputs) assert.equal(expression.test(input), expression.test(input));
    }),
    { numRuns: 300 },
  );
});

const acceptedWhole = ['.*', '^a$', 'spiffe://x\\.org/ns/[^/]+/sa/[^/]+', '.*@corp\\.example', 'a|b', '(?:a|b)c+', ''];
const refusedWhole = [
  // Few ways to match, each of which compares much.
  '[ab]*[ab]*[ab]{64}[ab]{64}c',
  `[ab]*[ab]*(?:${'[ab]'.repeat(40)}){2}c`,
  '.*.*.*',
  '(a+)+',
  'a)|(b',
  'a)(?:b',
  '(a',
  '[a',
  '\\',
  'a'.repeat(300),
  '(?<=a)b',
  '(a)\\1',
  '*',
];

for (const written of acceptedWhole)
  test(`${JSON.stringify(written)} is accepted for a whole value, and nothing is removed from it`, () =>
    assert.deepEqual(parseWholeRegex(written), { pattern: written }));

for (const written of refusedWhole)
  test(`${JSON.stringify(written.slice(0, 40))} is refused for a whole value`, () =>
    assert.ok('problem' in parseWholeRegex(written), JSON.stringify(parseWholeRegex(written))));

test('between the brackets of a whole-value match, a pattern holds for exactly the values that it matches from end to end', () => {
  const piece = fc.constantFrom('a', 'b', '.', 'a*', '|', '(', ')', '(?:', '^', '$', '[ab]', 'b+', '\\.', '?');
  const pattern = fc.array(piece, { maxLength: 7 }).map((parts) => parts.join(''));
  const value = fc.string({ unit: fc.constantFrom('a', 'b', '.', ')'), maxLength: 6 });
  fc.assert(
    fc.property(pattern, value, (written, text) => {
      const reading = parseWholeRegex(written);
      if (!('pattern' in reading)) return;
      const anchored = new RegExp(`^(?:${reading.pattern})$`).test(text);
      // Every match at the start, the longest last: does one of them end where the value ends?
      const ends = new RegExp(`(?:${reading.pattern})(?![^])`, 'y').test(text);
      assert.equal(anchored, ends, `${written} on ${text}`);
    }),
    { numRuns: 500 },
  );
});
