import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { canonicalJson } from '../store/canonical-json.ts';
import { openApi } from '../../test/support/control-api.ts';

type Review = {
  readonly stores: readonly { readonly id: string; readonly anchors: readonly { readonly sha256: string }[] }[];
};

it('a review is shown, recorded with its decisions, proven by the audit log, and given as CSV', async (t) => {
  const api = await openApi(t);
  const { cookie } = await api.enter('operator');
  const shown = await api.ask('GET', '/trust-audits:preview', { cookie });
  assert.equal(shown.status, 200, shown.text);
  const [store] = (shown.body as unknown as Review).stores;
  assert.equal(store?.id, 'internal');
  const sha256 = store.anchors[0]?.sha256 ?? '';
  const about = { store: { kind: 'bundle', id: 'internal' }, sha256, decision: 'keep', note: '=1+1, "quoted"' };
  const made = await api.ask('POST', '/trust-audits', { cookie, body: { reason: 'Q3', decisions: [about] } });
  assert.equal(made.status, 201, made.text);
  const id = String(made.body['id']);
  const list = await api.ask('GET', '/trust-audits', { cookie });
  assert.deepEqual(list.body['items'], [made.body]);
  const one = await api.ask('GET', `/trust-audits/${id}`, { cookie });
  assert.deepEqual(one.body['decisions'], [about]);
  // Whoever kept the file can show that it is the one of the audit log.
  assert.equal(createHash('sha256').update(canonicalJson(one.body)).digest('hex'), made.body['digest']);
  const [entry] = (await api.store.audit.list({ subject: 'trust-audit' })).items;
  assert.deepEqual(
    [entry?.action, entry?.detail?.['digest'], entry?.reason],
    ['trust.review', made.body['digest'], 'Q3'],
  );
  assert.deepEqual(await api.store.verify(), []);
  const csv = await api.ask('GET', `/trust-audits/${id}:csv`, { cookie });
  assert.equal(csv.status, 200);
  assert.match(csv.headers.get('content-type') ?? '', /^text\/csv/);
  assert.match(csv.text, /^store,id,policies,subject,.*\r\n/);
  assert.match(csv.text, /,keep,"'=1\+1, ""quoted"""\r\n$/);
});

it('a document that somebody changed, or took away, is not shown', async (t) => {
  const api = await openApi(t);
  const { cookie } = await api.enter('operator');
  const id = String((await api.ask('POST', '/trust-audits', { cookie, body: { reason: 'x' } })).body['id']);
  const { records } = api.store;
  const found = await records.find('trust-audit', id);
  assert.ok(found);
  const bytes = Buffer.from(Buffer.from(found.bytes).toString().replace('"reason":"x"', '"reason":"y"'));
  await records.put({ kind: 'trust-audit', key: id, gateway: 'one', bytes, lastsMs: 1_000_000 });
  const changed = await api.ask('GET', `/trust-audits/${id}`, { cookie });
  assert.equal(changed.status, 404);
  assert.match(changed.text, /is not what was recorded; whoever kept it can prove it by the digest [0-9a-f]{64}/);
  await records.remove('trust-audit', id);
  assert.match((await api.ask('GET', `/trust-audits/${id}:csv`, { cookie })).text, /is not there any more/);
  // One that is in no audit log is none, whatever it says.
  await records.put({ kind: 'trust-audit', key: 'forged', gateway: 'one', bytes, lastsMs: 1_000_000 });
  assert.equal((await api.ask('GET', '/trust-audits/forged', { cookie })).status, 404);
});

it('viewers see reviews and record none; who is not logged in sees none; tokens do what their scopes say', async (t) => {
  const api = await openApi(t);
  const viewer = await api.enter('viewer');
  const operator = await api.enter('operator');
  const body = { reason: 'x' };
  const denied = await api.ask('POST', '/trust-audits', { cookie: viewer.cookie, body });
  assert.deepEqual([denied.status, denied.body['code']], [403, 'not_allowed']);
  for (const path of ['/trust-audits', '/trust-audits:preview']) {
    assert.equal((await api.ask('GET', path, { cookie: viewer.cookie })).status, 200);
    assert.equal((await api.ask('GET', path)).status, 401);
  }
  const reads = await api.issueToken(operator.user, ['trustAudits.read']);
  assert.equal((await api.ask('GET', '/trust-audits:preview', { token: reads })).status, 200);
  assert.equal((await api.ask('POST', '/trust-audits', { token: reads, body })).status, 403);
  const other = await api.issueToken(operator.user, ['config.read']);
  assert.equal((await api.ask('GET', '/trust-audits', { token: other })).status, 403);
});
