import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { comparablePath, normalizeTarget, patternSegments } from './normalize-target.ts';

const normal: readonly [target: string, path: string, query: string, unmerged?: string][] = [
  ['/', '/', ''],
  ['*', '*', ''],
  ['/a/b', '/a/b', ''],
  ['/a/b/', '/a/b/', ''],
  ['/a?x=%2f..&y=\\', '/a', '?x=%2f..&y=\\'],
  ['/?', '/', '?'],
  ['/a??b', '/a', '??b'],
  ['//', '/', ''],
  ['//a', '/a', ''],
  ['///a/', '/a/', ''],
  ['//a//b', '/a/b', '', '/a//b'],
  ['/a//', '/a/', '', '/a//'],
  ['/x/..//a', '/a', ''],
  ['//./a', '/a', ''],
  ['/a/.//b', '/a/b', '', '/a//b'],
  ['//evil.test/x?//y', '/evil.test/x', '?//y'],
  ['/proxy/https://h/x', '/proxy/https:/h/x', '', '/proxy/https://h/x'],
  ['/%61%2D%7e%5F%2e', '/a-~_.', ''],
  ['/caf%c3%a9', '/caf%C3%A9', ''],
  ['/caf\u00c3\u00a9', '/caf%C3%A9', ''],
  ['/a%3ab%40', '/a%3Ab%40', ''],
  ['/%252e%252e/x', '/%252e%252e/x', ''],
  ['/a/./b', '/a/b', ''],
  ['/a/%2e/b', '/a/b', ''],
  ['/a/.', '/a/', ''],
  ['/.', '/', ''],
  ['/a/../b', '/b', ''],
  ['/a/b/..', '/a/', ''],
  ['/a/b/../../c', '/c', ''],
  ['/.hidden/..x/...', '/.hidden/..x/...', ''],
  ['/a;v=1/b', '/a;v=1/b', ''],
  ['/a%20b', '/a%20b', ''],
];

for (const [target, path, query, unmerged = ''] of normal) {
  test(`${JSON.stringify(target)} is judged and sent as ${path}`, () => {
    assert.deepEqual(normalizeTarget(target), { path, query, encodedSlash: false, unmerged });
  });
}

const refused = [
  '',
  'a',
  'http://h/',
  '*?x',
  '?x',
  '/a%5cb',
  '/a%5C',
  '/a\\b',
  '/%00',
  '/a%',
  '/a%2',
  '/a%zz',
  '/a%2',
  '/..',
  '/../a',
  '/a/../..',
  '/a/../../b',
  '/a//..',
  '/a//../b',
  '/%2e%2e/a',
  '/a/%2e%2e/b',
  '/a/.%2e/b',
  '/a/%2E./b',
  '/a/..;/b',
  '/a/..;x=1/b',
  '/a/.;/b',
  '/a/..%3b/b',
  '/a/%2e%2e;/b',
  '/a b',
  '/a\tb',
  '/a\u0000b',
  '/a\u007fb',
  '/a#b',
  '/\u0100',
];

for (const target of refused) {
  test(`${JSON.stringify(target)} is refused`, () => assert.equal(normalizeTarget(target), undefined));
}

test('An encoded slash stays what it is, and is told of', () => {
  assert.deepEqual(normalizeTarget('/a%2fb//c?x=%2f'), {
    path: '/a%2Fb/c',
    query: '?x=%2f',
    encodedSlash: true,
    unmerged: '/a%2Fb//c',
  });
  assert.equal(normalizeTarget('/a%2fb/../c')?.encodedSlash, false, 'what is not sent does not count');
});

test('What is normalised is normal: a second pass changes nothing, and nothing climbs', () => {
  const piece = fc.constantFrom(
    '/',
    '.',
    '..',
    '%2e',
    '%2E',
    'a',
    'B',
    '%41',
    '%3b',
    ';',
    '%25',
    '%2f',
    '//',
    '\u00e9',
    '%',
    '?',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const first = normalizeTarget(`/${pieces.join('')}`);
      if (first === undefined) return;
      assert.deepEqual(normalizeTarget(first.path + first.query), { ...first, unmerged: '' });
      assert.equal(first.encodedSlash, /%2f/i.test(first.path));
      assert.doesNotMatch(first.path, /\/\.\.?(?:$|[/;])|%2f(?<!%2F)|%5c|%00|\/\//i);
      if (first.unmerged === '') return;
      assert.deepEqual(normalizeTarget(first.unmerged + first.query), first);
      assert.doesNotMatch(first.unmerged, /^\/\//);
    }),
    { numRuns: 2000 },
  );
});

test('Patterns take the form of requests: text is encoded, trailing slashes go, parameters stay', () => {
  assert.deepEqual(patternSegments('/'), []);
  assert.deepEqual(patternSegments('/api/'), ['api']);
  assert.deepEqual(patternSegments('/caf\u00e9/my path'), ['caf%C3%A9', 'my%20path']);
  assert.deepEqual(patternSegments('/users/{id}/%41%3a'), ['users', '{id}', 'A%3A']);
  assert.deepEqual(patternSegments('/a{b}'), ['a%7Bb%7D']);
  for (const never of ['api', '/a/../b', '/a/./b', '/a%2fb', '/a\\b', '/..;/'])
    assert.equal(patternSegments(never), undefined);
});

test('Characters that need no encoding compare equal in both spellings', () => {
  assert.equal(comparablePath('/v1%3Aadmin%40%2B%24'), '/v1:admin@+$');
  assert.equal(comparablePath('/a%2520%23%3F%20'), '/a%2520%23%3F%20');
  assert.equal(comparablePath('/%7Ba%7D%7C%22'), comparablePath('/{a}|"'));
});
