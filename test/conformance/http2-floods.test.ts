// What a hostile HTTP/2 client can send for little and make us do for much (incident 20): each flood ends with GOAWAY
// (ENHANCE_YOUR_CALM) and a fault that names it, or is bounded otherwise; a good client beside is served meanwhile and afterwards.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { Exchange } from '../../src/http/exchange.ts';
import { FieldBlock } from '../../src/http/field.ts';
import { frame, setting, uint32 } from '../support/http2-frames.ts';
import { eventually } from '../support/wait-for.ts';
import { Listening } from './http1-harness.ts';
import {
  block,
  data,
  endHeaders,
  endStream,
  type FramePeer,
  headers,
  ping,
  request,
  requestLines,
  reset,
  serve,
  Type,
  windowUpdate,
} from './http2-harness.ts';

/** Answers what is asked for `/now`; anything else waits, as for a slow backend. */
function slowly(exchange: Exchange): void {
  if (exchange.head.target === '/now') exchange.respond(200, FieldBlock.empty, 'served');
  else exchange.receive(new Listening(), 0);
}

/** Too much waits for its peer, so it is not read from. */
function isChoked(socket: Socket): boolean {
  return socket.isPaused() && socket.writableLength > 400_000;
}

async function assertServed(client: FramePeer, stream: number): Promise<void> {
  client.send(request(stream, '/now'));
  await client.until(`DATA ${stream} served end`);
}

const post = (stream: number): Buffer => headers(stream, requestLines('POST', '/'));
const lengthOf3 = (stream: number): Buffer => headers(stream, requestLines('POST', '/', [['content-length', '3']]));
const bad = (stream: number): Buffer => headers(stream, requestLines('GET', '/', [['connection', 'x']]), endStream);
const empty = frame(Type.data, 0, 1);

type Flood = [what: string, detail: RegExp, once: Buffer, again: (stream: number) => Buffer];
const nothing = Buffer.alloc(0);

describe('a flood', () => {
  const floods: Flood[] = [
    ['of resets (Rapid Reset)', /resets/, nothing, (id) => Buffer.concat([request(id), reset(id)])],
    ['of resets of one stream', /resets/, post(1), () => reset(1)],
    [
      'of windows that overflow (MadeYouReset)',
      /broken streams/,
      nothing,
      (id) => Buffer.concat([post(id), windowUpdate(id, 0x7fff_ffff)]),
    ],
    ['of windows by 0', /broken streams/, nothing, (id) => Buffer.concat([post(id), windowUpdate(id, 0)])],
    [
      'of bodies that are too long',
      /broken streams/,
      nothing,
      (id) => Buffer.concat([lengthOf3(id), data(id, 'four')]),
    ],
    [
      'of bodies that are too short',
      /broken streams/,
      nothing,
      (id) => Buffer.concat([lengthOf3(id), data(id, '', endStream)]),
    ],
    ['of DATA behind the end', /broken streams/, nothing, (id) => Buffer.concat([request(id), data(id, 'x')])],
    ['of malformed heads', /broken streams/, nothing, bad],
    [
      'of malformed trailers',
      /broken streams/,
      nothing,
      (id) => Buffer.concat([post(id), headers(id, [[':path', '/']], endStream)]),
    ],
    [
      'of PRIORITY of a wrong length',
      /broken streams/,
      nothing,
      (id) => Buffer.concat([post(id), frame(Type.priority, 0, id, 'x')]),
    ],
    ['of streams above the limit', /streams beyond the limit/, nothing, post],
    ['of SETTINGS', /SETTINGS/, nothing, () => frame(Type.settings, 0, 0, setting(4, 1000))],
    ['of acknowledgements', /acknowledgements/, nothing, () => frame(Type.settings, 1, 0)],
    ['of PING', /PING/, nothing, () => ping()],
    ['of answers to PING', /PING/, nothing, () => ping('nonsense', 1)],
    ['of PRIORITY', /PRIORITY/, nothing, (id) => frame(Type.priority, 0, id, `${uint32(0)}\x01`)],
    ['of WINDOW_UPDATE of the connection', /WINDOW_UPDATE/, nothing, () => windowUpdate(0, 1)],
    ['of WINDOW_UPDATE of a stream', /WINDOW_UPDATE/, post(1), () => windowUpdate(1, 1)],
    ['of empty DATA', /empty DATA/, post(1), () => empty],
    ['of DATA that is padding', /empty DATA/, post(1), () => frame(Type.data, 8, 1, '\x02ab')],
    [
      'of HEADERS on a stream that was reset',
      /HEADERS on closed streams/,
      bad(1),
      () => headers(1, [['x', 'y']], endStream),
    ],
    ['of frames that nobody knows', /unknown/, nothing, () => frame(0x42, 0, 0)],
    [
      'of CONTINUATION',
      /CONTINUATION/,
      frame(Type.headers, 0, 1, block(requestLines())),
      () => frame(Type.continuation, 0, 1),
    ],
    [
      'of a header block without an end',
      /header block/,
      frame(Type.headers, 0, 1),
      () => frame(Type.continuation, 0, 1, Buffer.alloc(16_000)),
    ],
  ];
  for (const [what, detail, once, again] of floods) {
    it(`${what} ends its connection, and no other`, async () => {
      using server = await serve({ onRequest: slowly });
      const good = await server.open();
      await assertServed(good, 1);
      const client = await server.open();
      client.isAnswering = false;
      client.send(once);
      // Far more than the budget, however the frames are cut.
      for (let round = 0; round < 10; round += 1) {
        client.send(Buffer.concat(Array.from({ length: 200 }, (_, at) => again(2 * (round * 200 + at) + 3))));
        await assertServed(good, 2 * round + 3);
      }
      assert.match((await client.until('GOAWAY')).text, /^GOAWAY \d+ ENHANCE_YOUR_CALM /);
      const fault = server.badRequests.at(-1);
      assert.equal(fault?.code, 'http2_flood');
      assert.match(fault.detail ?? '', detail);
      await assertServed(good, 101);
      assert.equal(server.connections[1]?.activeRequests, 0);
    });
  }
});

describe('what a connection has not earned', () => {
  /** A server that counts it for all its connections. */
  async function counting() {
    const counted = { useless: 0, most: Infinity };
    const onUseless = (): boolean => ++counted.useless <= counted.most;
    return { server: await serve({ onRequest: slowly, onUseless }), counted };
  }

  const given = (from: number, count: number): Buffer[] =>
    Array.from({ length: count }, (_, at) => Buffer.concat([request(from + 2 * at), reset(from + 2 * at)]));

  it('is told to whoever counts for all its connections, and ends the one that goes on when they say so', async () => {
    const { server, counted } = await counting();
    using _ = server;
    const first = await server.open();
    first.send(...given(1, 50));
    await assertServed(first, 101);
    assert.ok(counted.useless >= 30 && counted.useless <= 50, `${counted.useless} of 50`);
    counted.most = counted.useless;
    const second = await server.open();
    second.send(...given(1, 5));
    await assertServed(second, 11);
    second.send(...given(13, 50));
    const { text } = await second.until('GOAWAY');
    assert.match(text, /^GOAWAY \d+ ENHANCE_YOUR_CALM too many resets, on all its connections$/);
    assert.equal(server.badRequests.at(-1)?.code, 'http2_flood');
    await assertServed(first, 103);
  });

  it('is not what answers have made up for, nor streams that are given up within their answer', async () => {
    const head = { status: 200, reason: '', bodyLength: -1, announcedLength: -1 };
    let useless = 0;
    using server = await serve({
      onUseless: () => ((useless += 1), true),
      onRequest: (exchange) => {
        if (exchange.head.target === '/now') return exchange.respond(200, FieldBlock.empty, 'served');
        exchange.receive(new Listening(), 0);
        exchange.sendHead({ ...head, fields: exchange.head.fields }, FieldBlock.empty);
        exchange.flush();
      },
    });
    const client = await server.open();
    for (let id = 1; id < 120; id += 2) {
      client.send(request(id, '/events'));
      await client.until(`HEADERS ${id} 200`);
      client.send(reset(id));
    }
    await assertServed(client, 201);
    assert.equal(useless, 0);
    for (let id = 203; id < 403; id += 2) await assertServed(client, id);
    client.send(...given(501, 30));
    await assertServed(client, 1001);
    assert.equal(useless, 0);
  });
});

describe('what is much, but of use, is no flood', () => {
  it('requests and their answers, with SETTINGS, PING and PRIORITY now and then, for as long as it pleases', async () => {
    using server = await serve({ onRequest: slowly });
    const client = await server.open();
    for (let id = 1; id < 4000; id += 2) {
      client.send(request(id, '/now'), frame(Type.priority, 0, id, `${uint32(0)}\x01`));
      if (id % 100 === 1) await client.until(`DATA ${id} served end`);
    }
    await client.until('DATA 3999 served end');
    assert.deepEqual(server.badRequests, []);
  });

  it('windows given back by the 4 KiB, and a PING for each round trip, as Go does it, in a large download', async () => {
    const total = 8_000_000;
    using server = await serve({
      onRequest: (exchange) => {
        const chunk = Buffer.alloc(16_384, 'x');
        let left = total;
        const listening = new Listening();
        listening.onDrain = () => {
          while (left > 0) {
            left -= chunk.length;
            if (left <= 0) {
              exchange.sendBody(chunk.subarray(0, chunk.length + left));
              return exchange.sendEnd(undefined);
            }
            if (!exchange.sendBody(chunk)) return;
          }
        };
        exchange.receive(listening, 0);
        exchange.sendHead(
          { status: 200, reason: '', fields: exchange.head.fields, bodyLength: total, announcedLength: -1 },
          FieldBlock.empty,
        );
        listening.onDrain();
      },
    });
    const client = await server.open();
    let received = 0;
    client.frames.subscribe(({ type, payload }) => {
      if (type !== Type.data) return;
      received += payload.length;
      for (let left = payload.length; left > 0; left -= 4096) {
        const by = Math.min(4096, left);
        client.send(windowUpdate(0, by), windowUpdate(1, by));
      }
      client.send(ping('bdp-ping'));
    });
    client.send(request(1));
    await eventually(() => received === total, { what: `all of the body, or ${server.badRequests.at(-1)?.detail}` });
    assert.deepEqual(server.badRequests, []);
  });

  it('streams that are given up, some each second', async () => {
    using server = await serve({ onRequest: slowly });
    const client = await server.open();
    for (let second = 0; second < 60; second += 1) {
      for (let at = 0; at < 15; at += 1) {
        const id = 2 * (second * 15 + at) + 1;
        client.send(request(id), reset(id));
      }
      client.send(ping(`second${String(second).padStart(2, '0')}`));
      await client.until(`PING ack second${String(second).padStart(2, '0')}`);
      server.clock.turn(1000);
    }
    await assertServed(client, 9999);
  });
});

describe('what is bounded in another way', () => {
  it('fields and crumbs of a cookie beyond the limits are one answer each, 431; far beyond them they end the connection', async () => {
    using server = await serve({ onRequest: slowly });
    const client = await server.open();
    // A field of 4,000 bytes goes into the table, then is referred to by an octet each: in all 48 kB, or 40 MB.
    const value = `\x7f${String.fromCharCode(0x80 | (3873 & 127), 3873 >> 7)}${'y'.repeat(4000)}`;
    const bomb = (times: number): string => `${block(requestLines())}\x40\x01x${value}${'\xbe'.repeat(times)}`;
    client.send(frame(Type.headers, endHeaders | endStream, 1, bomb(11)));
    await client.until('HEADERS 1 431');
    const crumbs = Array.from({ length: 400 }, () => ['cookie', 'a'] as const);
    client.send(headers(3, requestLines('GET', '/', crumbs), endStream));
    await client.until('HEADERS 3 431');
    await assertServed(client, 5);
    client.send(frame(Type.headers, endHeaders | endStream, 7, bomb(10_000)));
    await client.until('GOAWAY 5 ENHANCE_YOUR_CALM');
    assert.equal(server.badRequests.at(-1)?.code, 'http2_flood');
  });

  it('a body by the byte is held within its window, in few pieces', async () => {
    const exchanges: Exchange[] = [];
    using server = await serve({ onRequest: (exchange) => void exchanges.push(exchange) });
    const client = await server.open();
    client.send(post(1));
    const byte = data(1, 'x');
    for (let round = 0; round < 10; round += 1) client.send(Buffer.concat(Array.from({ length: 2000 }, () => byte)));
    client.send(data(1, 'x', endStream), ping('thatsall'));
    await client.until('PING ack thatsall');
    const listening = new Listening();
    exchanges[0]?.receive(listening, 0);
    assert.equal((await listening.ended.promise).length, 20_001);
    assert.ok(listening.pieces.length < 10, `${listening.pieces.length} pieces`);
  });

  it('answers without bodies to a client that reads none: it is read from no further, then let go', async () => {
    const timeouts = { stallMs: 10_000 };
    let asked = 0;
    using server = await serve({
      timeouts,
      onRequest: (exchange) => {
        asked += 1;
        const field = new FieldBlock([['X-Much', 'y'.repeat(16_000)]]);
        exchange.respond(204, field, '');
      },
    });
    const client = await server.open();
    await client.until('SETTINGS ack');
    client.socket.pause();
    const sockets = [...server.sockets];
    const ours = sockets.find((socket) => socket !== client.socket);
    assert.ok(ours !== undefined);
    for (let id = 1; !isChoked(ours); id += 2) {
      client.send(headers(id, requestLines('HEAD'), endStream));
      await new Promise(setImmediate);
    }
    const before = asked;
    assert.ok(ours.writableLength < 2_000_000, `${ours.writableLength} bytes wait`);
    for (let id = 100_001; id < 100_401; id += 2) client.send(request(id));
    for (let at = 0; at < 20; at += 1) await new Promise(setImmediate);
    assert.equal(asked, before);
    server.clock.turn(11_000);
    await server.closed.waitFor(() => true);
    assert.equal(server.deadlines.size, 0);
  });

  it('or reads them late, and is served again', async () => {
    using server = await serve({
      onRequest: (exchange) => exchange.respond(200, new FieldBlock([['X-Much', 'y'.repeat(16_000)]]), ''),
    });
    const client = await server.open();
    await client.until('SETTINGS ack');
    client.socket.pause();
    const ours = [...server.sockets].find((socket) => socket !== client.socket);
    let last = -1;
    assert.ok(ours !== undefined);
    while (!isChoked(ours)) {
      last += 2;
      client.send(headers(last, requestLines(), endStream));
      await new Promise(setImmediate);
    }
    client.socket.resume();
    await client.until(`HEADERS ${last} 200`);
    client.send(request(last + 2));
    await client.until(`HEADERS ${last + 2} 200`);
  });
});
