// Which texts are passwords, and how a file of users is read: what cannot be checked is told, and no message has a password.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readPasswordForm } from './password-form.ts';
import { readUser, readUsersFile } from './users-file.ts';

const bcrypt = `$2y$10$${'a'.repeat(53)}`;

describe('a password in a file', () => {
  for (const [text, kind] of [
    [bcrypt, 'bcrypt'],
    [`$2a$04$${'./'.repeat(26)}a`, 'bcrypt'],
    ['$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b0dWRWJTmaaJObG', 'argon2id'],
    ['{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=', 'sha1'],
    ['password', 'plain'],
    ['$ecret', 'plain'],
    ['{curly}', 'plain'],
  ] as const)
    it(`${text} is ${kind}`, () => {
      const form = readPasswordForm(text);
      assert.equal('kind' in form ? form.kind : form.problem, kind);
    });

  for (const text of [
    '',
    '$apr1$salt$hash',
    '$1$salt$hash',
    '$6$salt$hash',
    '$y$j9T$salt$hash',
    '{SSHA}abcdefgh',
    '{SHA}short',
    '$2y$10$short',
    `$2y$31$${'a'.repeat(53)}`,
    `$2y$03$${'a'.repeat(53)}`,
    `$2x$10$${'a'.repeat(53)}`,
    '$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b0dWRWJTmaaJObG',
    '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b0dWRWJTmaaJObG',
    '$argon2id$v=19$m=4,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b0dWRWJTmaaJObG',
    '$argon2id$v=16$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b0dWRWJTmaaJObG',
  ])
    it(`${text || 'nothing'} is refused`, () => {
      assert.ok('problem' in readPasswordForm(text));
    });
});

describe('a file of users', () => {
  it('has a user in each line; comments and empty lines count for nothing', () => {
    const { users, mistakes, plain } = readUsersFile(`\ufeff# all\n\nann:${bcrypt}\r\nbob:open:sesame\n`);
    assert.deepEqual(
      users.map(({ name }) => name),
      ['ann', 'bob'],
    );
    assert.deepEqual([mistakes, plain], [[], ['bob']]);
  });

  it('tells the line of what cannot be used, and nothing of a password', () => {
    const { users, mistakes } = readUsersFile(
      'ann\nbob:$apr1$hidden1$hidden2\ncarl:abCDefGHijKLm\ndora:hidden3\ndora:hidden4\n:hidden5\neve:\n',
    );
    assert.deepEqual(
      mistakes.map(({ line }) => line),
      [1, 2, 3, 5, 6, 7],
    );
    assert.deepEqual(
      users.map(({ name }) => name),
      ['dora'],
    );
    assert.doesNotMatch(JSON.stringify(mistakes), /hidden|abCD/);
  });

  it('has no name that could not be sent', () => {
    for (const name of ['', ' ann', 'ann ', 'a:b', 'a\u0000', 'a\u0085b', 'a'.repeat(129)])
      assert.ok('problem' in readUser(name, bcrypt), JSON.stringify(name));
  });
});
