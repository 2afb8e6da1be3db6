// What needs a person now, from what is configured, reported and seen: what is told, in which order, and what is not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mintCa } from '../certs/test-ca.ts';
import { sampleEvidence, type SampleChanges } from '../../test/support/sample-evidence.ts';
import { dayMs } from '../base/clock.ts';
import { assess, type Need } from './needs.ts';

async function needsOf(changes: SampleChanges = {}): Promise<readonly Need[]> {
  return assess(await sampleEvidence(changes)).needs;
}

const ids = (needs: readonly Need[]): string[] => needs.map(({ severity, id }) => `${severity} ${id}`);
const down = (code: string) => ({ code, detail: 'why', help: 'what to do' });

describe('what needs you now', () => {
  it('is nothing where all is well, and each relation holds', async () => {
    const { needs, relations } = assess(await sampleEvidence());
    assert.deepEqual(needs, []);
    assert.deepEqual(relations, { total: 1, holds: 1, failing: 0, unknown: 0 });
  });

  it('is a service without a backend, with the reason of the first, and not where one is left', async () => {
    const backend = { route: 'orders', label: 'orders.test:8443', since: 5 };
    const [need, ...others] = await needsOf({
      status: { backends: [{ ...backend, state: 'down', down: down('expired') }] },
    });
    assert.deepEqual([need?.id, need?.severity, need?.code, need?.since], ['service:orders', 'failing', 'expired', 5]);
    assert.equal(need?.sentence, 'Service orders: its backend is down: certificate of the backend expired');
    assert.deepEqual([need?.help, need?.object], ['what to do', { kind: 'services', id: 'orders' }]);
    assert.deepEqual(others, [], 'the relation is not told a second time');
    assert.deepEqual(
      await needsOf({ status: { backends: [{ ...backend, state: 'partly', down: down('expired') }] } }),
      [],
    );
  });

  it('is a relation whose last handshake failed, and no more when one went well after it', async () => {
    const failure = { at: 90, code: 'refused_by_peer', detail: 'alert 48', help: 'look there', raw: '' };
    const handshake = { label: 'orders.test:8443', failure, shown: null };
    const { needs, relations } = assess(
      await sampleEvidence({ status: { handshakes: [{ ...handshake, ok: { at: 80, version: 'TLSv1.3' } }] } }),
    );
    assert.deepEqual(ids(needs), ['failing relation:orders']);
    assert.match(needs[0]?.sentence ?? '', /^Gateway → orders: .*: alert 48$/);
    assert.deepEqual(needs[0]?.object, { kind: 'relations', id: 'gateway~orders' });
    assert.equal(relations.failing, 1);
    assert.deepEqual(
      await needsOf({ status: { handshakes: [{ ...handshake, ok: { at: 91, version: 'TLSv1.3' } }] } }),
      [],
    );
  });

  it('is a client that was let in before and is refused now, and no stranger', async () => {
    const needs = await needsOf({ regressed: 'expired' });
    assert.deepEqual(
      needs.map(({ kind, code, sentence }) => [kind, code, sentence]),
      [['client', 'expired', 'Client CN=alice was let in by policy gateway and is refused now: certificate expired']],
    );
  });

  it('is what expired before what is due, with whom it cuts off, and nothing of what nobody uses', async () => {
    const ca = await mintCa({ cn: 'old CA', days: 30 });
    const soon = await ca.issue({ kind: 'client', cn: 'gateway', sans: ['gateway.test'], days: 10 });
    const chains = { 'gateway-client': soon.certPem, spare: soon.certPem };
    const due = await needsOf({ chains, aheadMs: 8 * dayMs });
    assert.deepEqual(
      due.map(({ severity, object }) => [severity, object]),
      [['due', { kind: 'certificates', id: 'gateway-client' }]],
    );
    assert.match(
      due[0]?.sentence ?? '',
      /^Certificate gateway-client \(CN=gateway\) expires in \d+ (days|hours) \(20\d\d-/,
    );
    assert.equal(due[0]?.consequence, 'From then on the backends of service orders refuse us.');
    const backends = [
      { route: 'orders', label: 'orders.test:8443', state: 'down' as const, since: 1, down: down('refused') },
    ];
    const expired = await needsOf({ chains, aheadMs: 11 * dayMs, status: { backends } });
    assert.deepEqual(
      expired.map(({ severity, kind }) => [severity, kind]),
      [
        ['failing', 'service'],
        ['failing', 'expiry'],
      ],
    );
    assert.equal(expired[1]?.consequence, 'Since then the backends of service orders refuse us.');
  });

  it('is a refused configuration with the place of its first error, and a store that cannot be used', async () => {
    const problems = [
      {
        code: 'unknown_reference',
        message: 'there is no service x',
        hint: 'Declare it.',
        place: 'gateway.yml:12',
        object: null,
      },
    ];
    const refused = {
      at: 50,
      why: 'the configuration has errors',
      blame: 'configuration' as const,
      revision: null,
      problems,
    };
    const problem = { code: 'locked', message: 'the database is locked', help: 'Wait.' };
    const store = { up: false, revision: 7, digest: null, readAt: 40, problem };
    const needs = await needsOf({ status: { refused, store } });
    assert.deepEqual(ids(needs), ['degraded store', 'degraded reload']);
    assert.deepEqual([needs[1]?.code, needs[1]?.help], ['unknown_reference', 'gateway.yml:12: Declare it.']);
    assert.deepEqual([needs[0]?.code, needs[0]?.help, needs[0]?.since], ['locked', 'Wait.', 40]);
  });

  it('is a revocation list past its date: failing where it refuses clients, degraded where it lets them in', async () => {
    const list = { issuer: 'CN=sample CA', thisUpdate: 1, nextUpdate: 2 };
    const source = { source: 'clients.crl', readAt: 1, failing: false, lists: [list], usedBy: ['policy gateway'] };
    const refuses = await needsOf({ status: { revocation: [{ ...source, refusesStale: ['policy gateway'] }] } });
    assert.deepEqual([ids(refuses), refuses[0]?.code], [['failing revocation:clients.crl'], 'crl_stale']);
    assert.match(refuses[0]?.consequence ?? '', /refused by policy gateway/);
    const lets = await needsOf({ status: { revocation: [{ ...source, refusesStale: [] }] } });
    assert.deepEqual(ids(lets), ['degraded revocation:clients.crl']);
  });

  it('is bounded: a thousand backends that fail for one reason are a hundred lines', async () => {
    const { needs, relations } = assess(await sampleEvidence({ copies: 1_000 }));
    assert.equal(needs.length, 100);
    assert.equal(relations.failing, 1_000);
  });
});
