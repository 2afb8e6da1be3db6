import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteQueue } from './byte-queue.ts';

describe('a queue of bytes', () => {
  it('gives back what was added, in order, however it is cut', () => {
    const queue = new ByteQueue();
    const added: Buffer[] = [];
    const taken: Buffer[] = [];
    for (let size = 0; size < 6000; size += 271) {
      const piece = Buffer.alloc(size, size % 251);
      added.push(piece);
      queue.add(piece);
      if (size % 2 === 1) taken.push(queue.take(size >> 1));
    }
    while (queue.length > 0) taken.push(queue.take(1000));
    assert.deepEqual(Buffer.concat(taken), Buffer.concat(added));
    assert.equal(queue.take(10).length, 0);
  });

  it('copies what it keeps, from where it is told', () => {
    const queue = new ByteQueue();
    const bytes = Buffer.from('abcdef');
    queue.add(bytes, 2);
    bytes.fill('x');
    const first = queue.take(2);
    queue.add(Buffer.from('gh'));
    assert.deepEqual([first.toString(), queue.take(9).toString(), queue.length], ['cd', 'efgh', 0]);
  });

  it('keeps a body that comes by the byte in few pieces of memory', () => {
    const queue = new ByteQueue();
    for (let i = 0; i < 100_000; i++) queue.add(Buffer.from('x'));
    let pieces = 0;
    for (; queue.length > 0; pieces++) queue.take(Infinity);
    assert.equal(pieces, Math.ceil(100_000 / 4096));
  });
});
