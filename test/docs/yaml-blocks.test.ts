// The YAML in the documentation is one that the gateway takes: no unknown key, no value of the wrong kind.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../src/config/parse-config.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const buffers = globSync(['*.md', 'docs/*.md'], { cwd: root }).toSorted();

/** Excerpts are put where they belong; `…` stands for more. Blocks of other programs are passed over. */
function wholeOf(block: string): string | undefined {
  const indented = (by: string): string => block.replace(/^/gm, by);
  if (/^(?:version|gateway):/m.test(block)) return block;
  if (/^clientAuth:/m.test(block)) return `gateway:\n  tls:\n${indented('    ')}`;
  if (/^allowedSANs:/m.test(block))
    return `gateway:\n  tls:\n    clientAuth:\n      clientCA: a.pem\n      required: true\n${indented('      ')}`;
  return undefined;
}

for (const page of buffers) {
  const text = readFileSync(join(root, page), 'utf8');
  for (const [, block = ''] of text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)) {
    const whole = wholeOf(block);
    if (whole === undefined) continue;
    const env = Object.fromEntries([...whole.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'given']));
    test(`${page}: ${block.trim().split('\n').slice(0, 3).join(' ')}`, () => {
      const { problems } = parseConfig({ file: '/docs.yml', text: whole, extra: [], env, strict: true });
      assert.deepEqual(
        problems.filter(({ severity }) => severity === 'error').map(({ message }) => message),
        [],
      );
    });
  }
}
