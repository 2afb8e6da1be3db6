// What a process loads before it does anything is most of what its start costs: 0.1 s of CPU for zod, 0.06 s and 16 MB for the
// ES module of node:http. Static imports decide it, so they are followed here from where each process begins.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);

/** Specifiers of the static imports of values in a source text. */
function valueImports(source: string): string[] {
  const statements = source.matchAll(/^(?:import|export)\s+(?!type\s)(?:[^'";]*?\sfrom\s+)?'([^']+)';$/gm);
  return [...statements].map(([, specifier]) => specifier ?? '');
}

/** Everything that is no file of ours and is loaded with `entry`, a path below the root. */
function packagesBehind(entry: string): string[] {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: URL): void => {
    if (seen.has(file.href)) return;
    seen.add(file.href);
    for (const specifier of valueImports(readFileSync(file, 'utf8'))) {
      if (specifier.startsWith('.')) visit(new URL(specifier, file));
      else if (!specifier.startsWith('node:')) packages.add(specifier);
    }
  };
  visit(new URL(entry, root));
  return [...packages].toSorted();
}

describe('what is loaded at a start', () => {
  for (const [entry, packages] of [
    ['src/cli/main.ts', ['commander']],
    ['src/cli/run.ts', ['commander', 'pino']],
    ['src/cli/check.ts', ['commander']],
    ['src/cli/health.ts', ['commander']],
    ['src/cli/explain.ts', ['commander']],
    ['src/cli/pki.ts', ['commander']],
    ['src/cli/trust.ts', ['commander']],
    ['src/cli/store.ts', ['commander']],
    ['src/cli/schema.ts', ['commander']],
    ['src/cli/echo.ts', ['commander']],
    ['src/process/worker.ts', ['pino']],
    ['src/config/config-child.ts', ['zod']],
    ['src/config/load-config.ts', ['yaml', 'zod']],
    ['src/crl/thread.ts', []],
    ['src/control/control.ts', ['hono', 'hono/router/trie-router', 'pino', 'zod']],
  ] as const) {
    it(`of the packages: with ${entry} ${packages.join(' and ') || 'none'}`, () => {
      assert.deepEqual(packagesBehind(entry), packages);
    });
  }

  it('of our own files: with src/cli/main.ts the list of the commands and the version alone', () => {
    const own = ['main', 'program'].flatMap((name) =>
      valueImports(readFileSync(new URL(`src/cli/${name}.ts`, root), 'utf8')).filter((one) => one.startsWith('.')),
    );
    assert.deepEqual(own, ['./program.ts', '../base/version.ts']);
  });

  it('node:http as it is, never as an ES module with undici behind it', () => {
    const files = globSync(['src/**/*.ts', 'test/**/*.ts'], { cwd: fileURLToPath(root) });
    const direct = files.filter((file) =>
      valueImports(readFileSync(new URL(file, root), 'utf8')).includes('node:http'),
    );
    assert.ok(files.length > 100);
    assert.deepEqual(direct, []);
  });

  it('no second context of V8, which makes handshakes a sixth dearer: node:vm by tests alone (decision 92)', () => {
    const files = globSync('src/**/*.ts', { cwd: fileURLToPath(root), exclude: ['src/**/*.test.ts'] });
    assert.ok(files.length > 100);
    assert.deepEqual(
      files.filter((file) => valueImports(readFileSync(new URL(file, root), 'utf8')).includes('node:vm')),
      [],
    );
  });

  it('is told apart from what is imported as a type', () => {
    const source = `import type { A } from 'a';\nimport { type B, b } from 'b';\nimport 'c';\nexport { d } from 'd';\nimport {\n  e,\n} from 'e';\n`;
    assert.deepEqual(valueImports(source), ['b', 'c', 'd', 'e']);
  });
});
