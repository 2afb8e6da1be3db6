import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ownPath } from './return-to.ts';

describe('where somebody goes after a login', () => {
  it('is a path of the console', () => {
    for (const path of ['/', '/services', '/services/orders?tab=backends', '/clients/a%2Fb'])
      assert.equal(ownPath(path), path);
  });

  it('is nowhere else, however it is written', () => {
    const others = [
      null,
      '',
      'services',
      'https://evil.test/',
      '//evil.test/',
      '/\\evil.test/',
      '\\\\evil.test',
      '/\t/evil.test',
      'javascript:alert(1)',
      ' //evil.test',
      '/log-in/callback?code=x',
      '/log-in/again',
      '/..//evil.test',
      '/services/../..//evil.test/x',
    ];
    for (const other of others) assert.equal(ownPath(other), undefined, String(other));
  });
});
