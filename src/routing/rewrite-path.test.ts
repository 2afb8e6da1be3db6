import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesAll } from '../config/match-conditions.ts';
import { PathRewrite, rewritePath } from './rewrite-path.ts';

const cases: readonly [pattern: string, rewrite: string | undefined, path: string, base: string, sent: string][] = [
  ['/api', undefined, '/api/x', '', '/api/x'],
  ['/api', undefined, '/api//x/', '/base', '/base/api//x/'],
  ['/api', '', '/api/x', '', '/api/x'],
  ['/api', '/', '/api', '', '/'],
  ['/api', '/', '/api/', '', '/'],
  ['/api', '/', '/api/x', '', '/x'],
  ['/api', '/', '/api/x/', '/base', '/base/x/'],
  ['/api', '/', '/api', '/base', '/base/'],
  ['/api', '/v2', '/api', '', '/v2'],
  ['/api', '/v2', '/api/', '', '/v2/'],
  ['/api', '/v2/', '/api/x', '', '/v2/x'],
  ['/api', '/v2', '/api/x//y', '', '/v2/x//y'],
  ['/api', '/', '/api//evil.example', '', '/evil.example'],
  ['/', '/v2', '/', '', '/v2/'],
  ['/', '/v2', '/x', '', '/v2/x'],
  ['/v1:a', '/b', '/v1%3Aa/x', '', '/b/x'],
  ['/users/{id}', '/u', '/users/7/x', '', '/u/x'],
  ['/users/{id}', '/u/{id}', '/users/7/x', '', '/u/7/x'],
  ['/{tenant}/api/{id}', '/v2/{id}-{tenant}', '/a%20b/api/7%3F/', '/base', '/base/v2/7%3F-a%20b/'],
  ['/{a}/{b}', '/', '/x/y', '', '/'],
];

for (const [pattern, rewrite, path, base, sent] of cases) {
  test(`${path} under ${pattern} → ${rewrite ?? 'no rewrite'} goes to ${base || 'the backend'} as ${sent}`, () => {
    const rule = PathRewrite.of({ path: pattern, match: matchesAll, rewrite });
    assert.equal(rewritePath(rule, path, base), sent);
  });
}

const expressions: readonly [pattern: string, rewrite: string, path: string, sent: string][] = [
  ['/v([0-9]+)/users/([^/]+)', '/api/$1/$2', '/v2/users/a%2Fb', '/api/2/a%2Fb'],
  ['/v([0-9]+)/.*', '/api-$1', '/v2/x//y/', '/api-2/x//y/'],
  ['/(a|b)([0-9]*)/.*', '/$1/x', '/b7/z', '/b/x/z'],
];

for (const [pattern, rewrite, path, sent] of expressions) {
  test(`${path} under the expression ${pattern} → ${rewrite} goes to the backend as ${sent}`, () => {
    const rule = PathRewrite.of({ path: pattern, match: { ...matchesAll, path: 'regex' }, rewrite });
    assert.equal(rewritePath(rule, path, ''), sent);
  });
}

test('What is put into a rewrite makes a segment of its own, or the request is refused', () => {
  const optional = PathRewrite.of({ path: '/v([0-9]*)a', match: { ...matchesAll, path: 'regex' }, rewrite: '/$1/x' });
  assert.equal(rewritePath(optional, '/v1a', ''), '/1/x');
  assert.equal(rewritePath(optional, '/va', ''), undefined, 'empty');
  const dots = PathRewrite.of({ path: '/{a}/{b}', match: matchesAll, rewrite: '/.{a}/..{b}' });
  assert.equal(rewritePath(dots, '/x/y', ''), '/.x/..y');
  for (const path of ['/.x/%3Bx', '/x/%20', '/x/;y', '/x/%2F', '/x/%2Fy', '/x/.%20'])
    assert.equal(rewritePath(dots, path, ''), undefined, path);
  const joined = PathRewrite.of({
    path: '/a(\\.)b(\\.)c',
    match: { ...matchesAll, path: 'regex' },
    rewrite: '/$1$2/x',
  });
  assert.equal(rewritePath(joined, '/a.b.c', ''), undefined);
});
