import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headersOf, urlOfRoute } from './draft.ts';

describe('a test request in the form', () => {
  it('begins with a URL that its route takes', () => {
    assert.equal(urlOfRoute({ running: true, hosts: ['a.test', 'b.test'], path: '/orders' }), 'https://a.test/orders');
    assert.equal(urlOfRoute({ running: true, hosts: ['*.a.test'], path: '/{id}' }), 'https://www.a.test/id');
    assert.equal(urlOfRoute({ running: true, hosts: [], path: '/' }), 'https://localhost/');
    assert.equal(urlOfRoute({ running: false }), '');
    assert.equal(urlOfRoute(undefined), '');
  });

  it('has its fields line by line; values may hold colons', () => {
    assert.deepEqual(headersOf('accept: text/plain\n\n x-at : 10:30 \nalone'), [
      ['accept', 'text/plain'],
      ['x-at', '10:30'],
      ['alone', ''],
    ]);
  });
});
