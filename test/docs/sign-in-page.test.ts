import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { withSignInFaults } from '../../scripts/sign-in-page.ts';

it('docs/single-sign-on.md has the faults of a login as they are in the code (node scripts/pages.ts)', () => {
  const page = readFileSync(new URL('../../docs/single-sign-on.md', import.meta.url), 'utf8');
  assert.equal(withSignInFaults(page), page);
});
