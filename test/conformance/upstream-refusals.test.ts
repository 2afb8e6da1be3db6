// How the backend side names each way in which a backend cannot be reached or trusted: real sockets, openssl and nginx, never a mock.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import tls, { type TlsOptions } from 'node:tls';
import { mintCa } from '../../src/certs/test-ca.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import type { PoolSettings } from '../../src/upstream/pool-settings.ts';
import type { TlsMaterial } from '../../src/upstream/tls-identity.ts';
import type { Fault } from '../../src/base/fault.ts';
import { findFreePort } from '../support/free-port.ts';
import { openPki, type Pki } from '../support/pki.ts';
import {
  backendConfig,
  closePools,
  clusterOptions,
  faultOf,
  makeDependencies,
  openPools,
  material,
  TestCall,
} from './upstream-setup.ts';

after(closePools);

const opened: Served[] = [];
/** Also after a failed test: a server left open would keep the process. */
after(() => Promise.all(opened.map((served) => served.close())));

/** The fault of one GET. */
async function refusal(url: string, tls: TlsMaterial, settings: Partial<PoolSettings> = {}): Promise<Fault> {
  const pools = openPools(makeDependencies());
  const cluster = new Cluster(clusterOptions([backendConfig(url)], tls, { settings }), pools);
  const [backend] = cluster.backends;
  assert.ok(backend !== undefined);
  const fault = await faultOf(new TestCall(backend));
  cluster.close();
  pools.close();
  return fault;
}

type Served = { readonly port: number; readonly bytes: () => string; close(): Promise<void> };

/** A TLS server that answers requests with 200, and remembers what reached it. */
async function serveTls(options: TlsOptions): Promise<Served> {
  let bytes = '';
  const sockets = new Set<net.Socket>();
  const server = tls.createServer(options, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1');
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  const served = { port: (server.address() as AddressInfo).port, bytes: () => bytes, close };
  opened.push(served);
  return served;
}

/** A TCP server that does `act` with each connection. */
async function serveTcp(act: (socket: net.Socket) => void): Promise<Served> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    act(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  const served = { port: (server.address() as AddressInfo).port, bytes: () => '', close };
  opened.push(served);
  return served;
}

describe('a backend that cannot be trusted', () => {
  let pki: Pki;
  before(async () => {
    pki = await openPki();
  });
  after(() => pki.remove());

  /** The fault and what the backend saw of the request. */
  async function verify(server: TlsOptions, tls: TlsMaterial): Promise<Fault> {
    const served = await serveTls(server);
    const fault = await refusal(`https://localhost:${served.port}`, tls);
    assert.equal(served.bytes(), '', 'no byte of a request was sent');
    await served.close();
    return fault;
  }

  test('an expired certificate is expired', async () => {
    const day = 86_400_000;
    const old = await pki.internal.issue({
      kind: 'server',
      sans: ['localhost'],
      notBefore: Date.now() - 2 * day,
      notAfter: Date.now() - day,
    });
    const fault = await verify({ cert: old.chainPem, key: old.keyPem }, material(pki.internal.certPem));
    assert.equal(fault.code, 'expired');
    assert.equal(fault.raw, 'CERT_HAS_EXPIRED');
    assert.equal(fault.unsent, true);
  });

  test('a certificate of tomorrow is not_yet_valid', async () => {
    const early = await pki.internal.issue({ kind: 'server', sans: ['localhost'], notBefore: Date.now() + 86_400_000 });
    const fault = await verify({ cert: early.chainPem, key: early.keyPem }, material(pki.internal.certPem));
    assert.equal(fault.code, 'not_yet_valid');
  });

  test('a self-signed certificate is untrusted_issuer', async () => {
    // Without key usage it could serve as a server's certificate, if anybody vouched for it.
    const self = await mintCa({ cn: 'localhost', extensions: [{ oid: '2.5.29.15', value: undefined }] });
    const fault = await verify({ cert: self.certPem, key: self.keyPem }, material(pki.internal.certPem));
    assert.equal(fault.code, 'untrusted_issuer');
    assert.match(fault.detail ?? '', /self-signed/);
  });

  test('a chain without its intermediate is untrusted_issuer, until another backend has shown the intermediate', async () => {
    const root = await mintCa({ subject: '/O=Example/CN=Root' });
    const issuing = await root.issueCa({ subject: '/O=Example/CN=Issuing' });
    const leaf = await issuing.issue({ kind: 'server', sans: ['localhost'] });
    const trusting = material(root.certPem);
    const dependencies = makeDependencies();
    const codeFor = async (cert: string): Promise<string> => {
      const served = await serveTls({ cert, key: leaf.keyPem });
      const pools = openPools(dependencies);
      const backends = [backendConfig(`https://localhost:${served.port}`)];
      const cluster = new Cluster(clusterOptions(backends, trusting), pools);
      const [backend] = cluster.backends;
      assert.ok(backend !== undefined);
      const call = await new TestCall(backend).answer.then(
        () => 'ok',
        (fault: Fault) => fault.code,
      );
      cluster.close();
      pools.close();
      await served.close();
      return call;
    };
    assert.equal(await codeFor(leaf.certPem), 'untrusted_issuer');
    assert.equal(await codeFor(leaf.certPem + issuing.certPem), 'ok');
    assert.equal(await codeFor(leaf.certPem), 'missing_intermediate');
  });

  test('a chain with its intermediate passes', async () => {
    const root = await mintCa();
    const issuing = await root.issueCa();
    const leaf = await issuing.issue({ kind: 'server', sans: ['localhost'] });
    const served = await serveTls({ cert: leaf.chainPem, key: leaf.keyPem });
    const setup = makeDependencies();
    const pools = openPools(setup);
    const [backend] = new Cluster(
      clusterOptions([backendConfig(`https://localhost:${served.port}`)], material(root.certPem)),
      pools,
    ).backends;
    assert.ok(backend !== undefined);
    assert.equal((await new TestCall(backend).answer).status, 200);
    const [event] = setup.feed.items;
    assert.ok(event?.kind === 'connected');
    assert.deepEqual(
      event.verdict?.chain.slice(0, 2).map(({ der }) => der),
      [leaf.der, issuing.der],
    );
    pools.close();
    await served.close();
  });

  test('a client certificate shown by a server is wrong_purpose', async () => {
    const client = await pki.internal.issue({ kind: 'client', sans: ['localhost'] });
    const fault = await verify({ cert: client.chainPem, key: client.keyPem }, material(pki.internal.certPem));
    assert.equal(fault.code, 'wrong_purpose');
  });

  test('a name in the common name only is name_mismatch', async () => {
    const named = await pki.internal.issue({ kind: 'server', cn: 'localhost' });
    const fault = await verify({ cert: named.chainPem, key: named.keyPem }, material(pki.internal.certPem));
    assert.equal(fault.code, 'name_mismatch');
    assert.match(fault.detail ?? '', /common name/);
  });

  test('an address written as a DNS name does not cover the address', async () => {
    const wrong = await pki.internal.issue({ kind: 'server', sans: ['DNS:127.0.0.1'] });
    const served = await serveTls({ cert: wrong.chainPem, key: wrong.keyPem });
    const fault = await refusal(`https://127.0.0.1:${served.port}`, material(pki.internal.certPem));
    assert.equal(fault.code, 'name_mismatch');
    await served.close();
  });

  test('a backend that only speaks an older version is protocol_mismatch with both ranges in reach', async () => {
    const server = { cert: pki.backend.chainPem, key: pki.backend.keyPem, maxVersion: 'TLSv1.2' } as const;
    const fault = await verify(server, material(pki.internal.certPem, { minVersion: 'TLSv1.3' }));
    assert.equal(fault.code, 'protocol_mismatch');
    assert.match(fault.detail ?? '', /TLSv1\.3/);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const verifying = (): TlsOptions => ({
      cert: pki.backend.chainPem,
      key: pki.backend.keyPem,
      ca: pki.clients.certPem,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: version,
      maxVersion: version,
    });

    test(`a backend that breaks off without an alert after our certificate is never ok (${version})`, async () => {
      // Node as a server closes without an alert (N12): with TLS 1.3 after our handshake is done, and for no stated reason.
      const fault = await verify(verifying(), material(pki.internal.certPem, { client: pki.gateway }));
      assert.equal(fault.code, version === 'TLSv1.2' ? 'refused_by_peer' : 'backend_closed');
      assert.equal(fault.status, 502);
    });
  }

  test('a Node https backend that dislikes our certificate ends without a word: the fault names the suspicion', async (t) => {
    // TLS 1.3: our handshake is done when Node looks at the certificate; it then ends the connection, no alert is sent.
    const { chainPem: cert, keyPem: key } = pki.backend;
    const verify = {
      ca: pki.clients.certPem,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    } as const;
    const server = https.createServer({ cert, key, ...verify }, (_, response) => response.end('ok'));
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const url = `https://localhost:${(server.address() as AddressInfo).port}`;
    const stranger = await refusal(url, material(pki.internal.certPem, { client: pki.gateway }));
    assert.equal(stranger.code, 'backend_closed');
    assert.match(
      stranger.detail ?? '',
      /may not accept our client certificate \("CN=gateway" from .*\): some servers close without a TLS alert/,
    );
    // No certificate at all is OpenSSL's own business, which sends an alert.
    assert.equal((await refusal(url, material(pki.internal.certPem))).code, 'no_client_cert');
  });
});

describe('a backend that cannot be reached', () => {
  let pki: Pki;
  before(async () => {
    pki = await openPki();
  });
  after(() => pki.remove());
  const trusting = (): TlsMaterial => material(pki.internal.certPem);

  test('a closed port is refused, with and without TLS', async () => {
    const port = await findFreePort();
    for (const scheme of ['http', 'https']) {
      const fault = await refusal(`${scheme}://localhost:${port}`, trusting());
      assert.equal(fault.code, 'refused');
      assert.equal(fault.raw, 'ECONNREFUSED');
      assert.equal(fault.status, 502);
    }
  });

  test('a name that does not resolve is dns', async () => {
    const fault = await refusal('http://nothing-here.invalid:80', trusting());
    assert.equal(fault.code, 'dns');
  });

  test('plain HTTP behind https:// is not_tls', async () => {
    const served = await serveTcp((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
    });
    const fault = await refusal(`https://localhost:${served.port}`, trusting());
    assert.equal(fault.code, 'not_tls');
    await served.close();
  });

  test('a listener that never speaks TLS is a timeout of the handshake', async () => {
    const served = await serveTcp(() => undefined);
    const fault = await refusal(`https://localhost:${served.port}`, trusting(), { handshakeMs: 100 });
    assert.equal(fault.code, 'timeout');
    assert.match(fault.detail ?? '', /TLS handshake/);
    assert.equal(fault.status, 504);
    await served.close();
  });

  test('a listener that closes at once is unreachable under TLS', async () => {
    const served = await serveTcp((socket) => socket.destroy());
    const fault = await refusal(`https://localhost:${served.port}`, trusting());
    assert.equal(fault.code, 'unreachable');
    await served.close();
  });

  test('random bytes after the ClientHello end in a fault, not in an exception', async () => {
    for (const bytes of [
      '\x16\x03\x03\x00\x02ab',
      '\x15\x03\x03\x00\x02\x02\x28',
      '\x00\x00\x00',
      'x'.repeat(70_000),
    ]) {
      const served = await serveTcp((socket) => socket.once('data', () => socket.end(bytes, 'latin1')));
      const fault = await refusal(`https://localhost:${served.port}`, trusting());
      assert.equal(fault.name, 'Fault');
      assert.notEqual(fault.code, 'internal');
      await served.close();
    }
  });
});
