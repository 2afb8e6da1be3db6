import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { openStoreToWrite, type WrittenStore } from '../../test/support/stored-config.ts';
import { systemClock } from '../base/clock.ts';
import { type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { loadConfig } from '../config/load-config.ts';
import type { SeenIdentity, TrustRecordContents } from '../inventory/record-format.ts';
import { readOpener } from '../loading/read-opener.ts';
import type { ObjectChange } from '../store/object.ts';
import { type PlanOptions, planRevision, type RevisionPlan } from './plan-revision.ts';

let clients: TestCa;
let others: TestCa;
let leaf: Issued;
let other: Issued;
before(async () => {
  [clients, others] = await Promise.all([mintCa({ cn: 'Clients' }), mintCa({ cn: 'Others' })]);
  leaf = await clients.issue({ kind: 'server', cn: 'localhost', sans: ['DNS:localhost'] });
  other = await clients.issue({ kind: 'server', cn: 'localhost', sans: ['DNS:localhost'] });
});

type Stage = WrittenStore & {
  readonly plan: (changes: readonly ObjectChange[], more?: Partial<PlanOptions>) => Promise<RevisionPlan>;
};

async function open(t: TestContext): Promise<Stage> {
  const written = await openStoreToWrite(t);
  const file = written.dir.write('gateway.yml', 'gateway:\n  tls: {defaultPolicy: none}\n');
  written.put('caBundles', 'clients', { ca: clients.certPem });
  written.put('services', 'orders', { address: 'localhost:1', tls: { mode: 'off' } });
  written.put('routes', 'orders', { path: '/orders', hosts: ['localhost'], service: 'orders' });
  written.putSealed('certificates', 'web', { cert: leaf.chainPem }, leaf.keyPem);
  const clientAuth = { caBundles: ['clients'], required: true };
  written.put('policies', 'edge', { hosts: ['localhost'], certificateIds: ['web'], clientAuth });
  const options: PlanOptions = {
    file,
    store: written.store,
    opener: readOpener({ path: written.path }),
    clock: systemClock,
    env: {},
    strict: true,
    read: async (origin, settings) => loadConfig(origin, settings),
  };
  return { ...written, plan: async (changes, more = {}) => planRevision(changes, { ...options, ...more }) };
}

const errorsOf = ({ problems }: RevisionPlan): object[] =>
  problems
    .filter(({ severity }) => severity === 'error')
    .map(({ code, place }) => [code, place.stored?.kind, place.stored?.id, place.stored?.pointer]);

describe('a plan', () => {
  it('says what changes field by field, and applies nothing', async (t) => {
    const { plan, store } = await open(t);
    const put = { address: 'localhost:2', tls: { mode: 'off' } };
    const made = await plan([{ kind: 'services', id: 'orders', put }]);
    assert.deepEqual([made.usable, errorsOf(made), made.parent.number], [true, [], 5]);
    assert.deepEqual(made.objects, [
      {
        kind: 'services',
        id: 'orders',
        change: 'changed',
        fields: [{ pointer: '/address', before: 'localhost:1', after: 'localhost:2' }],
        more: false,
      },
    ]);
    assert.equal((await store.revisions.head()).number, 5);
  });

  it('names the object and the field that is wrong, and what would be left without its reference', async (t) => {
    const { plan } = await open(t);
    const wrong = await plan([{ kind: 'services', id: 'orders', put: { address: 'localhost', tls: { mode: 'off' } } }]);
    assert.equal(wrong.usable, false);
    assert.deepEqual(errorsOf(wrong), [['bad_address', 'services', 'orders', '/address']]);
    const orphaned = await plan([{ kind: 'services', id: 'orders', remove: true }]);
    assert.deepEqual(errorsOf(orphaned), [['unknown_reference', 'routes', 'orders', '/service']]);
  });

  it('checks a certificate with its sealed key as a start would', async (t) => {
    const { plan, sealFor } = await open(t);
    const key = sealFor('certificates', 'web', other.keyPem);
    const made = await plan([{ kind: 'certificates', id: 'web', put: { cert: leaf.chainPem, key } }]);
    assert.equal(made.usable, false);
    assert.deepEqual(errorsOf(made), [['key_mismatch', 'certificates', 'web', '/key']]);
    assert.ok(!JSON.stringify(made.problems).includes('PRIVATE'));
    const good = await plan([{ kind: 'certificates', id: 'web', put: { cert: other.chainPem, key } }]);
    assert.deepEqual([good.usable, errorsOf(good)], [true, []]);
  });

  it('refuses a private key in clear, and an earlier version that there is not', async (t) => {
    const { plan } = await open(t);
    const put = { cert: leaf.chainPem, key: leaf.keyPem };
    await assert.rejects(plan([{ kind: 'certificates', id: 'web', put }]), { code: 'object_refused' });
    await assert.rejects(plan([{ kind: 'services', id: 'orders', version: 7 }]), { code: 'version_unknown' });
  });

  it('says who may enter that could not before', async (t) => {
    const { plan } = await open(t);
    const put = {
      hosts: ['localhost'],
      certificateIds: ['web'],
      clientAuth: { caBundles: ['clients'], required: false },
    };
    const { access } = await plan([{ kind: 'policies', id: 'edge', put }]);
    assert.deepEqual(
      access?.opened.map(({ path }) => path),
      ['/orders'],
    );
  });

  it('says who of those seen lately would be refused', async (t) => {
    const { plan } = await open(t);
    const alice = await clients.issue({ kind: 'client', cn: 'alice', sans: [] });
    const seen = { record: recordOf(alice), days: 30 };
    const put = { ca: others.certPem };
    const { clients: verdicts, usable } = await plan([{ kind: 'caBundles', id: 'clients', put }], { seen });
    assert.equal(usable, true);
    assert.deepEqual(
      verdicts?.refused.map(({ client }) => client.subject),
      ['CN=alice'],
    );
    const same = await plan([{ kind: 'caBundles', id: 'more', put }], { seen });
    assert.deepEqual(same.clients?.refused, []);
  });
});

function recordOf(issued: Issued): TrustRecordContents {
  const { sha256, subject, issuer, serial, notAfter } = readFacts(issued.der);
  const now = systemClock.now();
  const client: SeenIdentity = {
    policy: 'edge',
    sha256,
    subject,
    issuer,
    serial,
    sans: [],
    notAfter,
    serverNames: ['localhost'],
    anchor: null,
    firstSeen: now,
    lastSeen: now,
    lastAccepted: now,
    accepted: 1,
    refused: 0,
    code: 'ok',
    detail: '',
    version: 'TLSv1.3',
    leaf: issued.der.toString('base64'),
    above: [],
  };
  return { version: 1, since: 0, written: now, anchors: [], anonymous: [], intermediates: {}, identities: [client] };
}
