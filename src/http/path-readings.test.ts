import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasOneReading, isPlainPath, readPath } from './path-readings.ts';

/** All of them read as the text on the left by somebody. */
const same: readonly [reading: string, paths: readonly string[]][] = [
  [
    '/secret/plan.txt',
    [
      '/SECRET/Plan.TXT',
      '/secret//plan.txt',
      '/;x/secret/plan.txt',
      '/secret;jsessionid=1/plan.txt',
      '/secret%3Bx/plan.txt',
      '/secret%253bx/plan.txt',
      '/secret%252fplan.txt',
      '/secret%252Fplan.txt',
      '/secret%25252fplan.txt',
      '/secret%255cplan.txt',
      '/secret%25u002fplan.txt',
      '/secret%C0%AFplan.txt',
      '/secret%E0%80%AFplan.txt',
      '/secret%F0%80%80%AFplan.txt',
      '/secret%EF%BC%8Fplan.txt',
      '/secret%EF%BC%BCplan.txt',
      '/secret%E2%88%95plan.txt',
      '/secret%25C0%25AFplan.txt',
      '/%2573ecret/plan.txt',
      '/%EF%BD%93ecret/plan.txt',
      '/%C5%BFecret/plan.txt',
      '/secret./plan.txt.',
      '/secret%20/plan.txt%20',
      '/%20secret/plan.txt..',
      '/secret%09/plan.txt%0D',
      '/secret/plan.txt::$DATA',
      '/secret:$i30:$INDEX_ALLOCATION/plan.txt',
      '/secret%3A%3A$DATA/plan.txt',
      '/secret/plan.txt%3Fx',
      '/secret/plan.txt%23x',
      '/secret/plan.txt%253fx',
      '/secret%E2%80%8B/plan.txt',
      '/se%FFcret/plan.txt',
      '/se%07cret/plan.txt',
      '/sec%C0%AFret/plan%E0%80%AF.txt',
      '/sec%C1%B2ret/plan.txt',
      '/sec%25C1%25B2ret/plan.txt',
      '/sec%F0%80%81%B2ret/plan.txt',
      '/sec%C0%AE%C1%A1ret/plan.txt',
      '/secret%252f%252fplan.txt',
      '/secret;a%252fb/plan.txt',
    ],
  ],
  ['/strasse', ['/stra%C3%9Fe', '/STRASSE', '/STRA%E1%BA%9EE']],
  ['/caf\u00e9', ['/caf%C3%A9', '/CAF%C3%89', '/cafe%CC%81']],
  ['/caf\u00e9', ['/caf%E9', '/CAF%C9', '/caf%25E9', '/c%25%36%31f%25E9']],
  ['/foo', ['/f%BAo', '/fo%BA']],
  ['/a%', ['/a%25', '/A%2525']],
];
for (const [reading, paths] of same)
  for (const path of paths)
    test(`${path} may be read as ${reading}`, () => {
      assert.ok(readPath(path)?.folded.includes(reading), JSON.stringify(readPath(path)));
      assert.equal(isPlainPath(path), false);
    });

const single: readonly [path: string, reading: string][] = [
  ['/secretary', '/secretary'],
  ['/secret.txt', '/secret.txt'],
  ['/.hidden/..x/...y', '/.hidden/..x/...y'],
  ['/v1:batch/@me,+1', '/v1:batch/@me,+1'],
  ['/a$b/~c', '/a$b/~c'],
];
for (const [path, reading] of single)
  test(`${path} is read in one way only`, () => {
    assert.equal(isPlainPath(path), true);
    assert.deepEqual(readPath(path), { folded: [reading], literal: [], undivided: true });
  });

const refused = [
  '/a/%252e%252e/b',
  '/a/..%252fb',
  '/a/b%252f..%252fc',
  '/a/%252e/b',
  '/a/..%20/b',
  '/a/.%20./b',
  '/a/..%09/b',
  '/a/%C0%AE%C0%AE/b',
  '/a/%EF%BC%8E%EF%BC%8E/b',
  '/a/%E2%80%A5/b',
  '/a/%E2%80%A4%E2%80%A4/b',
  '/a/..%E2%80%8B/b',
  '/a/..%FF/b',
  '/a/..::$DATA/b',
  '/a/..%3Fx',
  '/a/..%23/b',
  '/a/%252e%252e;x/b',
  '/a/x%255c..%255cb',
  '/a/%2500',
  '/a/b%C0%80',
  '/a%C3%25A9',
  '/a%25C3%A9',
  '/a%C0%25AFb',
  '/a%E9%25E9',
  `/a/%${'25'.repeat(9)}41`,
];
for (const path of refused) test(`${path} has no honest reading`, () => assert.equal(readPath(path), undefined));

test('A pattern is what is read in one way, whatever its letters', () => {
  for (const path of ['/', '/API', '/caf%C3%A9', '/a;b', '/v1.', '/v1%3Aadmin', '/a%25'])
    assert.ok(hasOneReading(path), path);
  for (const path of ['/a%252fb', '/a%3fb/c', '/;x/b', '/.../b', '/a/..%20', '/%20/b'])
    assert.ok(!hasOneReading(path), path);
});

test('A path that is let pass at a glance has no reading but itself, and readings are few', () => {
  const piece = fc.constantFrom(
    '/',
    '.',
    ' ',
    'a',
    'B',
    '%25',
    '2f',
    '%C0',
    '%AF',
    ';',
    ':',
    '$',
    '?',
    '//',
    '~',
    '\\',
    '%3F',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const path = `/${pieces.join('')}`;
      const readings = readPath(path);
      if (readings === undefined) return;
      const { folded, literal } = readings;
      assert.ok(folded.length >= 1 && folded.length <= 90 && literal.length <= 36);
      for (const reading of folded) assert.doesNotMatch(reading, /[A-Z\0]|(?:^|\/)\.\.?(?:\/|$)/);
      if (isPlainPath(path) && !/[ ?]/.test(path))
        assert.deepEqual(readings, { folded: [path], literal: [], undivided: true });
    }),
    { numRuns: 3000 },
  );
});
