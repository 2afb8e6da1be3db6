import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asProblem, Problem, sortErrors, unreachable } from './problem.ts';

const wrong = (pointer: string) => ({ pointer, code: 'invalid', detail: `wrong ${pointer}` });

describe('errors by field', () => {
  it('go to the field of their pointer, or to the nearest one above it', () => {
    const errors = [wrong('/name'), wrong('/addresses/1/address'), wrong('/tls/serverName')];
    const { byField, rest } = sortErrors({ errors }, ['/name', '/addresses', '/tls/serverName']);
    assert.deepEqual(byField, {
      '/name': ['wrong /name'],
      '/addresses': ['wrong /addresses/1/address'],
      '/tls/serverName': ['wrong /tls/serverName'],
    });
    assert.deepEqual(rest, []);
  });

  it('are said for the whole form where it has no such field, with their pointer', () => {
    const { byField, rest } = sortErrors({ errors: [wrong('/tls'), wrong('')] }, ['/name', '/tls/serverName']);
    assert.deepEqual(byField, {});
    assert.deepEqual(rest, ['/tls: wrong /tls', 'wrong ']);
  });
});

describe('a problem', () => {
  it('passes where nobody said no', () => {
    const of = (status: number): Problem => new Problem({ title: '', status, code: 'x', detail: 'x' });
    assert.ok(unreachable('cut off').isPassing);
    for (const status of [502, 503, 504]) assert.ok(of(status).isPassing, String(status));
    for (const status of [400, 401, 403, 404, 412, 422, 429, 500]) assert.ok(!of(status).isPassing, String(status));
    assert.ok(!asProblem(new TypeError('a mistake of ours')).isPassing);
  });
});
