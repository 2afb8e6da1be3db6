// A kept-alive backend connection that the backend gives up at the very moment we use it (RFC 9110 section 9.2.2).
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n';

describe('a kept-alive backend connection that turns out to be stale', () => {
  /** Request lines as they arrived, with the number of the connection. */
  const seen: string[] = [];
  let connections = 0;
  const backend = createServer((socket: Socket) => {
    const connection = ++connections;
    let requests = 0;
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      seen.push(`${connection} ${chunk.toString('latin1').split(' ')[0]}`);
      // The first request of a connection is answered, at the second one it is gone.
      if (++requests === 1) socket.write(answer);
      else socket.destroy();
    });
  });
  let gateway: Gateway;

  before(async () => {
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    const address = backend.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    gateway = await startGateway({
      yaml: `version: 2
gateway:
  entryPoints: {webSecure: {enabled: false}}
  routes: [{name: all, path: /, target: "http://127.0.0.1:${port}"}]
`,
    });
  });

  after(async () => {
    await gateway.stop();
    backend.close();
  });

  const ask = (...args: string[]) => curl(`http://127.0.0.1:${gateway.ports.web}/`, { args });

  it('is replaced once for a request that may be repeated', async () => {
    assert.equal((await ask()).status, 200);
    assert.equal((await ask()).status, 200);
    assert.deepEqual(seen, ['1 GET', '1 GET', '2 GET']);
  });

  it('never makes a POST be sent twice', async () => {
    seen.length = 0;
    const { status, body } = await ask('--data', 'x=1');
    assert.equal(status, 502);
    assert.match(body, /"code":"backend_closed"/);
    assert.deepEqual(seen, ['2 POST']);
  });
});
