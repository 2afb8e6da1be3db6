// The floor table stands in three places: for people (src/README.md), as data (scripts/floors.ts) and for the linter
// (.oxlintrc.json). This compares the three with each other and with the folders that exist, and sees the rule bite.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { overrides, floors } from '../scripts/floors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders by floor as src/README.md's table shows them. */
function floorsInReadme(): string[][] {
  const rows = readFileSync(join(root, 'src/README.md'), 'utf8').matchAll(/^\| (\d+) \| (.+) \|$/gm);
  return [...rows].map(([, floor, cell], at) => {
    assert.equal(Number(floor), at, 'floors are numbered from 0 without a gap');
    return (cell ?? '').split(' · ').map((entry) => /^`([a-z0-9-]+)`/.exec(entry)?.[1] ?? `unreadable: ${entry}`);
  });
}

/** What oxlint says, by this repository's rules, about `source` as a file of src/`folder`; in a directory of its own. */
function lint(folder: string, source: string): { status: number | null; output: string } {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-floors-'));
  try {
    copyFileSync(join(root, '.oxlintrc.json'), join(directory, '.oxlintrc.json'));
    mkdirSync(join(directory, 'src', folder), { recursive: true });
    writeFileSync(join(directory, 'src', folder, 'probe.ts'), source);
    const oxlint = join(root, 'node_modules/.bin/oxlint');
    const run = spawnSync(oxlint, ['src'], { cwd: directory, encoding: 'utf8', timeout: 60_000 });
    return { status: run.status, output: run.stdout + run.stderr };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('the floors of src/', () => {
  it('are the same in src/README.md and in scripts/floors.ts', () => {
    assert.deepEqual(floorsInReadme(), floors);
  });

  it('are the same in scripts/floors.ts and in the linter', () => {
    const config = JSON.parse(readFileSync(join(root, '.oxlintrc.json'), 'utf8')) as { overrides: object[] };
    assert.deepEqual(config.overrides, overrides(), 'run `node scripts/floors.ts`');
  });

  it('name every folder that exists', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const known = new Set(floors.flat());
    assert.deepEqual(
      folders.map((folder) => folder.name).filter((name) => !known.has(name)),
      [],
    );
  });

  it('hold no folder inside a folder', () => {
    for (const folder of floors.flat()) {
      const inner = readdirSync(join(root, 'src', folder), { withFileTypes: true });
      const nested = inner.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
      assert.deepEqual(nested, [], `src/${folder} is one deep`);
    }
  });

  it('let a file import from below', () => {
    const { status, output } = lint('http', "import { Fault } from '../base/fault.ts';\nexport const probe = Fault;\n");
    assert.equal(status, 0, output);
  });

  for (const [folder, imported, where] of [
    ['base', '../http/field.ts', 'above'],
    ['http', '../telemetry/logger.ts', 'beside'],
    ['downstream', '../upstream/pool.ts', 'beside'],
    ['flow', '../gateway/compile.ts', 'above'],
  ] as const) {
    it(`refuse an import from ${where}: src/${folder} of ${imported}`, () => {
      for (const kind of ['import', 'import type']) {
        const { status, output } = lint(folder, `${kind} { x } from '${imported}';\nexport type Y = typeof x;\n`);
        assert.notEqual(status, 0, 'the linter accepts it');
        assert.match(output, new RegExp(`src/${folder} stands on floor`));
      }
    });
  }
});
