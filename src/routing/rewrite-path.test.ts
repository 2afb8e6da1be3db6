import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rewritePath } from './rewrite-path.ts';

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
  ['/users/{id}', '/u', '/users/7/x', '', '/u/users/7/x'],
];

for (const [pattern, rewrite, path, base, sent] of cases) {
  test(`${path} under ${pattern} → ${rewrite ?? 'no rewrite'} goes to ${base || 'the backend'} as ${sent}`, () => {
    assert.equal(rewritePath({ path: pattern, rewrite }, path, base), sent);
  });
}
