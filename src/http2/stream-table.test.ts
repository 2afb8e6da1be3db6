import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Http2Stream, type StreamSession } from './stream.ts';
import { StreamTable } from './stream-table.ts';

const session = { receiveWindow: 1 } as unknown as StreamSession;

test('the table holds what a Map holds, for numbers in a row and for those that share a place', () => {
  const ids = fc.oneof(
    fc.nat(40).map((n) => 2 * n + 1),
    fc.nat(40).map((n) => 64 * n + 1),
    fc.nat(0x3fff_ffff).map((n) => 2 * n + 1),
  );
  const steps = fc.array(fc.record({ id: ids, isAdded: fc.boolean() }), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (all) => {
      const table = new StreamTable();
      const model = new Map<number, Http2Stream>();
      for (const { id, isAdded } of all) {
        if (!isAdded) assert.equal(table.delete(id), model.delete(id));
        else if (!model.has(id)) {
          const stream = new Http2Stream(id, session, 1);
          table.add(stream);
          model.set(id, stream);
        }
        assert.equal(table.size, model.size);
        for (const [known, stream] of model) assert.equal(table.get(known), stream);
        assert.equal(table.get(id), model.get(id));
      }
      assert.deepEqual(new Set(table.list()), new Set(model.values()));
    }),
  );
});

test('a hundred streams whose numbers share a place are all found', () => {
  const table = new StreamTable();
  for (let n = 0; n < 100; n++) table.add(new Http2Stream(n * 1024 + 1, session, 1));
  for (let n = 0; n < 100; n += 2) assert.ok(table.delete(n * 1024 + 1));
  for (let n = 0; n < 100; n++) assert.equal(table.get(n * 1024 + 1) !== undefined, n % 2 === 1);
});
