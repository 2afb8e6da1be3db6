// Properties of names of fields: what folds to a protected name never passes, whatever its case and its separators; what
// does not fold to one always does. The list of docs/forwarded-identity.md is what is promised, so it is what is compared
// with; folding is written here a second time, from the standard (RFC 3875 section 4.1.18).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { FieldNames, Fields } from '../../src/http/field.ts';
import { claimedNames } from '../../src/http/claimed-names.ts';
import { defaultHttpLimits } from '../../src/http/limits.ts';
import { ParseError } from '../../src/http/parse-error.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { StripList } from '../../src/forwarding/strip-list.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/forwarded-identity.md', import.meta.url)), 'utf8');
const section = /^## What is removed\n(.*?)^## /ms.exec(page)?.[1] ?? assert.fail('no section');
/** As the page writes them; a name that ends in `*` is the beginning of names. */
const documented = [
  ...new Set(
    section
      .split('\n')
      .filter((line) => line.startsWith('- ') || line.startsWith('  '))
      .flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)),
  ),
];

const separators = "!#$%&'*+-.^_`|~".split('');
const fold = (name: string): string =>
  name
    .split('')
    .map((char) => (separators.includes(char) ? '-' : char.toLowerCase()))
    .join('');
const isProtected = (name: string): boolean =>
  documented.some((one) =>
    one.endsWith('*') ? fold(name).startsWith(fold(one.slice(0, -1))) : fold(name) === fold(one),
  );

const separator = fc.constantFrom(...separators);
const letters = fc.string({ unit: fc.constantFrom(...'abcxyzABCXYZ019'.split('')), maxLength: 6 });
/** The name in any case, with any separators. */
const spelt = (name: string): fc.Arbitrary<string> =>
  fc
    .tuple(
      ...name
        .split('')
        .map((char) => (/[a-z0-9]/i.test(char) ? fc.constantFrom(char.toLowerCase(), char.toUpperCase()) : separator)),
    )
    .map((chars) => chars.join(''));
const forged = fc
  .tuple(fc.constantFrom(...documented), letters)
  .chain(([name, rest]) => spelt(name.endsWith('*') ? name.slice(0, -1) + rest : name));
/** Nearly a protected name, or anything. */
const near = fc.oneof(
  fc.tuple(forged, letters).map(([name, more]) => name + more),
  fc.tuple(letters, separator, forged).map(([before, between, name]) => before + between + name),
  fc.tuple(forged, fc.nat()).map(([name, at]) => name.slice(0, at % name.length) + name.slice((at % name.length) + 1)),
  fc.array(fc.oneof(letters, separator), { maxLength: 8 }).map((parts) => parts.join('')),
);
const anyName = fc.oneof(forged, near).filter((name) => /^[!-~]{1,200}$/.test(name));

const names = new FieldNames();

describe('names of fields', () => {
  it('that have a claim are those of the page, and no others', () => {
    assert.deepEqual(
      [...new Set(documented.map((name) => (name.endsWith('*') ? `${fold(name.slice(0, -1))}*` : fold(name))))].sort(),
      [...claimedNames.client, ...claimedNames.override].sort(),
    );
  });

  it('pass exactly where they do not fold to a protected one', () => {
    const list = new StripList();
    fc.assert(
      fc.property(fc.array(anyName, { minLength: 1, maxLength: 20 }), (given) => {
        const fields = new Fields();
        for (const name of given) fields.push(names.find(name) ?? assert.fail(name), '1');
        const kept = list.strip(fields).names.map(({ raw }) => raw);
        assert.deepEqual(
          kept,
          given.filter((name) => !isProtected(name)),
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('of framing are refused in every spelling but their own', () => {
    fc.assert(
      fc.property(fc.constantFrom('Transfer-Encoding', 'Content-Length').chain(spelt), (name) => {
        const value = /^t/i.test(name) ? 'chunked' : '1';
        const text = Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\n${name}: ${value}\r\n\r\n`);
        const head = parseRequestHead(text, 0, text.length, names, defaultHttpLimits);
        assert.equal(head instanceof ParseError, name.charAt(name.search(/[^a-z]/i)) !== '-', name);
      }),
      { numRuns: 1000 },
    );
  });
});
