// The codes that `countersign import --accept-losses` takes are all in the documentation, as they are in the code.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { withLosses } from '../../scripts/losses-page.ts';

it('docs/from-envoy-and-nginx.md lists every loss (node scripts/pages.ts writes it)', () => {
  const page = readFileSync(new URL('../../docs/from-envoy-and-nginx.md', import.meta.url), 'utf8');
  assert.equal(withLosses(page), page);
});
