// console/src/api/operations.ts against the declarations it is written from.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { apiTypes } from '../../scripts/api-types.ts';

test('the console knows every operation of the API as it is (renew it with `node scripts/pages.ts`)', () => {
  const written = readFileSync(new URL('../../console/src/api/operations.ts', import.meta.url), 'utf8');
  assert.equal(written, apiTypes());
});
