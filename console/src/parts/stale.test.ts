import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Problem } from '../api/problem.ts';
import { differencesOf, staleOf } from './stale.ts';

const refusal = { title: '', status: 412, code: 'stale', detail: 'It was changed by bob since you saw it.' };

describe('what somebody else saved meanwhile', () => {
  it('is read from the refusal, with the state that the next attempt is to name', () => {
    const changedBy = { revision: 4, actor: 'user:bob', at: '2026-06-01T00:00:00Z', reason: null };
    const stale = staleOf(new Problem({ ...refusal, changedBy, current: { changedIn: 4, value: { address: 'b' } } }));
    assert.deepEqual(stale, {
      changed: { by: 'user:bob', at: '2026-06-01T00:00:00Z' },
      current: { address: 'b' },
      etag: '"4"',
    });
    assert.deepEqual(staleOf(new Problem(refusal)), { changed: undefined, current: undefined, etag: '' });
  });

  it('is nothing where the refusal is another one, or there is none', () => {
    assert.equal(staleOf(new Problem({ ...refusal, code: 'invalid', status: 422 })), undefined);
    assert.equal(staleOf(null), undefined);
  });

  it('is different where either changed a field and they do not agree', () => {
    const before = { address: 'a:1', tls: { mode: 'mtls', serverName: 'a' }, weight: 1 };
    const theirs = { address: 'b:1', tls: { mode: 'mtls', serverName: 'same' }, weight: 1 };
    const mine = { address: 'a:1', tls: { mode: 'tls', serverName: 'same' }, weight: 1 };
    assert.deepEqual(differencesOf(before, theirs, mine), [
      { pointer: '/address', theirs: 'b:1', mine: 'a:1' },
      { pointer: '/tls/mode', theirs: 'mtls', mine: 'tls' },
    ]);
    assert.deepEqual(differencesOf(before, theirs, theirs), []);
  });
});
