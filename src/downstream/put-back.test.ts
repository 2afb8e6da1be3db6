import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { putBack } from './put-back.ts';

/** What Node's TLS takes from a socket that it is put on. */
function takeAll(raw: Readable): Buffer[] {
  const pieces: Buffer[] = [];
  for (let piece = raw.read() as Buffer | null; piece !== null; piece = raw.read() as Buffer | null) pieces.push(piece);
  return pieces;
}

function paused(): Readable {
  return new Readable({ read: () => {} }).pause();
}

for (const length of [1, 999, 1000, 1001, 1590, 2000, 5001]) {
  test(`${length} bytes come back whole and in order, in pieces that fill no buffer of 1 KiB`, () => {
    const raw = paused();
    const bytes = Buffer.from(Uint8Array.from({ length }, (_, at) => at % 251));
    putBack(raw, bytes);
    const pieces = takeAll(raw);
    assert.deepEqual(Buffer.concat(pieces), bytes);
    assert.ok(pieces.every((piece) => piece.length < 1024));
    assert.equal(raw.listenerCount('data'), 0);
  });
}

for (const length of [500, 1590]) {
  test(`${length} bytes come before what waits behind them`, () => {
    const raw = paused();
    raw.push('later');
    putBack(raw, Buffer.alloc(length, 'a'));
    assert.equal(Buffer.concat(takeAll(raw)).toString(), `${'a'.repeat(length)}later`);
  });
}
