// What a backend has sent before it went is read although the request could not be sent to its end, over TCP and over TLS. The
// backend writes and closes within one turn of the event loop, so that the request always fails before its answer is read.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { before, describe, it } from 'node:test';
import tls from 'node:tls';
import type { Fault } from '../../src/base/fault.ts';
import { type Issued, mintCa } from '../../src/certs/test-ca.ts';
import { BufferPool } from '../../src/http/buffer-pool.ts';
import type { ResponseSink } from '../../src/http/exchange.ts';
import { FieldNames, Fields } from '../../src/http/field.ts';
import { defaultHttpLimits } from '../../src/http/limits.ts';
import { Http1BackendConnection } from '../../src/http1/client.ts';
import { ReadBuffers } from '../../src/http/read-buffer.ts';
import { TurnEnd } from '../../src/http/turn-end.ts';

const head = 'HTTP/1.1 401 Unauthorized\r\n';
const piece = Buffer.alloc(100_000, 'x');
const announced = 50 * piece.length;

let issued: Issued;
before(async () => {
  issued = await (await mintCa({ cn: 'CA' })).issue({ kind: 'server', sans: ['localhost'] });
});

type Backend = { readonly socket: net.Socket; readonly transport: net.Socket };

/** A backend that has taken a connection, and the socket of its caller. */
async function open(secure: boolean) {
  const readBuffer = new ReadBuffers().open();
  const accepted = Promise.withResolvers<Backend>();
  const listener = net.createServer((transport) => {
    transport.on('error', () => {});
    // A reset would take along what Nagle's algorithm holds back.
    transport.setNoDelay(true);
    if (!secure) return accepted.resolve({ socket: transport, transport });
    const context = tls.createSecureContext({ cert: issued.chainPem, key: issued.keyPem });
    const socket = new tls.TLSSocket(transport, { isServer: true, secureContext: context });
    socket.on('error', () => {});
    socket.on('secure', () => accepted.resolve({ socket, transport }));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as net.AddressInfo;
  const how = { host: '127.0.0.1', port, onread: readBuffer.onread };
  const socket = secure ? tls.connect({ ...how, rejectUnauthorized: false }) : net.connect(how);
  await once(socket, secure ? 'secureConnect' : 'connect');
  const backend = await accepted.promise;
  listener.close();
  return { socket, readBuffer, backend };
}

/**
 * What a call hears, and what becomes of the connection, where the backend says `answer` and `goes` before it has the request, or
 * within a tunnel for `upgrade`, before it has read what is sent there.
 */
async function ask(secure: boolean, answer: string, goes: (backend: Backend) => void, upgrade = ''): Promise<string> {
  const { socket, readBuffer, backend } = await open(secure);
  const heard: string[] = [];
  const over = Promise.withResolvers<void>();
  const switched = Promise.withResolvers<void>();
  const end = (what: string): void => {
    heard.push(what);
    over.resolve();
  };
  const sink: ResponseSink = {
    onInformational: () => {},
    onSwitch: ({ status }) => {
      heard.push(String(status));
      switched.resolve();
      return sink;
    },
    onHead: ({ status }) => heard.push(String(status)),
    onResponseBody: (chunk) => heard.push(chunk.toString('latin1')),
    onResponseEnd: () => end('end'),
    onResponseFlush: () => {},
    onBackendDrain: () => {},
    onBackendFailure: ({ code, raw }: Fault) => end(`${code} ${raw ?? ''}`),
  };
  const owner = { onFree: () => heard.push('free'), onClosed: () => heard.push('closed') };
  const names = new FieldNames();
  const connection = new Http1BackendConnection(
    socket,
    { names, limits: defaultHttpLimits, turn: new TurnEnd(), buffers: new BufferPool() },
    owner,
    readBuffer,
  );
  const request = { target: '/', authority: 'b.test', fields: new Fields(), extra: [], acceptsTrailers: false };
  if (upgrade === '') connection.sendRequest({ ...request, method: 'POST', bodyLength: announced }, sink);
  else connection.sendRequest({ ...request, method: 'GET', bodyLength: 0, upgrade }, sink);
  connection.sendRequestBody(piece);
  connection.flushRequest();
  await once(backend.socket, 'data');
  backend.socket.pause();
  if (upgrade !== '') {
    backend.socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${upgrade}\r\nConnection: Upgrade\r\n\r\n`);
    await switched.promise;
  }
  backend.socket.write(answer, () => {
    goes(backend);
    // As often as it takes until the kernel knows that the other side is gone.
    for (let sent = piece.length; sent < announced; sent += piece.length) connection.sendRequestBody(piece);
    connection.sendRequestEnd(undefined);
  });
  await over.promise;
  await new Promise(setImmediate);
  assert.equal(socket.destroyed, true);
  return heard.join(' ');
}

const goAway = ({ transport }: Backend): void => void transport.destroy();
const reset = ({ transport }: Backend): void => void transport.resetAndDestroy();

for (const secure of [false, true]) {
  describe(`a request that a backend does not read to its end, over ${secure ? 'TLS' : 'TCP'}`, () => {
    it('is answered with what the backend had said before it went', async () => {
      for (const goes of [goAway, reset])
        for (const keep of ['close', 'keep-alive']) {
          const answer = `${head}Content-Length: 4\r\nConnection: ${keep}\r\n\r\nnope`;
          assert.match(await ask(secure, answer, goes), /^401 nope (closed )?end( closed)?$/);
        }
    });

    it('fails where the backend had said nothing, or not all', async () => {
      assert.match(await ask(secure, '', goAway), /^(closed )?backend_closed (EPIPE|ECONNRESET)/);
      assert.match(await ask(secure, `${head}Content-`, reset), /^(closed )?backend_protocol (EPIPE|ECONNRESET)/);
      const half = `${head}Content-Length: 40\r\n\r\nnope`;
      assert.match(await ask(secure, half, goAway), /^401 nope (closed )?backend_truncated (EPIPE|ECONNRESET)/);
    });

    it('ends a tunnel: what the backend had said before it went is told, and that it took no more', async () => {
      assert.match(
        await ask(secure, 'bye', goAway, 'chat'),
        /^101 bye end (closed )?backend_truncated (EPIPE|ECONNRESET)$/,
      );
      assert.match(
        await ask(secure, 'bye', reset, 'chat'),
        /^101 bye (end )?(closed )?backend_truncated (EPIPE|ECONNRESET)/,
      );
    });

    it('has no whole answer where a reset stands for its end', async () => {
      assert.match(await ask(secure, `${head}\r\nnope`, reset), /^401 nope (closed )?backend_truncated /);
    });
  });
}
