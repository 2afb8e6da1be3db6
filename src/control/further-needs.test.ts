// What is found beside one look at configuration and state: what is told, and the nearest thing that is not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleEvidence } from '../../test/support/sample-evidence.ts';
import { StoreProblem } from '../store/store-problem.ts';
import {
  auditEveryMs,
  findFailingSources,
  findOverdueAudit,
  findOwnStoreTrouble,
  findRestarts,
  findSurges,
} from './further-needs.ts';
import type { TrafficMinute } from './traffic.ts';

const minute = (at: number, handshakes: Record<string, number>): TrafficMinute => ({
  at: at * 60_000,
  requests: {},
  faults: {},
  handshakes,
});
const hour = (handshakes: Record<string, number>): TrafficMinute[] =>
  Array.from({ length: 58 }, (_, at) => minute(at, handshakes));

describe('a surge of refused handshakes', () => {
  it('is many of one kind where there are few as a rule', () => {
    const [need, ...others] = findSurges([
      ...hour({ expired: 2, ok: 50 }),
      minute(58, { expired: 40, ok: 60 }),
      minute(59, { expired: 25, unknown_sni: 30 }),
    ]);
    assert.deepEqual(others, []);
    assert.deepEqual([need?.id, need?.code, need?.since], ['surge:expired', 'expired', 58 * 60_000]);
    assert.match(need?.sentence ?? '', /at least 60 within two minutes/);
  });

  it('is not what is usual, and not a few, and not those that were let in', () => {
    assert.deepEqual(
      findSurges([...hour({ expired: 40 }), minute(58, { expired: 60 }), minute(59, { expired: 50 })]),
      [],
    );
    assert.deepEqual(findSurges([...hour({}), minute(58, { expired: 20 }), minute(59, { expired: 29 })]), []);
    assert.deepEqual(findSurges([minute(0, { ok: 5_000 })]), []);
  });
});

describe('a renewal that fails', () => {
  const source = { label: 'edge (vault)', kind: 'vault', wants: 'pair' as const, nextAt: null };
  const problem = { at: 5, code: 'unreachable', message: 'it does not answer', hint: 'See whether it runs.' };

  it('is degraded while what was delivered is good, failing where nothing is', async () => {
    const delivered = { at: 1, subject: 'CN=edge', serial: '01', notAfter: Date.now() + 86_400_000 };
    const good = await sampleEvidence({ status: { sources: [{ ...source, delivered, problem }] } });
    const expired = await sampleEvidence({
      status: { sources: [{ ...source, delivered: { ...delivered, notAfter: 2 }, problem }] },
    });
    const none = await sampleEvidence({ status: { sources: [{ ...source, delivered: null, problem }] } });
    assert.deepEqual(
      [good, expired, none].map((seen) => findFailingSources(seen).map(({ id, severity }) => `${severity} ${id}`)),
      [['degraded renewal:edge (vault)'], ['failing renewal:edge (vault)'], ['failing renewal:edge (vault)']],
    );
    const well = await sampleEvidence({ status: { sources: [{ ...source, delivered, problem: null }] } });
    assert.deepEqual(findFailingSources(well), []);
  });
});

describe('the control process', () => {
  it('that ended three times in a quarter of an hour is told, twice is not, nor three times in an hour', async () => {
    const now = Date.now();
    const ends = async (...ago: number[]) =>
      findRestarts(await sampleEvidence({ status: { control: { endedAt: ago.map((ms) => now - ms) } } }));
    assert.equal((await ends(600_000, 300_000, 1_000)).length, 1);
    assert.equal((await ends(300_000, 1_000)).length, 0);
    assert.equal((await ends(3_000_000, 2_000_000, 1_000)).length, 0);
  });

  it('that cannot use the store is told, unless the gateway says so itself', async () => {
    const trouble = { problem: new StoreProblem('locked', 'the database is locked'), since: 7 };
    const [need] = findOwnStoreTrouble(await sampleEvidence(), trouble);
    assert.deepEqual([need?.id, need?.code, need?.since], ['store', 'locked', 7]);
    assert.deepEqual(findOwnStoreTrouble(await sampleEvidence(), undefined), []);
    const problem = { code: 'corrupt', message: 'it is corrupt', help: '' };
    const store = { up: false, revision: 7, digest: null, readAt: 40, problem };
    assert.deepEqual(findOwnStoreTrouble(await sampleEvidence({ status: { store } }), trouble), []);
  });
});

it('an audit is overdue after a quarter, and not where it is not known when there was one', async () => {
  const seen = await sampleEvidence();
  assert.deepEqual(
    findOverdueAudit(seen, seen.now - auditEveryMs).map(({ id, severity, code }) => [id, severity, code]),
    [['audit', 'due', 'overdue']],
  );
  assert.deepEqual(findOverdueAudit(seen, seen.now - auditEveryMs + 1_000), []);
  assert.deepEqual(findOverdueAudit(seen, undefined), []);
});
