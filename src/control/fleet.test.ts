// Several gateways on one store, as one of them sees them: what each is to run, what it says it runs, and what is on trial on some.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type ApiAnswer, type ApiUnderTest, openApi } from '../../test/support/control-api.ts';
import type { GatewayShown } from './gateway-shape.ts';

const service = { address: 'a.test:8443', tls: { mode: 'tls', caBundle: 'internal' } };
const put = (id: string, value: object = service): object => ({ kind: 'services', id, operation: 'put', value });
const codeOf = ({ status, body }: ApiAnswer): unknown[] => [status, body['code'] ?? body['state']];

type FleetUnderTest = ApiUnderTest & {
  readonly call: (method: string, path: string, body?: object) => Promise<ApiAnswer>;
  readonly apply: (query: string, parent: number, id: string) => Promise<ApiAnswer>;
  /** As another gateway reports itself. */
  readonly report: (name: string, revision: number, change?: object) => Promise<void>;
  readonly shown: (name: string) => Promise<GatewayShown>;
};

async function open(t: TestContext): Promise<FleetUnderTest> {
  const api = await openApi(t);
  const { cookie } = await api.enter('operator');
  const call = async (method: string, path: string, body?: object): Promise<ApiAnswer> =>
    api.ask(method, path, { cookie, ...(body && { body }) });
  return {
    ...api,
    call,
    apply: async (query, parent, id) => call('POST', `/config:apply${query}`, { parent, changes: [put(id)] }),
    async report(name, revision, change = {}) {
      const found = revision === 0 ? undefined : await api.store.revisions.find(revision);
      const at = new Date(api.clock.now()).toISOString();
      const report = {
        generation: 3,
        revision,
        since: at,
        digest: 'x',
        reloadFailed: false,
        refused: null,
        store: { up: true, revision, digest: found?.digest ?? null, readAt: at, problem: null },
        workers: [{ slot: 0, pid: 1, serving: true, generation: 3 }],
        certificates: [],
        certificateCount: 0,
        versions: { countersign: '0.1.0', node: '26', openssl: '3' },
        instance: { id: `of ${name}`, machine: 'm', url: 'http://m:1', pid: 1, startedAt: at },
        sharedWith: null,
        clock: at,
        ...change,
      };
      await api.store.gateways.report({ name, revision, content: null, report });
    },
    async shown(name) {
      const { body, text, status } = await call('GET', `/gateways/${name}`);
      assert.equal(status, 200, text);
      return body as unknown as GatewayShown;
    },
  };
}

const refusal = {
  at: '2026-11-28T00:00:00.000Z',
  why: 'the configuration has errors',
  blame: 'configuration',
  problems: [
    {
      code: 'file_missing',
      message: 'there is no such file',
      hint: 'Put it there.',
      place: 'store revision 1, service new, /tls/caBundle',
      object: { kind: 'services', id: 'new', pointer: '/tls/caBundle' },
    },
  ],
};

describe('a gateway', () => {
  it('is current, changing for a minute, then behind; and silent when it has not reported for one', async (t) => {
    const { report, shown, apply, clock } = await open(t);
    await report('two', 0);
    assert.equal((await shown('two')).state, 'current');
    await apply('', 0, 'new');
    assert.deepEqual([(await shown('two')).state, (await shown('two')).expected.revision], ['changing', 1]);
    clock.turn(59_000);
    await report('two', 0);
    assert.equal((await shown('two')).state, 'changing');
    clock.turn(2_000);
    assert.equal((await shown('two')).state, 'behind');
    await report('two', 1);
    assert.equal((await shown('two')).state, 'current');
    clock.turn(61_000);
    assert.equal((await shown('two')).state, 'silent');
  });

  it('that did not take a revision says which object is at fault, to everybody', async (t) => {
    const { report, shown, apply, call } = await open(t);
    await report('two', 0);
    await apply('', 0, 'new');
    await report('two', 0, { reloadFailed: true, refused: { ...refusal, revision: 1 } });
    const { state, refused } = await shown('two');
    assert.deepEqual([state, refused?.revision, refused?.problems[0]?.object?.id], ['refused', 1, 'new']);
    const { body } = await call('GET', '/alerts?active=true');
    const items = body['items'] as { id: string; code: string; sentence: string; help: string }[];
    const alert = items.find(({ id }) => id === 'gateway:two:refused');
    assert.equal(alert?.code, 'file_missing');
    assert.match(alert?.sentence ?? '', /^Gateway two did not take revision 1: store revision 1, service new/);
    assert.match(alert?.help ?? '', /^Put it there\. Or revert the change\.$/);
  });

  it('is as old as the clock of the store says, whatever its own says', async (t) => {
    const { report, shown, clock, call } = await open(t);
    await report('two', 0, { clock: new Date(clock.now() - 120_000).toISOString() });
    const { state, clockSkewMs } = await shown('two');
    assert.deepEqual([state, clockSkewMs], ['current', -120_000]);
    const { body } = await call('GET', '/alerts?active=true');
    const sentences = (body['items'] as { sentence: string }[]).map(({ sentence }) => sentence);
    assert.ok(sentences.includes('The clock of gateway two is 120 s behind that of the store'), sentences.join('\n'));
  });

  it('whose report is of another version is shown with what is known of it', async (t) => {
    const { store, shown } = await open(t);
    await store.gateways.report({ name: 'two', revision: 4, content: null, report: { form: 'another' } });
    const { state, revision, workers } = await shown('two');
    assert.deepEqual([state, revision, workers], ['unknown', 4, []]);
  });

  it('is forgotten where it is silent, and not while it reports or tries something', async (t) => {
    const { report, call, apply, clock } = await open(t);
    await report('two', 0);
    assert.deepEqual(codeOf(await call('DELETE', '/gateways/two')), [409, 'in_use']);
    await apply('?canary=two', 0, 'new');
    clock.turn(61_000);
    assert.deepEqual(codeOf(await call('DELETE', '/gateways/two')), [409, 'in_use']);
    await call('POST', '/changes/1:revert');
    assert.equal((await call('DELETE', '/gateways/two')).status, 204);
    assert.equal((await call('GET', '/gateways/two')).status, 404);
  });
});

describe('a change for some gateways', () => {
  it('is a revision that only they are to run, and is promoted for all by another', async (t) => {
    const { report, shown, apply, call, store } = await open(t);
    await report('two', 0);
    const tried = await apply('?canary=two', 0, 'new');
    assert.deepEqual(codeOf(tried), [202, 'elsewhere'], tried.text);
    assert.deepEqual(tried.body['canary'], ['two']);
    assert.deepEqual((await shown('two')).expected.canary, true);
    assert.deepEqual([(await shown('one')).expected.revision, (await shown('two')).expected.revision], [0, 1]);
    const { body } = await call('GET', '/changes');
    const rollout = body['rollout'] as { revision: number; base: number; gateways: string[] };
    assert.deepEqual([rollout.revision, rollout.base, rollout.gateways], [1, 0, ['two']]);
    const planned = await call('POST', '/changes/1:promote?dryRun=true');
    assert.deepEqual(
      (planned.body['changes'] as { id: string }[]).map(({ id }) => id),
      ['new'],
    );
    const promoted = await call('POST', '/changes/1:promote');
    assert.deepEqual([...codeOf(promoted), promoted.body['revision']], [200, 'committed', 2], promoted.text);
    const [first, second] = [await store.revisions.find(1), await store.revisions.find(2)];
    assert.deepEqual([second?.content, second?.canary], [first?.content, null]);
    assert.deepEqual(codeOf(await call('POST', '/changes/1:promote')), [409, 'conflict']);
    assert.equal((await call('GET', '/changes')).body['rollout'], null);
  });

  it('is reverted whole, however many revisions it took', async (t) => {
    const { report, apply, call, store } = await open(t);
    await report('two', 0);
    await apply('', 0, 'kept');
    await apply('?canary=two', 1, 'new');
    await apply('?canary=two', 2, 'newer');
    const reverted = await call('POST', '/changes/2:revert');
    assert.deepEqual([...codeOf(reverted), reverted.body['revision']], [200, 'committed', 4], reverted.text);
    const [base, last] = [await store.revisions.find(1), await store.revisions.find(4)];
    assert.deepEqual([last?.content, last?.canary], [base?.content, null]);
  });

  it('keeps others from changing anything until it ends, and says whose it is', async (t) => {
    const { report, apply, call, store } = await open(t);
    await report('two', 0);
    await report('three', 0);
    await apply('', 0, 'kept');
    await apply('?canary=two', 1, 'new');
    for (const refused of [
      await apply('', 2, 'other'),
      await apply('?canary=three', 2, 'other'),
      await call('POST', '/services', { id: 'other', value: service }),
      await call('POST', '/config:plan', { changes: [put('other')] }),
      await call('POST', '/changes/1:revert'),
    ]) {
      assert.deepEqual(codeOf(refused), [409, 'canary_open'], refused.text);
      const canary = refused.body['canary'] as { revision: number; gateways: string[]; actor: string };
      assert.deepEqual([canary.revision, canary.gateways], [2, ['two']]);
      assert.match(canary.actor, /^user:operator-/);
    }
    const stale = await call('POST', '/changes/1:promote');
    assert.deepEqual(codeOf(stale), [412, 'stale']);
    assert.equal((await store.revisions.head()).number, 2);
  });

  it('is for gateways that have reported', async (t) => {
    const { apply, store } = await open(t);
    assert.deepEqual(codeOf(await apply('?canary=nobody', 0, 'new')), [422, 'invalid']);
    assert.deepEqual(codeOf(await apply('?canary=,', 0, 'new')), [422, 'invalid']);
    assert.equal((await store.revisions.head()).number, 0);
  });
});

describe('what this gateway refuses after all', () => {
  it('stays where another one may run it, and whoever asked is told', async (t) => {
    const { report, apply, answers, store } = await open(t);
    await report('two', 0);
    answers.commit = async () => ({ state: 'refused', why: 'a worker said no', problems: [] });
    const refused = await apply('', 0, 'new');
    assert.deepEqual([...codeOf(refused), refused.body['revertedBy']], [422, 'refused', null]);
    assert.match(String(refused.body['detail']), /It stays in force for two: revert revision 1/);
    assert.equal((await store.revisions.head()).number, 1);
  });
});
