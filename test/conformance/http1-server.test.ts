// The client's side of the HTTP/1.1 codec over real sockets: framing both ways, order, keep-alive, deadlines, endings.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { type Exchange, chunkedBody, untilClose } from '../../src/http/exchange.ts';
import { FieldBlock, Fields } from '../../src/http/field.ts';
import { echo, HandClock, head, Listening, names, RawClient, serve } from './http1-harness.ts';
import { WriteBudget } from '../../src/http/write-budget.ts';
import { eventually } from '../support/wait-for.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const none = FieldBlock.empty;

/** Sends `request` to a server with `onRequest`, ends its side, and returns all that came back. */
async function answer(onRequest: (exchange: Exchange) => void, request: string): Promise<string> {
  using server = await serve({ onRequest });
  const client = await RawClient.open(server.port);
  client.send(request).socket.end();
  return await client.all();
}

describe('an answer', () => {
  it('has its head and a small body in one piece, with Date and Content-Length of ours', async () => {
    const text = await answer(
      (exchange) => {
        exchange.receive(new Listening(), 0);
        exchange.sendHead(head(200, 2, [['X-A', 'b']]), new FieldBlock([['X-Extra', 'c']]));
        exchange.sendBody(Buffer.from('hi'));
        exchange.sendEnd(undefined);
      },
      get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    );
    assert.equal(
      text,
      'HTTP/1.1 200 OK\r\nX-A: b\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 2\r\nConnection: close\r\nX-Extra: c\r\n\r\nhi',
    );
  });

  it('keeps the Date of the backend', async () => {
    const text = await answer((exchange) => {
      exchange.sendHead(head(200, 0, [['date', 'yesterday']]), none);
      exchange.sendEnd(undefined);
    }, get);
    assert.match(text, /\r\ndate: yesterday\r\n/);
    assert.doesNotMatch(text, /2026/);
  });

  it('is chunked for HTTP/1.1 where its length is not known, with trailers where the client takes them', async () => {
    const trailers = new Fields();
    const name = names.find('X-Sum');
    if (name !== undefined) trailers.push(name, '1');
    const onRequest = (exchange: Exchange): void => {
      exchange.sendHead(head(200, chunkedBody), none);
      exchange.sendBody(Buffer.from('hello '));
      exchange.sendBody(Buffer.alloc(20_000, 'x'));
      exchange.sendEnd(trailers);
    };
    const wants = await answer(onRequest, get.replace('\r\n\r\n', '\r\nTE: trailers\r\nConnection: TE\r\n\r\n'));
    assert.match(wants, /Transfer-Encoding: chunked\r\n/);
    assert.ok(wants.endsWith(`6\r\nhello \r\n4e20\r\n${'x'.repeat(20_000)}\r\n0\r\nX-Sum: 1\r\n\r\n`));
    assert.ok((await answer(onRequest, get)).endsWith('\r\n0\r\n\r\n'));
  });

  it('ends with the connection for HTTP/1.0 where its length is not known', async () => {
    const text = await answer((exchange) => {
      exchange.sendHead(head(200, chunkedBody), none);
      exchange.sendBody(Buffer.from('hello'));
      exchange.sendEnd(undefined);
    }, 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    assert.match(text, /Connection: close\r\n\r\nhello$/);
    assert.doesNotMatch(text, /chunked/);
  });

  it('keeps an HTTP/1.0 connection open only where the client asks', async () => {
    const asked = await answer(echo, 'GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n');
    assert.match(asked, /Connection: keep-alive\r\n\r\nGET \/1 HTTP.*Connection: close\r\n\r\nGET \/2 $/s);
  });

  it('has no body for HEAD, 204 and 304, whatever is written', async () => {
    const respond =
      (status: number, announced: number) =>
      (exchange: Exchange): void => {
        exchange.sendHead(head(status, 0, [], announced), none);
        exchange.sendBody(Buffer.from('hello'));
        exchange.sendEnd(undefined);
      };
    const headed = await answer(respond(200, 5), get.replace('GET', 'HEAD'));
    assert.match(headed, /Content-Length: 5\r\n\r\n$/);
    assert.match(await answer(respond(304, 5), get), /Content-Length: 5\r\n\r\n$/);
    const empty = await answer(respond(204, -1), get);
    assert.ok(empty.endsWith('\r\n\r\n'));
    assert.doesNotMatch(empty, /Content-Length|Transfer-Encoding/);
  });

  it('of the gateway itself is UTF-8 with the right length, and bodyless for HEAD', async () => {
    const onRequest = (exchange: Exchange): void =>
      exchange.respond(404, new FieldBlock([['Content-Type', 'text/plain']]), 'größe');
    assert.match(
      await answer(onRequest, get),
      /404 Not Found\r\n.*Content-Length: 7\r\n.*\r\n\r\ngr\xc3\xb6\xc3\x9fe$/s,
    );
    assert.match(
      await answer(onRequest, get.replace('GET', 'HEAD')),
      /Content-Length: 7\r\nContent-Type: text\/plain\r\n\r\n$/,
    );
  });

  it('shorter than announced is broken off', async () => {
    const text = await answer((exchange) => {
      exchange.receive(new Listening(), 0);
      exchange.sendHead(head(200, 10), none);
      exchange.sendBody(Buffer.from('short'));
      exchange.flush();
      exchange.sendEnd(undefined);
    }, get + get);
    assert.ok(text.endsWith('\r\n\r\nshort') || text === '');
    assert.equal(text.split('HTTP/1.1').length <= 2, true);
  });

  it('longer than announced never shows a byte too many', async () => {
    const text = await answer((exchange) => {
      exchange.sendHead(head(200, 3), none);
      exchange.sendBody(Buffer.from('abc'));
      exchange.sendBody(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'));
      exchange.sendEnd(undefined);
    }, get + get);
    assert.doesNotMatch(text, /abcHTTP/);
  });

  it('without a length that is aborted ends in a reset, not in a close that looks complete', async () => {
    using server = await serve({
      onRequest: (exchange) => {
        exchange.sendHead(head(200, untilClose), none);
        exchange.sendBody(Buffer.from('half'));
        exchange.flush();
        setImmediate(() => exchange.abort());
      },
    });
    const client = await RawClient.open(server.port);
    client.send('GET / HTTP/1.0\r\n\r\n');
    await client.closed;
    assert.equal(client.error?.code, 'ECONNRESET');
  });

  it('passes informational heads on, but not to HTTP/1.0', async () => {
    const onRequest = (exchange: Exchange): void => {
      exchange.sendInformational(head(103, 0, [['Link', 'x']]));
      exchange.respond(200, none, 'x');
    };
    assert.match(await answer(onRequest, get), /^HTTP\/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP\/1.1 200 OK/);
    assert.match(await answer(onRequest, 'GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1.1 200 OK/);
  });

  it('ignores whatever is called after its end', async () => {
    const text = await answer((exchange) => {
      exchange.respond(200, none, 'one');
      exchange.respond(500, none, 'two');
      exchange.sendHead(head(500, 0), none);
      exchange.sendBody(Buffer.from('three'));
      exchange.sendEnd(undefined);
      exchange.flush();
      exchange.abort();
      exchange.receive(new Listening(), 0);
      exchange.pauseRequest();
      exchange.resumeRequest();
      assert.equal(exchange.canRespond, false);
      assert.equal(exchange.sentBytes, 3);
    }, get);
    assert.match(text, /^HTTP\/1.1 200 OK\r\n.*\r\n\r\none$/s);
  });
});

describe('pipelined requests', () => {
  it('are answered in order, one at a time, however late each answer is', async () => {
    const waiting: Exchange[] = [];
    using server = await serve({ onRequest: (exchange) => void waiting.push(exchange) });
    const client = await RawClient.open(server.port);
    client.send(get.replace('/', '/1') + get.replace('/', '/2') + get.replace('/', '/3'));
    for (const n of [1, 2, 3]) {
      while (waiting.length < n) await once(server.connections[0]?.socket ?? client.socket, 'data');
      assert.equal(waiting.length, n);
      waiting[n - 1]?.respond(200, none, `answer ${n}`);
      await client.until(`answer ${n}`);
    }
    assert.equal(client.received.split('HTTP/1.1 200').length, 4);
  });

  it('with bodies are kept apart', async () => {
    const text = await answer(
      echo,
      'POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '4\r\nGET \r\n0\r\n\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    assert.deepEqual(text.match(/(?:POST|GET) \/\d .*?(?=HTTP|$)/g), ['POST /1 abc', 'POST /2 GET ', 'GET /3 ']);
  });

  it('are not answered after one that says close', async () => {
    const text = await answer(
      echo,
      get.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') + get.replace('/', '/evil'),
    );
    assert.doesNotMatch(text, /evil/);
  });

  it('give the same answers however their bytes are cut', async () => {
    const request =
      '\r\nPOST /1?x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPUT /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '2;x\r\nde\r\n1\r\nf\r\n0\r\nX: y\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nBroken : x\r\n\r\n';
    const whole = await answer(echo, request);
    assert.match(whole, /POST \/1\?x abcHTTP.*PUT \/2 defHTTP\/1.1 400 /s);
    for (const step of [1, 7]) {
      using server = await serve({ onRequest: echo });
      const client = await RawClient.open(server.port);
      for (let i = 0; i < request.length; i += step) {
        // Feeding the codec's own listener keeps the cuts, which TCP would not promise.
        while (server.connections[0] === undefined) await new Promise(setImmediate);
        server.connections[0].socket.emit('data', Buffer.from(request.slice(i, i + step), 'latin1'));
      }
      client.socket.end();
      assert.equal(await client.all(), whole, `cut by ${step}`);
    }
  });
});

describe('a request body', () => {
  it('arrives piece by piece, counted, with its trailers', async () => {
    const listening = new Listening();
    let exchange: Exchange | undefined;
    using server = await serve({
      onRequest: (taken) => {
        exchange = taken;
        taken.receive(listening, 0);
      },
    });
    const client = await RawClient.open(server.port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\nCookie: a\r\n\r\n',
    );
    assert.equal(await listening.ended.promise, 'hello');
    assert.equal(exchange?.receivedBytes, 5);
    assert.equal(listening.trailers?.find('x-t'), '1');
    assert.equal(listening.trailers?.find('cookie'), undefined);
  });

  it('is asked for with 100 Continue once the flow wants it, and not before', async () => {
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    using server = await serve({ onRequest: resolve });
    const client = await RawClient.open(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    const exchange = await promise;
    const listening = new Listening();
    exchange.pauseRequest();
    exchange.receive(listening, 0);
    assert.equal(client.received, '');
    exchange.resumeRequest();
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('ok');
    assert.equal(await listening.ended.promise, 'ok');
    exchange.respond(200, none, 'done');
    await client.until('done');
    assert.doesNotMatch(client.received, /Connection: close/);
  });

  it('that was never asked for closes the connection after the answer', async () => {
    const text = await answer(
      (exchange) => exchange.respond(413, none, 'no'),
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n' + get,
    );
    assert.match(text, /413 .*Connection: close\r\n\r\nno$/s);
  });

  it('stops while the flow pauses, and the socket stops being read', async () => {
    const listening = new Listening();
    let exchange: Exchange | undefined;
    // More than the kernel's buffers of both sides together can grow to (tcp_rmem and tcp_wmem).
    const total = 48_000_000;
    using server = await serve({
      onRequest: (taken) => {
        exchange = taken;
        listening.onPiece = () => taken.pauseRequest();
        taken.receive(listening, 0);
      },
    });
    const client = await RawClient.open(server.port);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
    client.socket.write(Buffer.alloc(total, 'x'));
    while (server.connections[0]?.socket.isPaused() !== true) await new Promise(setImmediate);
    assert.ok(listening.pieces.length <= 1);
    assert.ok(client.socket.writableLength > 0, 'the client feels it');
    listening.onPiece = undefined;
    exchange?.resumeRequest();
    assert.equal((await listening.ended.promise).length, total);
  });

  it('over its limit fails with body_too_large, announced or not', async () => {
    for (const framing of [
      'Content-Length: 11\r\n\r\n',
      'Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n',
    ]) {
      const text = await answer(
        (exchange) => exchange.receive(new Listening(), 10),
        `POST / HTTP/1.1\r\nHost: a\r\n${framing}`,
      );
      assert.match(text, /^HTTP\/1.1 413 .*Connection: close\r\n.*"code":"body_too_large"/s);
    }
    const text = await answer((exchange) => {
      const listening = new Listening();
      listening.onEnd = () => exchange.respond(200, none, listening.text);
      exchange.receive(listening, 10);
    }, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789');
    assert.match(text, /0123456789$/);
  });

  it('that breaks a rule can be answered by the flow, else the codec does', async () => {
    const broken = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n';
    const byCodec = await answer((exchange) => exchange.receive(new Listening(), 0), broken);
    assert.match(byCodec, /^HTTP\/1.1 400 .*"code":"bad_request"/s);
    const byFlow = await answer((exchange) => {
      const sink = {
        onRequestBody() {},
        onRequestEnd() {},
        onRequestFlush() {},
        onClientDrain() {},
        onClientFailure: () => exchange.respond(400, none, 'flow'),
      };
      exchange.receive(sink, 0);
    }, broken);
    assert.match(byFlow, /400 Bad Request.*Connection: close\r\n\r\nflow$/s);
  });

  it('that breaks a rule after the answer began breaks the answer off', async () => {
    const listening = new Listening();
    using server = await serve({
      onRequest: (exchange) => {
        exchange.receive(listening, 0);
        exchange.sendHead(head(200, chunkedBody), none);
        exchange.flush();
      },
    });
    const client = await RawClient.open(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    await client.until('\r\n\r\n');
    client.send('zz\r\n');
    assert.equal((await listening.failed.promise).code, 'bad_request');
    assert.doesNotMatch(await client.all(), /0\r\n\r\n$/);
  });

  it('not yet read when the answer ends is read if it is small, so that the connection lives', async () => {
    using server = await serve({
      onRequest: (exchange) => {
        if (exchange.head.method === 'GET') return exchange.respond(200, none, 'second');
        exchange.receive(new Listening(), 0);
        exchange.respond(200, none, 'first');
      },
    });
    const client = await RawClient.open(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n');
    await client.until('first');
    client.send(`hello${get}`);
    await client.until('second');
  });

  it('not yet read when the answer ends closes the connection if it is large', async () => {
    using server = await serve({
      onRequest: (exchange) => {
        exchange.receive(new Listening(), 0);
        exchange.respond(200, none, 'first');
      },
    });
    const client = await RawClient.open(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n');
    client.socket.write(Buffer.alloc(100_000));
    await client.until('first');
    assert.match(await client.all(), /first$/);
  });
});

describe('a client that takes its answer slowly', () => {
  it('makes sendBody return false, then drains', async () => {
    const listening = new Listening();
    let sent = 0;
    using server = await serve({
      onRequest: (exchange) => {
        exchange.receive(listening, 0);
        exchange.sendHead(head(200, chunkedBody), none);
        const pump = (): void => {
          while (sent < 20_000_000) {
            sent += 65_536;
            if (!exchange.sendBody(Buffer.alloc(65_536, 'x'))) return;
          }
          exchange.sendEnd(undefined);
        };
        listening.onDrain = pump;
        pump();
      },
    });
    const client = await RawClient.open(server.port);
    client.socket.pause();
    client.send(get);
    while (server.connections[0]?.writer.isBlocked !== true) await new Promise(setImmediate);
    assert.ok(sent < 20_000_000);
    client.socket.resume();
    await client.until('0\r\n\r\n');
    assert.ok(listening.drains > 0);
  });

  it('is held more for within the budget, which comes back once it has taken it or is gone', async () => {
    const budget = new WriteBudget(1_000_000, 800_000);
    const held: number[] = [];
    using server = await serve({
      budget,
      onRequest: (exchange) => {
        exchange.receive(new Listening(), 0);
        exchange.sendHead(head(200, chunkedBody), none);
        while (exchange.sendBody(Buffer.alloc(65_536)) || exchange.holdMore());
        held.push(budget.used);
        exchange.sendEnd(undefined);
      },
    });
    const clients = await Promise.all([1, 2].map(() => RawClient.open(server.port)));
    for (const client of clients) {
      client.socket.pause();
      client.send(get);
    }
    while (held.length < 2) await new Promise(setImmediate);
    // What one connection may have, in steps of 128 KiB; for the other what is left of all.
    assert.deepEqual(held, [6 * 131_072, 7 * 131_072]);
    clients[0]?.socket.resume();
    clients[1]?.socket.destroy();
    await clients[0]?.until('0\r\n\r\n');
    while (budget.used > 0) await new Promise(setImmediate);
  });

  it('is cut off below the minimum rate although it takes some all the time', async () => {
    const clock = new HandClock();
    using server = await serve({
      clock,
      timeouts: { stallMs: 600_000, minResponseRate: 100_000, rateMs: 1000 },
      onRequest: (exchange) => {
        const listening = new Listening();
        exchange.receive(listening, 0);
        exchange.sendHead(head(200, chunkedBody), none);
        listening.onDrain = () => {
          while (exchange.sendBody(Buffer.alloc(65_536)));
        };
        listening.onDrain();
      },
    });
    const client = await RawClient.open(server.port);
    client.socket.pause();
    client.send(get);
    while (server.connections[0]?.socket.destroyed !== true) {
      await new Promise(setImmediate);
      clock.turn(100);
    }
  });

  it('is cut off when it takes nothing for too long', async () => {
    const listening = new Listening();
    using server = await serve({
      timeouts: { stallMs: 1000 },
      onRequest: (exchange) => {
        exchange.receive(listening, 0);
        exchange.sendHead(head(200, chunkedBody), none);
        listening.onDrain = () => {
          while (exchange.sendBody(Buffer.alloc(65_536)));
        };
        listening.onDrain();
      },
    });
    const client = await RawClient.open(server.port);
    client.socket.pause();
    client.send(get);
    // Until the buffers of the kernel are full there is progress, which starts the time anew.
    while (server.connections[0]?.socket.destroyed !== true) {
      await new Promise(setImmediate);
      server.clock.turn(100);
    }
    assert.equal((await listening.failed.promise).code, 'client_aborted');
  });
});

describe('a request that cannot be read', () => {
  const cases: [status: number, request: string][] = [
    [400, 'GET / HTTP/1.1\r\n\r\n'],
    [400, '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    [400, 'GET / HTTP/1.1\nHost: a\n\n'],
    [400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    [400, 'GET / HTTP/1.1\r\nHost: a\r\nX: \0'],
    [400, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    [414, `GET /${'a'.repeat(9000)}`],
    [414, `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    [417, 'GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n'],
    [431, `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(200)}\r\n`],
    [431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(40_000)}`],
    [431, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(32_740)}\r\n\r\n`],
    [501, 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    [501, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n'],
    [505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ];
  for (const [status, request] of cases) {
    it(`is answered ${status}, reported, and nothing after it is served: ${JSON.stringify(request.slice(0, 60))}`, async () => {
      let served = 0;
      using server = await serve({ onRequest: () => void served++ });
      const client = await RawClient.open(server.port);
      client.send(`${request}${get}${get}`);
      const text = await client.all();
      assert.match(text, new RegExp(`^HTTP/1.1 ${status} [^]*\r\nConnection: close\r\n\r\n[^]*"status":${status}`));
      assert.equal(text.split('HTTP/1.1').length, 2);
      assert.equal(served, 0);
      assert.equal(server.badRequests.length, 1);
      assert.equal(server.badRequests[0]?.status, status);
    });
  }
});

describe('deadlines', () => {
  it('cut off a head that comes too slowly with 408', async () => {
    using server = await serve({ onRequest: echo, timeouts: { headMs: 1000 } });
    const client = await RawClient.open(server.port);
    client.send('GET / HTTP/1.1\r\nHost:');
    while (server.connections[0]?.isIdle !== false) await new Promise(setImmediate);
    server.clock.turn(500);
    client.send(' a');
    await once(server.connections[0].socket, 'data');
    server.clock.turn(600);
    assert.match(await client.all(), /^HTTP\/1.1 408 /);
    assert.equal(server.badRequests[0]?.code, 'request_timeout');
  });

  it('close a connection that says nothing, without a word', async () => {
    using server = await serve({ onRequest: echo, timeouts: { headMs: 1000, idleMs: 5000 } });
    const silent = await RawClient.open(server.port);
    while (server.connections.length === 0) await new Promise(setImmediate);
    server.clock.turn(1100);
    assert.equal(await silent.all(), '');
    const idle = await RawClient.open(server.port);
    idle.send(get);
    await idle.until('GET /');
    server.clock.turn(4000);
    idle.send(get);
    await idle.until('GET /', 2);
    server.clock.turn(5200);
    await idle.all();
    assert.equal(server.badRequests.length, 0);
  });

  it('cut off a body that stalls or takes too long altogether, but not one that the flow holds up', async () => {
    const clock = new HandClock();
    const listening = new Listening();
    let exchange: Exchange | undefined;
    using server = await serve({
      clock,
      timeouts: { stallMs: 1000, requestMs: 10_000 },
      onRequest: (taken) => {
        exchange = taken;
        taken.receive(listening, 0);
      },
    });
    const client = await RawClient.open(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc');
    while (listening.pieces.length === 0) await new Promise(setImmediate);
    exchange?.pauseRequest();
    clock.turn(3000);
    exchange?.resumeRequest();
    client.send('def');
    while (listening.pieces.length === 1) await new Promise(setImmediate);
    clock.turn(1200);
    assert.equal((await listening.failed.promise).code, 'request_timeout');
    assert.match(await client.all(), /^HTTP\/1.1 408 .*Connection: close/s);
  });

  it('cut off a body below the minimum rate, but not one above it, nor one that the flow holds up', async () => {
    const clock = new HandClock();
    const taken: { exchange: Exchange; listening: Listening }[] = [];
    using server = await serve({
      clock,
      timeouts: { stallMs: 60_000, requestMs: 600_000, minRequestRate: 10, rateMs: 2000 },
      onRequest: (exchange) => {
        const listening = new Listening();
        taken.push({ exchange, listening });
        exchange.receive(listening, 0);
      },
    });
    const clients: RawClient[] = [];
    for (let i = 0; i < 3; i += 1) {
      const client = await RawClient.open(server.port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
      while (taken.length === i) await new Promise(setImmediate);
      clients.push(client);
    }
    const [slow, steady, held] = taken;
    held?.exchange.pauseRequest();
    for (let second = 1; second <= 6; second += 1) {
      clients[0]?.send('1');
      clients[1]?.send('1234567890ab');
      while ((steady?.listening.text.length ?? 0) < 12 * second) await new Promise(setImmediate);
      clock.turn(1000);
    }
    assert.equal((await slow?.listening.failed.promise)?.code, 'request_timeout');
    assert.match((await clients[0]?.all()) ?? '', /^HTTP\/1.1 408 /);
    for (const [at, one] of [steady, held].entries()) {
      one?.exchange.resumeRequest();
      clients[at + 1]?.send('x'.repeat(at === 0 ? 1000 - 72 : 1000));
      assert.equal((await one?.listening.ended.promise)?.length, 1000);
    }
  });

  it('do not measure the rate of a body whose answer has begun', async () => {
    const clock = new HandClock();
    const listening = new Listening();
    using server = await serve({
      clock,
      timeouts: { stallMs: 60_000, requestMs: 600_000, minRequestRate: 1000, rateMs: 1000 },
      onRequest: (exchange) => {
        exchange.receive(listening, 0);
        exchange.sendHead(head(200, chunkedBody), none);
        exchange.flush();
      },
    });
    const client = await RawClient.open(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n');
    await client.until('\r\n\r\n');
    clock.turn(10_000);
    client.send('1\r\nb\r\n0\r\n\r\n');
    assert.equal(await listening.ended.promise, 'ab');
  });

  it('cut off the rest of a body that was answered early, even where the flow had stopped taking it', async () => {
    const clock = new HandClock();
    const listening = new Listening();
    let exchange: Exchange | undefined;
    using server = await serve({
      clock,
      timeouts: { stallMs: 1000, requestMs: 100_000, lingerMs: 1000 },
      onRequest: (taken) => {
        exchange = taken;
        taken.receive(listening, 0);
      },
    });
    const client = await RawClient.open(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc');
    while (listening.pieces.length === 0) await new Promise(setImmediate);
    exchange?.pauseRequest();
    clock.turn(3000);
    exchange?.respond(200, none, 'early');
    await client.until('early');
    clock.turn(1200);
    const socket = server.connections[0]?.socket;
    if (socket === undefined) assert.fail('no connection');
    if (!socket.writableFinished) await once(socket, 'finish');
    clock.turn(1200);
    assert.equal(socket.destroyed, true);
  });

  it('leave a connection that waits for its answer alone', async () => {
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    using server = await serve({ onRequest: resolve });
    const client = await RawClient.open(server.port);
    client.send(get);
    const exchange = await promise;
    server.clock.turn(3_600_000);
    exchange.respond(200, none, 'late');
    await client.until('late');
  });

  it('end the wait for a client that does not close', async () => {
    using server = await serve({ onRequest: echo, timeouts: { lingerMs: 1000 } });
    const client = await RawClient.open(server.port);
    client.send('bad\r\n\r\n');
    await client.until('400');
    const socket = server.connections[0]?.socket;
    if (socket === undefined) assert.fail('no connection');
    if (!socket.writableFinished) await once(socket, 'finish');
    assert.equal(socket.destroyed, false);
    server.clock.turn(1200);
    assert.equal(socket.destroyed, true);
    assert.equal(server.deadlines.size, 0);
  });
});

describe('a client that sends on after its answer', () => {
  it('is read on for some time, then not at all, and is not reset before it could see the answer', async () => {
    using server = await serve({ onRequest: echo, timeouts: { lingerMs: 1000 } });
    const client = await RawClient.open(server.port);
    const [all, some] = [32, 6];
    client.send('bad\r\n\r\n');
    for (let sent = 0; sent < all; sent += 1) client.socket.write(Buffer.alloc(1 << 20));
    await client.until('400');
    const socket = server.connections[0]?.socket;
    if (socket === undefined) assert.fail('no connection');
    await eventually(() => socket.isPaused(), { what: 'the server to stop reading' });
    assert.ok(socket.bytesRead > some << 20 && socket.bytesRead < (all - some) << 20, `${socket.bytesRead} bytes read`);
    assert.equal(client.socket.destroyed, false);
    server.clock.turn(1200);
    assert.equal(socket.destroyed, true);
  });
});

describe('a client that goes away', () => {
  it('is noticed at once while the request waits', async () => {
    const listening = new Listening();
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    using server = await serve({
      onRequest: (exchange) => {
        exchange.receive(listening, 0);
        resolve(exchange);
      },
    });
    const client = await RawClient.open(server.port);
    client.send(get);
    const exchange = await promise;
    client.socket.resetAndDestroy();
    const fault = await listening.failed.promise;
    assert.equal(fault.code, 'client_aborted');
    assert.equal(exchange.canRespond, false);
    exchange.respond(200, none, 'to nobody');
    assert.equal(server.deadlines.size, 0);
  });

  it('is told to a flow that starts to listen later', async () => {
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    using server = await serve({ onRequest: resolve });
    const client = await RawClient.open(server.port);
    client.send(get);
    const exchange = await promise;
    client.socket.resetAndDestroy();
    while (exchange.canRespond) await new Promise(setImmediate);
    const listening = new Listening();
    exchange.receive(listening, 0);
    assert.equal((await listening.failed.promise).code, 'client_aborted');
  });

  it('within its body fails the request', async () => {
    const listening = new Listening();
    using server = await serve({ onRequest: (exchange) => exchange.receive(listening, 0) });
    const client = await RawClient.open(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc').socket.end();
    assert.equal((await listening.failed.promise).code, 'client_aborted');
  });

  it('half way after a whole request is answered over TCP, and taken to be gone over TLS', async () => {
    for (const secure of [false, true]) {
      const listening = new Listening();
      using server = await serve({
        secure,
        onRequest: (exchange) => {
          exchange.receive(listening, 0);
          server.connections[0]?.socket.once('end', () => setImmediate(() => exchange.respond(200, none, 'answered')));
        },
      });
      const client = await RawClient.open(server.port);
      client.send(get).socket.end();
      assert.equal((await client.all()).endsWith('answered'), !secure);
      if (secure) assert.equal((await listening.failed.promise).code, 'client_aborted');
    }
  });
});

describe('a client whose request comes in very many pieces at once', () => {
  it('is read a few of them at a time, so that others have their turn, and loses none', async () => {
    const listening = new Listening();
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    using server = await serve({
      onRequest: (exchange) => {
        exchange.receive(listening, 0);
        resolve(exchange);
      },
    });
    const client = await RawClient.open(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n');
    await promise;
    const [connection] = server.connections;
    assert.ok(connection !== undefined);
    // As TLS hands over records of one byte that came in one packet: piece after piece, in one turn of the event loop.
    const turns = new Set<number>();
    let turn = 0;
    let left = 500;
    while (left > 0) {
      for (; left > 0 && !connection.socket.isPaused(); left -= 1) {
        turns.add(turn);
        connection.socket.emit('data', Buffer.from('x'));
      }
      await new Promise(setImmediate);
      turn += 1;
    }
    assert.equal(await listening.ended.promise, 'x'.repeat(500));
    assert.ok(turns.size >= 15, `500 pieces were read in ${turns.size} turns`);
  });

  it('in chunks of one byte makes one piece of them', async () => {
    const listening = new Listening();
    using server = await serve({ onRequest: (exchange) => exchange.receive(listening, 0) });
    const client = await RawClient.open(server.port);
    client.send(
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(5_000)}0\r\n\r\n`,
    );
    assert.equal(await listening.ended.promise, 'x'.repeat(5_000));
    assert.ok(listening.pieces.length < 50, `${listening.pieces.length} pieces`);
  });
});

describe('a client that ended its side over TCP', () => {
  it('is taken to be gone when no answer begins in time', async () => {
    const listening = new Listening();
    using server = await serve({ onRequest: (exchange) => exchange.receive(listening, 0) });
    const client = await RawClient.open(server.port);
    client.send(get).socket.end();
    while (server.connections[0]?.socket.readableEnded !== true) await new Promise(setImmediate);
    server.clock.turn(4_000);
    assert.equal(server.connections[0]?.socket.destroyed, false);
    server.clock.turn(2_000);
    assert.equal((await listening.failed.promise).code, 'client_aborted');
    await client.closed;
  });

  it('gets the whole of an answer that began in time, however long it takes', async () => {
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    using server = await serve({ onRequest: resolve });
    const client = await RawClient.open(server.port);
    client.send(get).socket.end();
    const exchange = await promise;
    exchange.receive(new Listening(), 0);
    while (server.connections[0]?.socket.readableEnded !== true) await new Promise(setImmediate);
    exchange.sendHead(head(200, 6), none);
    exchange.sendBody(Buffer.from('one'));
    exchange.flush();
    await client.until('one');
    server.clock.turn(20_000);
    exchange.sendBody(Buffer.from('two'));
    exchange.sendEnd(undefined);
    assert.match(await client.all(), /onetwo$/);
  });
});

describe('draining', () => {
  it('closes idle connections, and others after their answer', async () => {
    const { promise, resolve } = Promise.withResolvers<Exchange>();
    using server = await serve({ onRequest: resolve });
    const idle = await RawClient.open(server.port);
    while (server.connections.length < 1) await new Promise(setImmediate);
    const busy = await RawClient.open(server.port);
    busy.send(get);
    const exchange = await promise;
    for (const connection of server.connections) connection.drain();
    assert.equal(await idle.all(), '');
    exchange.respond(200, none, 'last');
    assert.match(await busy.all(), /Connection: close\r\n\r\nlast$/);
  });

  it('ends at once when the connection is destroyed', async () => {
    const listening = new Listening();
    using server = await serve({ onRequest: (exchange) => exchange.receive(listening, 0) });
    const client = await RawClient.open(server.port);
    client.send(get);
    while (server.connections[0]?.isIdle !== false) await new Promise(setImmediate);
    server.connections[0].destroy();
    assert.equal((await listening.failed.promise).code, 'client_aborted');
    assert.equal(await client.all(), '');
  });
});

describe('a handler that throws', () => {
  it('costs its connection, not the process', async () => {
    using server = await serve({
      onRequest: () => {
        throw new Error('a defect');
      },
    });
    const client = await RawClient.open(server.port);
    client.send(get);
    assert.equal(await client.all(), '');
    assert.equal(server.badRequests[0]?.code, 'internal');
  });
});
