// The table of incidents names tests that are there: a test that is renamed or goes takes its promise along.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const rows = readFileSync(join(root, 'docs/incidents.md'), 'utf8').match(/^\| \d+ \|.*$/gm) ?? [];

/** What a file may be called in the table; `h2` is a protocol. */
const placesOf = (name: string): string[] => [name, `test/${name}.test.ts`, `test/journeys/${name}.test.ts`];

test('every incident names tests, and each of them exists', () => {
  assert.deepEqual(
    rows.map((row) => Number(/\d+/.exec(row)?.[0])),
    Array.from({ length: rows.length }, (_, at) => at + 1),
  );
  for (const row of rows) {
    const names = [...(row.split('|')[3] ?? '').matchAll(/`([a-z0-9/.-]+)`/g)].map(([, name = '']) => name);
    const found = names.filter((name) => placesOf(name).some((path) => existsSync(join(root, path))));
    assert.ok(found.length > 0, row);
    assert.deepEqual(
      names.filter((name) => !found.includes(name) && /[/-]/.test(name)),
      [],
      row,
    );
  }
});
