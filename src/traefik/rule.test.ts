import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRule } from './rule.ts';

function shown(text: string): unknown {
  const read = parseRule(text);
  if (typeof read === 'string') return read;
  return read.map((list) =>
    list.map(({ name, values, negated }) => `${negated ? '!' : ''}${name}(${values.join(',')})`).join(' '),
  );
}

describe('a rule of Traefik', () => {
  for (const [text, expected] of [
    ['Host(`a`)', ['host(a)']],
    ['Host(`a`) && PathPrefix(`/b`)', ['host(a) pathprefix(/b)']],
    ['Host(`a`) || Host("b") && Path(`/c`)', ['host(a)', 'host(b) path(/c)']],
    ['(Host(`a`) || Host(`b`)) && Path(`/c`)', ['host(a) path(/c)', 'host(b) path(/c)']],
    ['!(Method(`GET`) || Header(`A`, `b`))', ['!method(GET) !header(A,b)']],
    ['!(Method(`GET`) && Path(`/`))', ['!method(GET)', '!path(/)']],
    ['!!Path(`/`)', ['path(/)']],
    ['Host(`a`,`b`)', ['host(a,b)']],
    ['Header("X", "a\\"b")', ['header(X,a"b)']],
    ['Host(`a`', 'the rule cannot be read from character 9 on'],
    ['Host(a)', 'the rule cannot be read from character 6 on'],
    ['Host(`a`) Path(`/`)', 'the rule cannot be read from character 11 on'],
    ['', 'the rule cannot be read from character 1 on'],
  ] as const) {
    it(`${text || 'that is empty'} is ${JSON.stringify(expected)}`, () => assert.deepEqual(shown(text), expected));
  }

  it('has a limit of choices', () => {
    const pair = '(Path(`/a`) || Path(`/b`))';
    assert.equal(shown(Array.from({ length: 7 }, () => pair).join(' && ')), 'the rule has more than 64 choices');
  });
});
