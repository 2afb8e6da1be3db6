import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Content } from './content.ts';
import { digestOf } from './digest.ts';
import type { ObjectName } from './object.ts';

const [one, other] = [digestOf('object', '1'), digestOf('object', '2')];
const contentOf = (entries: readonly (readonly [string, string, typeof one])[]): Content => {
  const content = new Content();
  for (const [kind, id, digest] of entries) content.put({ kind, id }, digest);
  return content;
};

describe('the digest of a content', () => {
  it('does not depend on the order, nor on what was there and went', () => {
    const name = fc.record({ kind: fc.constantFrom('a', 'b'), id: fc.string({ maxLength: 2 }) });
    fc.assert(
      fc.property(fc.array(name), fc.array(name), (kept, gone) => {
        const [left, right] = [new Content(), new Content()];
        for (const name of kept) left.put(name, one);
        for (const name of gone) right.put(name, other);
        right.digest();
        const isKept = ({ kind, id }: ObjectName): boolean => kept.some((one) => one.kind === kind && one.id === id);
        for (const name of gone) if (!isKept(name)) right.remove(name);
        for (const name of [...kept].reverse()) right.put(name, one);
        assert.equal(right.digest(), left.digest());
        assert.equal(right.size, left.size);
      }),
    );
  });

  it('is another for other names and documents, whatever somebody wrote into a name', () => {
    const two = contentOf([
      ['services', 'a', one],
      ['services', 'b', other],
    ]);
    const others = [
      contentOf([['services', 'a', one]]),
      contentOf([
        ['services', 'a', other],
        ['services', 'b', one],
      ]),
      // Names that hold what stands between names.
      contentOf([['services', `a\0${one}\nservices\0b`, other]]),
      contentOf([['services', `a"] ${one}\n["services","b`, other]]),
    ];
    assert.equal(new Set([two, ...others].map((content) => content.digest())).size, 5);
    const split = [contentOf([['a\0b', 'c', one]]), contentOf([['a', 'b\0c', one]])] as const;
    assert.notEqual(split[0].digest(), split[1].digest());
  });
});
