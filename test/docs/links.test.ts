// Pages that lead somewhere: every relative link of the documentation resolves, anchors included, and every decision and
// every page can be found from an index.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const buffers = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'src/**/*.md', 'bench/**/*.md'], { cwd: root });

type Link = { readonly page: string; readonly target: string };

/** Code shows links, it has none. */
function withoutCode(text: string): string {
  return text.replace(/^ *```[\s\S]*?^ *```$/gm, '').replace(/`[^`\n]*`/g, '');
}

function linksOf(page: string): Link[] {
  const text = withoutCode(readFileSync(join(root, page), 'utf8'));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => ({ page, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** Anchors of a page as forges make them from its headings. */
function anchorsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8').replace(/^ *```[\s\S]*?^ *```$/gm, '');
  return [...text.matchAll(/^#+ +(.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('every relative link of the documentation leads to a file or folder that exists', () => {
  const links = buffers.flatMap(linksOf);
  assert.ok(links.length > 20, 'links were found');
  const broken = links.filter(({ page, target }) => {
    const path = target.split('#')[0] ?? '';
    return path !== '' && !existsSync(join(root, dirname(page), path));
  });
  assert.deepEqual(broken, []);
});

test('every link to a heading names one that is there', () => {
  const broken = buffers.flatMap(linksOf).filter(({ page, target }) => {
    const [path = '', anchor] = target.split('#');
    const to = path === '' ? page : normalize(join(dirname(page), path));
    return anchor !== undefined && to.endsWith('.md') && !anchorsOf(to).includes(anchor);
  });
  assert.deepEqual(broken, []);
});

test('the index of decisions names each by its own title', () => {
  const index = readFileSync(join(root, 'docs/decisions/README.md'), 'utf8');
  for (const page of globSync('docs/decisions/0*.md', { cwd: root })) {
    const [, number = '', title = ''] = /^# (\d+)\. (.+)/.exec(readFileSync(join(root, page), 'utf8')) ?? [];
    assert.ok(index.includes(`| [${number}](${page.slice('docs/decisions/'.length)}) | ${title} |`), page);
  }
});

test('every page of docs/ is linked from README or from a page that is', () => {
  const reached = new Set(['README.md', 'CONTRIBUTING.md', 'SECURITY.md']);
  for (const page of reached) {
    for (const { target } of linksOf(page)) {
      const to = normalize(join(dirname(page), target.split('#')[0] ?? ''));
      for (const found of [to, join(to, 'README.md')]) if (buffers.includes(found)) reached.add(found);
    }
  }
  assert.deepEqual(
    buffers.filter((page) => page.startsWith('docs/') && !reached.has(page)),
    [],
  );
});
