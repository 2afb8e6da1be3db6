// A backend that cannot be connected costs no request: another one of the route takes it at once, in every pairing of HTTP
// versions, with a body too. Sticky sessions leave a backend that is gone. The whole flow, without a gateway process.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { BackendConfig, RouteConfig } from '../../src/config/gateway-config.ts';
import type { ClusterOptions } from '../../src/upstream/cluster.ts';
import { findFreePort } from '../support/free-port.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { openFlowSetup } from './flow-setup.ts';
import { backendConfig } from './upstream-setup.ts';

type Version = 'h1' | 'h2';
type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string };

let pki: Pki;
before(async () => {
  pki = await openPki();
});
after(() => pki.remove());

/** Answers with its name and what it was sent. */
async function startBackend(t: TestContext, name: string) {
  const server = http2.createSecureServer(
    { cert: pki.backend.chainPem, key: pki.backend.keyPem, allowHTTP1: true },
    (request, response) => {
      void text(request).then((body) => {
        response.writeHead(200, { 'x-version': request.httpVersion });
        response.end(`${name} ${body}`);
      });
    },
  );
  const sockets = new Set<{ destroy(): void }>();
  server.on('secureConnection', (socket) => sockets.add(socket));
  server.listen(await findFreePort(), '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  t.after(stop);
  return { url: `https://localhost:${(server.address() as AddressInfo).port}`, stop };
}

type Setup = {
  readonly client: Version;
  readonly backend: Version;
  readonly backends: readonly BackendConfig[];
  readonly retry?: RouteConfig['retry'];
  readonly choice?: Pick<ClusterOptions, 'loadBalancing' | 'hashOn' | 'sticky'>;
};

async function open(t: TestContext, { client, backend, backends, retry, choice }: Setup) {
  const setup = await openFlowSetup(pki, {
    routes: [
      {
        path: '/',
        port: 0,
        backends,
        retry: retry ?? { attempts: undefined, on: ['connect'] },
        ...(choice && { choice }),
      },
    ],
    http2: backend === 'h2' ? 'on' : 'off',
  });
  t.after(() => setup.close());
  const tls = {
    host: '127.0.0.1',
    port: setup.edge.port,
    servername: 'localhost',
    ca: pki.servers.certPem,
    cert: pki.alice.chainPem,
    key: pki.alice.keyPem,
  };
  let session: ClientHttp2Session | undefined;
  t.after(() => session?.destroy());
  const ask = async (body = '', fields: Record<string, string> = {}): Promise<Answer> => {
    const method = body === '' ? 'GET' : 'POST';
    if (client === 'h1') {
      const request = https.request({ ...tls, method, agent: false, headers: { host: 'localhost', ...fields } });
      request.end(body);
      const [response] = await once(request, 'response');
      return { status: response.statusCode, headers: response.headers, body: await text(response) };
    }
    session ??= http2.connect('https://localhost', tls);
    const stream = session.request({ ':method': method, ':path': '/', ...fields }, { endStream: false });
    stream.end(body);
    const [headers] = await once(stream, 'response');
    return { status: Number(headers[':status']), headers, body: await text(stream) };
  };
  return { ask, records: setup.records, faults: setup.faults, defects: setup.defects };
}

const dead = async (): Promise<BackendConfig> => backendConfig(`https://localhost:${await findFreePort()}`);

for (const client of ['h1', 'h2'] as const)
  for (const backend of ['h1', 'h2'] as const)
    describe(`a client of ${client} and backends of ${backend}, of which one refuses connections`, () => {
      it('are served by the other, with a body and without, and nobody hears of it', async (t) => {
        const good = await startBackend(t, 'good');
        const { ask, records, faults } = await open(t, {
          client,
          backend,
          backends: [await dead(), await dead(), backendConfig(good.url)],
        });
        const bodies = ['', 'x', 'y'.repeat(200_000), ''];
        for (const body of bodies) {
          const answer = await ask(body);
          assert.deepEqual([answer.status, answer.body], [200, `good ${body}`]);
          assert.equal(answer.headers['x-version'], backend === 'h2' ? '2.0' : '1.1');
        }
        await records.waitFor(() => records.items.length === bodies.length);
        assert.equal(faults.items.length, 0);
      });
    });

describe('another backend', () => {
  it('is not asked where the route says one attempt, or none after failed connects', async (t) => {
    const good = await startBackend(t, 'good');
    for (const retry of [
      { attempts: 1, on: ['connect'] },
      { attempts: undefined, on: [] },
    ] as const) {
      const backends = [await dead(), backendConfig(good.url)];
      const { ask } = await open(t, { client: 'h1', backend: 'h1', backends, retry });
      const statuses = new Set([(await ask()).status, (await ask()).status]);
      assert.deepEqual(statuses, new Set([200, 502]));
    }
  });

  it('is no cure where all are dead: the client gets the fault of the last', async (t) => {
    const backends = [await dead(), await dead(), await dead(), await dead()];
    const { ask, faults } = await open(t, { client: 'h1', backend: 'h1', backends });
    assert.equal((await ask()).status, 502);
    const fault = await faults.waitFor(() => true);
    assert.equal(fault.code, 'refused');
    assert.ok(backends.some(({ host, port }) => `${host}:${port}` === fault.backend));
  });

  it('is a backup where it has to be, and the ordinary ones get the next request', async (t) => {
    const [ordinary, spare] = [await startBackend(t, 'ordinary'), await startBackend(t, 'spare')];
    const backends = [backendConfig(ordinary.url), backendConfig(spare.url, { backup: true })];
    const { ask } = await open(t, { client: 'h1', backend: 'h1', backends });
    for (let i = 0; i < 3; i++) assert.equal((await ask()).body, 'ordinary ');
    await ordinary.stop();
    assert.equal((await ask('kept')).body, 'spare kept');
  });
});

describe('a sticky session', () => {
  const choice = {
    loadBalancing: 'roundRobin',
    sticky: {
      config: { cookie: 'backend', path: '/', maxAgeMs: 0, secure: true, httpOnly: true, sameSite: 'Lax' },
      secret: Buffer.alloc(32, 7),
      route: 'r',
    },
  } as const;

  for (const client of ['h1', 'h2'] as const)
    it(`over ${client} stays with its backend, is set once, and leaves it when it is gone`, async (t) => {
      const servers = [await startBackend(t, 'a'), await startBackend(t, 'b')];
      const backends = servers.map(({ url }) => backendConfig(url));
      const { ask } = await open(t, { client, backend: 'h1', backends, choice });
      const first = await ask();
      const [cookie = ''] = first.headers['set-cookie'] ?? [];
      assert.match(cookie, /^backend=[\w-]{22}; Path=\/; Secure; HttpOnly; SameSite=Lax$/);
      const fields = { cookie: cookie.split(';')[0] ?? '' };
      for (let i = 0; i < 4; i++) {
        const again = await ask('', fields);
        assert.deepEqual([again.body, again.headers['set-cookie']], [first.body, undefined]);
      }
      // Without the cookie, or with one that nobody made, others get their turn.
      const others = new Set([(await ask()).body, (await ask('', { cookie: 'backend=forged' })).body]);
      assert.equal(others.size, 2);

      await servers[first.body === 'a ' ? 0 : 1]?.stop();
      const moved = await ask('', fields);
      assert.equal(moved.body, first.body === 'a ' ? 'b ' : 'a ');
      const [next = ''] = moved.headers['set-cookie'] ?? [];
      assert.ok(next.startsWith('backend=') && !next.startsWith(fields.cookie));
    });
});
