// Where frames end, however their bytes are cut.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closeFrame, WebSocketFrames } from './websocket-frames.ts';

function frame(first: number, length: number, mask = false): Buffer {
  const bit = mask ? 0x80 : 0;
  const size = length < 126 ? [bit | length] : length < 65_536 ? [bit | 126, length >> 8, length & 255] : undefined;
  const header = size ?? [bit | 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from([first, ...header]), Buffer.alloc(mask ? 4 : 0, 7), Buffer.alloc(length, 0xff)]);
}

const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 70_001];

describe('the frames of a WebSocket', () => {
  it('end where their headers say, in pieces of any size', () => {
    const all = sizes.flatMap((size) => [frame(0x81, size), frame(0x02, size, true), frame(0xc9, size)]);
    const bytes = Buffer.concat(all);
    const ends = new Set<number>();
    let end = 0;
    for (const one of all) ends.add((end += one.length));
    for (const piece of [1, 7, 4096, bytes.length]) {
      const frames = new WebSocketFrames();
      for (let at = 0; at < bytes.length; at += piece) {
        assert.equal(frames.isBetween, at === 0 || ends.has(at), `${piece} at ${at}`);
        frames.pass(bytes.subarray(at, at + piece));
      }
      assert.ok(frames.isBetween && !frames.isClosing);
    }
  });

  it('are passed to the end of the one that is under way, where no more is wanted', () => {
    for (const size of sizes) {
      const one = frame(0x82, size);
      for (const cut of [1, 2, one.length - 1]) {
        if (cut >= one.length) continue;
        const frames = new WebSocketFrames();
        frames.pass(one.subarray(0, cut));
        const rest = Buffer.concat([one.subarray(cut), frame(0x81, 5)]);
        assert.equal(frames.pass(rest, true), one.length - cut, `${size} cut at ${cut}`);
        assert.ok(frames.isBetween);
        assert.equal(frames.pass(rest, true), 0);
      }
    }
  });

  it('tell of a close frame, ours and that of others, and of nothing that looks like one', () => {
    const frames = new WebSocketFrames();
    frames.pass(Buffer.concat([frame(0x81, 2), Buffer.from([0x82, 4]), closeFrame(1000)]));
    assert.ok(!frames.isClosing && frames.isBetween);
    frames.pass(closeFrame(1001).subarray(0, 1));
    assert.ok(frames.isClosing && !frames.isBetween);
    assert.deepEqual([...closeFrame(1001)], [0x88, 2, 0x03, 0xe9]);
  });

  it('of a length that nobody can have never end', () => {
    const frames = new WebSocketFrames();
    frames.pass(Buffer.from([0x82, 127, ...Buffer.alloc(8, 0xff)]));
    frames.pass(Buffer.alloc(65_536));
    assert.ok(!frames.isBetween);
  });
});
