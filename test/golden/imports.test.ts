// Configurations of other gateways in, ours and the report out: one file per case under imports/. After a wanted change run this with
// UPDATE_GOLDEN=1 and read the difference before it is committed.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseImportCase, renderImportCase } from './import-case.ts';

const cases = new URL('imports/', import.meta.url);
const update = process.env['UPDATE_GOLDEN'] === '1';

describe('an import', { concurrency: 2 }, () => {
  for (const name of readdirSync(cases).toSorted()) {
    const url = new URL(name, cases);
    const expected = readFileSync(url, 'utf8');
    const golden = parseImportCase(expected);
    it(`${name}: ${golden.sentence}`, async () => {
      const actual = await renderImportCase(golden);
      if (update) writeFileSync(url, actual);
      else assert.equal(actual, expected);
    });
  }
});
