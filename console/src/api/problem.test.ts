import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sortErrors } from './problem.ts';

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
