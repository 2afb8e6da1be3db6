// What is the same for all operations: media types, unknown members, other sites, conditions, repeats, pages.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ApiAnswer, openApi } from '../../test/support/control-api.ts';

const user = { name: 'otto', role: 'operator', password: 'four words and more' };
const codeOf = ({ status, body }: ApiAnswer): unknown[] => [status, body['code']];
const errorsOf = ({ body }: ApiAnswer): unknown =>
  (body['errors'] as { pointer: string; code: string }[]).map(({ pointer, code }) => [pointer, code]);

describe('a request', () => {
  it('has a body of JSON, known members and nothing besides', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('admin');
    const post = async (raw: string, type = 'application/json'): Promise<ApiAnswer> =>
      api.ask('POST', '/users', { cookie, raw, fields: { 'content-type': type } });
    assert.deepEqual(codeOf(await post('{"name":')), [400, 'bad_json']);
    assert.deepEqual(codeOf(await post('{"name": "geheim"} x')), [400, 'bad_json']);
    assert.deepEqual(codeOf(await post('a=b', 'application/x-www-form-urlencoded')), [415, 'wrong_media_type']);
    assert.deepEqual(codeOf(await post('[]')), [422, 'invalid']);
    const wrong = await post(JSON.stringify({ ...user, password: 'geheim', 'a/b': 1 }));
    assert.deepEqual(errorsOf(wrong), [
      ['/password', 'too_small'],
      ['/a~1b', 'unknown_field'],
    ]);
    assert.doesNotMatch(wrong.text, /geheim/);
    assert.deepEqual(errorsOf(await post('{"name": "otto"}')), [
      ['/role', 'invalid_value'],
      ['/password', 'missing_field'],
    ]);
    assert.equal((await api.store.users.list()).items.length, 1);
  });

  it('has a query of known parameters, each once', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('viewer');
    assert.deepEqual(codeOf(await api.ask('GET', '/services?page=2', { cookie })), [422, 'invalid']);
    assert.deepEqual(codeOf(await api.ask('GET', '/services?limit=1&limit=2', { cookie })), [400, 'bad_request']);
    assert.deepEqual(codeOf(await api.ask('GET', '/services/orders?x=1', { cookie })), [422, 'invalid']);
  });

  it('that changes something comes from no other site', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('admin');
    for (const fields of [
      { origin: 'https://evil.test' },
      { origin: 'null' },
      { origin: 'http://localhost:9902' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ])
      assert.deepEqual(codeOf(await api.ask('POST', '/users', { cookie, body: user, fields })), [403, 'cross_site']);
    const own = { origin: 'http://localhost:9901', 'sec-fetch-site': 'same-origin' };
    assert.equal((await api.ask('POST', '/users', { cookie, body: user, fields: own })).status, 201);
  });

  it('is told which methods there are, and HEAD is one where GET is', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('viewer');
    const refused = await api.ask('DELETE', '/services', { cookie });
    assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET, POST, HEAD']);
    assert.equal((await api.ask('GET', '/services/orders:probe', { cookie })).headers.get('allow'), 'POST');
    const head = await api.ask('HEAD', '/services/orders', { cookie });
    assert.deepEqual([head.status, head.text], [200, '']);
    assert.equal((await api.ask('GET', '/nothing', { cookie })).status, 404);
  });
});

describe('a state', () => {
  it('is changed by who saw it, and who was too late is told who was quicker', async (t) => {
    const api = await openApi(t);
    const { cookie, user: admin } = await api.enter('admin');
    const made = await api.ask('POST', '/users', { cookie, body: user });
    const path = `/users/${String(made.body['id'])}`;
    const seen = made.headers.get('etag') ?? '';
    const change = async (etag: string, role: string): Promise<ApiAnswer> =>
      api.ask('PATCH', path, { cookie, body: { role }, fields: { 'if-match': etag } });
    const first = await change(seen, 'viewer');
    assert.equal(first.status, 200);
    assert.equal(first.body['name'], 'otto', 'what is absent stays');
    const late = await change(seen, 'admin');
    assert.deepEqual(codeOf(late), [412, 'stale']);
    assert.equal((late.body['changed'] as { by: string }).by, `user:${admin.name}`);
    assert.equal((late.body['current'] as { role: string }).role, 'viewer');
    for (const etag of ['*', 'W/"2"', '"2", "3"', '2']) assert.equal((await change(etag, 'admin')).status, 400, etag);
    assert.equal((await change('"foreign"', 'admin')).status, 412);
  });

  it('is not sent again to who has it', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('viewer');
    const first = await api.ask('GET', '/services', { cookie });
    const etag = first.headers.get('etag') ?? '';
    const known = async (fields: string): Promise<ApiAnswer> =>
      api.ask('GET', '/services', { cookie, fields: { 'if-none-match': fields } });
    assert.deepEqual([(await known(etag)).status, (await known(etag)).text], [304, '']);
    assert.equal((await known(`"x", W/${etag}`)).status, 304);
    assert.equal((await known('"x"')).status, 200);
  });
});

describe('an Idempotency-Key', () => {
  it('lets a request that is sent again do nothing, and shows no secret twice', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('operator');
    const body = { name: 'ci', scopes: ['config.read'], days: 1 };
    const post = async (key: string, given: object = body): Promise<ApiAnswer> =>
      api.ask('POST', '/tokens', { cookie, body: given, fields: { 'idempotency-key': key } });
    const first = await post('one');
    const again = await post('one');
    assert.deepEqual([first.status, again.status], [201, 201]);
    assert.equal(again.body['id'], first.body['id']);
    assert.match(String(first.body['secret']), /^cst_/);
    assert.equal(again.body['secret'], null);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    assert.equal((await api.store.tokens.list()).items.length, 1);
    assert.deepEqual(codeOf(await post('one', { ...body, days: 2 })), [422, 'key_mismatch']);
    assert.equal((await post('two words')).status, 400);
    assert.equal((await post('three')).status, 201);
  });

  it('is free again where nothing came of the request, and belongs to who sent it', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('admin');
    const fields = { 'idempotency-key': 'one' };
    assert.equal((await api.ask('POST', '/users', { cookie, body: user })).status, 201);
    assert.equal((await api.ask('POST', '/users', { cookie, body: user, fields })).status, 409);
    assert.equal((await api.ask('POST', '/users', { cookie, body: user, fields })).status, 409);
    const { cookie: other } = await api.enter('admin');
    const made = await api.ask('POST', '/users', { cookie: other, body: { ...user, name: 'olga' }, fields });
    assert.equal(made.status, 201);
  });
});

describe('a list', () => {
  it('comes in pages, by cursors that belong to it', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('viewer');
    const first = await api.ask('GET', '/certificates?limit=1', { cookie });
    const next = String(first.body['next']);
    const second = await api.ask('GET', `/certificates?limit=1&cursor=${next}`, { cookie });
    const idsOf = ({ body }: ApiAnswer): string[] => (body['items'] as { id: string }[]).map(({ id }) => id);
    assert.deepEqual([idsOf(first), idsOf(second), second.body['next']], [['gateway-client'], ['spare'], null]);
    assert.deepEqual(codeOf(await api.ask('GET', `/services?cursor=${next}`, { cookie })), [400, 'bad_cursor']);
    const { cookie: admin } = await api.enter('admin');
    const users = await api.ask('GET', '/users?limit=1', { cookie: admin });
    const rest = await api.ask('GET', `/users?limit=1&cursor=${String(users.body['next'])}`, { cookie: admin });
    assert.equal(rest.status, 200);
    assert.notDeepEqual(idsOf(users), idsOf(rest));
  });
});

describe('trouble of the store', () => {
  it("is told as such, with what to do, and not as somebody else's mistake", async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('viewer');
    await api.store.close();
    const { status, body, headers } = await api.ask('GET', '/services', { cookie });
    assert.deepEqual([status, body['code'], body['store']], [503, 'store_unavailable', 'closed']);
    assert.equal(headers.get('retry-after'), '5');
  });
});

describe('an administrator who is none any more while his request waits', () => {
  for (const [title, method, path] of [
    ['makes no user', 'POST', () => '/users'],
    ['changes none', 'PATCH', (id: string) => `/users/${id}`],
  ] as const)
    it(title, async (t) => {
      const api = await openApi(t);
      const [eve, bob] = [await api.enter('admin'), await api.enter('viewer')];
      await api.enter('admin');
      const password = 'a password of four words';
      const body = method === 'POST' ? { name: 'another', role: 'admin', password } : { role: 'admin', password };
      const fields = method === 'POST' ? {} : { 'if-match': `"${bob.user.version}"` };
      const hash = api.context.passwords.hash.bind(api.context.passwords);
      // While the password is computed.
      api.context.passwords.hash = async (text) => {
        await api.store.users.update(eve.user.id, eve.user.version, { role: 'viewer' }, { actor: 'test' });
        return hash(text);
      };
      const answer = await api.ask(method, path(bob.user.id), { cookie: eve.cookie, body, fields });
      assert.equal(answer.status, 401);
      assert.equal((await api.store.users.find(bob.user.id))?.role, 'viewer');
      assert.equal(await api.store.users.findByName('another'), undefined);
    });
});
