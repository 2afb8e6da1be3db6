import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { version } from './version.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('is the version of the package, and of the command', () => {
  assert.equal((JSON.parse(read('package.json')) as { version: string }).version, version);
  assert.ok(read('src/cli/program.ts').includes('.version(version,'));
});
