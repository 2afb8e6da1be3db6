// Who signs in with a provider as a user of the store: by issuer and subject alone, with the role of this moment, within the limits of
// other logins; and what becomes of sessions and tokens when the role goes, the provider says so, or is no longer named.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { type ApiAnswer, type ApiUnderTest, openApi } from '../../test/support/control-api.ts';
import { openSmallProvider, sendJson, type SmallProvider } from '../../test/support/small-provider.ts';
import { attemptCookie } from '../oidc/sign-in-attempt.ts';
import type { LoginProvider } from './messages.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let provider: SmallProvider;
before(async () => {
  provider = stack.use(await openSmallProvider());
});
beforeEach(() => {
  for (const endpoint of ['discovery', 'jwks', 'token'] as const) delete provider.instead[endpoint];
});

function settings(more: Partial<LoginProvider> = {}): LoginProvider {
  return {
    name: 'Example ID',
    issuer: provider.issuer,
    clientId: 'countersign',
    redirectUri: 'http://localhost:9901/log-in/callback',
    scopes: ['openid'],
    nameClaim: 'preferred_username',
    roleClaim: ['groups'],
    roles: [
      { role: 'admin', values: ['admins'] },
      { role: 'operator', values: ['ops'] },
      { role: 'viewer', values: ['staff'] },
    ],
    maxAgeMs: undefined,
    acrValues: [],
    sessionMs: 3_600_000,
    logoutAtProvider: true,
    ca: provider.ca,
    ...more,
  };
}

async function open(t: TestContext, more: Partial<LoginProvider> = {}): Promise<ApiUnderTest> {
  const api = await openApi(t);
  const given = settings(more);
  api.answers.provider = async () => given;
  api.answers.providerSecret = async () => ({ secret: provider.secret });
  return api;
}

/** With a local administrator: the setup is over. */
async function openSetUp(t: TestContext, more: Partial<LoginProvider> = {}): Promise<ApiUnderTest> {
  const api = await open(t, more);
  await api.enter('admin');
  return api;
}

const cookieNamed = ({ headers }: ApiAnswer, name: string): string =>
  headers
    .getSetCookie()
    .map((field) => field.split(';')[0] ?? '')
    .find((pair) => pair.startsWith(`${name}=`)) ?? '';
const sessionOf = (answer: ApiAnswer): string => cookieNamed(answer, '__Host-countersign');

async function signIn(api: ApiUnderTest, claims: Readonly<Record<string, unknown>> = {}): Promise<ApiAnswer> {
  const begun = await api.ask('POST', '/sessions:beginByProvider');
  assert.equal(begun.status, 200, begun.text);
  return api.ask('POST', '/sessions:byProvider', {
    body: { answer: provider.logIn(String(begun.body['url']), claims) },
    cookie: cookieNamed(begun, attemptCookie),
  });
}

async function enter(api: ApiUnderTest, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const answer = await signIn(api, claims);
  assert.equal(answer.status, 201, answer.text);
  return sessionOf(answer);
}

const told = ({ status, body }: ApiAnswer): unknown[] => [status, body['code'], body['fault']];
const userOf = (answer: ApiAnswer): Record<string, unknown> => answer.body['user'] as Record<string, unknown>;

describe('a login with the provider', () => {
  it('is offered by name, and its cookies are of this host alone', async (t) => {
    const api = await openSetUp(t);
    const { body } = await api.ask('GET', '/setup');
    assert.deepEqual(body['provider'], { name: 'Example ID' });
    const begun = await api.ask('POST', '/sessions:beginByProvider');
    const [field = ''] = begun.headers.getSetCookie();
    assert.match(field, /^__Host-countersign-sign-in=.*; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=600$/);
    const answer = await signIn(api);
    assert.equal(answer.status, 201);
    const [session = '', gone = ''] = answer.headers.getSetCookie();
    assert.match(session, /^__Host-countersign=.*; SameSite=Strict; Max-Age=3600$/);
    assert.match(gone, /^__Host-countersign-sign-in=; .*Max-Age=0$/);
  });

  it('makes one user, known by issuer and subject, with the highest role that fits', async (t) => {
    const api = await openSetUp(t);
    const first = await signIn(api, { groups: ['staff', 'ops', 'other'] });
    assert.deepEqual([userOf(first)['name'], userOf(first)['role']], ['olga', 'operator']);
    const second = await signIn(api, { preferred_username: 'olga.new', groups: 'ops' });
    assert.equal(userOf(second)['id'], userOf(first)['id']);
    const other = await signIn(api, { sub: 'another', groups: ['ops'] });
    assert.notEqual(userOf(other)['id'], userOf(first)['id']);
    assert.match(String(userOf(other)['name']), /^olga-[0-9a-f]{10}$/);
  });

  it('finds a role along a path of claims, and in nothing that is not there', async (t) => {
    const api = await openSetUp(t, { roleClaim: ['realm_access', 'roles'] });
    assert.equal((await signIn(api, { realm_access: { roles: ['ops'] } })).status, 201);
    for (const claims of [
      {},
      { realm_access: 'ops' },
      { realm_access: ['ops'] },
      { realm_access: { roles: { ops: 1 } } },
    ])
      assert.deepEqual(told(await signIn(api, claims)), [403, 'sign_in_refused', 'no_role']);
    const strange = await openSetUp(t, {
      roleClaim: ['constructor', 'name'],
      roles: [{ role: 'admin', values: ['Object'] }],
    });
    assert.deepEqual(told(await signIn(strange)), [403, 'sign_in_refused', 'no_role']);
  });

  it('takes over no local user, whatever the claims say', async (t) => {
    const api = await openSetUp(t);
    const act = { actor: 'test' };
    const local = await api.store.users.create({ id: 'l', name: 'olga', role: 'admin', passwordDigest: null }, act);
    const answer = await signIn(api, { email: 'olga', sub: 'l' });
    assert.notEqual(userOf(answer)['id'], local.id);
    assert.equal(userOf(answer)['role'], 'operator');
    assert.deepEqual(await api.store.users.find('l'), local);
  });

  it('gives names that can stand in a log, whatever the provider says', async (t) => {
    const api = await openSetUp(t);
    const names: unknown[] = [];
    for (const [i, name] of ['Zoë Müller', '\u202eadmin', '../../x', '😀', '', 7, 'a'.repeat(500)].entries())
      names.push(userOf(await signIn(api, { sub: `s${i}`, preferred_username: name }))['name']);
    assert.deepEqual(names.slice(0, 3), ['Zoe-Muller', 'admin', 'x']);
    assert.match(String(names[3]), /^user-[0-9a-f]{10}$/);
    assert.deepEqual(names.slice(4, 6), ['s4', 's5']);
    assert.equal(String(names[6]).length, 80);
  });

  it('of nobody but an administrator comes before there is one', async (t) => {
    const api = await open(t);
    assert.deepEqual(told(await signIn(api)), [403, 'sign_in_refused', 'setup_needed']);
    assert.equal((await api.ask('GET', '/setup')).body['needed'], true);
    await enter(api, { sub: 'ada', groups: ['admins'] });
    assert.equal((await api.ask('GET', '/setup')).body['needed'], false);
    await enter(api);
  });

  it('stands in the audit log, and so does what was refused, without what was shown', async (t) => {
    const api = await openSetUp(t);
    await enter(api);
    await signIn(api, { groups: [] });
    const { items } = await api.store.audit.list();
    const made = items.find(({ action, actor }) => action === 'session.create' && actor === 'user:olga');
    assert.equal(made?.reason, `signed in with ${provider.issuer}`);
    const refused = items.find(({ action }) => action === 'login.refuse');
    assert.deepEqual([refused?.subject, refused?.detail], ['provider', { remote: '127.0.0.1', code: 'no_role' }]);
    assert.doesNotMatch(JSON.stringify(items), /eyJ|code=|groups/);
  });

  it('is counted as others are where it is refused, and not where the provider is at fault', async (t) => {
    const api = await openSetUp(t);
    provider.instead.token = (_, response) => sendJson(response, 401, { error: 'invalid_client' });
    for (let n = 0; n < 12; n++)
      assert.deepEqual(told(await signIn(api)), [503, 'provider_unavailable', 'client_refused']);
    delete provider.instead.token;
    const guess = async (): Promise<ApiAnswer> =>
      api.ask('POST', '/sessions:byProvider', { body: { answer: 'code=guess&state=guess' } });
    for (let n = 0; n < 10; n++) assert.deepEqual(told(await guess()), [403, 'sign_in_refused', 'sign_in_lost']);
    assert.equal((await guess()).status, 429);
    assert.equal((await api.ask('POST', '/sessions', { body: { name: 'a', password: 'x' } })).status, 401);
  });

  it('says why where the secret cannot be read', async (t) => {
    const api = await openSetUp(t);
    api.answers.providerSecret = async () => ({ why: 'clientSecret: client.secret cannot be read' });
    assert.deepEqual(told(await signIn(api)), [503, 'provider_unavailable', 'secret_unreadable']);
  });
});

describe('a user of the provider', () => {
  it('loses sessions and tokens with his role, and other sessions with another', async (t) => {
    const api = await openSetUp(t);
    const first = await enter(api);
    const made = await api.ask('POST', '/tokens', {
      cookie: first,
      body: { name: 'ci', scopes: ['config.read'], days: 30 },
    });
    assert.equal(made.status, 201, made.text);
    const token = String(made.body['secret']);
    const second = await enter(api, { groups: ['staff'] });
    const status = async (cookie: string): Promise<number> => (await api.ask('GET', '/session', { cookie })).status;
    assert.deepEqual([await status(first), await status(second)], [401, 200]);
    assert.equal((await api.ask('GET', '/services', { token })).status, 200);
    assert.deepEqual(told(await signIn(api, { groups: ['other'] })), [403, 'sign_in_refused', 'no_role']);
    assert.equal(await status(second), 401);
    assert.equal((await api.ask('GET', '/services', { token })).status, 401);
    const user = await api.store.users.findByProvider({ issuer: provider.issuer, subject: 'olga' });
    assert.equal(user?.role, 'viewer');
  });

  it('has no password, no role but that of the provider, and tokens that end within a month', async (t) => {
    const api = await open(t);
    const admin = await enter(api, { sub: 'ada', groups: ['admins'] });
    const cookie = await enter(api);
    const token = { name: 'ci', scopes: ['config.read'], days: 31 };
    assert.deepEqual(told(await api.ask('POST', '/tokens', { cookie, body: token })).slice(0, 2), [422, 'invalid']);
    const body = { password: 'x', newPassword: 'another password of words' };
    assert.equal((await api.ask('POST', '/session:changePassword', { cookie, body })).status, 403);
    const user = await api.store.users.findByProvider({ issuer: provider.issuer, subject: 'olga' });
    const fields = { 'if-match': `"${user?.version}"`, 'content-type': 'application/merge-patch+json' };
    for (const change of [{ role: 'admin' }, { password: 'four words and more' }]) {
      const answer = await api.ask('PATCH', `/users/${user?.id}`, { cookie: admin, fields, body: change });
      assert.deepEqual(told(answer).slice(0, 2), [409, 'read_only']);
    }
    const disabled = await api.ask('PATCH', `/users/${user?.id}`, { cookie: admin, fields, body: { disabled: true } });
    assert.equal(disabled.status, 200);
    assert.equal((await api.ask('GET', '/session', { cookie })).status, 401);
    assert.deepEqual(told(await signIn(api)), [403, 'sign_in_refused', 'user_disabled']);
  });

  it('is let in no more, nor his tokens, where another provider is named, or none', async (t) => {
    const api = await openSetUp(t);
    const cookie = await enter(api);
    const user = await api.store.users.findByProvider({ issuer: provider.issuer, subject: 'olga' });
    const token = await api.issueToken(user ?? assert.fail('nobody'), ['config.read']);
    for (const now of [null, settings({ issuer: 'https://other.test' })]) {
      api.answers.provider = async () => now;
      api.clock.turn(1_000);
      assert.equal((await api.ask('GET', '/session', { cookie })).status, 401);
      assert.equal((await api.ask('GET', '/services', { token })).status, 401);
    }
    api.answers.provider = async () => settings();
    api.clock.turn(1_000);
    assert.equal((await api.ask('GET', '/session', { cookie })).status, 200);
  });

  it('has a session that ends when the configuration says', async (t) => {
    const api = await openSetUp(t, { sessionMs: 30 * 60_000 });
    const cookie = await enter(api);
    api.clock.turn(30 * 60_000);
    assert.equal((await api.ask('GET', '/session', { cookie })).status, 401);
  });
});

describe('a log-out', () => {
  const form = (token: string) => ({
    raw: new URLSearchParams({ logout_token: token }).toString(),
    fields: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  const logoutToken = async ({ clock }: ApiUnderTest, claims: object): Promise<string> => {
    const now = Math.floor(clock.now() / 1000);
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    const right = { iss: provider.issuer, aud: 'countersign', iat: now, exp: now + 60, jti: 'j', events };
    return provider.sign({ ...right, ...claims }, { typ: 'logout+jwt' });
  };

  it('here leads to the one at the provider, with the ID token, where that is wanted', async (t) => {
    const api = await openSetUp(t);
    const answer = await api.ask('POST', '/session:logOut', { cookie: await enter(api) });
    const url = new URL(String(answer.body['url']));
    assert.equal(`${url.origin}${url.pathname}`, `${provider.issuer}/logout`);
    assert.match(url.searchParams.get('id_token_hint') ?? '', /^eyJ/);
    assert.equal(url.searchParams.get('post_logout_redirect_uri'), 'http://localhost:9901/');
    const quiet = await openSetUp(t, { logoutAtProvider: false });
    const here = await quiet.ask('POST', '/session:logOut', { cookie: await enter(quiet) });
    assert.deepEqual([here.status, here.body], [200, { url: null }]);
    const { cookie } = await quiet.enter('viewer');
    assert.deepEqual((await quiet.ask('POST', '/session:logOut', { cookie })).body, { url: null });
    assert.equal((await quiet.ask('GET', '/session', { cookie })).status, 401);
  });

  it('there ends the session that began with it, or all of the person', async (t) => {
    const api = await openSetUp(t);
    const [first, second] = [await enter(api, { sid: 's1' }), await enter(api, { sid: 's2' })];
    const statuses = async (): Promise<number[]> => [
      (await api.ask('GET', '/session', { cookie: first })).status,
      (await api.ask('GET', '/session', { cookie: second })).status,
    ];
    const end = async (claims: object): Promise<unknown> =>
      (await api.ask('POST', '/sessions:endByProvider', form(await logoutToken(api, claims)))).body['ended'];
    assert.equal(await end({ sub: 'olga', sid: 's2' }), 1);
    assert.deepEqual(await statuses(), [200, 401]);
    assert.equal(await end({ sid: 'unknown' }), 0);
    assert.deepEqual(await statuses(), [200, 401]);
    assert.equal(await end({ sub: 'somebody' }), 0);
    assert.equal(await end({ sub: 'olga' }), 1);
    assert.deepEqual(await statuses(), [401, 401]);
  });

  it('ends many at the same moment, and nobody keeps it from that by wrong passwords', async (t) => {
    const api = await openSetUp(t);
    const cookies: string[] = [];
    for (let n = 0; n < 15; n++) cookies.push(await enter(api, { sub: `user-${n}`, preferred_username: `u${n}` }));
    const remote = '192.0.2.7';
    for (const name of ['logout from 192.0.2.7', 'provider from 192.0.2.7'])
      for (let n = 0; n < 12; n++)
        await api.ask('POST', '/sessions', { body: { name, password: 'x' }, remote: `198.51.100.${n}` });
    const tokens = await Promise.all(cookies.map(async (_, n) => logoutToken(api, { sub: `user-${n}` })));
    const answers = await Promise.all(
      tokens.map(async (token) => api.ask('POST', '/sessions:endByProvider', { ...form(token), remote })),
    );
    assert.deepEqual(
      new Set(answers.map(({ status, body }) => `${status} ${String(body['ended'])}`)),
      new Set(['200 1']),
    );
    for (const cookie of cookies) assert.equal((await api.ask('GET', '/session', { cookie })).status, 401);
    // Whoever makes them up is held up all the same.
    for (let n = 0; n < 10; n++)
      assert.equal((await api.ask('POST', '/sessions:endByProvider', { ...form('x.y.z'), remote })).status, 400);
    assert.equal((await api.ask('POST', '/sessions:endByProvider', { ...form('x.y.z'), remote })).status, 429);
  });

  it('is the word of nobody else', async (t) => {
    const api = await openSetUp(t);
    const cookie = await enter(api);
    for (const token of [
      'x.y.z',
      await logoutToken(api, { sub: 'olga', nonce: 'n' }),
      await logoutToken(api, { aud: 'x', sub: 'olga' }),
    ]) {
      const answer = await api.ask('POST', '/sessions:endByProvider', form(token));
      assert.deepEqual(told(answer), [400, 'bad_request', 'token_refused']);
    }
    assert.equal((await api.ask('POST', '/sessions:endByProvider', { body: { logout_token: 'x' } })).status, 415);
    const twice = { ...form('x'), raw: 'logout_token=a&logout_token=b' };
    assert.equal((await api.ask('POST', '/sessions:endByProvider', twice)).status, 400);
    assert.equal((await api.ask('GET', '/session', { cookie })).status, 200);
  });
});
