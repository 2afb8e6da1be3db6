// A gateway that is set up by its API alone: objects that serve traffic when the write is answered, who would be cut off by a change,
// and a control process that is killed in the middle of one.
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { readOpener } from '../../src/loading/read-opener.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import { type ApiClient, type ApiReply, enterAsAdmin } from '../support/api-client.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startLoad } from '../support/load.ts';
import type { RevisionHead } from '../../src/store/revision.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/wait-for.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let gateway: Gateway;
let api: ApiClient;

const yaml = `version: 2
gateway:
  store: {url: "sqlite:store.db"}
  accessLog: {enabled: false}
  tls: {defaultPolicy: none}
`;

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  gateway = stack.use(await startGateway({ yaml, dir: pki.dir, workers: 2, entryPoints: ['webSecure', 'admin'] }));
  api = await enterAsAdmin(gateway);
});

const put = (kind: string, id: string, value: object): object => ({ kind, id, operation: 'put', value });
const ask = (path: string): Promise<CurlResult> =>
  curl(`https://localhost:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    cert: pki.alice.cert,
    key: pki.alice.key,
  });

function orders(): object {
  const tls = { mode: 'mtls', certificateId: 'gateway-client', caBundle: 'internal' };
  return { address: `localhost:${nginx.port}`, tls };
}

const clientAuth = { caBundles: ['clients'], required: true };

describe('a gateway with an empty store', () => {
  it('serves what one apply put there, when that is answered', async () => {
    const changes = [
      put('certificates', 'edge', { cert: pki.downstream.chainPem, key: pki.downstream.keyPem }),
      put('certificates', 'gateway-client', { cert: pki.gateway.chainPem, key: pki.gateway.keyPem }),
      put('caBundles', 'clients', { ca: pki.clients.certPem }),
      put('caBundles', 'internal', { ca: pki.internal.certPem }),
      put('services', 'orders', orders()),
      put('routes', 'orders', { path: '/orders', hosts: ['localhost'], service: 'orders' }),
      put('policies', 'edge', { hosts: ['localhost'], certificateIds: ['edge'], clientAuth }),
    ];
    const planned = await api.call('POST', '/config:plan', { changes });
    assert.deepEqual([planned.status, planned.body['usable'], planned.body['errors']], [200, true, []]);
    const { parent } = planned.body;
    const applied = await api.call('POST', '/config:apply', { parent, changes, reason: 'first' });
    assert.deepEqual([applied.status, applied.body['state']], [200, 'committed'], applied.text);
    const answer = await ask('/orders');
    assert.equal(answer.status, 200, answer.body);
  });

  it('adds a route under load, and no request fails', async () => {
    await using load = startLoad({
      port: gateway.ports.webSecure,
      servername: 'localhost',
      path: '/orders',
      ca: pki.servers.certPem,
      cert: readFileSync(pki.alice.cert, 'utf8'),
      key: readFileSync(pki.alice.key, 'utf8'),
      connections: 4,
      pauseMs: 20,
    });
    await load.waitForOk(20);
    const value = { path: '/more', hosts: ['localhost'], service: 'orders' };
    const made = await api.call('POST', '/routes', { id: 'more', value });
    assert.deepEqual([made.status, made.body['state']], [201, 'committed'], made.text);
    assert.equal((await ask('/more')).status, 200);
    await load.waitForOk(20);
    const { failed, reasons } = await load.stop();
    assert.equal(failed, 0, JSON.stringify([...reasons]));
  });
});

describe('a change of who may enter', () => {
  it('is planned with the names of those who came lately and would be cut off', async () => {
    const strangers = put('caBundles', 'strangers', { ca: pki.servers.certPem });
    const edge = { hosts: ['localhost'], certificateIds: ['edge'] };
    const onlyStrangers = put('policies', 'edge', {
      ...edge,
      clientAuth: { caBundles: ['strangers'], required: true },
    });
    const { body, text } = await api.call('POST', '/config:plan', { changes: [strangers, onlyStrangers] });
    assert.equal(body['usable'], true, text);
    const { cutOff, admitted } = body['clients'] as Record<string, { count: number; items: { subject: string }[] }>;
    assert.deepEqual([cutOff?.count, admitted?.count], [1, 0]);
    assert.match(cutOff?.items[0]?.subject ?? '', /alice/);
    const { rules } = body['access'] as { rules: { items: string[] } };
    assert.match(rules.items.join(), /policy edge: CA added .*; CA removed /);
    // A change of something else cuts off nobody.
    const other = await api.call('POST', '/config:plan', { changes: [put('services', 'other', orders())] });
    assert.equal((other.body['clients'] as { cutOff: { count: number } }).cutOff.count, 0);
  });

  it('is not counted against those whom an earlier change has cut off already', async () => {
    const bundles = { caBundles: ['strangers'], required: true };
    const value = { hosts: ['localhost'], certificateIds: ['edge'], clientAuth: bundles };
    const changes = [put('caBundles', 'strangers', { ca: pki.servers.certPem }), put('policies', 'edge', value)];
    const { parent } = (await api.call('POST', '/config:plan', { changes })).body;
    assert.equal((await api.call('POST', '/config:apply', { parent, changes })).status, 200);
    const next = await api.call('POST', '/config:plan', { changes: [put('services', 'other', orders())] });
    assert.equal((next.body['clients'] as { cutOff: { count: number } }).cutOff.count, 0);
    const back = { value: { hosts: ['localhost'], certificateIds: ['edge'], clientAuth } };
    assert.equal((await api.call('PUT', '/policies/edge', back, await api.ifMatch('/policies/edge'))).status, 200);
    assert.equal((await ask('/orders')).status, 200);
  });

  it('that opens what was closed is refused where it does not say so', async () => {
    const value = { hosts: ['localhost'], certificateIds: ['edge'], clientAuth: { ...clientAuth, required: false } };
    const said = await api.call('POST', '/config:plan', { changes: [put('policies', 'edge', value)] });
    assert.equal(said.body['usable'], true, said.text);
    const refused = await api.call('DELETE', '/policies/edge', undefined, await api.ifMatch('/policies/edge'));
    assert.equal(refused.status, 422, refused.text);
    assert.equal((await ask('/orders')).status, 200);
  });
});

describe('a CA bundle', () => {
  it('is previewed: who would be refused with other CAs, and who would be let in', async () => {
    const files = [{ name: 'servers-ca.pem', text: pki.servers.certPem }];
    const preview = await api.call('POST', '/ca-bundles/clients:preview', { files });
    assert.equal(preview.body['usable'], true, preview.text);
    const { cutOff } = preview.body['clients'] as { cutOff: { count: number; items: { subject: string }[] } };
    assert.deepEqual([cutOff.count, cutOff.items[0]?.subject], [1, 'CN=alice']);
    const more = [{ name: 'both.pem', text: pki.servers.certPem + pki.clients.certPem }];
    const harmless = await api.call('POST', '/ca-bundles/clients:preview', { files: more });
    assert.equal((harmless.body['clients'] as { cutOff: { count: number } }).cutOff.count, 0);
    assert.equal((await ask('/orders')).status, 200);
  });
});

describe('a service that nobody uses yet', () => {
  type Probed = { readonly ok: boolean; readonly failure: { readonly code: string } | null };
  const first = ({ body, text }: ApiReply): Probed => {
    const [backend] = (body['backends'] ?? []) as Probed[];
    assert.ok(backend !== undefined, text);
    return backend;
  };

  it('is probed as a route would reach it', async () => {
    const made = await api.call('POST', '/services', { id: 'spare', value: orders() });
    assert.equal(made.status, 201, made.text);
    assert.equal(first(await api.call('POST', '/services/spare:probe')).ok, true);
  });

  it('is probed before it is saved, with a certificate and a bundle that are not, and nothing is stored', async () => {
    const newest = async (): Promise<number | undefined> => {
      const { items } = (await api.call('GET', '/changes?limit=1')).body as { items: { revision: number }[] };
      return items[0]?.revision;
    };
    const revision = await newest();
    assert.ok(revision !== undefined && revision > 0);
    const tls = { mode: 'mtls', certificateId: 'new-client', caBundle: 'new-ca' };
    const value = { address: `localhost:${nginx.port}`, tls };
    const certificate = {
      id: 'new-client',
      files: [{ name: 'c.pem', text: pki.gateway.chainPem + pki.gateway.keyPem }],
    };
    const caBundle = { id: 'new-ca', files: [{ name: 'ca.pem', text: pki.internal.certPem }] };
    const good = first(await api.call('POST', '/services:probe', { value, certificate, caBundle }));
    assert.deepEqual([good.ok, good.failure], [true, null]);
    // Where one that nobody saved led stands in the audit log.
    const { items } = (await api.call('GET', '/audit?limit=1')).body as { items: { action: string; detail: object }[] };
    assert.deepEqual([items[0]?.action, items[0]?.detail], ['service.probe', { addresses: [value.address] }]);
    const wrong = { id: 'new-ca', files: [{ name: 'ca.pem', text: pki.servers.certPem }] };
    const bad = first(await api.call('POST', '/services:probe', { value, certificate, caBundle: wrong }));
    assert.deepEqual([bad.ok, bad.failure?.code], [false, 'untrusted_issuer']);
    const refused = await api.call('POST', '/services:probe', { value, caBundle });
    assert.equal(refused.status, 422);
    const [error] = refused.body['errors'] as { pointer: string; code: string }[];
    assert.deepEqual([error?.pointer, error?.code], ['/value/tls/certificateId', 'unknown_reference']);
    assert.equal(await newest(), revision);
  });
});

describe('the control process, killed in the middle of a change', () => {
  const serves = ({ msg }: { msg: string }): boolean => msg === 'control process serves the API';

  let store: Store;
  before(async () => {
    store = await openSqliteStore({ path: pki.dir.file('store.db'), access: 'read', clock: systemClock });
    stack.defer(() => store.close());
  });

  /** Where in the change it is killed: once `reached` says so. */
  async function killWhen(round: string, reached: (head: RevisionHead) => Promise<boolean>): Promise<'old' | 'new'> {
    await gateway.waitForLog(serves);
    const pid = Number(gateway.log.items.findLast(serves)?.['pid']);
    const former = await store.revisions.head();
    const names = [`services/one-${round}`, `services/two-${round}`, `certificates/cert-${round}`];
    const changes = [
      put('services', `one-${round}`, orders()),
      put('services', `two-${round}`, orders()),
      put('certificates', `cert-${round}`, { cert: pki.gateway.chainPem, key: pki.gateway.keyPem }),
    ];
    const from = gateway.log.length;
    const answered = api.call('POST', '/config:apply', { parent: former.number, changes }).catch(() => undefined);
    await eventually(async () => reached(former), {
      what: `the change to come to where it is killed (${round})`,
      everyMs: 1,
    });
    process.kill(pid, 'SIGKILL');
    await answered;
    await gateway.waitForLog(serves, { from });
    const head = await store.revisions.head();
    const isNew = head.number === former.number + 1;
    assert.ok(isNew || head.digest === former.digest);
    const { objects = [] } = (await store.revisions.read(head.number)) ?? {};
    const there = names.filter((name) => objects.some(({ kind, id }) => `${kind}/${id}` === name));
    assert.equal(there.length, isNew ? names.length : 0);
    assert.deepEqual(await store.verify(readOpener({ path: pki.dir.file('store.db') })), []);
    await eventually(
      async () => {
        const { items } = (await api.call('GET', '/gateways')).body as { items: { revision: number }[] };
        return items[0]?.revision === head.number;
      },
      { what: 'the gateway to run the revision' },
    );
    assert.equal((await ask('/orders')).status, 200);
    return isNew ? 'new' : 'old';
  }

  it('leaves the one or the other, whole, where the request was sent a moment ago', async () => {
    await killWhen('sent', async () => true);
  });

  it('leaves the one or the other, whole, where keys are sealed already', async () => {
    const count = async (): Promise<number> => (await store.sealed.list()).items.length;
    const known = await count();
    await killWhen('sealed', async () => (await count()) > known);
  });

  it('leaves what was asked for where it is a revision, and the gateway runs it', async () => {
    const appended = async ({ number }: RevisionHead): Promise<boolean> =>
      (await store.revisions.head()).number > number;
    assert.equal(await killWhen('appended', appended), 'new');
  });
});

describe('a store in a bad state', () => {
  const value = { path: '/late', hosts: ['localhost'], service: 'orders' };

  it('that another process holds is told of, and traffic goes on', async () => {
    const other = new DatabaseSync(pki.dir.file('store.db'));
    other.exec('BEGIN IMMEDIATE');
    const refused = await api.call('POST', '/routes', { id: 'late', value });
    assert.deepEqual([refused.status, refused.body['store']], [503, 'locked'], refused.text);
    assert.equal((await ask('/orders')).status, 200);
    other.exec('ROLLBACK');
    other.close();
    assert.equal((await api.call('POST', '/routes', { id: 'late', value })).status, 201);
    assert.equal((await ask('/late')).status, 200);
  });

  it('that is damaged is told of, also by a control process that starts then, and traffic goes on', async () => {
    const path = pki.dir.file('store.db');
    const db = new DatabaseSync(path);
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    db.close();
    const file = openSync(path, 'r+');
    for (let at = 4096; at < statSync(path).size; at += 4096) writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, at);
    closeSync(file);
    const refused = await api.call('POST', '/routes', { id: 'later', value });
    assert.equal(refused.status, 503, refused.text);
    assert.match(String(refused.body['detail']), /backup/);
    assert.equal((await ask('/orders')).status, 200);
    const from = gateway.log.length;
    const serving = gateway.log.items.findLast(({ msg }) => msg === 'control process serves the API');
    process.kill(Number(serving?.['pid']), 'SIGKILL');
    await gateway.waitForLog(({ msg }) => msg.startsWith('the control process waits for its store'), { from });
    const told = await api.call('GET', '/services');
    assert.deepEqual([told.status, told.body['code']], [503, 'store_unavailable']);
    assert.ok(['corrupt', 'altered', 'not_a_store'].includes(String(told.body['store'])), told.text);
    assert.equal((await ask('/orders')).status, 200);
  });
});
