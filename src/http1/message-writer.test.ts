import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import { chunkedBody } from '../http/exchange.ts';
import { MessageWriter } from './message-writer.ts';
import { BufferPool } from '../http/buffer-pool.ts';

/** Keeps count of what is lent, and spoils what comes back: who still used it would be found out. */
class CountedBuffers extends BufferPool {
  lent = 0;
  override take(): Buffer {
    this.lent++;
    return super.take();
  }
  override give(page: Buffer): void {
    this.lent--;
    page.fill('!');
    super.give(page);
  }
}

async function pair() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [net.Socket];
  for (const each of [socket, far]) each.on('error', () => {});
  server.close();
  const buffers = new CountedBuffers();
  return {
    socket,
    far,
    buffers,
    writer: new MessageWriter(socket, buffers),
    [Symbol.dispose]: () => {
      socket.destroy();
      far.destroy();
    },
  };
}

async function readAll(far: net.Socket): Promise<string> {
  const pieces: Buffer[] = [];
  far.on('data', (piece: Buffer) => pieces.push(piece));
  await once(far, 'end');
  return Buffer.concat(pieces).toString('latin1');
}

describe('a message whose body goes through pages', () => {
  it('arrives whole and in order, though every piece is overwritten right after its call', async () => {
    using ends = await pair();
    const received = readAll(ends.far);
    const sizes = [10, 8192, 8193, 16_384, 1, 65_536, 131_072, 131_073, 300_000, 5];
    const total = sizes.reduce((sum, size) => sum + size, 0);
    ends.writer.begin('HEAD\r\n\r\n', total);
    let expected = 'HEAD\r\n\r\n';
    const shared = Buffer.alloc(300_000);
    for (const [at, size] of sizes.entries()) {
      shared.fill(97 + at, 0, size);
      expected += String.fromCharCode(97 + at).repeat(size);
      assert.notEqual(ends.writer.body(shared.subarray(0, size)), 'overrun');
      shared.fill('?');
      if (at === 3) ends.writer.flush();
    }
    assert.equal(ends.writer.end(undefined), true);
    ends.socket.end();
    assert.ok((await received) === expected);
    assert.equal(ends.buffers.lent, 0);
  });

  it('keeps the order of chunk sizes, data and trailers in the chunked coding', async () => {
    using ends = await pair();
    const received = readAll(ends.far);
    ends.writer.begin('H', chunkedBody);
    const big = 'b'.repeat(140_000);
    for (const piece of ['small', big, 'x', 'c'.repeat(9000)]) ends.writer.body(Buffer.from(piece));
    ends.writer.end(undefined);
    ends.writer.begin('NEXT', 0);
    ends.writer.end(undefined);
    ends.socket.end();
    assert.ok(
      (await received) ===
        `H5\r\nsmall\r\n${(140_000).toString(16)}\r\n${big}\r\n1\r\nx\r\n2328\r\n${'c'.repeat(9000)}\r\n0\r\n\r\nNEXT`,
    );
  });

  it('says that the peer is slow before much is held, and that it is not once it has read', async () => {
    using ends = await pair();
    ends.writer.begin('H', chunkedBody);
    let given = 0;
    while (ends.writer.body(Buffer.alloc(16_384)) !== 'blocked') {
      given += 16_384;
      assert.ok(given < 64 * 1024 * 1024);
    }
    assert.ok(ends.socket.writableLength < 1024 * 1024);
    ends.far.resume();
    await once(ends.socket, 'drain');
    assert.equal(ends.writer.isBlocked, false);
  });

  it('gives every page back where it is dropped or the connection breaks off', async () => {
    using ends = await pair();
    ends.writer.begin('H', 10_000_000);
    while (ends.writer.body(Buffer.alloc(100_000)) !== 'blocked');
    ends.writer.body(Buffer.alloc(10_000));
    assert.ok(ends.buffers.lent > 1);
    ends.writer.discard();
    ends.socket.destroy();
    await once(ends.socket, 'close');
    assert.equal(ends.buffers.lent, 0);
  });
});
