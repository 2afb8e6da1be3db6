// The client's side of the HTTP/2 codec over real sockets, against a peer of frames: RFC 9113's rules both ways, bodies and
// windows, back-pressure, deadlines, endings. Floods are http2-floods.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chunkedBody, type Exchange } from '../../src/http/exchange.ts';
import { FieldBlock, Fields } from '../../src/http/field.ts';
import { WriteBudget } from '../../src/http/write-budget.ts';
import { emptySettings, frame, preface, setting, uint32 } from '../support/http2-frames.ts';
import { serverTimeouts } from '../support/server-timeouts.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import { echo, head, Listening, names } from './http1-harness.ts';
import {
  block,
  data,
  endHeaders,
  endStream,
  type FramePeer,
  goAway,
  headers,
  type Line,
  ping,
  request,
  requestLines,
  reset,
  serve,
  type ServerSettings,
  Type,
  windowUpdate,
} from './http2-harness.ts';

const none = FieldBlock.empty;

function fieldsOf(pairs: readonly (readonly [string, string])[]): Fields {
  const fields = new Fields();
  for (const [raw, value] of pairs) {
    const name = names.find(raw);
    if (name !== undefined) fields.push(name, value);
  }
  return fields;
}

/** A server that hands its exchanges over. */
async function hold(settings: Partial<ServerSettings> = {}) {
  const exchanges = new Feed<Exchange>('requests');
  const server = await serve({ onRequest: (exchange) => exchanges.push(exchange), ...settings });
  const next = (from = 0): Promise<Exchange> => exchanges.waitFor(() => true, { from });
  return Object.assign(server, { exchanges, next });
}

/** The connection goes on: a further request is served. */
async function assertServed(client: FramePeer, stream: number): Promise<void> {
  client.send(request(stream, '/after'));
  await client.until(`HEADERS ${stream} 200`);
}

const post = (stream: number, more: readonly Line[] = []): Buffer => headers(stream, requestLines('POST', '/', more));
const field = (name: string, value: string): Line => [name, value];
const get = (...more: Line[]): Buffer => headers(1, requestLines('GET', '/', more), endStream);

describe('what breaks a rule of the connection ends it with GOAWAY', () => {
  const cases: [what: string, sent: Buffer[], code: string][] = [
    ['DATA on stream 0', [data(0, 'x')], 'PROTOCOL_ERROR'],
    ['DATA on a stream that was never opened', [data(1, 'x')], 'PROTOCOL_ERROR'],
    ['HEADERS on stream 0', [headers(0, requestLines())], 'PROTOCOL_ERROR'],
    ['HEADERS on a stream of the server', [headers(2, requestLines())], 'PROTOCOL_ERROR'],
    ['HEADERS on a stream below the last', [request(5), request(3)], 'STREAM_CLOSED'],
    ['HEADERS on a stream that has ended', [request(1), request(1)], 'STREAM_CLOSED'],
    ['RST_STREAM on a stream that was never opened', [reset(1)], 'PROTOCOL_ERROR'],
    ['RST_STREAM of a wrong length', [post(1), frame(Type.reset, 0, 1, 'abc')], 'FRAME_SIZE_ERROR'],
    ['WINDOW_UPDATE on a stream that was never opened', [windowUpdate(1, 1)], 'PROTOCOL_ERROR'],
    ['WINDOW_UPDATE by 0 of the connection', [windowUpdate(0, 0)], 'PROTOCOL_ERROR'],
    ['a window of the connection above 2^31-1', [windowUpdate(0, 0x7fff_ffff)], 'FLOW_CONTROL_ERROR'],
    ['SETTINGS on a stream', [frame(Type.settings, 0, 1)], 'PROTOCOL_ERROR'],
    ['SETTINGS of a wrong length', [frame(Type.settings, 0, 0, 'abc')], 'FRAME_SIZE_ERROR'],
    ['an acknowledgement with a payload', [frame(Type.settings, 1, 0, setting(3, 1))], 'FRAME_SIZE_ERROR'],
    ['a window size above 2^31-1', [frame(Type.settings, 0, 0, setting(4, 2 ** 31))], 'FLOW_CONTROL_ERROR'],
    ['a frame size below 2^14', [frame(Type.settings, 0, 0, setting(5, 16_383))], 'PROTOCOL_ERROR'],
    ['SETTINGS_ENABLE_PUSH of 2', [frame(Type.settings, 0, 0, setting(2, 2))], 'PROTOCOL_ERROR'],
    ['PING on a stream', [frame(Type.ping, 0, 1, '12345678')], 'PROTOCOL_ERROR'],
    ['PING of a wrong length', [frame(Type.ping, 0, 0, '1234')], 'FRAME_SIZE_ERROR'],
    ['GOAWAY on a stream', [frame(Type.goAway, 0, 1, uint32(0) + uint32(0))], 'PROTOCOL_ERROR'],
    ['PUSH_PROMISE', [frame(Type.push, endHeaders, 1, uint32(2))], 'PROTOCOL_ERROR'],
    ['CONTINUATION without HEADERS', [frame(Type.continuation, endHeaders, 1)], 'PROTOCOL_ERROR'],
    [
      'another frame within a header block',
      [frame(Type.headers, 0, 1, block(requestLines())), ping()],
      'PROTOCOL_ERROR',
    ],
    ['a frame that is too long', [frame(Type.data, 0, 1, Buffer.alloc(16_385))], 'FRAME_SIZE_ERROR'],
    ['padding as long as the frame', [post(1), frame(Type.data, 8, 1, '\x05abc')], 'PROTOCOL_ERROR'],
    ['a header block that cannot be decoded', [frame(Type.headers, 5, 1, '\xff\xff\xff\xff\xff')], 'COMPRESSION_ERROR'],
    ['an index of nothing', [frame(Type.headers, 5, 1, '\xbe')], 'COMPRESSION_ERROR'],
    ['a table size above the limit', [frame(Type.headers, 5, 1, '\x3f\xe2\x1f')], 'COMPRESSION_ERROR'],
  ];
  for (const [what, sent, code] of cases) {
    it(`${what}: ${code}`, async () => {
      using server = await serve({ onRequest: echo });
      const client = await server.open();
      client.send(...sent);
      assert.match((await client.until('GOAWAY')).text, new RegExp(`^GOAWAY \\d+ ${code} `));
      await eventually(() => client.socket.readableEnded, { what: 'the connection to end' });
      assert.equal(server.badRequests.at(-1)?.code, 'bad_request');
      assert.equal(server.badRequests.at(-1)?.raw, code);
    });
  }

  it('a preface that is none, and a first frame that is not SETTINGS: PROTOCOL_ERROR', async () => {
    for (const first of [Buffer.from('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'), Buffer.concat([preface, ping()])]) {
      using server = await serve({ onRequest: echo });
      const client = await server.connect();
      client.send(first);
      await client.until('GOAWAY 0 PROTOCOL_ERROR');
    }
  });
});

describe('what breaks a rule of a stream ends that one alone', () => {
  const malformed: [what: string, sent: Buffer[]][] = [
    ['an upper-case name', [get(field('X-Upper', 'a'))]],
    ['a name with a colon', [get(field('a:b', 'c'))]],
    ['an empty name', [get(field('', 'c'))]],
    ['a pseudo-header field that nobody knows', [headers(1, [...requestLines(), field(':x', 'y')], endStream)]],
    ['a pseudo-header field of answers', [headers(1, [...requestLines(), field(':status', '200')], endStream)]],
    ['a pseudo-header field behind others', [headers(1, [field('x', 'y'), ...requestLines()], endStream)]],
    ['a pseudo-header field twice', [headers(1, [field(':method', 'GET'), ...requestLines()], endStream)]],
    ['no :method', [headers(1, requestLines().slice(1), endStream)]],
    ['no :scheme', [headers(1, requestLines().toSpliced(1, 1), endStream)]],
    ['no :path', [headers(1, requestLines().toSpliced(3, 1), endStream)]],
    ['an empty :path', [headers(1, requestLines('GET', ''), endStream)]],
    ['host that is not :authority', [get(field('host', 'b.test'))]],
    ['host twice', [get(field('host', 'a.test'), field('host', 'a.test'))]],
    ['connection', [get(field('connection', 'close'))]],
    ['keep-alive', [get(field('keep-alive', '1'))]],
    ['proxy-connection', [get(field('proxy-connection', 'x'))]],
    ['transfer-encoding', [get(field('transfer-encoding', 'chunked'))]],
    ['upgrade', [get(field('upgrade', 'h2c'))]],
    ['te that is not trailers', [get(field('te', 'gzip'))]],
    ['a value with CR', [get(field('x', 'a\rb'))]],
    ['a value with LF', [get(field('x', 'a\nb'))]],
    ['a value with NUL', [get(field('x', 'a\0b'))]],
    ['content-length twice', [get(field('content-length', '0'), field('content-length', '0'))]],
    ['content-length that is no number', [get(field('content-length', '1x'))]],
    ['content-length without content', [get(field('content-length', '1'))]],
    ['more DATA than content-length', [post(1, [field('content-length', '1')]), data(1, 'ab', endStream)]],
    ['less DATA than content-length', [post(1, [field('content-length', '3')]), data(1, 'ab', endStream)]],
    ['trailers that do not end the stream', [post(1), headers(1, [field('x', 'y')])]],
    ['a pseudo-header field in trailers', [post(1), headers(1, [field(':path', '/')], endStream)]],
    ['content-length in trailers', [post(1), headers(1, [field('content-length', '0')], endStream)]],
    ['WINDOW_UPDATE by 0', [post(1), windowUpdate(1, 0)]],
  ];
  const others: [what: string, sent: Buffer[], code: string][] = [
    ['a window above 2^31-1', [post(1), windowUpdate(1, 0x7fff_ffff)], 'FLOW_CONTROL_ERROR'],
    ['PRIORITY of a wrong length', [post(1), frame(Type.priority, 0, 1, 'abc')], 'FRAME_SIZE_ERROR'],
  ];
  for (const [what, sent, code] of [...malformed.map(([w, s]) => [w, s, 'PROTOCOL_ERROR'] as const), ...others]) {
    it(`${what}: ${code}`, async () => {
      const served: string[] = [];
      using server = await serve({
        onRequest: (exchange) => {
          served.push(exchange.head.target);
          echo(exchange);
        },
      });
      const client = await server.open();
      client.send(...sent);
      await client.until(`RST_STREAM 1 ${code}`);
      await assertServed(client, 3);
      assert.deepEqual(
        client.lines(1).filter((line) => line.startsWith('HEADERS')),
        [],
        'nothing was answered',
      );
      assert.equal(served.at(-1), '/after');
    });
  }

  it('DATA on a stream whose request has ended: STREAM_CLOSED', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(request(1));
    const exchange = await server.next();
    client.send(data(1, 'x'));
    await client.until('RST_STREAM 1 STREAM_CLOSED');
    const listening = new Listening();
    exchange.receive(listening, 0);
    assert.equal((await listening.failed.promise).code, 'client_aborted');
    // What it sent before it knew of the reset is no fault of its own.
    client.send(data(1, 'y', endStream), reset(1), windowUpdate(1, 1), headers(1, [field('x', 'y')], endStream));
    client.send(request(3));
    (await server.next(1)).respond(200, none, 'ok');
    await client.until('HEADERS 3 200');
  });
});

describe('what no rule forbids is ignored', () => {
  it('frames, settings and flags that nobody knows, PRIORITY, padding, GOAWAY of no effect on what was begun', async () => {
    using server = await hold();
    const client = await server.open(setting(0x4242, 7) + setting(1, 0));
    const listening = new Listening();
    client.send(frame(0x42, 255, 0, 'whatever'), frame(Type.priority, 0, 7, `${uint32(0)}\x10`));
    client.send(frame(Type.headers, endHeaders | 8 | 32, 1, `\x03${uint32(0)}\x10${block(requestLines('POST'))}pad`));
    client.send(frame(Type.data, 8, 1, '\x03bodypad'), frame(Type.data, 8 | endStream, 1, '\x03pad'), ping('eightoct'));
    const exchange = await server.next();
    exchange.receive(listening, 0);
    assert.equal(await listening.ended.promise, 'body');
    await client.until('PING ack eightoct');
    client.send(goAway(0));
    await client.until('GOAWAY 1 NO_ERROR');
    exchange.respond(200, none, 'still');
    await client.until('DATA 1 still end');
    await eventually(() => client.socket.readableEnded, { what: 'the end' });
  });

  it('crumbs of a cookie are one field, and a header block in pieces is one block', async () => {
    using server = await hold();
    const client = await server.open();
    const whole = block(requestLines('GET', '/', [field('cookie', 'a=b'), field('cookie', 'c=d')]));
    client.send(
      frame(Type.headers, endStream, 1, whole.slice(0, 5)),
      frame(Type.continuation, 0, 1, whole.slice(5, 9)),
    );
    client.send(frame(Type.continuation, endHeaders, 1, whole.slice(9)));
    assert.equal((await server.next()).head.fields.find('cookie'), 'a=b; c=d');
  });
});

describe('an answer', () => {
  it('has its head and a small body at once, with Date and Content-Length of ours', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(request(1));
    const exchange = await server.next();
    exchange.sendHead(head(200, 2, [['X-A', 'b']]), new FieldBlock([['X-Extra', 'c']]));
    exchange.sendBody(Buffer.from('hi'));
    exchange.sendEnd(undefined);
    await client.until('DATA');
    assert.deepEqual(client.lines(1), ['HEADERS 1 200 x-a=b content-length=2 x-extra=c', 'DATA 1 hi end']);
  });

  it('ends with its head where it has no body: HEAD, 204, 304, nothing to say', async () => {
    using server = await hold();
    const client = await server.open();
    const cases: [method: string, status: number, length: number, announced: number, line: string][] = [
      ['HEAD', 200, 5, -1, '200 content-length=5 end'],
      ['HEAD', 200, 0, 7, '200 content-length=7 end'],
      ['GET', 204, 0, -1, '204 end'],
      ['GET', 304, 0, 9, '304 content-length=9 end'],
      ['GET', 200, 0, -1, '200 content-length=0 end'],
      ['GET', 200, chunkedBody, -1, '200 end'],
    ];
    for (const [at, [method, status, length, announced, line]] of cases.entries()) {
      const stream = 2 * at + 1;
      client.send(headers(stream, requestLines(method), endStream));
      const exchange = await server.next(at);
      exchange.sendHead(head(status, length, [], announced), none);
      if (method === 'HEAD') exchange.sendBody(Buffer.from('never'));
      exchange.sendEnd(undefined);
      await client.until(`HEADERS ${stream}`);
      assert.deepEqual(client.lines(stream), [`HEADERS ${stream} ${line}`]);
    }
  });

  it('has 1xx before it and trailers behind it, with a body or without', async () => {
    using server = await hold();
    const client = await server.open();
    for (const [at, body] of ['some', ''].entries()) {
      const stream = 2 * at + 1;
      client.send(request(stream));
      const exchange = await server.next(at);
      exchange.sendInformational(head(103, 0, [['link', 'l']]));
      exchange.sendHead(head(200, chunkedBody), none);
      if (body !== '') exchange.sendBody(Buffer.from(body));
      exchange.sendEnd(fieldsOf([['grpc-status', '0']]));
      await client.until(`HEADERS ${stream} grpc`);
      const pieces = body === '' ? [] : [`DATA ${stream} ${body}`];
      const said = [`103 link=l`, '200'].map((text) => `HEADERS ${stream} ${text}`);
      assert.deepEqual(client.lines(stream), [...said, ...pieces, `HEADERS ${stream} grpc-status=0 end`]);
    }
  });

  it('may be taken back as long as nothing of it has left', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(request(1));
    const exchange = await server.next();
    exchange.sendHead(head(200, 10), none);
    exchange.sendBody(Buffer.from('abc'));
    assert.equal(exchange.takeBack(), true);
    assert.equal(exchange.canRespond, true);
    exchange.respond(502, none, 'truth');
    await client.until('DATA');
    assert.deepEqual(client.lines(1), ['HEADERS 1 502 content-length=5', 'DATA 1 truth end']);
    client.send(request(3));
    const second = await server.next(1);
    second.sendHead(head(200, 10), none);
    second.flush();
    assert.equal(second.takeBack(), false);
  });

  it('that breaks off, or does not have the announced length, is reset; the connection goes on', async () => {
    using server = await hold();
    const client = await server.open();
    const endings: ((exchange: Exchange) => void)[] = [
      (exchange) => exchange.abort(),
      (exchange) => exchange.sendEnd(undefined),
      (exchange) => void exchange.sendBody(Buffer.from('far too much')),
    ];
    for (const [at, ending] of endings.entries()) {
      client.send(request(2 * at + 1));
      const exchange = await server.next(at);
      exchange.sendHead(head(200, 10), none);
      exchange.sendBody(Buffer.from('abc'));
      exchange.flush();
      ending(exchange);
      await client.until(`RST_STREAM ${2 * at + 1} INTERNAL_ERROR`);
      exchange.sendBody(Buffer.from('more'));
      exchange.sendEnd(undefined);
      exchange.abort();
    }
    client.send(request(99));
    (await server.next(endings.length)).respond(200, none, 'ok');
    await client.until('HEADERS 99 200');
    assert.equal(server.connections[0]?.activeRequests, 0);
  });

  it('before the request is whole lets the client finish, whose rest is thrown away', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(post(1), data(1, 'some'));
    const exchange = await server.next();
    exchange.receive(new Listening(), 0);
    exchange.respond(413, none, 'no');
    await client.until('DATA 1 no end');
    client.send(data(1, 'what was under way', endStream), request(3));
    (await server.next(1)).respond(200, none, 'ok');
    await client.until('HEADERS 3 200');
    assert.deepEqual(client.lines(1), ['HEADERS 1 413 content-length=2', 'DATA 1 no end']);
  });

  it('before the request is whole asks a client to stop that takes too long over the rest', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(post(1), data(1, 'some'));
    const exchange = await server.next();
    exchange.receive(new Listening(), 0);
    exchange.respond(413, none, 'no');
    await client.until('DATA 1 no end');
    server.clock.turn(serverTimeouts.stallMs + 1000);
    await client.until('RST_STREAM 1 NO_ERROR');
    client.send(data(1, 'what was under way', endStream), request(3));
    (await server.next(1)).respond(200, none, 'ok');
    await client.until('HEADERS 3 200');
  });

  it('to a head above the limits says so, and the connection goes on', async () => {
    using server = await hold({ limits: { fieldCount: 8, headBytes: 600, startLineBytes: 50 } });
    const client = await server.open();
    client.send(
      request(
        1,
        '/',
        Array.from({ length: 9 }, (_, at) => field(`x${at}`, 'y')),
      ),
    );
    await client.until('HEADERS 1 431');
    client.send(request(3, '/', [field('x', 'y'.repeat(700))]));
    await client.until('HEADERS 3 431');
    client.send(request(5, `/${'x'.repeat(60)}`));
    await client.until('HEADERS 5 414');
    client.send(request(7));
    (await server.next()).respond(200, none, 'ok');
    await client.until('HEADERS 7 200');
    assert.deepEqual(
      server.badRequests.map(({ code }) => code),
      ['headers_too_large', 'headers_too_large', 'uri_too_long'],
    );
  });
});

describe('a request body', () => {
  it('has its trailers, and a length that is known or not', async () => {
    using server = await hold();
    const client = await server.open();
    const listening = new Listening();
    client.send(post(1, [field('content-length', '6')]), data(1, 'abc'), data(1, 'def'));
    client.send(headers(1, [field('x-sum', '6')], endStream));
    const exchange = await server.next();
    assert.equal(exchange.head.bodyLength, 6);
    exchange.receive(listening, 0);
    assert.equal(await listening.ended.promise, 'abcdef');
    assert.equal(listening.trailers?.find('x-sum'), '6');
  });

  it('is asked for with 100 Continue where the client waits for it, once it is wanted', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(post(1, [field('expect', '100-continue'), field('content-length', '2')]));
    const exchange = await server.next();
    client.send(ping('nothing!'));
    await client.until('PING ack nothing!');
    assert.deepEqual(client.lines(1), []);
    const listening = new Listening();
    exchange.receive(listening, 0);
    await client.until('HEADERS 1 100');
    client.send(data(1, 'ok', endStream));
    assert.equal(await listening.ended.promise, 'ok');
    exchange.respond(200, none, 'ok');
    await client.until('HEADERS 1 200');
    client.send(headers(3, requestLines('POST', '/', [field('expect', 'wonders')])));
    await client.until('HEADERS 3 417');
  });

  it('that is too long is refused, announced or not, and read no further', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(post(1, [field('content-length', '9')]), post(3), data(3, 'nine byte'));
    for (const at of [0, 1]) (await server.next(at)).receive(new Listening(), 8);
    for (const stream of [1, 3]) await client.until(`HEADERS ${stream} 413`);
  });

  it('larger than all windows comes whole while it is taken', async () => {
    using server = await hold();
    const client = await server.open();
    const listening = new Listening();
    client.send(post(1));
    (await server.next()).receive(listening, 0);
    const total = 3_000_000;
    await upload(client, 1, total);
    assert.equal((await listening.ended.promise).length, total);
  });

  it('that nobody takes stops at the window of its stream, and holds up no other stream', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(post(1), post(3));
    const first = await server.next();
    first.receive(new Listening(), 0);
    first.pauseRequest();
    const window = 262_144;
    for (let sent = 0; sent < window; sent += 16_384) client.send(data(1, Buffer.alloc(16_384, 'x')));
    const other = new Listening();
    (await server.next(1)).receive(other, 0);
    await upload(client, 3, 2_000_000);
    assert.equal((await other.ended.promise).length, 2_000_000);
    assert.equal(first.receivedBytes, 0);
    assert.equal(
      client.frames.items.some(({ text }) => text.startsWith('WINDOW_UPDATE 1 ')),
      false,
    );
    client.send(data(1, 'one more'));
    await client.until('RST_STREAM 1 FLOW_CONTROL_ERROR');
  });

  it('that nobody takes, on many streams, stops at the window of the connection', async () => {
    using server = await hold();
    const client = await server.open();
    let sent = 0;
    for (let stream = 1; stream < 17; stream += 2) {
      client.send(post(stream));
      for (let at = 0; at < 16; at += 1, sent += 16_384) client.send(data(stream, Buffer.alloc(16_384, 'x')));
    }
    client.send(ping('allthere'));
    await client.until('PING ack allthere');
    // What is held beyond 1 MiB takes the window of the connection: no more than twice that is ever held.
    let credit = 0;
    for (const { text } of client.frames.items) credit += Number(/^WINDOW_UPDATE 0 (\d+)$/.exec(text)?.[1] ?? 0);
    assert.ok(65_535 + credit - sent < 100_000, `${65_535 + credit - sent} bytes may still be sent`);
    const listening = new Listening();
    (await server.next(3)).receive(listening, 0);
    await client.until('WINDOW_UPDATE 0', client.frames.length);
  });

  it('that comes too slowly is refused with 408, by the pause and by the rate', async () => {
    const limits = { stallMs: 10_000, minRequestRate: 100, rateMs: 5_000, requestMs: 100_000 };
    for (const pauseMs of [11_000, 6_000]) {
      using server = await hold({ timeouts: limits });
      const client = await server.open();
      client.send(post(1), data(1, 'x'));
      const exchange = await server.next();
      const listening = new Listening();
      exchange.receive(listening, 0);
      await eventually(() => exchange.receivedBytes === 1, { what: 'the first byte' });
      server.clock.turn(pauseMs);
      await client.until('HEADERS 1 408');
      await client.until('RST_STREAM 1 NO_ERROR');
      assert.equal((await listening.failed.promise).code, 'request_timeout');
    }
  });
});

/** Sends `total` bytes within the windows that the server gives. */
async function upload(client: FramePeer, stream: number, total: number): Promise<void> {
  const windows = new Map([
    [0, 65_535],
    [stream, 262_144],
  ]);
  client.frames.subscribe((one) => {
    const before = windows.get(one.stream);
    if (one.type !== Type.windowUpdate || before === undefined) return;
    windows.set(one.stream, before + one.payload.readUInt32BE(0));
  });
  // What was sent on other streams before counts, too; the first update of the connection covers it.
  let left = total;
  while (left > 0) {
    const room = Math.min(16_384, left, ...windows.values());
    if (room <= 0) {
      const from = client.frames.length;
      await client.frames.waitFor(({ type }) => type === Type.windowUpdate, { from, what: 'a window' });
      continue;
    }
    for (const [id, window] of windows) windows.set(id, window - room);
    left -= room;
    client.send(data(stream, Buffer.alloc(room, 'x'), left === 0 ? endStream : 0));
  }
}

describe('an answer larger than the windows of its client', () => {
  it('waits for them, stream and connection, and comes whole', async () => {
    using server = await hold();
    const client = await server.open(setting(4, 1000));
    client.send(request(1));
    const exchange = await server.next();
    exchange.sendHead(head(200, 100_000), none);
    exchange.sendBody(Buffer.alloc(100_000, 'x'));
    exchange.sendEnd(undefined);
    await client.until('DATA 1 1000');
    client.send(ping('thatsall'));
    await client.until('PING ack thatsall');
    assert.equal(client.body(1).length, 1000);
    client.send(windowUpdate(1, 99_000));
    await eventually(() => client.body(1).length === 65_535, { what: 'the window of the connection' });
    client.send(windowUpdate(0, 1_000_000));
    await client.frames.waitFor(({ text }) => text.startsWith('DATA 1') && text.endsWith(' end'));
    assert.equal(client.body(1), 'x'.repeat(100_000));
  });

  it('follows changes of the initial window, below zero too', async () => {
    using server = await hold();
    const client = await server.open(setting(4, 10));
    client.send(request(1));
    const exchange = await server.next();
    exchange.sendHead(head(200, 30), none);
    exchange.sendBody(Buffer.from('012345678901234567890123456789'));
    exchange.sendEnd(fieldsOf([['x', 'y']]));
    await client.until('DATA 1 0123456789');
    client.send(frame(Type.settings, 0, 0, setting(4, 0)), windowUpdate(1, 15), ping('negative'));
    await client.until('PING ack negative');
    await client.until('DATA 1 01234');
    client.send(frame(Type.settings, 0, 0, setting(4, 100)));
    await client.until('HEADERS 1 x=y end');
    assert.equal(client.body(1), '012345678901234567890123456789');
  });

  it('leaves others on the connection alone, which share it in turns', async () => {
    using server = await hold();
    const client = await server.open(setting(4, 1_000_000));
    for (const stream of [1, 3, 5]) client.send(request(stream));
    for (const at of [0, 1, 2]) {
      const exchange = await server.next(at);
      exchange.sendHead(head(200, 200_000), none);
      exchange.sendBody(Buffer.alloc(200_000, 'x'));
      exchange.sendEnd(undefined);
    }
    await eventually(() => client.body(1).length === 65_535, { what: 'the window of the connection' });
    client.send(windowUpdate(0, 120_000));
    await eventually(() => client.body(1).length + client.body(3).length + client.body(5).length === 185_535, {
      what: 'the next window',
    });
    for (const stream of [3, 5]) assert.ok(client.body(stream).length >= 32_768, `${client.body(stream).length}`);
  });

  it('stops its sender while it waits, bounded for the connection, and lets it go on', async () => {
    using server = await hold();
    const client = await server.open(setting(4, 0));
    const chunk = Buffer.alloc(8192, 'x');
    const sent: number[] = [];
    const listenings: Listening[] = [];
    for (let at = 0; at < 50; at += 1) {
      client.send(request(2 * at + 1));
      const exchange = await server.next(at);
      const listening = new Listening();
      listenings.push(listening);
      exchange.receive(listening, 0);
      exchange.sendHead(head(200, chunkedBody), none);
      let bytes = 0;
      do bytes += chunk.length;
      while (exchange.sendBody(chunk) && bytes < 10_000_000);
      sent.push(bytes);
    }
    assert.ok((sent[0] ?? 0) <= 65_536 + 2 * chunk.length, `${sent[0]} bytes wait for one stream`);
    const total = sent.reduce((sum, bytes) => sum + bytes);
    assert.ok(total < 524_288 + 50 * 3 * chunk.length, `${total} bytes wait for one connection`);
    assert.equal(listenings[0]?.drains, 0);
    client.send(windowUpdate(1, 1_000_000), windowUpdate(0, 1_000_000));
    await eventually(() => listenings[0]?.drains === 1, { what: 'the sender to go on' });
  });

  it('may wait here beyond that as far as the budget goes, which is given back in every ending', async () => {
    for (const ending of ['taken', 'reset', 'abort', 'gone'] as const) {
      const budget = new WriteBudget(10_000_000, 300_000);
      using server = await hold({ budget });
      const client = await server.open(setting(4, 0));
      client.send(request(1));
      const exchange = await server.next();
      exchange.receive(new Listening(), 0);
      exchange.sendHead(head(200, chunkedBody), none);
      const chunk = Buffer.alloc(65_536, 'x');
      let bytes = 0;
      do bytes += chunk.length;
      while (exchange.sendBody(chunk) || exchange.holdMore());
      assert.ok(bytes > 262_144 && bytes < 500_000, `${bytes} bytes wait`);
      assert.equal(budget.used, 262_144);
      if (ending === 'taken') client.send(windowUpdate(1, 1_000_000), windowUpdate(0, 1_000_000));
      else if (ending === 'reset') client.send(reset(1));
      else if (ending === 'gone') client.socket.destroy();
      else exchange.abort();
      await eventually(() => budget.used === 0, { what: `the budget to be given back (${ending})` });
    }
  });
});

describe('a client that is slow to take an answer', () => {
  const timeouts = { stallMs: 10_000, minResponseRate: 100, rateMs: 5_000 };
  async function waiting(settings: Partial<ServerSettings> = {}) {
    const server = await hold({ timeouts, ...settings });
    const client = await server.open(setting(4, 0));
    client.send(request(1), request(3));
    const exchange = await server.next();
    const listening = new Listening();
    exchange.receive(listening, 0);
    exchange.sendHead(head(200, chunkedBody), none);
    exchange.sendBody(Buffer.alloc(20_000, 'x'));
    return { server, client, exchange, listening };
  }

  it('and opens no window loses the stream, not the connection', async () => {
    const { server, client, listening } = await waiting();
    using _ = server;
    server.clock.turn(11_000);
    await client.until('RST_STREAM 1 CANCEL');
    assert.equal((await listening.failed.promise).code, 'client_aborted');
    (await server.next(1)).respond(204, none, '');
    await client.until('HEADERS 3 204');
  });

  it('and takes a little each time keeps it, as long as it keeps the rate', async () => {
    const { server, client, exchange } = await waiting();
    using _ = server;
    for (let taken = 0; taken < 20_000; taken += 1000) {
      client.send(windowUpdate(1, 1000));
      await eventually(() => client.body(1).length === taken + 1000, { what: 'what the window allows' });
      server.clock.turn(9_000);
    }
    exchange.sendEnd(undefined);
    await client.until('DATA 1  end');
  });

  it('and takes less than the rate loses the stream, whatever waits besides', async () => {
    const { server, client, exchange } = await waiting();
    using _ = server;
    // 20,000 bytes at 100 a second, and 5 s: due at 205 s. As many again came meanwhile: due at 405 s.
    exchange.sendBody(Buffer.alloc(20_000, 'x'));
    exchange.sendEnd(undefined);
    for (let seconds = 0; seconds < 400; seconds += 8) {
      client.send(windowUpdate(1, 10));
      await eventually(() => client.body(1).length === 10 * (seconds / 8 + 1), { what: 'ten bytes' });
      server.clock.turn(8_000);
    }
    assert.equal(
      client.lines(1).some((line) => line.startsWith('RST')),
      false,
    );
    client.send(windowUpdate(1, 10));
    server.clock.turn(8_000);
    await client.until('RST_STREAM 1 CANCEL');
  });

  it('and does not read its socket loses the connection', async () => {
    using server = await hold({ timeouts });
    const client = await server.open(setting(4, 0x7fff_ffff));
    client.send(windowUpdate(0, 0x7000_0000), request(1));
    const exchange = await server.next();
    const listening = new Listening();
    exchange.receive(listening, 0);
    client.socket.pause();
    exchange.sendHead(head(200, chunkedBody), none);
    const chunk = Buffer.alloc(65_536, 'x');
    const [connection] = server.connections;
    // The kernel's buffers first, until nothing more is taken.
    for (let idle = 0; idle < 50; idle += 1) {
      while (exchange.sendBody(chunk)) idle = 0;
      await new Promise(setImmediate);
    }
    assert.equal(connection?.activeRequests, 1);
    server.clock.turn(11_000);
    assert.equal((await listening.failed.promise).code, 'client_aborted');
    await server.closed.waitFor(() => true);
    assert.equal(server.deadlines.size, 0);
  });
});

describe('a client that goes away', () => {
  it('from one stream is told to that one', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(request(1), request(3));
    const listening = new Listening();
    const exchange = await server.next();
    client.send(reset(1));
    await eventually(() => !exchange.canRespond, { what: 'the reset to be known' });
    exchange.receive(listening, 0);
    const fault = await listening.failed.promise;
    assert.deepEqual([fault.code, fault.raw], ['client_aborted', 'RST_STREAM CANCEL']);
    exchange.respond(200, none, 'to nobody');
    (await server.next(1)).respond(200, none, 'ok');
    await client.until('HEADERS 3 200');
    assert.deepEqual(client.lines(1), []);
  });

  it('from a stream in the breath in which it asked has asked nobody', async () => {
    using server = await hold();
    const client = await server.open();
    client.send(
      Buffer.concat([request(1), request(3), reset(1), reset(3), request(5), headers(7, requestLines('POST'))]),
    );
    const targets = [(await server.next()).head.method, (await server.next(1)).head.method];
    assert.deepEqual(targets.sort(), ['GET', 'POST']);
    client.send(reset(5), reset(7), request(9));
    (await server.next(2)).respond(200, none, 'ok');
    await client.until('HEADERS 9 200');
    assert.equal(server.connections[0]?.activeRequests, 0);
  });

  it('altogether is told to all', async () => {
    using server = await hold();
    const client = await server.open();
    const all: Listening[] = [];
    for (let at = 0; at < 20; at += 1) {
      client.send(request(2 * at + 1));
      const listening = new Listening();
      (await server.next(at)).receive(listening, 0);
      all.push(listening);
    }
    client.socket.destroy();
    for (const { failed } of all) assert.equal((await failed.promise).code, 'client_aborted');
    const closed = await server.closed.waitFor(() => true);
    assert.equal(closed.activeRequests, 0);
    assert.equal(server.deadlines.size, 0);
  });
});

describe('the end of a connection', () => {
  it('is announced in two steps when it is drained: what is under way is still served', async () => {
    using server = await hold();
    const client = await server.open();
    client.isAnswering = false;
    client.send(request(1));
    await server.next();
    server.connections[0]?.drain();
    await client.until('GOAWAY 2147483647 NO_ERROR');
    const sent = await client.frames.waitFor(({ type, flags }) => type === Type.ping && flags === 0);
    client.send(request(3), frame(Type.ping, 1, 0, sent.payload), request(5));
    await client.until('GOAWAY 3 NO_ERROR');
    await client.until('RST_STREAM 5 REFUSED_STREAM');
    for (const at of [0, 1]) (await server.next(at)).respond(200, none, `${at}`);
    await client.until('DATA 3 1 end');
    await eventually(() => client.socket.readableEnded, { what: 'the end' });
    assert.equal(server.exchanges.length, 2);
  });

  it('comes at once where nothing is served, and after the answers where it is dismissed', async () => {
    using server = await hold();
    const idle = await server.open();
    await idle.until('SETTINGS ack');
    server.connections[0]?.drain();
    await idle.until('GOAWAY 0 NO_ERROR');
    await eventually(() => idle.socket.readableEnded, { what: 'the end' });
    const busy = await server.open();
    busy.send(request(1));
    const exchange = await server.next();
    server.connections[1]?.dismiss();
    await busy.until('GOAWAY 1 NO_ERROR');
    busy.send(request(3));
    await busy.until('RST_STREAM 3 REFUSED_STREAM');
    exchange.respond(200, none, 'last');
    await busy.until('DATA 1 last end');
    await eventually(() => busy.socket.readableEnded, { what: 'the end' });
  });

  it('comes when it idles, asks nothing, or begins nothing but a header block', async () => {
    using server = await hold({ timeouts: { idleMs: 20_000, headMs: 5_000 } });
    const silent = await server.open();
    const half = await server.open();
    half.send(frame(Type.headers, endStream, 1, block(requestLines())));
    const used = await server.open();
    used.send(request(1));
    (await server.next()).respond(200, none, 'ok');
    await used.until('HEADERS 1 200');
    for (const client of [silent, half]) await client.until('SETTINGS ack');
    for (let at = 0; at < 10; at += 1) {
      // Neither SETTINGS nor PING is a reason to stay.
      for (const client of [silent, used]) client.send(emptySettings, ping(`turn${at}...`));
      for (const client of [silent, used]) await client.until(`PING ack turn${at}...`);
      server.clock.turn(1_900);
    }
    server.clock.turn(2_000);
    for (const client of [silent, half, used]) await client.until('GOAWAY');
  });

  it('refuses streams above the limit, which can be tried again, and takes others when there is room', async () => {
    using server = await hold({ maxConcurrentStreams: 2 });
    const client = await server.open();
    client.send(request(1), request(3), request(5));
    await client.until('RST_STREAM 5 REFUSED_STREAM');
    (await server.next()).respond(200, none, 'ok');
    await client.until('HEADERS 1 200');
    client.send(request(7));
    (await server.next(2)).respond(200, none, 'ok');
    await client.until('HEADERS 7 200');
  });
});

describe('a handler that throws', () => {
  it('costs its connection, not the process', async () => {
    using server = await serve({
      onRequest: () => {
        throw new Error('a defect');
      },
    });
    const client = await server.open();
    client.send(request(1));
    await server.closed.waitFor(() => true);
    assert.equal(server.badRequests[0]?.code, 'internal');
  });
});
