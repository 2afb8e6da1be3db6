// A backend's answer turns out to be none while it comes: as long as the client has seen nothing of it, it hears of that;
// afterwards it must see that the answer is not whole. The log says what the client got.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { openTempDir } from '../support/temp.ts';
import { Feed } from '../support/wait-for.ts';

const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

/** A gateway in front of a backend whose bytes the test writes. */
async function open() {
  const asked = new Feed<Socket>('requests');
  const backend = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => asked.push(socket));
  }).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const address = backend.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const dir = openTempDir('broken-answer');
  const gateway = await startGateway({
    dir,
    entryPoints: ['web', 'admin'],
    yaml: `version: 2
gateway:
  accessLog: {path: access.log}
  entryPoints: {webSecure: {enabled: false}}
  routes: [{name: all, path: /, target: "http://127.0.0.1:${port}"}]
`,
  });
  const client = await keepConnection({ port: gateway.ports.web, plain: true });
  return {
    client,
    /** Sends a request, and the first bytes of its answer in one piece. */
    async answer(bytes: string): Promise<Socket> {
      const from = asked.length;
      client.send(request);
      const socket = await asked.waitFor(() => true, { from });
      socket.write(bytes);
      return socket;
    },
    /** Ends the gateway; status and code of each request. */
    async account(): Promise<unknown[]> {
      await gateway.stop();
      const lines = readFileSync(dir.file('access.log'), 'utf8').trim().split('\n');
      return lines.map((line) => {
        const { status, code, bytesOut } = JSON.parse(line) as Record<string, unknown>;
        return [status, code, bytesOut];
      });
    },
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await gateway.stop();
      backend.close();
      dir.remove();
    },
  };
}

describe('an answer of a backend that breaks', () => {
  for (const [what, body] of [
    ['its first chunk', 'zz\r\nhello\r\n'],
    ['its second chunk, which came with the first', '5\r\nhello\r\nzz\r\n'],
  ] as const) {
    it(`in ${what} is a 502 with the reason, on a connection that goes on`, async () => {
      await using stage = await open();
      await stage.answer(chunked + body);
      const text = await stage.client.waitFor(/\}\s*$/);
      assert.match(text, /^HTTP\/1\.1 502 /);
      assert.match(text, /backend_protocol/);
      assert.doesNotMatch(text, /hello|200 OK|chunked/);
      await stage.answer(`${chunked}5\r\nhello\r\n0\r\n\r\n`);
      assert.match(await stage.client.waitFor(/0\r\n\r\n$/), /^HTTP\/1\.1 200 OK\r\n[^]*hello/);
      const [first, second] = (await stage.account()) as [unknown[], unknown[]];
      assert.deepEqual(first.slice(0, 2), [502, 'backend_protocol']);
      assert.deepEqual(second, [200, undefined, 5]);
    });
  }

  it('when the client has seen its beginning is visibly cut off, and the log has both', async () => {
    await using stage = await open();
    const socket = await stage.answer(`${chunked}5\r\nhello\r\n`);
    await stage.client.waitFor(/hello/);
    socket.write('zz\r\n');
    await stage.client.ended;
    assert.match(stage.client.text(), /^HTTP\/1\.1 200 OK\r\n[^]*hello\r\n$/, 'no last chunk');
    assert.deepEqual(await stage.account(), [[200, 'backend_protocol', 5]]);
  });
});
