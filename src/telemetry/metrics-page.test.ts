import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { metricsPage } from './metrics-page.ts';

test('docs/metrics.md lists every metric as it is', () => {
  assert.equal(readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8'), metricsPage());
});
