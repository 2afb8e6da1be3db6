import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { noSlot, type Slotted, SlotSet } from './slot-set.ts';

type Member = Slotted & { readonly name: number };
const member = (name: number): Member => ({ name, slot: noSlot });
const namesOf = (set: SlotSet<Member>): number[] => set.list().map(({ name }) => name);

test('a slot set holds what a Set holds, whatever is added and deleted', () => {
  const steps = fc.array(fc.record({ name: fc.nat(12), isAdded: fc.boolean() }), { maxLength: 80 });
  fc.assert(
    fc.property(steps, (all) => {
      const members = Array.from({ length: 13 }, (_, name) => member(name));
      const set = new SlotSet<Member>();
      const model = new Set<Member>();
      for (const { name, isAdded } of all) {
        const one = members[name] as Member;
        if (isAdded) {
          set.add(one);
          model.add(one);
        } else assert.equal(set.delete(one), model.delete(one));
        assert.equal(set.size, model.size);
        assert.deepEqual(new Set(set.list()), model);
      }
      for (const one of members) assert.equal(one.slot === noSlot, !model.has(one));
    }),
  );
});

test('whoever is visited may delete itself and others, and add: nobody else is passed over', () => {
  const deletions = fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 12 });
  fc.assert(
    fc.property(deletions, (pairs) => {
      const members = Array.from({ length: 10 }, (_, name) => member(name));
      const set = new SlotSet<Member>();
      for (const one of members) set.add(one);
      const visited = new Set<number>();
      const gone = new Set<number>();
      set.forEach(({ name }) => {
        assert.ok(!gone.has(name));
        visited.add(name);
        for (const [at, other] of pairs) {
          if (at === name && set.delete(members[other] as Member)) gone.add(other);
        }
        if (name === 5) set.add(member(100));
      });
      for (const { name } of members) assert.ok(visited.has(name) || gone.has(name));
    }),
  );
});

test('adding twice and deleting a stranger changes nothing', () => {
  const set = new SlotSet<Member>();
  const one = member(1);
  set.add(one);
  set.add(one);
  assert.equal(set.delete(member(2)), false);
  assert.deepEqual(namesOf(set), [1]);
});
