// Any text as a configuration: parseConfig answers with placed problems, it never throws; and what it accepts is plain data.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Place } from '../../src/yaml/place.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { problemsToJson, renderProblem } from '../../src/yaml/problem.ts';
import { parseGoldenCase } from '../golden/golden-case.ts';

const file = '/gw/goma.yml';
const cases = new URL('../golden/cases/', import.meta.url);
const seeds = readdirSync(cases)
  .map((name) => parseGoldenCase(readFileSync(new URL(name, cases), 'utf8')).files[0]?.text ?? '')
  .filter((text) => text.length < 4000);

function assertPlaced(place: Place, text: string): void {
  assert.ok(place.line >= 1 && place.col >= 1, JSON.stringify(place));
  if (place.file.startsWith('$')) return;
  assert.equal(place.file, file);
  // The end of the text, on the line after its last newline, is a place too.
  assert.ok(place.line <= text.split(/\r\n|\r|\n/).length + 1, `${place.line} in ${JSON.stringify(text)}`);
}

function check(text: string): void {
  const env = { A: 'true', B: '', C: 'x: [1' };
  const { config, problems } = parseConfig({ file, text, extra: [], env, strict: false });
  for (const problem of problems) {
    assertPlaced(problem.place, text);
    assert.match(problem.code, /^[a-z][a-z0-9_]*$/);
    const [first = ''] = renderProblem(problem, text).split('\n');
    assert.doesNotMatch(first, /[\u0000-\u001f\u007f]/);
  }
  assert.equal(typeof problemsToJson(problems), 'string');
  assert.equal(
    config === undefined,
    problems.some((problem) => problem.severity === 'error'),
  );
  if (config !== undefined) assert.deepEqual(structuredClone(config), config);
}

test('arbitrary text never throws out of parseConfig, and every problem has a place', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), check), { numRuns: 400 });
});

test('text made of YAML punctuation never throws out of parseConfig', () => {
  const pieces = [
    ': ',
    '- ',
    '\n',
    '  ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '<<: ',
    '? ',
    '|',
    '>',
    '"',
    "'",
    '#',
    '!!x ',
    '---\n',
    '%',
  ];
  const words = [
    'gateway',
    'routes',
    'tls',
    'clientAuth',
    'name',
    '${A}',
    '${B:-x}',
    '${C}',
    '${',
    '~',
    '0x1',
    '__proto__',
  ];
  const text = fc.array(fc.constantFrom(...pieces, ...words), { maxLength: 60 }).map((parts) => parts.join(''));
  fc.assert(fc.property(text, check), { numRuns: 600 });
});

test('a good or bad configuration with pieces cut, doubled or replaced never throws out of parseConfig', () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(
        fc.tuple(
          fc.nat(4000),
          fc.nat(40),
          fc.constantFrom(
            '',
            ' ',
            '\n',
            '\t',
            '{',
            ']',
            ':',
            '*a',
            '- ',
            'null',
            '${A}',
            '"',
            '\0',
            '\ud800',
            '-1',
            '[]',
            '{}',
          ),
        ),
        { maxLength: 4 },
      ),
    )
    .map(([seed, edits]) =>
      edits.reduce((text, [at, length, put]) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + put + text.slice(start + length);
      }, seed),
    );
  fc.assert(fc.property(mutated, check), { numRuns: 600 });
});

test('any value in any place of a configuration never throws out of parseConfig', () => {
  const value: fc.Arbitrary<unknown> = fc.anything({ maxDepth: 2, maxKeys: 3, withNullPrototype: false });
  const keys = ['tls', 'entryPoints', 'networking', 'proxy', 'log', 'workers', 'timeouts', 'defaults', 'extraConfig'];
  const route = fc.record(
    {
      name: value,
      path: value,
      hosts: value,
      methods: value,
      backends: value,
      security: value,
      healthCheck: value,
      tls: value,
      middlewares: value,
      retry: value,
    },
    { requiredKeys: [] },
  );
  const gateway = fc.tuple(
    fc.dictionary(fc.constantFrom(...keys), value),
    fc.array(fc.oneof(route, value), { maxLength: 3 }),
  );
  fc.assert(
    fc.property(gateway, ([rest, routes]) => {
      // JSON is YAML, as long as it has no lone surrogates and such, which are parse errors.
      check(
        JSON.stringify({ gateway: { ...rest, routes }, middlewares: [] }, (_, part: unknown) =>
          typeof part === 'bigint' ? String(part) : part,
        ),
      );
    }),
    { numRuns: 500 },
  );
});
