// Configurations in, problems and normalised parts out: one file per case under cases/. After a wanted change run this
// with UPDATE_GOLDEN=1 and read the difference before it is committed.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseGoldenCase, renderGoldenCase } from './golden-case.ts';

const cases = new URL('cases/', import.meta.url);
const update = process.env['UPDATE_GOLDEN'] === '1';

for (const name of readdirSync(cases).toSorted()) {
  const url = new URL(name, cases);
  const expected = readFileSync(url, 'utf8');
  const golden = parseGoldenCase(expected);
  test(`${name}: ${golden.sentence}`, () => {
    const actual = renderGoldenCase(golden);
    if (update) writeFileSync(url, actual);
    else assert.equal(actual, expected);
  });
}
