// References that resolve: what a comment or a page cites (a fact about Node, a decision, an incident, a page, a source file)
// is in this repository.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = globSync(['{src,test,bench,scripts}/**/*.{ts,js,mjs}', 'console/{,src/**/}*.{ts,tsx}', 'bin/*.js'], {
  cwd: root,
});
const pages = globSync(['*.md', '{docs,examples,src,bench}/**/*.md'], { cwd: root });
const files = globSync(
  ['*.*', '.*.json', '{src,test,bench,scripts,bin,docs,examples,packaging}/**/*.*', 'console/{,src/**/}*.*'],
  { cwd: root },
);

type Found = { readonly file: string; readonly line: number; readonly text: string };

/** Comments of a source, or a page line by line; what is code is left out, since a test may name files that it makes. */
function linesOf(file: string): Found[] {
  const isPage = file.endsWith('.md');
  return readFileSync(join(root, file), 'utf8')
    .split('\n')
    .map((text, at) => ({
      file,
      line: at + 1,
      text: isPage ? text : (/(?:^|\s)(?:\/\/|\/?\*\*?) .*/.exec(text)?.[0] ?? ''),
    }))
    .filter(({ text }) => text !== '');
}

const lines = [...sources, ...pages].flatMap(linesOf);

/** What `pattern` finds, and does not `resolve`: as FILE:LINE: what is cited. */
function unresolved(pattern: RegExp, resolves: (cited: string, file: string) => boolean, least: number): string[] {
  let count = 0;
  const broken: string[] = [];
  for (const { file, line, text } of lines)
    for (const [, cited = ''] of text.matchAll(pattern)) {
      count += 1;
      if (!resolves(cited, file)) broken.push(`${file}:${line}: ${cited}`);
    }
  assert.ok(count >= least, `only ${count} references were found`);
  return broken;
}

const page = (name: string): string => readFileSync(join(root, name), 'utf8');
const exists = (path: string): boolean => existsSync(join(root, path));

describe('what comments and pages cite', () => {
  it('as N with a number is a row of docs/node-tls.md', () => {
    const rows = new Set([...page('docs/node-tls.md').matchAll(/^\| (N\d+) \|/gm)].map(([, row]) => row));
    assert.deepEqual(
      unresolved(/\b(N\d{1,2})\b/g, (cited) => rows.has(cited), 20),
      [],
    );
  });

  it('as a decision has its page', () => {
    const numbers = new Set(globSync('docs/decisions/0*.md', { cwd: root }).map((path) => basename(path).slice(0, 4)));
    const found = unresolved(
      /\bdecisions? (?:no\. )?(\d{1,4})\b/gi,
      (cited) => numbers.has(cited.padStart(4, '0')),
      20,
    );
    assert.deepEqual(found, []);
  });

  it('as an incident has its row in docs/incidents.md', () => {
    const numbers = new Set([...page('docs/incidents.md').matchAll(/^\| (\d+) \|/gm)].map(([, number]) => number));
    const all = (cited: string): boolean => (cited.match(/\d+/g) ?? []).every((number) => numbers.has(number));
    assert.deepEqual(unresolved(/\bincidents? ((?:\d+(?:, | and | to )?)+)/gi, all, 20), []);
  });

  it('as a Markdown page is there', () => {
    const resolves = (cited: string, file: string): boolean =>
      [cited, normalize(join(dirname(file), cited)), join('docs', cited)].some(exists);
    assert.deepEqual(unresolved(/(?<![\w/:.-])((?:[\w.-]+\/)*[\w.-]+\.md)\b/g, resolves, 50), []);
  });

  it('as a TypeScript file is there', () => {
    const resolves = (cited: string): boolean => {
      const path = cited.replace(/^(?:\.\.?\/)+/, '');
      return files.some((file) => file === path || file.endsWith(`/${path}`));
    };
    assert.deepEqual(unresolved(/(?<![\w/:.*-])((?:\.{0,2}\/)?(?:[\w.-]+\/)*[\w.-]+\.ts)\b/g, resolves, 100), []);
  });
});
