import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NginxSyntaxError, readTokens } from './tokens.ts';

function read(text: string): string[] {
  return [...readTokens('nginx.conf', text)].map((token) =>
    token.kind === 'word' ? (token.quoted ? `"${token.text}"` : token.text) : token.kind,
  );
}

describe('words of an nginx configuration', () => {
  for (const [what, text, words] of [
    ['semicolons and braces end them', 'a b;c{d;}', ['a', 'b', ';', 'c', '{', 'd', ';', '}']],
    ['a comment begins where a word could begin', 'a#b c; # d\ne;', ['a#b', 'c', ';', 'e', ';']],
    ['a quotation begins a word and nothing else', `a "b;c" d"e 'f"g';`, ['a', '"b;c"', 'd"e', `"f"g"`, ';']],
    ['a brace of a variable opens no block', 'a ${b}c{', ['a', '${b}c', '{']],
    [
      'escapes: quotes and backslash, controls, all others stay',
      `"\\"\\\\\\n" \\.php$ \\;x;`,
      ['""\\\n"', '\\.php$', '\\;x', ';'],
    ],
    ['a quotation may hold lines', '"a\nb";', ['"a\nb"', ';']],
    [
      'Lua is not looked at',
      `access_by_lua_block { x = "}" -- }\n y = [[ } ]] if a then { } end } b;`,
      ['access_by_lua_block', '{', 'foreign', '}', 'b', ';'],
    ],
  ] as const) {
    it(what, () => assert.deepEqual(read(text), words));
  }

  it('have the place where they begin', () => {
    const tokens = [...readTokens('f', 'a\n  "b" ;')];
    assert.deepEqual(
      tokens.map(({ place }) => [place.line, place.col]),
      [
        [1, 1],
        [2, 3],
        [2, 7],
      ],
    );
  });

  for (const [text, line, col] of [
    ['a "b', 1, 3],
    ['a "b"c;', 1, 6],
    [`a ${'x'.repeat(5000)};`, 1, 3],
    ['a_by_lua_block { {', 1, 17],
  ] as const) {
    it(`are none in ${text.slice(0, 20)}`, () => {
      assert.throws(
        () => read(text),
        (error) => error instanceof NginxSyntaxError && error.place.line === line && error.place.col === col,
      );
    });
  }
});
