import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrameLog, frame, setting, uint32 } from '../../test/support/http2-frames.ts';
import { FrameOutput } from './frame-output.ts';
import { FrameReader } from './frame-reader.ts';
import { PagePool } from './page-pool.ts';

function taken(output: FrameOutput): Buffer {
  return Buffer.concat(output.take());
}

describe('a FrameOutput', () => {
  it('writes every kind of frame as the RFC draws it', () => {
    const output = new FrameOutput(new PagePool());
    output.preface();
    output.settings([
      [3, 100],
      [0x1234, 0x80000001],
    ]);
    output.settingsAck();
    output.headers(1, Buffer.from('blockrest'), 5, true);
    output.data(0x7fffffff, Buffer.from('-hello-'), 1, 6, false);
    output.data(1, Buffer.from(''), 0, 0, true);
    output.reset(3, 8);
    output.ping(Buffer.from('12345678'), true);
    output.goAway(7, 11, 'calm');
    output.windowUpdate(0, 0x7fffffff);
    const expected = Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      frame(4, 0, 0, setting(3, 100) + setting(0x1234, 0x80000001)),
      frame(4, 1, 0),
      frame(1, 5, 1, 'block'),
      frame(0, 0, 0x7fffffff, 'hello'),
      frame(0, 1, 1),
      frame(3, 0, 3, uint32(8)),
      frame(6, 1, 0, '12345678'),
      frame(7, 0, 0, `${uint32(7)}${uint32(11)}calm`),
      frame(8, 0, 0, uint32(0x7fffffff)),
    ]);
    assert.equal(output.length, expected.length);
    const parts = output.take();
    assert.equal(parts.length, 1);
    assert.deepEqual(Buffer.concat(parts), expected);
    assert.deepEqual([output.length, output.take()], [0, []]);
  });

  it('cuts DATA and header blocks where the peer takes no longer frames', () => {
    const output = new FrameOutput(new PagePool());
    output.maxFrameSize = 4;
    output.headers(1, Buffer.from('123456789'), 9, true);
    output.headers(3, Buffer.from('12345678'), 8, false);
    output.data(1, Buffer.from('123456789'), 0, 9, true);
    output.data(3, Buffer.from('12345678'), 0, 8, true);
    const expected = [
      frame(1, 1, 1, '1234'),
      frame(9, 0, 1, '5678'),
      frame(9, 4, 1, '9'),
      frame(1, 0, 3, '1234'),
      frame(9, 4, 3, '5678'),
      frame(0, 0, 1, '1234'),
      frame(0, 0, 1, '5678'),
      frame(0, 1, 1, '9'),
      frame(0, 0, 3, '1234'),
      frame(0, 1, 3, '5678'),
    ];
    assert.deepEqual(taken(output), Buffer.concat(expected));
  });

  it('copies DATA, but what is large by reference where it may be kept', () => {
    const chunk = Buffer.from('0123456789');
    const kept = new FrameOutput(new PagePool(), 8);
    kept.data(1, chunk, 0, 10, false);
    kept.data(1, chunk, 1, 8, false);
    kept.data(1, chunk, 2, 10, true);
    const parts = kept.take();
    assert.deepEqual(
      parts.map((part) => part.buffer === chunk.buffer),
      [false, true, false, true],
    );
    const copied = new FrameOutput(new PagePool());
    copied.data(1, chunk, 0, 10, false);
    copied.data(1, chunk, 1, 8, false);
    copied.data(1, chunk, 2, 10, true);
    const bytes = copied.take();
    assert.equal(bytes.length, 1);
    const expected = [frame(0, 0, 1, '0123456789'), frame(0, 0, 1, '1234567'), frame(0, 1, 1, '23456789')];
    assert.deepEqual(Buffer.concat(bytes), Buffer.concat(expected));
    assert.deepEqual(Buffer.concat(parts), Buffer.concat(expected));
  });

  it('never writes over what a socket has not taken, and uses again what it has', () => {
    const pages = new PagePool();
    const outputs = Array.from({ length: 3 }, () => new FrameOutput(pages));
    const waiting: { output: FrameOutput; parts: Buffer[]; expected: Buffer }[] = [];
    const memory = new Set<ArrayBufferLike>();
    for (let round = 0; round < 600; round++) {
      for (const [at, output] of outputs.entries()) {
        const bytes = Buffer.alloc(1 + ((round * 7919 + at * 31) % 9000), round % 251);
        output.data(1, bytes, 0, bytes.length, false);
        const parts = output.take();
        for (const part of parts) memory.add(part.buffer);
        waiting.push({ output, parts, expected: frame(0, 0, 1, bytes) });
      }
      while (waiting.length > 20) {
        const first = waiting.shift();
        assert.ok(first !== undefined && Buffer.concat(first.parts).equals(first.expected), `round ${round}`);
        first.output.settle();
      }
    }
    // Some 8 MB went through; twenty parts of 4.5 kB on the average were on their way at any time.
    assert.ok(memory.size <= 6, `${memory.size} pages`);
  });

  it('gives back what is discarded', () => {
    const pages = new PagePool();
    const output = new FrameOutput(pages);
    output.data(1, Buffer.alloc(200_000), 0, 200_000, false);
    output.discard();
    assert.equal(output.length, 0);
    output.settle();
    output.windowUpdate(1, 1);
    assert.deepEqual(taken(output), frame(8, 0, 1, uint32(1)));
  });

  it('is what a FrameReader reads', () => {
    const output = new FrameOutput(new PagePool());
    output.settings([]);
    output.headers(1, Buffer.alloc(40_000, 'h'), 40_000, false);
    output.data(1, Buffer.alloc(40_000, 'd'), 0, 40_000, true);
    const log = new FrameLog();
    new FrameReader('client', log).push(taken(output));
    assert.deepEqual(
      log.lines.map((line) => line.replace(/(h{3,}|d{3,})/, (run) => `${run.length}`)),
      ['SETTINGS', 'HEADERS 1 40000', 'DATA 1 "16384" 16384', 'DATA 1 "16384" 16384', 'DATA 1 "7232" 7232 end'],
    );
  });
});
