import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, type Json, type JsonObject } from './canonical-json.ts';
import { compareDocuments, type FieldDifference } from './difference.ts';
import { maxFieldDifferences } from './limits.ts';

// A document and one that was made of it by changes here and there, so that most of both is the same.
const document = fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 });

describe('the difference of two documents', () => {
  it('is empty where they are equal, whatever the order of their members', () => {
    fc.assert(
      fc.property(document, (one) => {
        const shuffled = Object.fromEntries(Object.entries(one).reverse());
        assert.deepEqual(compareDocuments(json(one), json(shuffled)), { fields: [], more: false });
      }),
    );
  });

  it('makes the one out of the other', () => {
    fc.assert(
      fc.property(document, document, document, (common, left, right) => {
        const [before, after] = [json({ ...common, ...left }), json({ ...common, ...right })];
        const { fields, more } = compareDocuments(before, after);
        assert.equal(more, false);
        assert.equal(canonicalJson(applyAll(before, fields)), canonicalJson(after));
      }),
    );
  });

  it('names the innermost field, with the pointer of RFC 6901', () => {
    const before = { tls: { mode: 'tls', 'a/b~c': 1, names: ['a', 'b', 'c'] } };
    const after = { tls: { mode: 'mtls', 'a/b~c': 2, names: ['a', 'x'] }, timeouts: null };
    assert.deepEqual(compareDocuments(before, after).fields, [
      { pointer: '/timeouts', after: null },
      { pointer: '/tls/a~1b~0c', before: 1, after: 2 },
      { pointer: '/tls/mode', before: 'tls', after: 'mtls' },
      { pointer: '/tls/names/1', before: 'b', after: 'x' },
      { pointer: '/tls/names/2', before: 'c' },
    ]);
  });

  it('tells an object from a list, and a list from a text', () => {
    assert.deepEqual(compareDocuments({ a: ['x'] }, { a: { 0: 'x' } }).fields, [
      { pointer: '/a', before: ['x'], after: { 0: 'x' } },
    ]);
    assert.deepEqual(compareDocuments({ a: ['x'] }, { a: 'x' }).fields.length, 1);
  });

  it('is not fooled by names that mean something to JavaScript', () => {
    const after = JSON.parse('{"__proto__":{"admin":true},"constructor":1}') as JsonObject;
    assert.deepEqual(
      compareDocuments({}, after).fields.map(({ pointer }) => pointer),
      ['/__proto__', '/constructor'],
    );
  });

  it('has a bound, and says so', () => {
    const many = (value: number): JsonObject =>
      Object.fromEntries(Array.from({ length: maxFieldDifferences + 1 }, (_, at) => [`f${at}`, value]));
    const { fields, more } = compareDocuments(many(1), many(2));
    assert.equal(fields.length, maxFieldDifferences);
    assert.equal(more, true);
  });
});

/** As it comes out of a store. */
function json(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

function applyAll(document: JsonObject, fields: readonly FieldDifference[]): Json {
  const isPut = (field: FieldDifference): boolean => 'after' in field;
  // What is taken from a list goes from its end.
  const inOrder = [...fields.filter(isPut), ...fields.filter((field) => !isPut(field)).reverse()];
  return inOrder.reduce<Json>((value, field) => apply(value, field.pointer.split('/').slice(1), field), document);
}

function apply(value: Json, [name, ...rest]: readonly string[], field: FieldDifference): Json {
  if (name === undefined) return field.after as Json;
  const member = name.replaceAll('~1', '/').replaceAll('~0', '~');
  const members = new Map(Object.entries(value as JsonObject));
  if (rest.length === 0 && !('after' in field)) members.delete(member);
  else members.set(member, apply(members.get(member) ?? null, rest, field));
  return Array.isArray(value) ? [...members.values()] : Object.fromEntries(members);
}
