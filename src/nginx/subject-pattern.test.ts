import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { subjectPattern } from './subject-pattern.ts';

describe('an expression over $ssl_client_s_dn', () => {
  for (const [pattern, rules] of [
    ['CN=a', [{ contains: 'CN=a' }]],
    ['^CN=a,', [{ prefix: 'CN=a,' }]],
    [',O=Acme$', [{ suffix: ',O=Acme' }]],
    ['^CN=a\\.b,O=Acme$', [{ exact: 'CN=a.b,O=Acme' }]],
    ['^.*,O=Acme$', [{ suffix: ',O=Acme' }]],
    ['^CN=(a|b),O=Acme$', [{ exact: 'CN=a,O=Acme' }, { exact: 'CN=b,O=Acme' }]],
    ['^(?:CN=a|CN=b),', [{ prefix: 'CN=a,' }, { prefix: 'CN=b,' }]],
    ['CN=a$|CN=b$', [{ suffix: 'CN=a' }, { suffix: 'CN=b' }]],
    ['^CN=[^,]+\\.acme\\.example,O=Acme$', [{ regex: 'CN=[^,]+\\.acme\\.example,O=Acme' }]],
    ['CN=batch-[0-9]+,', [{ regex: '.*CN=batch-[0-9]+,.*' }]],
  ] as const) {
    it(`${pattern} is ${JSON.stringify(rules)}`, () => {
      assert.deepEqual(
        subjectPattern(pattern, false),
        rules.map((subject) => ({ subject })),
      );
    });
  }

  for (const pattern of ['/O=Acme/CN=a', '^/C=DE', 'CN=(a', 'CN=[a']) {
    it(`${pattern} has no counterpart`, () => assert.equal(subjectPattern(pattern, false), undefined));
  }

  it('without case is a rule without case', () => {
    assert.deepEqual(subjectPattern('^CN=a$', true), [{ subject: { exact: 'CN=a', ignoreCase: true } }]);
  });
});
