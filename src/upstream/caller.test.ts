import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Caller } from './caller.ts';

test('a client is its certificate where it has one, wherever it comes from', () => {
  assert.equal(new Caller('192.0.2.7', 'ab:cd', 'r').client, new Caller('192.0.2.8', 'ab:cd', 'r').client);
  assert.equal(new Caller('192.0.2.7', undefined, 'r').client, '192.0.2.7');
});
