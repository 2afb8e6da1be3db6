import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionsWithin, findDescriptorLimit } from './descriptors.ts';

test('there are as many connections as there are descriptors for two each, and never more than was asked for', () => {
  assert.equal(connectionsWithin(1024, 20_000), 480);
  assert.equal(connectionsWithin(1_048_576, 20_000), 20_000);
  assert.equal(connectionsWithin(undefined, 20_000), 20_000);
  assert.equal(connectionsWithin(10, 20_000), 1);
});

test('the limit of this process is known on Linux', () => {
  const limit = findDescriptorLimit();
  if (process.platform === 'linux') assert.ok(limit !== undefined && limit > 0);
  else assert.equal(limit, undefined);
});
