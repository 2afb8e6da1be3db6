// Backends that are told who connects: each connection begins with a PROXY header, before TLS, and carries the requests of one client
// connection only. The whole flow, without a gateway process; the backend reads the header, then does mutual TLS.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ProxiedAddresses } from '../../src/proxy-protocol/header.ts';
import { readProxyHeader } from '../../src/proxy-protocol/reader.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { Feed } from '../support/wait-for.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { openFlowSetup } from './flow-setup.ts';
import { backendConfig, clusterOptions, makeDependencies, noTls, openPools } from './upstream-setup.ts';

let pki: Pki;
before(async () => {
  pki = await openPki();
});
after(() => pki.remove());

/** Answers with the port of the client that its header told, and the number of the connection. */
async function startBackend(t: TestContext) {
  const told = new Feed<ProxiedAddresses | undefined>('PROXY headers');
  const known = new Map<number | undefined, string>();
  const server = http2.createSecureServer(
    {
      cert: pki.backend.chainPem,
      key: pki.backend.keyPem,
      ca: pki.internal.certPem,
      requestCert: true,
      rejectUnauthorized: true,
      allowHTTP1: true,
    },
    (request, response) => {
      request.resume();
      request.on('end', () => response.end(known.get(request.socket.remotePort) ?? ''));
    },
  );
  const sockets = new Set<Socket>();
  const listener = net.createServer((raw) => {
    sockets.add(raw);
    raw.on('error', () => undefined);
    let bytes = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const header = readProxyHeader(bytes);
      if (header.kind === 'more') return;
      raw.off('data', onData);
      raw.pause();
      if (header.kind !== 'header') {
        raw.destroy(new Error('no PROXY header'));
        return;
      }
      told.push(header.addresses);
      const name = `${header.addresses?.source.port ?? 'local'} on ${told.length}`;
      raw.unshift(bytes.subarray(header.length));
      known.set(raw.remotePort, name);
      server.emit('connection', raw);
    };
    raw.on('data', onData);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (listener.address() as AddressInfo).port, told };
}

async function open(t: TestContext, version: 1 | 2, backendHttp2: 'on' | 'off') {
  const backend = await startBackend(t);
  const setup = await openFlowSetup(pki, {
    routes: [{ path: '/', port: backend.port, sendProxyProtocol: version }],
    http2: backendHttp2,
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
  /** A client that keeps one connection. */
  const connect = () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    return async (body = ''): Promise<{ readonly said: string; readonly port: number }> => {
      const request = https.request({ ...tls, agent, method: 'POST', headers: { host: 'localhost' } });
      request.end(body);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const port = request.socket?.localPort ?? 0;
      return { said: await text(response), port };
    };
  };
  return { backend, connect, port: setup.edge.port, pools: setup.pools, defects: setup.defects };
}

for (const version of [1, 2] as const)
  for (const backendHttp2 of ['off', 'on'] as const)
    describe(`PROXY headers of version ${version} to backends with HTTP/2 ${backendHttp2}`, () => {
      it('tell each client, whose connection carries nobody else’s requests and is used again for its own', async (t) => {
        const { backend, connect, port, defects } = await open(t, version, backendHttp2);
        const [alice, bob] = [connect(), connect()];
        const first = await alice('x');
        assert.equal(first.said, `${first.port} on 1`);
        assert.deepEqual(backend.told.items[0], {
          source: { address: '127.0.0.1', port: first.port },
          destination: { address: '127.0.0.1', port },
        });
        const other = await bob();
        assert.equal(other.said, `${other.port} on 2`);
        assert.notEqual(other.port, first.port);
        assert.equal((await alice('y'.repeat(100_000))).said, first.said);
        assert.equal((await bob()).said, other.said);
        assert.equal(backend.told.length, 2);
        assert.deepEqual(defects, []);
      });
    });

describe('connections with PROXY headers', () => {
  it('are counted with those of their backend, and end with it', async (t) => {
    const { connect, pools } = await open(t, 2, 'off');
    await connect()();
    await connect()();
    const [pool] = pools();
    assert.deepEqual([pool?.counts.open, pool?.counts.idle, pool?.load], [2, 2, 0]);
    pool?.close();
    assert.equal(pool?.counts.open, 0);
  });

  it('of health checks say that nobody is behind them', async (t) => {
    for (const [version, header] of [
      [1, 'PROXY UNKNOWN\r\n'],
      [2, undefined],
    ] as const) {
      const first = new Feed<Buffer>('first bytes');
      const server = net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', (chunk: Buffer) => first.push(chunk));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      const { port } = server.address() as AddressInfo;
      const pools = openPools(makeDependencies());
      t.after(() => pools.close());
      const healthCheck = {
        path: '/health',
        intervalMs: 10_000,
        timeoutMs: 1_000,
        healthyStatuses: [],
        healthyThreshold: 1,
        unhealthyThreshold: 1,
        host: undefined,
        headers: [],
      };
      const options = { healthCheck, settings: { proxyProtocol: version } };
      const cluster = new Cluster(clusterOptions([backendConfig(`http://127.0.0.1:${port}`)], noTls, options), pools);
      t.after(() => cluster.close());
      pools.beginChecks();
      const bytes = await first.waitFor(() => true);
      const read = readProxyHeader(bytes);
      assert.ok(read.kind === 'header');
      assert.deepEqual([read.version, read.addresses], [version, undefined]);
      if (header !== undefined) assert.ok(bytes.toString('latin1').startsWith(header));
      assert.ok(bytes.toString('latin1', read.length).startsWith('GET /health HTTP/1.1'));
    }
  });
});
