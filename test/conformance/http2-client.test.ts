// The backend's side of the HTTP/2 codec over real sockets, against a backend of frames: what is sent, what is read, what one
// broken answer, a refused stream or a lost connection means for each call.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import type { Fault } from '../../src/base/fault.ts';
import type { BackendConnection } from '../../src/http/backend-connection.ts';
import {
  type BackendCall,
  chunkedBody,
  type OutgoingRequest,
  type ResponseHead,
  type ResponseSink,
} from '../../src/http/exchange.ts';
import { FieldBlock, Fields } from '../../src/http/field.ts';
import { defaultHttpLimits } from '../../src/http/limits.ts';
import { TurnEnd } from '../../src/http/turn-end.ts';
import { Http2BackendConnection } from '../../src/http2/client.ts';
import { Http2Shared } from '../../src/http2/shared.ts';
import { frame, setting } from '../support/http2-frames.ts';
import { eventually } from '../support/wait-for.ts';
import { HandClock, names } from './http1-harness.ts';
import {
  data,
  endStream,
  FramePeer,
  goAway,
  headers,
  type Line,
  ping,
  reset,
  Type,
  windowUpdate,
} from './http2-harness.ts';

/** Keeps what a call heard, as a list of events. */
class Call implements ResponseSink {
  readonly events: string[] = [];
  call: BackendCall | undefined;
  fault: Fault | undefined;
  trailers: Fields | undefined;
  body = '';
  flushes = 0;
  readonly over = Promise.withResolvers<void>();
  onPiece: (() => void) | undefined;
  onDrain: (() => void) | undefined;
  onInformational({ status }: ResponseHead): void {
    this.events.push(`1xx ${status}`);
  }
  onHead({ status, bodyLength }: ResponseHead): void {
    this.events.push(`head ${status} ${bodyLength}`);
  }
  onResponseBody(chunk: Buffer): void {
    this.body += chunk.toString('latin1');
    this.onPiece?.();
  }
  onResponseEnd(trailers: Fields | undefined): void {
    this.trailers = trailers;
    this.events.push('end');
    this.over.resolve();
  }
  onResponseFlush(): void {
    this.flushes += 1;
  }
  onBackendDrain(): void {
    this.onDrain?.();
  }
  onBackendFailure(fault: Fault): void {
    this.fault = fault;
    this.events.push(`failure ${fault.code}`);
    this.over.resolve();
  }
}

class Owner {
  readonly events: string[] = [];
  onFree(connection: BackendConnection): void {
    this.events.push(`free ${connection.activeCalls}/${connection.capacity}`);
  }
  onClosed(_: BackendConnection, fault: Fault | undefined): void {
    this.events.push(`closed ${fault?.code ?? 'orderly'}`);
  }
}

const request: OutgoingRequest = {
  method: 'GET',
  target: '/',
  authority: 'b.test',
  fields: new Fields(),
  extra: [],
  bodyLength: 0,
  acceptsTrailers: false,
};

/** A backend of frames whose SETTINGS are out, and a connection of the codec to it. */
async function connect(settings = '') {
  const listener = net.createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection') as Promise<[net.Socket]>;
  const socket = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1');
  const [theirs] = await accepted;
  if (socket.connecting) await once(socket, 'connect');
  theirs.setNoDelay(true);
  const backend = new FramePeer(theirs, 'server');
  const owner = new Owner();
  const clock = new HandClock();
  const options = { names, limits: defaultHttpLimits, clock, turn: new TurnEnd(), http2: new Http2Shared(names) };
  const connection = new Http2BackendConnection(socket, options, owner);
  backend.send(frame(Type.settings, 0, 0, settings));
  await backend.until('SETTINGS ack');
  return {
    connection,
    owner,
    backend,
    socket,
    clock,
    /** Sends a request, whose body, if it has one, is not ended. */
    start(more: Partial<OutgoingRequest> = {}): Call {
      const call = new Call();
      call.call = connection.openCall();
      call.call.sendRequest({ ...request, ...more }, call);
      if ((more.bodyLength ?? 0) === 0) call.call.sendRequestEnd(undefined);
      return call;
    },
    [Symbol.dispose]() {
      socket.destroy();
      theirs.destroy();
      listener.close();
    },
  };
}

const ok: readonly Line[] = [[':status', '200']];

describe('a request to a backend', () => {
  it('is a head with our pseudo-header fields, and ends with it where it has no body', async () => {
    using pair = await connect();
    const fields = new Fields();
    const name = names.find('X-Client');
    if (name !== undefined) fields.push(name, 'c');
    const more = { target: '/a?b', fields, extra: [new FieldBlock([['X-One', '1']])], acceptsTrailers: true };
    pair.start({ ...more, method: 'POST' });
    assert.equal(
      (await pair.backend.until('HEADERS')).text,
      'HEADERS 1 :method=POST :scheme=https :authority=b.test :path=/a?b x-client=c content-length=0 te=trailers x-one=1 end',
    );
  });

  it('has a body of known or unknown length, and trailers', async () => {
    using pair = await connect();
    const known = pair.start({ method: 'PUT', bodyLength: 5 });
    known.call?.sendRequestBody(Buffer.from('hello'));
    known.call?.sendRequestEnd(undefined);
    const unknown = pair.start({ method: 'PUT', bodyLength: chunkedBody });
    unknown.call?.sendRequestBody(Buffer.from('hello'));
    const trailers = new Fields();
    const name = names.find('X-Sum');
    if (name !== undefined) trailers.push(name, '5');
    unknown.call?.sendRequestEnd(trailers);
    await pair.backend.until('HEADERS 3 x-sum=5 end');
    assert.match(pair.backend.lines(1)[0] ?? '', / content-length=5$/);
    assert.deepEqual(pair.backend.lines(1).slice(1), ['DATA 1 hello', 'DATA 1  end']);
    assert.doesNotMatch(pair.backend.lines(3)[0] ?? '', /content-length/);
  });

  it('that could not stand in a request line is never sent, and costs no other call anything', async () => {
    using pair = await connect();
    const other = pair.start();
    for (const bad of [
      { target: '/a b' },
      { target: '/\r\n' },
      { target: '' },
      { authority: 'a\nb' },
      { method: 'A B' },
    ])
      assert.deepEqual(pair.start(bad).events, ['failure internal']);
    await pair.backend.until('HEADERS 1');
    pair.backend.send(headers(1, ok, endStream));
    await other.over.promise;
    assert.deepEqual(other.events, ['head 200 0', 'end']);
    assert.equal(pair.backend.lines().length, 1);
  });

  it('waits for the windows of the backend, of stream and connection, and says when to go on', async () => {
    using pair = await connect(setting(4, 1000));
    const call = pair.start({ method: 'PUT', bodyLength: chunkedBody });
    let drains = 0;
    call.onDrain = () => (drains += 1);
    assert.equal(call.call?.sendRequestBody(Buffer.alloc(100_000, 'x')), false);
    await pair.backend.until('DATA 1 1000');
    pair.backend.send(windowUpdate(1, 98_000), ping('not all!'));
    await pair.backend.until('PING ack not all!');
    await eventually(() => pair.backend.body(1).length === 65_535, { what: 'the window of the connection' });
    assert.equal(drains, 0);
    pair.backend.send(windowUpdate(0, 100_000));
    await eventually(() => pair.backend.body(1).length === 99_000, { what: 'the window of the stream' });
    pair.backend.send(windowUpdate(1, 1000));
    await eventually(() => drains === 1, { what: 'the sender to go on' });
    assert.equal(pair.backend.body(1), 'x'.repeat(100_000));
  });
});

describe('an answer of a backend', () => {
  const cases: [what: string, sent: readonly Buffer[], heard: string, method?: string][] = [
    ['without a body', [headers(1, ok, endStream)], 'head 200 0 | end | '],
    ['with a body', [headers(1, ok), data(1, 'he'), data(1, 'llo', endStream)], 'head 200 -1 | end | hello'],
    [
      'with a length',
      [headers(1, [...ok, ['content-length', '2']]), data(1, 'hi', endStream)],
      'head 200 2 | end | hi',
    ],
    ['with trailers', [headers(1, ok), data(1, 'hi'), headers(1, [['x', 'y']], endStream)], 'head 200 -1 | end | hi'],
    ['to HEAD', [headers(1, [...ok, ['content-length', '5']], endStream)], 'head 200 0 | end | ', 'HEAD'],
    [
      '304 with a length',
      [
        headers(
          1,
          [
            [':status', '304'],
            ['content-length', '5'],
          ],
          endStream,
        ),
      ],
      'head 304 0 | end | ',
    ],
    [
      'behind 1xx',
      [headers(1, [[':status', '100']]), headers(1, [[':status', '103']]), headers(1, ok, endStream)],
      '1xx 103 | head 200 0 | end | ',
    ],
    ['without a head', [data(1, 'x', endStream)], 'failure backend_protocol | '],
    [
      'whose body comes behind 1xx',
      [headers(1, [[':status', '103']]), data(1, 'x')],
      '1xx 103 | failure backend_protocol | ',
    ],
    ['without :status', [headers(1, [['x', 'y']])], 'failure backend_protocol | '],
    ['with a status that is none', [headers(1, [[':status', '2x0']])], 'failure backend_protocol | '],
    ['101', [headers(1, [[':status', '101']])], 'failure backend_protocol | '],
    ['of 1xx that ends', [headers(1, [[':status', '103']], endStream)], 'failure backend_protocol | '],
    [
      'of too many 1xx',
      Array.from({ length: 33 }, () => headers(1, [[':status', '102']])),
      `${'1xx 102 | '.repeat(32)}failure backend_protocol | `,
    ],
    ['with connection', [headers(1, [...ok, ['connection', 'x']])], 'failure backend_protocol | '],
    ['with an upper-case name', [headers(1, [...ok, ['X', 'y']])], 'failure backend_protocol | '],
    ['with LF in a value', [headers(1, [...ok, ['x', 'a\nb']])], 'failure backend_protocol | '],
    ['with :path', [headers(1, [...ok, [':path', '/']])], 'failure backend_protocol | '],
    [
      'longer than it says',
      [headers(1, [...ok, ['content-length', '1']]), data(1, 'ab')],
      'head 200 1 | failure backend_protocol | ',
    ],
    [
      'shorter than it says',
      [headers(1, [...ok, ['content-length', '3']]), data(1, 'ab', endStream)],
      'head 200 3 | failure backend_protocol | ab',
    ],
    [
      'with a length and no content',
      [headers(1, [...ok, ['content-length', '3']], endStream)],
      'failure backend_protocol | ',
    ],
    [
      'with a body to HEAD',
      [headers(1, ok), data(1, 'ab', endStream)],
      'head 200 0 | failure backend_protocol | ',
      'HEAD',
    ],
    [
      'with trailers that do not end it',
      [headers(1, ok), headers(1, [['x', 'y']])],
      'head 200 -1 | failure backend_protocol | ',
    ],
    [
      'with :status in its trailers',
      [headers(1, ok), headers(1, ok, endStream)],
      'head 200 -1 | failure backend_protocol | ',
    ],
    [
      'with a field too many',
      [headers(1, [...ok, ...Array.from({ length: 200 }, (): Line => ['x', 'y'])])],
      'failure backend_protocol | ',
    ],
    ['that is reset before it', [reset(1, 2)], 'failure backend_closed | '],
    ['that is refused', [reset(1, 7)], 'failure stream_refused | '],
    [
      'that is reset within it',
      [headers(1, ok), data(1, 'x'), reset(1, 2)],
      'head 200 -1 | failure backend_truncated | x',
    ],
  ];
  for (const [what, sent, heard, method] of cases) {
    it(`${what} gives: ${heard.slice(0, 80)}, and another call goes on`, async () => {
      using pair = await connect();
      const call = pair.start({ method: method ?? 'GET' });
      const other = pair.start({ target: '/other' });
      await pair.backend.until('HEADERS 3');
      pair.backend.send(...sent);
      await call.over.promise;
      assert.equal([...call.events, call.body].join(' | '), heard);
      if (heard.includes('backend_protocol')) await pair.backend.until('RST_STREAM 1 PROTOCOL_ERROR');
      pair.backend.send(headers(3, ok), data(3, 'fine', endStream));
      await other.over.promise;
      assert.deepEqual([...other.events, other.body], ['head 200 -1', 'end', 'fine']);
      assert.equal(pair.owner.events.at(-1), 'free 0/100');
    });
  }

  const fatal: [what: string, sent: readonly Buffer[]][] = [
    ['that is no HTTP/2', [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]],
    ['on a stream that was never opened', [headers(7, ok)]],
    ['on a stream that is over', [headers(1, ok, endStream), headers(1, ok, endStream)]],
    ['that cannot be decoded', [frame(Type.headers, 4, 1, '\xff\xff\xff\xff\xff')]],
    ['that is pushed', [frame(Type.push, 4, 1, '\0\0\0\x02')]],
    ['with a window of the connection by 0', [windowUpdate(0, 0)]],
  ];
  for (const [what, sent] of fatal) {
    it(`${what} ends the connection and all of its calls: backend_protocol`, async () => {
      using pair = await connect();
      const [, other] = [pair.start(), pair.start()];
      await pair.backend.until('HEADERS 3');
      pair.backend.send(...sent);
      await other.over.promise;
      assert.deepEqual(other.events, ['failure backend_protocol']);
      assert.equal(pair.owner.events.at(-1), 'closed backend_protocol');
      assert.match((await pair.backend.until('GOAWAY')).text, /^GOAWAY 0 [A-Z_]+_(?:ERROR|CLOSED) /);
    });
  }

  it('that is whole before the request is delivered, and the backend told to expect no more', async () => {
    using pair = await connect(setting(4, 5));
    const call = pair.start({ method: 'POST', bodyLength: 10 });
    call.call?.sendRequestBody(Buffer.from('hello world'));
    await pair.backend.until('DATA 1 hello');
    pair.backend.send(headers(1, [[':status', '413']]), data(1, 'no', endStream));
    await call.over.promise;
    await pair.backend.until('RST_STREAM 1 CANCEL');
    assert.deepEqual([call.events, call.body], [['head 413 -1', 'end'], 'no']);
    call.call?.sendRequestEnd(undefined);
    pair.backend.send(windowUpdate(1, 100), reset(1, 0));
    const next = pair.start();
    await pair.backend.until('HEADERS 3');
    pair.backend.send(headers(3, ok, endStream));
    await next.over.promise;
    assert.equal(pair.backend.body(1), 'hello');
  });

  it('that is whole is delivered although its client was slow, and the backend reset the rest or closed meanwhile', async () => {
    for (const ending of ['reset', 'close'] as const) {
      using pair = await connect();
      const call = pair.start({ method: 'POST', bodyLength: ending === 'reset' ? 10 : 0 });
      call.onPiece = () => call.call?.pauseResponse();
      await pair.backend.until('HEADERS 1');
      pair.backend.send(headers(1, ok), data(1, 'one'), data(1, 'two'), data(1, 'three', endStream));
      await eventually(() => call.body === 'one', { what: 'the first piece' });
      const other = pair.start({ target: '/other' });
      await pair.backend.until('HEADERS 3');
      if (ending === 'reset') pair.backend.send(reset(1, 0), headers(3, ok, endStream));
      else pair.backend.socket.end();
      await other.over.promise;
      assert.deepEqual(call.events, ['head 200 -1']);
      call.onPiece = undefined;
      call.call?.resumeResponse();
      await call.over.promise;
      assert.deepEqual([call.events, call.body], [['head 200 -1', 'end'], 'onetwothree']);
      assert.equal(pair.connection.activeCalls, 0);
    }
  });

  it('stops at the window of its stream while it is paused, and holds up no other', async () => {
    using pair = await connect();
    const slow = pair.start();
    slow.onPiece = () => slow.call?.pauseResponse();
    const fast = pair.start({ target: '/fast' });
    await pair.backend.until('HEADERS 3');
    pair.backend.send(headers(1, ok), headers(3, ok));
    for (let sent = 0; sent < 131_072; sent += 16_384) pair.backend.send(data(1, Buffer.alloc(16_384, 'x')));
    // Far more than the window of the connection would be without the slow one.
    let room = 131_072;
    pair.backend.frames.subscribe(({ type, stream, payload }) => {
      if (type === Type.windowUpdate && stream === 3) room += payload.readUInt32BE(0);
    });
    for (let left = 30_000_000; left > 0; left -= 16_384) {
      await eventually(() => room >= 16_384, { what: 'the window', everyMs: 0 });
      room -= 16_384;
      pair.backend.send(data(3, Buffer.alloc(16_384, 'y')));
    }
    pair.backend.send(data(3, '', endStream));
    await fast.over.promise;
    assert.ok(fast.body.length >= 30_000_000);
    assert.ok(slow.body.length <= 65_536, `${slow.body.length} bytes were told`);
    pair.backend.send(data(1, 'z'));
    await slow.over.promise;
    assert.equal(slow.fault?.code, 'backend_protocol');
  });

  it('comes with one flush for each turn, and none behind its end', async () => {
    using pair = await connect();
    const call = pair.start();
    await pair.backend.until('HEADERS 1');
    pair.backend.send(headers(1, ok), data(1, 'a'), data(1, 'b'));
    await eventually(() => call.flushes === 1, { what: 'a flush' });
    assert.equal(call.body, 'ab');
    pair.backend.send(data(1, 'c', endStream));
    await call.over.promise;
    for (let at = 0; at < 3; at += 1) await new Promise(setImmediate);
    assert.equal(call.flushes, 1);
  });
});

describe('a call that is given up', () => {
  it('resets its stream, hears nothing more, and leaves the others alone, however many there were', async () => {
    using pair = await connect();
    const other = pair.start({ target: '/other' });
    const given: Call[] = [];
    for (let at = 0; at < 600; at += 1) {
      const call = pair.start();
      call.call?.cancel();
      given.push(call);
    }
    await pair.backend.until('RST_STREAM 1201 CANCEL');
    // What it had answered before it knew, long ago: no reason to give up the connection.
    for (let id = 3; id < 1202; id += 2) pair.backend.send(headers(id, ok), data(id, 'late', endStream));
    pair.backend.send(headers(1, ok, endStream));
    await other.over.promise;
    assert.deepEqual(other.events, ['head 200 0', 'end']);
    assert.ok(given.every(({ events }) => events.length === 0));
    assert.equal(pair.connection.activeCalls, 0);
  });

  it('before anything came raises the question whether the backend is there: PING', async () => {
    using pair = await connect();
    pair.backend.isAnswering = false;
    const [first, second] = [pair.start(), pair.start()];
    first.call?.cancel();
    await pair.backend.until('PING liveness');
    assert.equal(pair.connection.capacity, 0);
    pair.backend.send(ping('liveness', 1));
    await eventually(() => pair.connection.capacity === 100, { what: 'the connection to be trusted again' });
    pair.clock.turn(60_000);
    second.call?.cancel();
    // The answer to PING came after it began.
    assert.equal(pair.connection.capacity, 100);
    const third = pair.start();
    const fourth = pair.start();
    third.call?.cancel();
    assert.equal(pair.connection.capacity, 0);
    pair.clock.turn(6_000);
    await fourth.over.promise;
    assert.deepEqual(fourth.events, ['failure backend_closed']);
    assert.equal(pair.owner.events.at(-1), 'closed backend_closed');
  });
});

describe('a connection on which nothing came for long', () => {
  const pings = ({ backend }: { readonly backend: FramePeer }): number =>
    backend.lines().filter((line) => line === 'PING liveness').length;

  it('is asked with its next call whether it lives, takes others meanwhile, and none once it does not answer', async () => {
    using pair = await connect();
    pair.backend.isAnswering = false;
    pair.clock.turn(9_000);
    const first = pair.start();
    await pair.backend.until('HEADERS 1');
    pair.clock.turn(1_000);
    const second = pair.start();
    await pair.backend.until('PING liveness');
    assert.equal(pair.connection.capacity, 100);
    pair.backend.send(ping('liveness', 1), headers(1, ok, endStream));
    await first.over.promise;
    pair.clock.turn(20_000);
    assert.deepEqual(second.events, []);
    const third = pair.start();
    await eventually(() => pings(pair) === 2, { what: 'another PING' });
    pair.clock.turn(5_000);
    await third.over.promise;
    for (const call of [second, third]) {
      assert.deepEqual(call.events, ['failure backend_closed']);
      assert.equal(call.fault?.detail, 'did not answer a PING within 5000 ms');
    }
    assert.equal(third.call?.reused, true);
  });

  it('is asked where a call waits for what may well not come, but not too often for servers of gRPC', async () => {
    using pair = await connect();
    pair.backend.isAnswering = false;
    const call = pair.start();
    for (let at = 0; at < 5; at += 1) {
      pair.clock.turn(60_000);
      call.call?.verifyLiveness();
      await pair.backend.until('PING liveness');
      pair.backend.send(ping('liveness', 1), ping('in order'));
      await pair.backend.until('PING ack in order');
    }
    assert.equal(pings(pair), 1);
    pair.clock.turn(100_000);
    call.call?.verifyLiveness();
    await eventually(() => pings(pair) === 2, { what: 'one more after five minutes and a half' });
    pair.backend.send(headers(1, ok));
    await eventually(() => call.events.length > 0, { what: 'the head' });
    call.call?.verifyLiveness();
    await eventually(() => pings(pair) === 3, { what: 'one more since it has answered' });
    assert.deepEqual(call.events, ['head 200 -1']);
  });

  it('is asked about calls that are given up only as often as servers of gRPC forgive', async () => {
    using pair = await connect();
    pair.backend.isAnswering = false;
    for (let at = 0; at < 6; at += 1) {
      const call = pair.start();
      await pair.backend.until(`HEADERS ${2 * at + 1}`);
      call.call?.cancel();
      const isAsked = pair.connection.capacity === 0;
      assert.equal(isAsked, at < 3, `call ${at}`);
      if (isAsked) pair.backend.send(ping('liveness', 1));
      await eventually(() => pair.connection.capacity === 100, { what: 'the connection to be of use again' });
    }
    assert.equal(pings(pair), 3);
    const answered = pair.start();
    await pair.backend.until('HEADERS 13');
    pair.backend.send(headers(13, ok, endStream));
    await answered.over.promise;
    const last = pair.start();
    await pair.backend.until('HEADERS 15');
    last.call?.cancel();
    assert.equal(pair.connection.capacity, 0);
  });
});

describe('a connection to a backend', () => {
  it('carries as many calls as the backend allows, which may change', async () => {
    using pair = await connect(setting(3, 2));
    assert.equal(pair.connection.capacity, 2);
    pair.backend.send(frame(Type.settings, 0, 0, setting(3, 7)));
    await eventually(() => pair.connection.capacity === 7, { what: 'more room' });
    assert.equal(pair.owner.events.at(-1), 'free 0/7');
    const call = pair.start();
    pair.backend.send(frame(Type.settings, 0, 0, setting(3, 0)));
    await eventually(() => pair.connection.capacity === 0, { what: 'no room' });
    pair.backend.send(headers(1, ok, endStream));
    await call.over.promise;
    pair.backend.send(frame(Type.settings, 0, 0, setting(3, 1_000_000)));
    await eventually(() => pair.connection.capacity === 100, { what: 'our own limit' });
  });

  it('takes no more calls after GOAWAY, ends those that were begun, and hands the others back', async () => {
    using pair = await connect();
    const [begun, not] = [pair.start(), pair.start({ method: 'POST', bodyLength: 100_000 })];
    not.call?.sendRequestBody(Buffer.alloc(100_000, 'x'));
    const unsent = pair.connection.openCall();
    await pair.backend.until('HEADERS 3');
    pair.backend.send(goAway(0x7fff_ffff));
    await eventually(() => pair.connection.capacity === 0, { what: 'GOAWAY' });
    assert.deepEqual(not.events, []);
    pair.backend.send(goAway(1));
    await not.over.promise;
    assert.equal(not.fault?.code, 'stream_refused');
    assert.equal(not.fault.unsent, true);
    assert.equal(not.fault.raw, 'GOAWAY');
    const late = new Call();
    unsent.sendRequest(request, late);
    assert.deepEqual(late.events, ['failure stream_refused']);
    pair.backend.send(windowUpdate(0, 1_000_000), headers(1, ok), data(1, 'last', endStream));
    await begun.over.promise;
    assert.deepEqual([begun.events, begun.body], [['head 200 -1', 'end'], 'last']);
    await eventually(() => pair.owner.events.at(-1) === 'closed orderly', { what: 'the end' });
    assert.equal(pair.backend.body(3).length, 65_535, 'nothing more of what was handed back');
  });

  it('that is lost fails each call by how far it came, once, after its owner has heard', async () => {
    using pair = await connect();
    const calls = Array.from({ length: 20 }, () => pair.start());
    await pair.backend.until('HEADERS 39');
    for (let at = 0; at < 10; at += 1) pair.backend.send(headers(2 * at + 1, ok), data(2 * at + 1, 'x'));
    await eventually(() => calls[9]?.body === 'x', { what: 'ten heads' });
    pair.backend.socket.resetAndDestroy();
    await Promise.all(calls.map(({ over }) => over.promise));
    for (const [at, { events }] of calls.entries())
      assert.deepEqual(events, at < 10 ? ['head 200 -1', 'failure backend_truncated'] : ['failure backend_closed']);
    assert.deepEqual(pair.owner.events, ['closed backend_closed']);
    assert.equal(pair.connection.activeCalls, 0);
  });

  it('that takes nothing of what it gets takes no further call until it does', async () => {
    using pair = await connect();
    pair.backend.socket.pause();
    const name = names.find('X-Much');
    let sent = 0;
    while (pair.connection.capacity > 0) {
      const much = new Fields();
      if (name !== undefined) much.push(name, `${sent}`.padStart(16_000, 'y'));
      pair.start({ fields: much }).call?.cancel();
      pair.backend.send(ping());
      sent += 1;
      if (sent % 20 === 0) await new Promise(setImmediate);
    }
    assert.ok(pair.socket.writableLength < 2_000_000, `${pair.socket.writableLength} bytes wait`);
    pair.backend.socket.resume();
    await eventually(() => pair.connection.capacity === 100, { what: 'the backend to take it' });
  });

  it('is one where nobody floods: a backend may refuse and reset what it was asked for, as often as it was', async () => {
    using pair = await connect();
    for (let at = 0; at < 1000; at += 1) {
      const call = pair.start({ method: 'POST', bodyLength: 5 });
      const stream = 2 * at + 1;
      await pair.backend.until(`HEADERS ${stream} `, at);
      pair.backend.send(reset(stream, 7));
      await call.over.promise;
      assert.equal(call.fault?.code, 'stream_refused');
    }
    pair.backend.send(...Array.from({ length: 3000 }, () => frame(0x42, 0, 0)));
    assert.match((await pair.backend.until('GOAWAY')).text, /ENHANCE_YOUR_CALM/);
    assert.equal(pair.owner.events.at(-1), 'closed backend_protocol');
  });
});
