// The backend's side of the HTTP/1.1 codec over real sockets: what is sent, what is read, when a connection is reusable.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, mock } from 'node:test';
import tls from 'node:tls';
import type { Fault } from '../../src/base/fault.ts';
import { BufferPool } from '../../src/http/buffer-pool.ts';
import { chunkedBody, type OutgoingRequest, type ResponseHead, type ResponseSink } from '../../src/http/exchange.ts';
import { FieldBlock, Fields } from '../../src/http/field.ts';
import { TurnEnd } from '../../src/http/turn-end.ts';
import { defaultHttpLimits } from '../../src/http/limits.ts';
import { Http1BackendConnection } from '../../src/http1/client.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import { names, serve, Listening } from './http1-harness.ts';

/** Keeps what a call heard, as a list of events. */
class Call implements ResponseSink {
  readonly events: string[] = [];
  head: ResponseHead | undefined;
  fault: Fault | undefined;
  trailers: Fields | undefined;
  body = '';
  flushes = 0;
  readonly over = Promise.withResolvers<void>();
  onPiece: (() => void) | undefined;
  onDrain: (() => void) | undefined;
  onInformational(head: ResponseHead): void {
    this.events.push(`1xx ${head.status}`);
  }
  onHead(head: ResponseHead): void {
    this.head = head;
    this.events.push(`head ${head.status}`);
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
    this.flushes++;
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
  closed: Fault | undefined;
  translation: Fault | undefined;
  failure: (Error & { code?: string }) | undefined;
  translateFailure(error: Error & { code?: string }): Fault | undefined {
    this.failure = error;
    return this.translation;
  }
  onFree(): void {
    this.events.push('free');
  }
  onClosed(_: Http1BackendConnection, fault: Fault | undefined): void {
    this.closed = fault;
    this.events.push(fault === undefined ? 'closed' : `closed ${fault.code}`);
  }
}

function request(extra: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return {
    method: 'GET',
    target: '/',
    authority: 'b.test',
    fields: new Fields(),
    extra: [],
    bodyLength: 0,
    acceptsTrailers: false,
    ...extra,
  };
}

/** A backend of bytes and a connection of the codec to it. */
async function connect() {
  const listener = net.createServer({ allowHalfOpen: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection');
  const socket = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1');
  const [backend] = (await accepted) as [net.Socket];
  if (socket.connecting) await once(socket, 'connect');
  backend.on('error', () => {});
  let received = '';
  backend.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  const owner = new Owner();
  const connection = new Http1BackendConnection(
    socket,
    { names, limits: defaultHttpLimits, turn: new TurnEnd(), buffers: new BufferPool() },
    owner,
  );
  return {
    connection,
    owner,
    backend,
    socket,
    /** Waits for the request to contain `text`. */
    async until(text: string): Promise<string> {
      while (!received.includes(text)) await once(backend, 'data');
      return received;
    },
    start(extra: Partial<OutgoingRequest> = {}): Call {
      const call = new Call();
      connection.sendRequest(request(extra), call);
      if ((extra.bodyLength ?? 0) === 0) connection.sendRequestEnd(undefined);
      return call;
    },
    [Symbol.dispose]() {
      socket.destroy();
      backend.destroy();
      listener.close();
    },
  };
}

/** What a call hears when the backend sends `text` and, where `end`, closes; and what becomes of the connection. */
async function exchange(text: string, options: { end?: boolean; method?: string; step?: number } = {}) {
  using pair = await connect();
  const call = pair.start({ method: options.method ?? 'GET' });
  await pair.until('\r\n\r\n');
  if (options.step === undefined) pair.backend.write(text, 'latin1');
  else
    for (let i = 0; i < text.length; i += options.step)
      pair.socket.emit('data', Buffer.from(text.slice(i, i + options.step), 'latin1'));
  if (options.end === true) pair.backend.end();
  await call.over.promise;
  // The owner hears after the call, in the same turn.
  await new Promise(setImmediate);
  return { call, owner: pair.owner, summary: [...call.events, call.body, ...pair.owner.events].join(' | ') };
}

const ok = 'HTTP/1.1 200 OK\r\n';

describe('the body of a request', () => {
  it('is written once for a turn of the event loop, whatever pieces it comes in, and its head before it', async () => {
    using ends = await connect();
    const written = mock.method(ends.socket, 'write');
    ends.start({ method: 'POST', bodyLength: 4 * 16_384 });
    ends.connection.flushRequest();
    assert.equal(written.mock.callCount(), 1, 'the head');
    const piece = Buffer.alloc(16_384);
    for (const letter of ['a', 'b', 'c']) {
      piece.fill(letter);
      assert.equal(ends.connection.sendRequestBody(piece), true);
      ends.connection.flushRequest();
    }
    assert.equal(written.mock.callCount(), 1, 'the turn has not ended');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(written.mock.callCount(), 2);
    piece.fill('d');
    ends.connection.sendRequestBody(piece);
    ends.connection.sendRequestEnd(undefined);
    assert.equal(written.mock.callCount(), 3, 'the end waits for nothing');
    const received = await ends.until('d'.repeat(16_384));
    assert.ok(received.endsWith(`\r\n\r\n${['a', 'b', 'c', 'd'].map((letter) => letter.repeat(16_384)).join('')}`));
  });

  it('that is given up within a turn is not written at its end', async () => {
    using ends = await connect();
    const written = mock.method(ends.socket, 'write');
    ends.start({ method: 'POST', bodyLength: 2 * 16_384 });
    ends.connection.flushRequest();
    ends.connection.sendRequestBody(Buffer.alloc(16_384));
    ends.connection.flushRequest();
    ends.connection.cancel();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(written.mock.callCount(), 1);
  });
});

describe('a request to a backend', () => {
  it('is one piece of text with framing of ours', async () => {
    using pair = await connect();
    const fields = new Fields();
    const name = names.find('X-Client');
    if (name !== undefined) fields.push(name, 'c');
    pair.start({
      method: 'POST',
      target: '/a?b',
      fields,
      extra: [new FieldBlock([['X-One', '1']]), new FieldBlock([['X-Two', '2']])],
      acceptsTrailers: true,
    });
    assert.equal(
      await pair.until('\r\n\r\n'),
      'POST /a?b HTTP/1.1\r\nHost: b.test\r\nX-Client: c\r\nContent-Length: 0\r\nTE: trailers\r\nConnection: TE\r\nX-One: 1\r\nX-Two: 2\r\n\r\n',
    );
  });

  it('has a body of known or unknown length, and no Content-Length on a bare GET', async () => {
    using known = await connect();
    known.start({ method: 'PUT', bodyLength: 5 });
    known.connection.sendRequestBody(Buffer.from('hello'));
    known.connection.sendRequestEnd(undefined);
    assert.match(await known.until('hello'), /Content-Length: 5\r\n\r\nhello$/);
    using unknown = await connect();
    unknown.start({ method: 'PUT', bodyLength: chunkedBody });
    unknown.connection.sendRequestBody(Buffer.from('hello'));
    unknown.connection.sendRequestEnd(undefined);
    assert.match(await unknown.until('0\r\n\r\n'), /Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/);
    using bare = await connect();
    bare.start();
    assert.doesNotMatch(await bare.until('\r\n\r\n'), /Content-Length|Transfer-Encoding/);
  });

  it('that could not stand in a request line is never sent', async () => {
    for (const bad of [
      { target: '/a b' },
      { target: '/\r\nX: y' },
      { target: '' },
      { target: '/\xe4' },
      { authority: 'a\r\nb' },
      { method: 'A B' },
    ]) {
      using pair = await connect();
      const call = pair.start(bad);
      assert.deepEqual(call.events, ['failure internal']);
      assert.deepEqual(pair.owner.events, ['closed']);
    }
  });

  it('whose body does not have the announced length costs the connection', async () => {
    using long = await connect();
    const first = long.start({ method: 'PUT', bodyLength: 3 });
    long.connection.sendRequestBody(Buffer.from('four'));
    assert.deepEqual([first.events, long.owner.events], [['failure internal'], ['closed internal']]);
    using short = await connect();
    const second = short.start({ method: 'PUT', bodyLength: 3 });
    short.connection.sendRequestBody(Buffer.from('ab'));
    short.connection.sendRequestEnd(undefined);
    assert.deepEqual([second.events, short.owner.events], [['failure internal'], ['closed internal']]);
  });

  it('waits for a backend that does not read', async () => {
    using pair = await connect();
    pair.backend.pause();
    const call = pair.start({ method: 'PUT', bodyLength: chunkedBody });
    const piece = Buffer.alloc(65_536);
    while (pair.connection.sendRequestBody(piece));
    const { promise, resolve } = Promise.withResolvers<void>();
    call.onDrain = resolve;
    pair.backend.resume();
    await promise;
  });
});

describe('an answer of a backend', () => {
  const good: [what: string, text: string, summary: string, end?: boolean, method?: string][] = [
    ['with a length', `${ok}Content-Length: 5\r\n\r\nhello`, 'head 200 | end | hello | free'],
    [
      'chunked',
      `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n`,
      'head 200 | end | hello | free',
    ],
    ['until the connection ends', `${ok}\r\nhello`, 'head 200 | end | hello | closed', true],
    ['that says close', `${ok}Connection: close\r\nContent-Length: 2\r\n\r\nhi`, 'head 200 | end | hi | closed'],
    ['in HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi', 'head 200 | end | hi | closed'],
    ['to HEAD', `${ok}Content-Length: 5\r\n\r\n`, 'head 200 | end |  | free', false, 'HEAD'],
    ['304 with a length', 'HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n', 'head 304 | end |  | free'],
    [
      'after others',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: a\r\n\r\nHTTP/1.1 103 x\r\n\r\n${ok}Content-Length: 0\r\n\r\n`,
      '1xx 103 | 1xx 103 | head 200 | end |  | free',
    ],
  ];
  const bad: [what: string, text: string, summary: string, end?: boolean][] = [
    ['that is no HTTP', '220 mail.test ESMTP\r\n\r\n', 'failure backend_protocol |  | closed backend_protocol'],
    ['101', 'HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n', 'failure backend_protocol |  | closed backend_protocol'],
    [
      'with two framings',
      `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'failure backend_protocol |  | closed backend_protocol',
    ],
    [
      'of too many 1xx',
      'HTTP/1.1 102 x\r\n\r\n'.repeat(33),
      `${'1xx 102 | '.repeat(32)}failure backend_protocol |  | closed backend_protocol`,
    ],
    ['with an endless head', `${ok}X: ${'y'.repeat(40_000)}`, 'failure backend_protocol |  | closed backend_protocol'],
    [
      'with a bad chunk',
      `${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
      'head 200 | failure backend_protocol |  | closed backend_protocol',
    ],
    [
      'broken off in its body',
      `${ok}Content-Length: 9\r\n\r\nhello`,
      'head 200 | failure backend_truncated | hello | closed backend_truncated',
      true,
    ],
    [
      'broken off in its chunks',
      `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
      'head 200 | failure backend_truncated | hel | closed backend_truncated',
      true,
    ],
    [
      'broken off before the last chunk',
      `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
      'head 200 | failure backend_truncated | hello | closed backend_truncated',
      true,
    ],
    ['broken off in its head', `${ok}X: y`, 'failure backend_protocol |  | closed backend_protocol', true],
    ['that never comes', '', 'failure backend_closed |  | closed backend_closed', true],
  ];
  for (const [what, text, summary, end, method] of [
    ...good,
    ...bad.map(([w, t, s, e]) => [w, t, s, e, 'GET'] as const),
  ]) {
    it(`${what} gives: ${summary.slice(0, 90)}`, async () => {
      const options = { end: end ?? false, method: method ?? 'GET' };
      assert.equal((await exchange(text, options)).summary, summary);
      assert.equal((await exchange(text, { ...options, step: 1 })).summary, summary, 'byte by byte');
    });
  }

  it('that is TLS is told apart where its first bytes come together', async () => {
    const alert = '\x15\x03\x01\0\x02\x02\x46';
    const options = { end: false, method: 'GET' };
    assert.equal((await exchange(alert, options)).summary, 'failure not_tls |  | closed not_tls');
    const single = await exchange(alert, { ...options, step: 1 });
    assert.equal(single.summary, 'failure backend_protocol |  | closed backend_protocol');
  });

  it('keeps its trailers and fields', async () => {
    const { call } = await exchange(
      `${ok}Server: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\nSet-Cookie: a\r\n\r\n`,
    );
    assert.equal(call.head?.fields.find('server'), 'x');
    assert.equal(call.head?.fields.length, 1);
    assert.equal(call.trailers?.find('x'), 'y');
    assert.equal(call.trailers?.find('set-cookie'), undefined);
  });

  it('followed by other bytes is delivered, and the connection closed', async () => {
    const { summary } = await exchange(`${ok}Content-Length: 2\r\n\r\nhi${ok}Content-Length: 4\r\n\r\nevil`);
    assert.equal(summary, 'head 200 | end | hi | closed backend_protocol');
  });

  it('that is whole before the request is delivered, and the connection closed', async () => {
    using pair = await connect();
    const call = pair.start({ method: 'POST', bodyLength: 10 });
    pair.connection.sendRequestBody(Buffer.from('hello'));
    pair.connection.flushRequest();
    await pair.until('hello');
    pair.backend.write(`HTTP/1.1 413 x\r\nContent-Length: 2\r\n\r\nno`);
    await call.over.promise;
    assert.deepEqual([call.events, call.body, pair.owner.events], [['head 413', 'end'], 'no', ['closed']]);
    pair.connection.sendRequestBody(Buffer.from('world'));
    pair.connection.sendRequestEnd(undefined);
  });

  it('stops while it is paused, and the socket stops being read', async () => {
    using pair = await connect();
    const call = pair.start();
    call.onPiece = () => pair.connection.pauseResponse();
    await pair.until('\r\n\r\n');
    // More than the kernel's buffers of both sides together can grow to (tcp_rmem and tcp_wmem).
    const total = 48_000_000;
    pair.backend.write(`${ok}Content-Length: ${total}\r\n\r\n`);
    pair.backend.write(Buffer.alloc(total, 'x'));
    while (call.body === '') await new Promise(setImmediate);
    const before = call.body.length;
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    assert.equal(call.body.length, before);
    assert.ok(pair.backend.writableLength > 0);
    call.onPiece = undefined;
    pair.connection.resumeResponse();
    await call.over.promise;
    assert.equal(call.body.length, total);
    await new Promise(setImmediate);
    assert.deepEqual(pair.owner.events, ['free']);
  });

  it('is told as far as one read brought it, though paused, and then that no more came in this turn', async () => {
    using pair = await connect();
    const call = pair.start();
    call.onPiece = () => pair.connection.pauseResponse();
    await pair.until('\r\n\r\n');
    pair.backend.write(`${ok}Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n`);
    while (call.flushes === 0) await new Promise(setImmediate);
    assert.deepEqual([call.body, call.flushes], ['onetwo', 1]);
    call.onPiece = undefined;
    pair.connection.resumeResponse();
    pair.backend.write('5\r\nthree\r\n0\r\n\r\n');
    await call.over.promise;
    assert.equal(call.body, 'onetwothree');
  });
});

describe('a connection to a backend', () => {
  it('carries one call after the other and knows that it did', async () => {
    using pair = await connect();
    for (const n of [1, 2, 3]) {
      const call = pair.start({ target: `/${n}` });
      assert.equal(pair.connection.reused, n > 1);
      await pair.until(`/${n} HTTP`);
      pair.backend.write(`${ok}Content-Length: 1\r\n\r\n${n}`);
      await call.over.promise;
      assert.equal(call.body, `${n}`);
    }
    assert.deepEqual(pair.owner.events, ['free', 'free', 'free']);
    assert.ok(pair.connection.isIdle);
  });

  it('refuses a second call beside the first, without harm to it', async () => {
    using pair = await connect();
    const first = pair.start();
    const second = new Call();
    pair.connection.sendRequest(request(), second);
    assert.deepEqual(second.events, ['failure internal']);
    pair.backend.write(`${ok}Content-Length: 0\r\n\r\n`);
    await first.over.promise;
    assert.deepEqual(first.events, ['head 200', 'end']);
  });

  it('that receives bytes nobody asked for is poisoned: closed, and none of them reach a call', async () => {
    using pair = await connect();
    pair.backend.write(`${ok}Content-Length: 4\r\n\r\nevil`);
    while (pair.owner.events.length === 0) await new Promise(setImmediate);
    assert.deepEqual(pair.owner.events, ['closed backend_protocol']);
    const call = pair.start();
    assert.deepEqual(call.events, ['failure backend_closed']);
  });

  it('that ends while idle is gone without a fault', async () => {
    using pair = await connect();
    pair.backend.end();
    await once(pair.socket, 'close');
    assert.deepEqual(pair.owner.events, ['closed']);
    assert.equal(pair.connection.isIdle, false);
  });

  it('that is reset names the error, or what its owner makes of it', async () => {
    using plain = await connect();
    const call = plain.start();
    await plain.until('\r\n\r\n');
    plain.backend.resetAndDestroy();
    await call.over.promise;
    assert.deepEqual([call.fault?.code, call.fault?.raw], ['backend_closed', 'ECONNRESET']);
    using translated = await connect();
    translated.owner.translation = call.fault;
    const other = translated.start();
    await translated.until('\r\n\r\n');
    translated.backend.resetAndDestroy();
    await other.over.promise;
    assert.equal(other.fault, call.fault);
  });

  it('that ends before any byte of an answer is told to its owner as EOF', async () => {
    using plain = await connect();
    const call = plain.start();
    await plain.until('\r\n\r\n');
    plain.backend.end();
    await call.over.promise;
    assert.deepEqual([call.fault?.code, call.fault?.raw, plain.owner.failure?.code], ['backend_closed', 'EOF', 'EOF']);
    using translated = await connect();
    translated.owner.translation = call.fault;
    const other = translated.start();
    await translated.until('\r\n\r\n');
    translated.backend.end();
    await other.over.promise;
    assert.equal(other.fault, call.fault);
  });

  it('that ends within a head is not asked about: the backend had begun to answer', async () => {
    const { call, owner } = await exchange('HTTP/1.1 200', { end: true });
    assert.deepEqual([call.fault?.code, owner.failure], ['backend_protocol', undefined]);
  });

  it('that is cancelled is closed, and its call hears nothing more', async () => {
    using pair = await connect();
    const call = pair.start();
    pair.connection.cancel();
    assert.deepEqual([call.events, pair.owner.events], [[], ['closed']]);
    pair.connection.cancel();
    pair.connection.resumeResponse();
    await once(pair.socket, 'close');
    assert.deepEqual([call.events, pair.owner.events], [[], ['closed']]);
  });

  it('that is destroyed fails its call', async () => {
    using pair = await connect();
    const call = pair.start();
    pair.connection.destroy();
    assert.deepEqual([call.events, pair.owner.events], [['failure backend_closed'], ['closed']]);
  });
});

describe('both sides over TLS', () => {
  it('carry small and large messages', async () => {
    const ca = await mintCa({ subject: '/CN=codec CA' });
    const issued = await ca.issue({ kind: 'server', sans: ['localhost'] });
    using codec = await serve({
      secure: true,
      onRequest: (taken) => {
        const listening = new Listening();
        listening.onEnd = () => taken.respond(200, FieldBlock.empty, `${taken.head.target} ${listening.text}`);
        taken.receive(listening, 0);
      },
    });
    const server = tls.createServer({ cert: issued.chainPem, key: issued.keyPem }, (socket) => codec.take(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = tls.connect({
      port: (server.address() as net.AddressInfo).port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: ca.certPem,
    });
    await once(socket, 'secureConnect');
    const owner = new Owner();
    const connection = new Http1BackendConnection(
      socket,
      { names, limits: defaultHttpLimits, turn: new TurnEnd(), buffers: new BufferPool() },
      owner,
    );
    for (const size of [0, 10, 3_000_000]) {
      const call = new Call();
      connection.sendRequest(request({ method: 'POST', target: `/${size}`, bodyLength: size }), call);
      if (size > 0) connection.sendRequestBody(Buffer.alloc(size, 'x'));
      connection.sendRequestEnd(undefined);
      await call.over.promise;
      assert.deepEqual(call.events, ['head 200', 'end']);
      assert.equal(call.body.length, `/${size} `.length + size);
    }
    assert.deepEqual(owner.events, ['free', 'free', 'free']);
    for (const open of codec.connections) open.drain();
    await once(socket, 'close');
    assert.deepEqual(owner.events, ['free', 'free', 'free', 'closed']);
    server.close();
  });
});
