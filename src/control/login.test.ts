// Logging in, staying so, and losing it: what a session, a token and a setup link are good for, and for how long.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ApiAnswer, type ApiUnderTest, openApi } from '../../test/support/control-api.ts';
import { sessionIdleMs, sessionMs } from './caller.ts';
import { offerSetup } from './setup-link.ts';

const password = 'four words and more';
const codeOf = ({ status, body }: ApiAnswer): unknown[] => [status, body['code']];
const cookieOf = ({ headers }: ApiAnswer): string => (headers.get('set-cookie') ?? '').split(';')[0] ?? '';

async function secretOf({ store, clock }: ApiUnderTest): Promise<string> {
  const offered = await offerSetup(store, 'http://localhost:9901', clock);
  return offered?.link.split('#')[1] ?? '';
}

async function setUp(api: ApiUnderTest, name = 'alice'): Promise<ApiAnswer> {
  return api.ask('POST', '/setup', { body: { secret: await secretOf(api), name, password } });
}

describe('the setup link', () => {
  it('makes an administrator once, whatever other links there are', async (t) => {
    const api = await openApi(t);
    const [first, second] = [await secretOf(api), await secretOf(api)];
    const body = { name: 'alice', password };
    const both = await Promise.all(
      [first, second].map(async (secret) => api.ask('POST', '/setup', { body: { ...body, secret } })),
    );
    assert.deepEqual(
      both.map(({ status }) => status).toSorted((a, b) => a - b),
      [201, 403],
    );
    assert.equal((await api.store.users.list()).items.length, 1);
    assert.equal(await offerSetup(api.store, 'http://localhost:9901', api.clock), undefined);
  });

  it('ends after an hour, and is kept as a digest alone', async (t) => {
    const api = await openApi(t);
    const secret = await secretOf(api);
    assert.ok(!JSON.stringify((await api.store.audit.list()).items).includes(secret));
    api.clock.turn(60 * 60_000);
    assert.deepEqual(codeOf(await api.ask('POST', '/setup', { body: { secret, name: 'alice', password } })), [
      403,
      'setup_link_refused',
    ]);
  });

  it('cannot be guessed at without an end', async (t) => {
    const api = await openApi(t);
    const guess = async (): Promise<ApiAnswer> =>
      api.ask('POST', '/setup', { body: { secret: 'setup_guess', name: 'eve', password } });
    const statuses: number[] = [];
    for (let n = 0; n < 11; n++) statuses.push((await guess()).status);
    assert.deepEqual([statuses[9], statuses[10]], [403, 429]);
  });
});

describe('a login', () => {
  it('is refused alike for a wrong password and an unknown name, and a name that may be a password is not written down', async (t) => {
    const api = await openApi(t);
    await setUp(api);
    const wrong = await api.ask('POST', '/sessions', { body: { name: 'alice', password: 'x' } });
    const unknown = await api.ask('POST', '/sessions', { body: { name: password, password: 'x' } });
    assert.deepEqual(wrong.body, unknown.body);
    assert.equal(wrong.status, 401);
    const { items } = await api.store.audit.list({ limit: 2 });
    assert.deepEqual(
      items.map(({ action, subject }) => [action, subject.split('/')[0]]),
      [
        ['login.refuse', 'user'],
        ['login.refuse', 'user'],
      ],
    );
    assert.ok(!JSON.stringify(items).includes(password));
  });

  it('waits after ten wrong passwords, from wherever they come, and comes back with the time', async (t) => {
    const api = await openApi(t);
    await setUp(api);
    const attempt = async (given: string, remote: string): Promise<ApiAnswer> =>
      api.ask('POST', '/sessions', { body: { name: 'alice', password: given }, remote });
    for (let n = 0; n < 10; n++) assert.equal((await attempt('wrong', `192.0.2.${n}`)).status, 401);
    const refused = await attempt(password, '192.0.2.99');
    assert.deepEqual(codeOf(refused), [429, 'too_many']);
    assert.equal(refused.headers.get('retry-after'), '900');
    api.clock.turn(15 * 60_000);
    assert.equal((await attempt(password, '192.0.2.99')).status, 201);
  });

  it('waits after thirty from one address, whosever they are', async (t) => {
    const api = await openApi(t);
    await setUp(api);
    for (let n = 0; n < 30; n++) {
      const body = { name: `nobody-${n % 15}`, password: 'wrong' };
      assert.equal((await api.ask('POST', '/sessions', { body, remote: '192.0.2.1' })).status, 401);
    }
    const body = { name: 'alice', password };
    assert.equal((await api.ask('POST', '/sessions', { body, remote: '192.0.2.1' })).status, 429);
    assert.equal((await api.ask('POST', '/sessions', { body, remote: '192.0.2.2' })).status, 201);
  });

  it('is refused to who is disabled', async (t) => {
    const api = await openApi(t);
    const admin = cookieOf(await setUp(api));
    const made = await api.ask('POST', '/users', { cookie: admin, body: { name: 'bob', role: 'viewer', password } });
    const path = `/users/${String(made.body['id'])}`;
    const etag = made.headers.get('etag') ?? '';
    const off = await api.ask('PATCH', path, { cookie: admin, body: { disabled: true }, fields: { 'if-match': etag } });
    assert.equal(off.status, 200, off.text);
    assert.equal((await api.ask('POST', '/sessions', { body: { name: 'bob', password } })).status, 401);
  });
});

describe('a session', () => {
  it('ends after an hour without a request, and after half a day in any case', async (t) => {
    const api = await openApi(t);
    const cookie = cookieOf(await setUp(api));
    const alive = async (): Promise<number> => (await api.ask('GET', '/session', { cookie })).status;
    for (let passed = 0; passed < sessionMs - sessionIdleMs; passed += sessionIdleMs / 2) {
      assert.equal(await alive(), 200);
      api.clock.turn(sessionIdleMs / 2);
    }
    api.clock.turn(sessionIdleMs);
    assert.equal(await alive(), 401);
    const next = cookieOf(await api.ask('POST', '/sessions', { body: { name: 'alice', password } }));
    api.clock.turn(sessionIdleMs + 1);
    assert.equal((await api.ask('GET', '/session', { cookie: next })).status, 401);
  });

  it('ends with another role of its user, and with another password', async (t) => {
    const api = await openApi(t);
    const { cookie: admin } = await api.enter('admin');
    const { user, cookie } = await api.enter('operator');
    const path = `/users/${user.id}`;
    const etag = (await api.ask('GET', path, { cookie: admin })).headers.get('etag') ?? '';
    const changed = await api.ask('PATCH', path, {
      cookie: admin,
      body: { role: 'viewer' },
      fields: { 'if-match': etag },
    });
    assert.equal(changed.status, 200, changed.text);
    assert.equal((await api.ask('GET', '/session', { cookie })).status, 401);
    const own = cookieOf(await setUpBeside(api, admin));
    const renewed = { password, newPassword: 'other words than before' };
    assert.equal((await api.ask('POST', '/session:changePassword', { cookie: own, body: renewed })).status, 204);
    assert.equal((await api.ask('GET', '/session', { cookie: own })).status, 401);
  });

  it('is listed for its user, and ended with his others by an administrator', async (t) => {
    const api = await openApi(t);
    const { cookie: admin } = await api.enter('admin');
    const { user, cookie } = await api.enter('viewer');
    const own = await api.ask('GET', '/sessions', { cookie });
    assert.deepEqual(
      (own.body['items'] as { current: boolean }[]).map(({ current }) => current),
      [true],
    );
    const token = await api.issueToken(user, ['config.read']);
    assert.equal((await api.ask('DELETE', `/users/${user.id}/sessions`, { cookie: admin })).status, 204);
    assert.equal((await api.ask('GET', '/session', { cookie })).status, 401);
    assert.equal((await api.ask('GET', '/services', { token })).status, 200);
  });

  it('is none where two are sent', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('viewer');
    assert.equal((await api.ask('GET', '/session', { cookie: `${cookie}; ${cookie}` })).status, 401);
  });
});

async function setUpBeside(api: ApiUnderTest, cookie: string): Promise<ApiAnswer> {
  await api.ask('POST', '/users', { cookie, body: { name: 'carol', role: 'viewer', password } });
  return api.ask('POST', '/sessions', { body: { name: 'carol', password } });
}

describe('administrators', () => {
  it('are never without one: the last is neither removed, disabled nor made less', async (t) => {
    const api = await openApi(t);
    const { user, cookie } = await api.enter('admin');
    const path = `/users/${user.id}`;
    const fields = { 'if-match': '"1"' };
    for (const refused of [
      await api.ask('DELETE', path, { cookie }),
      await api.ask('PATCH', path, { cookie, body: { role: 'viewer' }, fields }),
      await api.ask('PATCH', path, { cookie, body: { disabled: true }, fields }),
    ])
      assert.deepEqual(codeOf(refused), [409, 'last_admin']);
    await api.enter('admin');
    assert.equal((await api.ask('DELETE', path, { cookie })).status, 204);
    assert.equal((await api.ask('GET', '/session', { cookie })).status, 401);
  });
});
