// The tables of the configuration page are what the declarations of the keys say.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configurationPage, tableHeadings } from '../../scripts/config-page.ts';

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

test('docs/configuration.md has the tables that scripts/pages.ts writes', () => {
  assert.equal(page, configurationPage(page));
});

test('a table that was changed by hand is written anew', () => {
  const changed = page.replace('| `distrustGrace` | `500ms` |', '| `distrustGrace` | `1s` |');
  assert.notEqual(changed, page);
  assert.equal(configurationPage(changed), page);
});

test('every block that is said to have a table has one', () => {
  const sections = page.split(/^(?=#{2,3} )/m);
  const withTable = sections.filter((section) => section.includes('<!-- keys: '));
  const headings = withTable.map((section) =>
    section
      .split('\n', 1)[0]
      ?.toLowerCase()
      .replaceAll(/[^a-z ]/g, '')
      .trim(),
  );
  assert.deepEqual(
    tableHeadings().filter((heading) => !headings.includes(heading)),
    [],
  );
});
