// docs/faults.md against the fault table it is written from.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { faultGroups, faultsPage } from '../../scripts/faults-page.ts';
import { faultTable } from '../../src/base/fault.ts';

test('every fault code stands in exactly one group of the page', () => {
  const grouped = faultGroups.flatMap(({ codes }) => codes);
  assert.deepEqual(grouped.toSorted(), Object.keys(faultTable).toSorted());
});

test('docs/faults.md lists every fault as it is (renew it with `node scripts/pages.ts`)', () => {
  assert.equal(readFileSync(new URL('../../docs/faults.md', import.meta.url), 'utf8'), faultsPage());
});
