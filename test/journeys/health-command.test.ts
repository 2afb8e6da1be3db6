// A container asks its gateway whether it is ready: one line, and the exit code that counts.
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import { createServer } from '../../src/base/node-http.ts';
import { healthCommand } from '../../src/cli/health.ts';
import { runCli, runHere } from '../support/cli.ts';
import { startGateway } from '../support/gateway.ts';
import { openPki } from '../support/pki.ts';

/** What `countersign health` says, and its exit code. */
async function health(...args: string[]): Promise<{ code: number; stdout: string }> {
  const { code, stdout, stderr } = await runHere(healthCommand, args);
  assert.equal(stderr, '');
  assert.match(stdout, /^[^\n]+\n$/, 'one line');
  return { code, stdout };
}

/** A server that is no gateway. */
async function withServer(answer: RequestListener, ask: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    await ask(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('countersign health', () => {
  it('is 0 while the gateway is ready, 1 once it is gone', async () => {
    await using gateway = await startGateway({
      yaml: 'version: 2\ngateway: {routes: [{name: all, path: /, response: {statusCode: 204}}]}\n',
    });
    const url = `http://127.0.0.1:${gateway.ports.admin}`;
    const { code, stdout } = await runCli(['health', url]);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: '1 of 1 workers ready\n' });
    assert.equal((await health(`${url}/healthz`)).code, 0);
    assert.equal((await health(`${url}/nothing`)).code, 1);
    await gateway.stop();
    const gone = await health(url);
    assert.deepEqual(gone, { code: 1, stdout: `not healthy: ${url}/readyz: ECONNREFUSED\n` });
    assert.equal((await runCli(['health', url])).code, 1);
  });

  it('asks over TLS for the name and from the CA that it was told, and believes no other', async () => {
    using pki = await openPki();
    await using gateway = await startGateway({
      dir: pki.dir,
      yaml: `version: 2
gateway:
  certificates: [{id: edge, cert: edge.crt, key: edge.key}]
  entryPoints: {admin: {certificateId: edge}}
  routes: [{name: all, path: /, response: {statusCode: 204}}]
`,
    });
    const url = `https://127.0.0.1:${gateway.ports.admin}`;
    const ca = ['--ca', pki.servers.file];
    assert.equal((await health(url, ...ca, '--server-name', 'localhost')).code, 0);
    assert.equal((await health(url, ...ca, '--server-name', 'other.test')).code, 1);
    assert.match((await health(url, '--ca', pki.clients.file, '--server-name', 'localhost')).stdout, /^not healthy: /);
    assert.equal((await health(url, '--server-name', 'localhost')).code, 1);
    assert.match((await health(url, '--ca', pki.dir.file('none.crt'))).stdout, /ENOENT/);
  });

  it('takes nothing but 200 for good, follows nobody, and does not wait for ever', async () => {
    for (const status of [204, 301, 404, 503]) {
      await withServer(
        (_request, response) => void response.writeHead(status, { location: '/healthz' }).end(),
        async (url) => assert.equal((await health(url)).code, 1, String(status)),
      );
    }
    await withServer(
      () => {},
      async (url) => {
        const { code, stdout } = await health(url, '--timeout', '0.2');
        assert.deepEqual([code, stdout], [1, `not healthy: ${url}/readyz: no answer within 0.2 s\n`]);
      },
    );
  });

  it('shows nothing that a terminal would obey', async () => {
    await withServer(
      (_request, response) => void response.writeHead(200).end('ready\u001b[2J\nand more'),
      async (url) => {
        const { code, stdout } = await health(url);
        assert.equal(code, 0);
        assert.doesNotMatch(stdout, /\u001b/);
      },
    );
  });

  it('says what is no URL', async () => {
    for (const url of ['9901', 'ftp://127.0.0.1/'])
      assert.match((await health(url)).stdout, /: not a URL of http or https\n$/);
  });
});
