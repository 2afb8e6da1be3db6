// Who gets in with a password, and what a backend is told of it.
import assert from 'node:assert/strict';
import { argon2Sync, createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { hashSync } from 'bcryptjs';
import { Fault } from '../base/fault.ts';
import { systemClock } from '../base/clock.ts';
import { readUser } from '../config/users-file.ts';
import { filterDependencies, filterRequest, linesOf } from '../../test/support/filter-request.ts';
import { BasicAuthFilter } from './basic-auth.ts';
import { BcryptChecker } from './bcrypt-checker.ts';
import { PasswordChecks } from './password-checks.ts';
import { Refusal } from './refusal.ts';

const nonce = Buffer.alloc(16, 7);
const argonTag = argon2Sync('argon2id', {
  message: 'three',
  nonce,
  parallelism: 1,
  tagLength: 32,
  memory: 64,
  passes: 1,
});
const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

const passwords: Readonly<Record<string, string>> = {
  plain: 'one',
  bcrypt: hashSync('two', 4),
  argon: `$argon2id$v=19$m=64,t=1,p=1$${unpadded(nonce)}$${unpadded(argonTag)}`,
  sha: `{SHA}${createHash('sha1').update('four').digest('base64')}`,
  zoë: 'pässword:with:colons',
};

const basic = (name: string, password: string, scheme = 'Basic'): [string, string] => [
  'Authorization',
  `${scheme} ${Buffer.from(`${name}:${password}`).toString('base64')}`,
];

function open(
  more: Partial<ConstructorParameters<typeof BasicAuthFilter>[0]> = {},
  file?: string,
  checks = new PasswordChecks(systemClock),
) {
  const users = Object.entries(passwords).map(([name, password]) => {
    const user = readUser(name, password);
    assert.ok('name' in user);
    return user;
  });
  const { dependencies, lines, results } = filterDependencies({ passwords: checks });
  const filter = new BasicAuthFilter(
    {
      name: 'login',
      type: 'basicAuth',
      kind: 'basicAuth',
      paths: undefined,
      guards: true,
      place: { file: '', line: 1, col: 1 },
      realm: 'Restricted',
      users,
      usersFile: undefined,
      forwardUsername: false,
      forwardCredentials: false,
      ...more,
    },
    file === undefined ? {} : { users: file },
    dependencies,
  );
  return { filter, lines, results };
}

async function outcome(filter: BasicAuthFilter, request = filterRequest()): Promise<string> {
  try {
    return await filter.onRequest(request);
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return error.code;
  }
}

describe('a password', () => {
  for (const [name, password] of [
    ['plain', 'one'],
    ['bcrypt', 'two'],
    ['argon', 'three'],
    ['sha', 'four'],
    ['zoë', 'pässword:with:colons'],
  ] as const)
    it(`lets ${name} in, and no other does`, async () => {
      const { filter, results } = open();
      for (let time = 0; time < 2; time++)
        assert.equal(await outcome(filter, filterRequest([basic(name, password)])), 'pass');
      for (const wrong of [`${password}x`, password.slice(1), passwords[name] ?? '', password.toUpperCase()])
        if (wrong !== password)
          assert.equal(await outcome(filter, filterRequest([basic(name, wrong)])), 'unauthenticated', wrong);
      assert.equal(results('login', 'passed'), 2);
    });

  it('is asked for as RFC 7617 says, the realm quoted', () => {
    const { filter, results } = open({ realm: 'a "b" \\' });
    assert.throws(
      () => filter.onRequest(filterRequest()),
      (error) => {
        assert.ok(error instanceof Refusal);
        assert.equal(error.status, 401);
        assert.deepEqual(error.fields.pairs, [['WWW-Authenticate', 'Basic realm="a \\"b\\" \\\\", charset="UTF-8"']]);
        return true;
      },
    );
    assert.equal(results('login', 'missing'), 1);
  });

  for (const [what, field] of [
    ['the scheme in another case', basic('plain', 'one', 'bASIC')],
    ['a second field', 'Basic cGxhaW46b25l, Basic cGxhaW46b25l'],
    ['another scheme', basic('plain', 'one', 'Bearer')],
    ['no password', basic('plain', '')],
    ['no name', basic('', 'one')],
    ['what is no base64', 'Basic %%%'],
    ['what is no UTF-8', `Basic ${Buffer.from('plain:one\xff', 'latin1').toString('base64')}`],
    ['a NUL behind the password', basic('plain', 'one\0')],
    ['a line break in the name', basic('plain\r\nX: y', 'one')],
    ['a name of Object.prototype', basic('__proto__', 'one')],
    ['an unknown name', basic('nobody', 'two')],
  ] as const)
    it(`with ${what} ${what.startsWith('the scheme') ? 'is taken' : 'is refused'}`, async () => {
      const pair = typeof field === 'string' ? (['Authorization', field] as const) : field;
      const expected = what.startsWith('the scheme') ? 'pass' : 'unauthenticated';
      assert.equal(await outcome(open().filter, filterRequest([pair])), expected);
    });

  it('from a file counts as those of the configuration do', async () => {
    const { filter } = open({ users: [] }, `# people\nann:${passwords['bcrypt']}\r\n\n`);
    assert.equal(await outcome(filter, filterRequest([basic('ann', 'two')])), 'pass');
    assert.equal(await outcome(filter, filterRequest([basic('# people', 'two')])), 'unauthenticated');
  });
});

describe('the backend', () => {
  it('gets neither password nor name, in no spelling, unless it is asked for', async () => {
    const request = filterRequest([basic('plain', 'one'), ['Accept', '*/*']]);
    await open().filter.onRequest(request);
    assert.deepEqual(linesOf(request), ['Accept: */*']);
  });

  it('gets both where that is asked for; what is not ASCII as UTF-8', async () => {
    const { filter } = open({ forwardUsername: true, forwardCredentials: true });
    assert.deepEqual(filter.sets, ['username']);
    const request = filterRequest([basic('zoë', 'pässword:with:colons')]);
    await filter.onRequest(request);
    assert.equal(linesOf(request)[1], `username: ${Buffer.from('zoë').toString('latin1')}`);
  });
});

describe('somebody who tries passwords', () => {
  it('is told of once they are many; the line has an address and no password', async () => {
    const { filter, lines, results } = open();
    for (let time = 0; time < 12; time++) {
      const request = filterRequest([basic('plain', `guess${time}`)], { address: '198.51.100.7' });
      assert.equal(await outcome(filter, request), 'unauthenticated');
    }
    assert.equal(results('login', 'refused'), 12);
    assert.equal(lines.length, 1);
    assert.match(JSON.stringify(lines), /198\.51\.100\.7/);
    assert.doesNotMatch(JSON.stringify(lines), /guess/);
  });

  it('has what many requests ask at once computed once, and given up when all of them are gone', async () => {
    const asked: string[] = [];
    const cancelled: string[] = [];
    const decision = Promise.withResolvers<boolean>();
    const passwords = {
      check: (_: unknown, password: string) => {
        asked.push(password);
        return { fits: decision.promise, cancel: () => cancelled.push(password) };
      },
    } as unknown as PasswordChecks;
    const { filter } = open({}, undefined, passwords);
    const requests = Array.from({ length: 3 }, () => filterRequest([basic('bcrypt', 'two')]));
    const outcomes = requests.map(async (request) => outcome(filter, request));
    assert.deepEqual([asked, cancelled], [['two'], []]);
    requests[0]?.onCancel?.(new Fault('client_aborted', 'client'));
    assert.deepEqual(cancelled, []);
    decision.resolve(true);
    assert.deepEqual(await Promise.all(outcomes), ['pass', 'pass', 'pass']);
    const { filter: other } = open({}, undefined, passwords);
    const gone = filterRequest([basic('argon', 'three')]);
    void other.onRequest(gone);
    gone.onCancel?.(new Fault('client_aborted', 'client'));
    assert.deepEqual(cancelled.at(-1), 'three');
  });

  it('who is let in need not be computed anew for the same hash, but is for another', async () => {
    const checks = new PasswordChecks(systemClock);
    const form = { kind: 'bcrypt', hash: passwords['bcrypt'] ?? '' } as const;
    const fits = async (checked: ReturnType<PasswordChecks['check']>): Promise<boolean> =>
      typeof checked === 'boolean' ? checked : checked.fits;
    assert.equal(await fits(checks.check(form, 'wrong')), false);
    assert.equal(await fits(checks.check(form, 'two')), true);
    assert.equal(checks.check(form, 'two'), true);
    assert.notEqual(typeof checks.check(form, 'wrong'), 'boolean');
    const other = checks.check({ kind: 'bcrypt', hash: hashSync('other', 4) }, 'two');
    assert.notEqual(typeof other, 'boolean');
    assert.equal(await fits(other), false);
  });

  it('cannot have more checked than wait at a time: who comes then is refused and not let in', async () => {
    const checks = new PasswordChecks(systemClock);
    const form = { kind: 'bcrypt', hash: passwords['bcrypt'] ?? '' } as const;
    const begun = Array.from({ length: 129 }, () => checks.check(form, 'no'));
    assert.throws(
      () => checks.check(form, 'two'),
      (error) => error instanceof Fault && error.code === 'auth_unavailable' && error.status === 503,
    );
    for (const check of begun) if (typeof check !== 'boolean') check.cancel();
    const next = checks.check(form, 'two');
    assert.equal(typeof next !== 'boolean' && (await next.fits), true);
  });
});

describe('a thread that compares passwords', () => {
  it('lets nobody in where it dies, and another takes its place', async () => {
    const dying = new BcryptChecker(systemClock, new URL('data:text/javascript,process.exit(1)'));
    for (let time = 0; time < 2; time++)
      await assert.rejects(async () => dying.check('two', passwords['bcrypt'] ?? ''));
  });

  it('lets nobody in where it never answers', async () => {
    const late: (() => void)[] = [];
    const clock = { after: (_: number, act: () => void) => (late.push(act), () => {}) };
    const hung = new BcryptChecker(clock, new URL('data:text/javascript,setInterval(()=>{},1e9)'));
    const check = hung.check('two', passwords['bcrypt'] ?? '');
    late[0]?.();
    await assert.rejects(check, /too long/);
  });
});
