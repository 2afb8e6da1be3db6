// Changes by the API: planned as a gateway would load them, applied as one revision, answered with what came of it; objects one by
// one under their ETags. Plans are those of the real loader, over a file and a store.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { mintCa } from '../certs/test-ca.ts';
import { type ApiAnswer, type ApiUnderTest, type AskOptions, openApi } from '../../test/support/control-api.ts';

type Editor = ApiUnderTest & {
  readonly call: (method: string, path: string, body?: object, fields?: AskOptions['fields']) => Promise<ApiAnswer>;
  readonly head: () => Promise<number>;
};

async function open(t: TestContext): Promise<Editor> {
  const api = await openApi(t);
  const { cookie } = await api.enter('operator');
  return {
    ...api,
    call: async (method, path, body, fields) => {
      return api.ask(method, path, { cookie, ...(body && { body }), ...(fields && { fields }) });
    },
    head: async () => (await api.store.revisions.head()).number,
  };
}

const [aCa, otherCa] = await Promise.all([mintCa({ cn: 'A' }), mintCa({ cn: 'Another' })]);
const mode = { mode: 'tls', caBundle: 'internal' };
const plain = { address: 'a.test:8443', tls: mode };
const put = (id: string, value: object, kind = 'services'): object => ({ kind, id, operation: 'put', value });
const remove = (id: string, kind = 'services'): object => ({ kind, id, operation: 'delete' });
const codeOf = ({ status, body }: ApiAnswer): unknown[] => [status, body['code'] ?? body['state']];
const errorsOf = ({ body }: ApiAnswer): unknown[] =>
  (body['errors'] as { pointer: string; code: string }[]).map(({ pointer, code }) => [pointer, code]);
const sortedErrorsOf = ({ body }: ApiAnswer): string[] =>
  (body['errors'] as { pointer: string; code: string }[])
    .map(({ pointer, code }) => `${pointer} ${code}`)
    .toSorted((a, b) => a.localeCompare(b, 'en'));
const arrivalsOf = ({ body }: ApiAnswer): string[] =>
  (body['gateways'] as { name: string; state: string }[]).map(({ name, state }) => `${name} ${state}`);
const ifMatch = (answer: ApiAnswer): { 'if-match': string } => ({ 'if-match': answer.headers.get('etag') ?? '' });

describe('a plan', () => {
  it('says on which revision it was made, what changes and what is wrong, by pointers into the changes', async (t) => {
    const { call, head } = await open(t);
    const good = await call('POST', '/config:plan', { changes: [put('shop', plain)] });
    assert.deepEqual([good.status, good.body['parent'], good.body['usable'], errorsOf(good)], [200, 0, true, []]);
    assert.deepEqual(good.body['changes'], [
      { kind: 'services', id: 'shop', change: 'added', fields: [], more: false },
    ]);
    const wrong = { address: 'a.test', tls: { mode: 'mtls', caBundle: 'internl' } };
    const bad = await call('POST', '/config:plan', { changes: [put('good', plain), put('bad', wrong)] });
    assert.equal(bad.body['usable'], false);
    assert.deepEqual(sortedErrorsOf(bad), [
      '/changes/1/value/address bad_address',
      '/changes/1/value/tls missing_key',
      '/changes/1/value/tls/caBundle unknown_reference',
    ]);
    assert.equal(await head(), 0);
  });

  it('tells who may enter then that could not before, in the words of a reload', async (t) => {
    const { call } = await open(t);
    const open_ = { hosts: ['open.test'], clientAuth: 'off' };
    const route = { path: '/open', hosts: ['open.test'], service: 'orders' };
    const changes = [put('open', open_, 'policies'), put('open', route, 'routes')];
    const { body } = await call('POST', '/config:plan', { changes });
    assert.equal(body['usable'], true, JSON.stringify(body['errors']));
    const { opened } = body['access'] as { opened: { count: number; items: string[] } };
    assert.equal(opened.count, 1);
    assert.match(opened.items[0] ?? '', /^\/open.* on open\.test: .* → anyone/);
  });

  it('points at the name where that is what is wrong', async (t) => {
    const { call } = await open(t);
    const { body } = await call('POST', '/config:plan', { changes: [put('bad name!', plain)] });
    const [error] = body['errors'] as { pointer: string; code: string }[];
    assert.deepEqual([error?.pointer, error?.code], ['/changes/0/id', 'bad_name']);
  });

  it('names the file where a name stands already', async (t) => {
    const { call } = await open(t);
    const { body } = await call('POST', '/config:plan', { changes: [put('orders', plain)] });
    const [error] = body['errors'] as { pointer: string; code: string; hint: string }[];
    assert.deepEqual([error?.pointer, error?.code], ['/changes/0/id', 'duplicate_name']);
    assert.match(error?.hint ?? '', /gateway\.yml, line 9/);
  });
});

describe('an apply', () => {
  it('is one revision of all changes, by who asked and with the reason, in force when it is answered', async (t) => {
    const { call, store } = await open(t);
    const route = { path: '/shop', hosts: ['shop.test'], service: 'shop' };
    const changes = [put('shop', plain), put('shop', route, 'routes')];
    const applied = await call('POST', '/config:apply', { parent: 0, changes, reason: 'a shop' });
    assert.deepEqual([applied.status, applied.body['revision'], applied.body['state']], [200, 1, 'committed']);
    const revision = await store.revisions.find(1);
    assert.equal(revision?.reason, 'a shop');
    assert.match(revision?.actor ?? '', /^user:operator-/);
    const shown = await call('GET', '/services/shop');
    assert.deepEqual([shown.status, shown.body['running'], shown.body['changedIn']], [200, true, 1]);
    assert.deepEqual(shown.body['value'], plain);
    assert.deepEqual(shown.body['usedBy'], [{ kind: 'routes', id: 'shop' }]);
  });

  it('is refused where it was planned on another revision, with who made the newest one', async (t) => {
    const { call, head } = await open(t);
    await call('POST', '/config:apply', { parent: 0, changes: [put('shop', plain)], reason: 'first' });
    const late = await call('POST', '/config:apply', { parent: 0, changes: [put('late', plain)] });
    assert.deepEqual(codeOf(late), [412, 'stale']);
    const by = late.body['changedBy'] as { revision: number; actor: string; reason: string; at: string };
    assert.deepEqual([by.revision, by.reason], [1, 'first']);
    assert.match(by.at, /^2026-/);
    assert.equal(await head(), 1);
  });

  it('needs the act of certificates for a certificate, as the revert of one does', async (t) => {
    const api = await open(t);
    const { call, head } = api;
    const { user } = await api.enter('operator');
    const [few, all] = await Promise.all([
      api.issueToken(user, ['config.write']),
      api.issueToken(user, ['config.write', 'certificates.write']),
    ]);
    const pair = await aCa.issue({ kind: 'client', cn: 'known', sans: ['known.test'] });
    const value = { cert: pair.chainPem, key: pair.keyPem };
    const post = async (token: string, path: string, given?: object): Promise<ApiAnswer> =>
      api.ask('POST', path, { token, ...(given && { body: given }) });
    const body = { parent: 0, changes: [put('known', value, 'certificates'), put('shop', plain)] };
    const refused = await post(few, '/config:apply', body);
    assert.deepEqual([...codeOf(refused), refused.body['act']], [403, 'not_allowed', 'certificates.write']);
    assert.equal((await post(few, '/config:apply', { parent: 0, changes: [put('shop', plain)] })).status, 200);
    assert.equal((await post(all, '/config:apply', { parent: 1, changes: body.changes })).status, 200);
    assert.deepEqual(codeOf(await post(few, '/changes/2:revert')), [403, 'not_allowed']);
    assert.equal(await head(), 2);
    assert.equal((await call('POST', '/changes/2:revert')).status, 200);
  });

  it('leaves nothing of what a gateway would not take', async (t) => {
    const { call, head } = await open(t);
    const changes = [put('good', plain), put('bad', { ...plain, address: 'none' })];
    const refused = await call('POST', '/config:apply', { parent: 0, changes });
    assert.deepEqual(codeOf(refused), [422, 'invalid']);
    assert.deepEqual(errorsOf(refused), [['/changes/1/value/address', 'bad_address']]);
    assert.equal(await head(), 0);
  });

  it('makes no revision where nothing changes', async (t) => {
    const { call, head } = await open(t);
    const changes = [put('shop', plain)];
    await call('POST', '/config:apply', { parent: 0, changes });
    const again = await call('POST', '/config:apply', { parent: 1, changes });
    assert.deepEqual(codeOf(again), [200, 'unchanged']);
    assert.equal(await head(), 1);
  });

  it('that the gateway refuses after all is taken back, and says at which object', async (t) => {
    const { call, store, answers, head } = await open(t);
    await call('POST', '/config:apply', { parent: 0, changes: [put('shop', plain)] });
    const { commit } = answers;
    answers.commit = async (asked) => {
      if (asked.revision !== 2) return commit(asked);
      const object = { kind: 'services', id: 'shop', pointer: '/address' };
      const problem = { code: 'worker_refused', message: 'it cannot be built', hint: '', object, place: null };
      return { state: 'refused', why: 'a worker said no', problems: [{ ...problem, severity: 'error' }] };
    };
    const changes = [put('shop', { ...plain, address: 'b.test:1' }), put('new', plain)];
    const refused = await call('POST', '/config:apply', { parent: 1, changes });
    assert.deepEqual(codeOf(refused), [422, 'refused']);
    assert.deepEqual(errorsOf(refused), [['/changes/0/value/address', 'worker_refused']]);
    assert.deepEqual([refused.body['revision'], refused.body['revertedBy']], [2, 3]);
    assert.equal(await head(), 3);
    const [first, third] = [await store.revisions.find(1), await store.revisions.find(3)];
    assert.equal(third?.content, first?.content);
    assert.match(third?.reason ?? '', /^revision 2 was refused by the gateway: a worker said no/);
  });

  it('that is not in force yet says so, and why', async (t) => {
    const { call, answers, head } = await open(t);
    answers.commit = async () => ({ state: 'pending', why: 'no worker answered' });
    const pending = await call('POST', '/config:apply', { parent: 0, changes: [put('shop', plain)] });
    assert.deepEqual(
      [pending.status, pending.body['state'], pending.body['why']],
      [202, 'pending', 'no worker answered'],
    );
    assert.equal(await head(), 1);
    const shown = await call('GET', '/services/shop');
    assert.deepEqual([shown.status, shown.body['running'], shown.body['value']], [200, false, plain]);
  });

  it('that the gateway is at work on for longer than a request lasts is pending, and not undone', async (t) => {
    const { call, answers, clock, head } = await open(t);
    answers.commit = async () => {
      setImmediate(() => clock.turn(32_001));
      return new Promise(() => {});
    };
    const pending = await call('POST', '/config:apply?wait=all', { parent: 0, changes: [put('shop', plain)] });
    assert.deepEqual(codeOf(pending), [202, 'pending'], pending.text);
    assert.equal(await head(), 1);
  });

  it('waits for all gateways that reported lately, and says who has it not', async (t) => {
    const { call, store, clock, answers } = await open(t);
    const report = { content: null, report: {} };
    await store.gateways.report({ name: 'other', revision: 1, ...report });
    const ready = await call('POST', '/config:apply?wait=all', { parent: 0, changes: [put('shop', plain)] });
    assert.deepEqual(arrivalsOf(ready), ['one committed', 'other committed']);
    const { commit } = answers;
    let turning: NodeJS.Timeout | undefined;
    answers.commit = async (asked) => {
      const done = await commit(asked);
      turning = setInterval(() => clock.turn(5_000), 5);
      return done;
    };
    const waiting = call('POST', '/config:apply?wait=all', { parent: 1, changes: [remove('shop')] });
    const late = await waiting.finally(() => clearInterval(turning));
    assert.deepEqual(arrivalsOf(late), ['one committed', 'other pending']);
  });
});

describe('a revert', () => {
  it('is a new revision with what was there before, and is refused where that was changed again', async (t) => {
    const { call, store, head } = await open(t);
    await call('POST', '/config:apply', { parent: 0, changes: [put('shop', plain), put('other', plain)] });
    const moved = { ...plain, address: 'b.test:1' };
    await call('POST', '/config:apply', {
      parent: 1,
      changes: [put('shop', moved), remove('other'), put('new', plain)],
    });
    const reverted = await call('POST', '/changes/2:revert?reason=wrong');
    assert.deepEqual([...codeOf(reverted), reverted.body['revision']], [200, 'committed', 3], reverted.text);
    assert.equal((await store.revisions.find(3))?.content, (await store.revisions.find(1))?.content);
    assert.equal((await store.revisions.find(3))?.reason, 'wrong');
    assert.deepEqual(codeOf(await call('POST', '/changes/2:revert')), [200, 'unchanged']);
    await call('POST', '/config:apply', { parent: 3, changes: [put('shop', { ...plain, address: 'c.test:1' })] });
    const late = await call('POST', '/changes/1:revert');
    assert.deepEqual(codeOf(late), [409, 'conflict']);
    assert.deepEqual(
      (late.body['errors'] as { object: { id: string }; detail: string }[]).map(({ detail }) => detail),
      ['services/shop: it was changed in revision 4'],
    );
    assert.equal(await head(), 4);
  });

  it('is planned like any change: what is used by now is not taken away', async (t) => {
    const { call } = await open(t);
    await call('POST', '/services', { id: 'shop', value: plain });
    await call('POST', '/routes', { id: 'shop', value: { path: '/shop', hosts: ['shop.test'], service: 'shop' } });
    const refused = await call('POST', '/changes/1:revert');
    assert.deepEqual(codeOf(refused), [422, 'invalid']);
    const [error] = refused.body['errors'] as { code: string; object: object }[];
    assert.deepEqual(error?.object, { kind: 'routes', id: 'shop', pointer: '/service' });
  });
});

describe('an export', () => {
  it('is what the store holds, in the words of a file', async (t) => {
    const { call } = await open(t);
    await call('POST', '/services', { id: 'shop', value: plain });
    const { status, text, headers } = await call('GET', '/export');
    assert.deepEqual([status, headers.get('content-type')], [200, 'application/yaml']);
    assert.match(text, /^# revision 1 of the store [0-9a-f]{64}; private keys are sealed\n/);
    assert.match(text, /gateway:\n {2}services:\n {4}- name: shop\n {6}address: a\.test:8443/);
  });
});

describe('an object', () => {
  it('is made under a free name, once for each Idempotency-Key', async (t) => {
    const { call, head } = await open(t);
    const key = { 'idempotency-key': 'make-shop' };
    const body = { id: 'shop', value: plain, reason: 'new' };
    const made = await call('POST', '/services', body, key);
    assert.deepEqual([made.status, made.headers.get('location')], [201, '/api/v1/services/shop']);
    assert.equal((await call('POST', '/services', body, key)).status, 201);
    assert.equal(await head(), 1);
    const again = await call('POST', '/services', body);
    assert.deepEqual([...codeOf(again), errorsOf(again)], [409, 'duplicate', [['/id', 'duplicate']]]);
    const ofFile = await call('POST', '/services', { ...body, id: 'orders' });
    assert.deepEqual([ofFile.status, ofFile.body['place']], [409, { file: 'gateway.yml', line: 9 }]);
  });

  it('is not taken for another by its Idempotency-Key: not for a dry run, not for one of another id', async (t) => {
    const { call, head } = await open(t);
    const key = { 'idempotency-key': 'make-shop' };
    const body = { id: 'shop', value: plain };
    assert.equal((await call('POST', '/services?dryRun=true', body, key)).status, 200);
    assert.deepEqual(codeOf(await call('POST', '/services', body, key)), [422, 'key_mismatch']);
    const value = { ca: [aCa.certPem] };
    for (const id of ['one', 'two']) assert.equal((await call('POST', '/ca-bundles', { id, value })).status, 201);
    const next = { value: { ca: [otherCa.certPem] } };
    const version = { 'idempotency-key': 'next-version' };
    assert.equal((await call('POST', '/ca-bundles/one/versions', next, version)).status, 200);
    assert.deepEqual(codeOf(await call('POST', '/ca-bundles/two/versions', next, version)), [422, 'key_mismatch']);
    assert.equal((await call('POST', '/ca-bundles/one/versions', next, version)).status, 200);
    assert.equal(await head(), 3);
  });

  it('is changed by who names its state: 428 without, 412 with another, and who it was', async (t) => {
    const { call } = await open(t);
    await call('POST', '/services', { id: 'shop', value: plain });
    const seen = await call('GET', '/services/shop');
    assert.deepEqual(codeOf(await call('PUT', '/services/shop', { value: plain })), [428, 'precondition_required']);
    const value = { ...plain, address: 'b.test:8443' };
    const changed = await call('PUT', '/services/shop', { value, reason: 'moved' }, ifMatch(seen));
    assert.deepEqual([changed.status, changed.body['revision'], changed.headers.get('etag')], [200, 2, '"2"']);
    const late = await call('PUT', '/services/shop', { value: plain }, ifMatch(seen));
    assert.deepEqual(codeOf(late), [412, 'stale']);
    assert.equal((late.body['changedBy'] as { reason: string }).reason, 'moved');
    assert.deepEqual(late.body['current'], { changedIn: 2, value });
    const own = await call('PUT', '/services/shop', { value: plain }, { 'if-match': '"2"' });
    assert.equal(own.status, 200);
  });

  it('keeps what a merge patch does not name, and loses what it says is null', async (t) => {
    const { call } = await open(t);
    await call('POST', '/services', { id: 'shop', value: { ...plain, healthCheck: { path: '/up' } } });
    const seen = await call('GET', '/services/shop');
    const patch = { value: { healthCheck: null, tls: { serverName: 'shop.test' } } };
    assert.equal((await call('PATCH', '/services/shop', patch, ifMatch(seen))).status, 200);
    const { body } = await call('GET', '/services/shop');
    assert.deepEqual(body['value'], { ...plain, tls: { ...mode, serverName: 'shop.test' } });
  });

  it('that is wrong is told with pointers into its value, and a dry run changes nothing', async (t) => {
    const { call, head } = await open(t);
    const wrong = { id: 'shop', value: { address: 'none', tls: { mode: 'tls', caBundle: 'nobody' } } };
    const refused = await call('POST', '/services', wrong);
    assert.deepEqual(codeOf(refused), [422, 'invalid']);
    assert.deepEqual(sortedErrorsOf(refused), ['/value/address bad_address', '/value/tls/caBundle unknown_reference']);
    const dry = await call('POST', '/services?dryRun=true', wrong);
    assert.deepEqual([dry.status, dry.body['usable'], errorsOf(dry).length], [200, false, 2]);
    const good = await call('POST', '/services?dryRun=true', { id: 'shop', value: plain });
    assert.deepEqual([good.status, good.body['usable']], [200, true]);
    assert.equal(await head(), 0);
  });

  it('that is used is not removed, and one that is not used is', async (t) => {
    const { call } = await open(t);
    await call('POST', '/services', { id: 'shop', value: plain });
    await call('POST', '/routes', { id: 'shop', value: { path: '/shop', hosts: ['shop.test'], service: 'shop' } });
    const refused = await call('DELETE', '/services/shop', undefined, ifMatch(await call('GET', '/services/shop')));
    assert.deepEqual(codeOf(refused), [409, 'in_use']);
    assert.deepEqual(refused.body['usedBy'], [{ kind: 'routes', id: 'shop' }]);
    const route = await call('GET', '/routes/shop');
    assert.equal((await call('DELETE', '/routes/shop?reason=closed', undefined, ifMatch(route))).status, 200);
    const service = await call('GET', '/services/shop');
    assert.equal((await call('DELETE', '/services/shop', undefined, ifMatch(service))).status, 200);
    assert.equal((await call('GET', '/services/shop')).status, 404);
  });

  it('of the file is changed there', async (t) => {
    const { call } = await open(t);
    const seen = await call('GET', '/services/orders');
    for (const [method, body] of [
      ['PUT', { value: plain }],
      ['PATCH', { value: {} }],
      ['DELETE', undefined],
    ] as const) {
      const refused = await call(method, '/services/orders', body, ifMatch(seen));
      assert.deepEqual(
        [...codeOf(refused), refused.body['place']],
        [409, 'read_only', { file: 'gateway.yml', line: 9 }],
      );
      assert.match(String(refused.body['detail']), /gateway\.yml:9/);
    }
  });

  it('that is switched off is stored and shown, and does not run', async (t) => {
    const { call } = await open(t);
    const value = { path: '/off', hosts: ['shop.test'], service: 'orders', enabled: false };
    assert.equal((await call('POST', '/routes', { id: 'off', value })).status, 201);
    const { body } = await call('GET', '/routes/off');
    assert.deepEqual([body['running'], body['value']], [false, value]);
    const { items } = (await call('GET', '/routes')).body as { items: { id: string; running: boolean }[] };
    assert.deepEqual(
      items.map(({ id, running }) => [id, running]),
      [
        ['orders', true],
        ['off', false],
      ],
    );
  });

  it('may be a middleware, which holds no secret and names no file', async (t) => {
    const { call } = await open(t);
    const limit = { type: 'rateLimit', rule: { unit: 'minute', requestsPerUnit: 60 } };
    assert.equal((await call('POST', '/middlewares', { id: 'limit', value: limit })).status, 201);
    const route = { path: '/shop', hosts: ['shop.test'], service: 'orders', middlewares: ['limit'] };
    assert.equal((await call('POST', '/routes', { id: 'shop', value: route })).status, 201);
    const { body } = await call('GET', '/middlewares/limit');
    assert.deepEqual([body['type'], body['usedBy']], ['rateLimit', [{ kind: 'routes', id: 'shop' }]]);
    for (const [id, type, rule, pointer] of [
      [
        'token',
        'jwtAuth',
        { secret: 'a secret of many, many characters', issuer: 'any', audience: 'any' },
        '/rule/secret',
      ],
      ['users', 'basicAuth', { users: ['ann:geheim'] }, '/rule/users'],
      ['file', 'basicAuth', { usersFile: '/etc/passwd' }, '/rule/usersFile'],
      ['set', 'jwtAuth', { jwks: { file: '/etc/passwd' }, issuer: 'any', audience: 'any' }, '/rule/jwks/file'],
    ] as const) {
      const refused = await call('POST', '/middlewares', { id, value: { type, rule } });
      assert.equal(refused.status, 422, id);
      assert.ok(
        errorsOf(refused).some((error) => (error as string[])[0] === `/value${pointer}`),
        `${id}: ${refused.text}`,
      );
      assert.doesNotMatch(refused.text, /geheim|many, many/);
    }
  });
});
