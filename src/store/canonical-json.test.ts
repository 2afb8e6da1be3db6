import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from './canonical-json.ts';
import { StoreProblem } from './store-problem.ts';

describe('canonical JSON', () => {
  it('orders members by UTF-16 code units and spells numbers and strings as RFC 8785 says', () => {
    // The example of RFC 8785, section 3.2.3, without the control characters.
    const value = { '\u20ac': 'Euro Sign', '\ufb33': 'Dalet', '1': 'One', '\ud83d\ude00': 'Smiley', ö: 'o' };
    assert.equal(canonicalJson(value), '{"1":"One","ö":"o","€":"Euro Sign","😀":"Smiley","\ufb33":"Dalet"}');
    const numbers = [1e30 / 3, 1e30, 4.5, 2e-3, 0.000000000000000000000000001, -0];
    assert.equal(canonicalJson({ numbers }), '{"numbers":[3.333333333333333e+29,1e+30,4.5,0.002,1e-27,0]}');
    assert.equal(canonicalJson('\u20ac$\u000f\nA\'B"\\"/'), '"€$\\u000f\\nA\'B\\"\\\\\\"/"');
  });

  it('means what it was made of, and does not depend on the order of members', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
        assert.equal(canonicalJson(reversed(value)), text);
      }),
    );
  });

  it('refuses what JSON cannot say, and what is too deep', () => {
    for (const value of [Number.NaN, Infinity, 1n, () => 1, Symbol('x'), new Date(0), new Map(), [undefined]]) {
      assert.throws(() => canonicalJson({ value }), StoreProblem);
    }
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    assert.throws(() => canonicalJson(deep), StoreProblem);
  });

  it('leaves out members that are undefined, and keeps those with names that mean something to JavaScript', () => {
    assert.equal(canonicalJson({ a: undefined, b: null }), '{"b":null}');
    assert.equal(canonicalJson(JSON.parse('{"__proto__":1,"constructor":2}')), '{"__proto__":1,"constructor":2}');
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, reversed(member)]),
  );
}
