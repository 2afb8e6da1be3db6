import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readFilterPaths, withRoutePath } from '../config/filter-paths.ts';
import { Cursor } from '../yaml/cursor.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { PathScope } from './path-scope.ts';

const nowhere = new Cursor(undefined, { file: 'a.yml', line: 1, col: 1 });

function scopeOf(paths: readonly string[], { route = '/', guards = true } = {}): PathScope {
  const problems = new ProblemList();
  const entries = readFilterPaths(paths, nowhere, problems);
  assert.deepEqual(problems.sorted([]), []);
  assert.ok(entries);
  return new PathScope(withRoutePath(entries, route), guards);
}

describe('paths of a middleware on the route /app', () => {
  // As measured on Goma 0.13: what it takes for meant, we do too.
  const scope = scopeOf(['/admin'], { route: '/app' });
  for (const path of [
    '/app/admin',
    '/app/admin/',
    '/app/admin/x',
    '/app/ADMIN',
    '/app/administrator',
    '/app/a/admin',
    '/app//admin',
    '/app/%61dmin',
    '/admin',
  ])
    it(`mean ${path}`, () => assert.equal(scope.has(path), true));
  for (const path of ['/app', '/app/x-admin', '/app/adm', '/'])
    it(`do not mean ${path}`, () => assert.equal(scope.has(path), false));
});

describe('paths that end with /*', () => {
  const scope = scopeOf(['/docs/v2/*'], { route: '/app' });
  it('mean the folder and everything below it, be it below the route or not', () => {
    for (const path of ['/docs/v2', '/docs/v2/', '/docs/v2/a/b', '/DOCS/V2/a', '/app/docs/v2/a'])
      assert.equal(scope.has(path), true, path);
  });
  it('mean nothing beside it', () => {
    for (const path of ['/docs/v', '/docs', '/other/docs/v1']) assert.equal(scope.has(path), false, path);
  });
});

describe('spellings in which a backend could read a guarded path', () => {
  const paths = [
    '/x/%2561dmin',
    '/x;a=b/admin',
    '/admin;x=1',
    '/%EF%BC%8Fadmin',
    '/x/%C0%AFadmin',
    '/x/ad%C0%AFmin',
    '/x/ad%C1%A1min',
    '/adm%C2%ADin',
    '/admin.',
    '/admin%20',
  ];
  const guard = scopeOf(['^/x/admin$', '^/admin$']);
  for (const path of paths) it(`are guarded: ${path}`, () => assert.equal(guard.has(path), true));
  it('are nothing to a middleware that guards nothing', () => {
    const plain = scopeOf(['^/x/admin$', '^/admin$'], { guards: false });
    assert.equal(plain.has('/x;a=b/admin'), false);
    assert.equal(plain.has('/x/admin'), true);
  });
});

describe('a guarded path that is written with a slash at its end', () => {
  for (const entry of ['/admin/', '^/admin/$'])
    it(`is guarded in every spelling, and what is another path is not: ${entry}`, () => {
      const guard = scopeOf([entry]);
      for (const path of ['/admin/', '/admin;x/', '/admin;x', '/%2561dmin/', '/ADMIN/', '/admin%20/'])
        assert.equal(guard.has(path), true, path);
      for (const path of ['/', '/admin', '/x', '/x;y/']) assert.equal(guard.has(path), false, path);
    });
  it('is itself alone for a middleware that guards nothing', () => {
    assert.equal(scopeOf(['^/admin/$'], { guards: false }).has('/admin;x/'), false);
  });
});

describe('a path that no regular expression is tried on, since it is too long,', () => {
  it('counts as meant', () => {
    const scope = scopeOf(['^/secret/[a-z]+$']);
    assert.equal(scope.has(`/${'a'.repeat(600)}`), true);
    assert.equal(scope.has(`/${'a'.repeat(500)}`), false);
  });
});

describe('an entry that is no path and no regular expression that runs in bounded time', () => {
  for (const path of ['', '(a+)+$', '/a?b=c', '(?=/admin)', '/admin(', 'a'.repeat(600), '/a\u0000'])
    it(`is an error: ${JSON.stringify(path.slice(0, 20))}`, () => {
      const problems = new ProblemList();
      readFilterPaths([path], nowhere, problems);
      assert.equal(problems.hasErrors, true);
    });
  it('so is a list of none', () => {
    const problems = new ProblemList();
    readFilterPaths([], nowhere, problems);
    assert.equal(problems.hasErrors, true);
  });
});
