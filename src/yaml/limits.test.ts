import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProblemList } from './problem-list.ts';
import { findPassedLimit, yamlLimits } from './limits.ts';
import { parseYamlTree } from './tree.ts';

const { depth, aliases, lines, tokens, fileBytes, strays } = yamlLimits;
const nest = (levels: number): string => `a: ${'['.repeat(levels - 1)}x${']'.repeat(levels - 1)}`;
const indent = (levels: number): string =>
  Array.from({ length: levels }, (_, level) => `${' '.repeat(level)}k:\n`).join('');

/** What the whole way to a tree says. */
function read(text: string): string[] {
  const problems = new ProblemList();
  parseYamlTree('/x.yml', text, {}, problems);
  return problems.sorted([]).map(({ code, place }) => `${code} ${place.line}:${place.col}`);
}

describe('what is within the limits', () => {
  const routes = Array.from({ length: 50_000 }, (_, i) => `  - {name: r${i}, path: /${i}, target: "http://h:1"}\n`);
  const within: Readonly<Record<string, string>> = {
    '50,000 routes': `routes:\n${routes.join('')}`,
    'the deepest brackets': nest(depth),
    'the deepest block': indent(depth),
    'lists at the column of their key': 'a:\n- b:\n  - c:\n    - d\n'.repeat(100),
    'brackets, colons and stars in texts': `a: "${'['.repeat(1000)}"\nb: |\n  ${'- '.repeat(1000)}\nc: 'x' # ${'['.repeat(1000)}\n`,
    'brackets that stand one after the other': 'a: [[], []]\n'.repeat(10_000),
    'as many aliases as are allowed': `a: &a x\nb: [${Array(aliases).fill('*a').join(', ')}]`,
    'a long text': `a: ${'x'.repeat(fileBytes - 10)}`,
  };
  for (const [name, text] of Object.entries(within))
    it(`passes: ${name}`, () => assert.equal(findPassedLimit(text), undefined));

  it('is read as deep as it was counted', () => {
    assert.deepEqual(read(nest(depth)), []);
    assert.deepEqual(read(indent(depth)), []);
  });
});

describe('what is beyond a limit', () => {
  const beyond: Readonly<Record<string, readonly [string, RegExp]>> = {
    'brackets in brackets': ['['.repeat(100_000), /levels/],
    'maps in maps': [`a: ${'{b: '.repeat(100_000)}`, /levels/],
    'lists in lists on one line': ['- '.repeat(100_000), /levels/],
    'keys of keys': ['? '.repeat(100_000), /levels/],
    'maps without keys': [': '.repeat(100_000), /levels/],
    'one level too many': [nest(depth + 1), /levels/],
    'one indentation too many': [indent(depth + 1), /levels/],
    'brackets in a list': [`- - ${'['.repeat(depth - 1)}`, /levels/],
    'comments without end': ['#\n'.repeat(lines + 1), /lines/],
    'empty lines without end': ['\n'.repeat(lines + 1), /lines/],
    'commas without end': [`a: [${','.repeat(tokens)}`, /signs/],
    'one alias too many': [
      `a: &a x\nb: [${Array(aliases + 1)
        .fill('*a')
        .join(', ')}]`,
      /aliases/,
    ],
    'documents without end': ['---\n'.repeat(strays + 1), /documents/],
    'brackets that close nothing': [']'.repeat(strays + 1), /closing/],
  };
  for (const [name, [text, what]] of Object.entries(beyond))
    it(`is found: ${name}`, () => assert.match(findPassedLimit(text)?.what ?? '', what));

  it('is told with its place', () => {
    assert.deepEqual(read(`a: b\nc:\n  ${'['.repeat(100_000)}`), ['yaml_too_large 3:66']);
  });
});

describe('aliases', () => {
  it('mean the nearest anchor before them, keys included', () => {
    assert.deepEqual(read('a: &x 1\nb: *x\nc: &x 2\nd: *x\n&k e: 3\nf: *k\n'), []);
    assert.deepEqual(read('a: *x\nb: &x 1\n'), ['yaml_alias 1:4']);
    assert.deepEqual(read('a: &x [*x]\n'), ['yaml_alias 1:8']);
  });

  it('repeat no more than is allowed, and nest no deeper', () => {
    const block = `a: &a [${Array(1000).fill('x').join(', ')}]\n`;
    assert.deepEqual(read(`${block}b: [${Array(99).fill('*a').join(', ')}]`), []);
    assert.match(read(`${block}b: [${Array(100).fill('*a').join(', ')}]`).join(), /^yaml_too_large 2:/);
    const chain = Array.from({ length: depth + 1 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}]\n`);
    assert.match(read(`a0: &a0 [x]\n${chain.join('')}`).join(), /^yaml_too_large /);
    assert.deepEqual(read(`a0: &a0 [x]\n${chain.slice(0, depth - 3).join('')}`), []);
  });
});
