// What a backend says about our client certificate: openssl s_server demands one and sends real alerts (N24, N26).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Fault } from '../../src/base/fault.ts';
import type { Backend } from '../../src/upstream/backend.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import type { Pools } from '../../src/upstream/pools.ts';
import type { TlsMaterial } from '../../src/upstream/tls-identity.ts';
import { type OwnedProcess, startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
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

type Server = { readonly port: number; readonly process: OwnedProcess };

describe('a backend that demands a client certificate in the handshake', () => {
  let pki: Pki;
  let expired: CertFiles;
  before(async () => {
    pki = await openPki();
    const notAfter = Date.now() - 86_400_000;
    expired = await pki.internal.issueFiles('expired', { kind: 'client', notBefore: notAfter - 86_400_000, notAfter });
  });
  after(() => pki.remove());

  async function startServer(...more: string[]): Promise<Server> {
    const { cert, key } = pki.backend;
    const identity = ['-cert', cert, '-key', key, '-CAfile', pki.internal.file];
    const args = [
      's_server',
      '-accept',
      '127.0.0.1:0',
      ...identity,
      '-Verify',
      '3',
      '-verify_return_error',
      '-www',
      ...more,
    ];
    const server = await startProcess(requireCommand('openssl'), args, { name: 'openssl s_server' });
    const line = await server.lines.waitFor(({ text }) => text.startsWith('ACCEPT '), { what: 'its port' });
    return { port: Number(line.text.slice(line.text.lastIndexOf(':') + 1)), process: server };
  }

  function open(server: Server, tls: TlsMaterial): { backend: Backend; pools: Pools } {
    const pools = openPools(makeDependencies());
    const url = `https://localhost:${server.port}`;
    const [backend] = new Cluster(clusterOptions([backendConfig(url)], tls), pools).backends;
    assert.ok(backend !== undefined);
    return { backend, pools };
  }

  async function refusal(server: Server, tls: TlsMaterial): Promise<Fault> {
    const { backend, pools } = open(server, tls);
    const fault = await faultOf(new TestCall(backend));
    pools.close();
    return fault;
  }

  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`our certificate is accepted (${version})`, async () => {
      const server = await startServer(version);
      const { backend, pools } = open(server, material(pki.internal.certPem, { client: pki.gateway }));
      assert.equal((await new TestCall(backend).answer).status, 200);
      pools.close();
      await server.process.stop();
    });

    test(`without a certificate it is no_client_cert, with the remedy (${version})`, async () => {
      const server = await startServer(version);
      const fault = await refusal(server, material(pki.internal.certPem));
      assert.equal(fault.code, 'no_client_cert');
      assert.match(fault.raw ?? '', /ALERT/);
      assert.match(fault.detail ?? '', /the route has none: no clientCert is configured/);
      assert.match(fault.help, /security\.tls\.clientCert/);
      assert.equal(fault.status, 502);
      await server.process.stop();
    });

    test(`a certificate of an unknown CA is refused_by_peer, with the alert (${version})`, async () => {
      const server = await startServer(version);
      const fault = await refusal(server, material(pki.internal.certPem, { client: pki.stranger }));
      assert.equal(fault.code, 'refused_by_peer');
      assert.match(fault.raw ?? '', /UNKNOWN_CA/);
      assert.match(fault.detail ?? '', /does not know the CA/);
      await server.process.stop();
    });

    test(`an expired certificate of ours is refused_by_peer, with the alert (${version})`, async () => {
      const server = await startServer(version);
      const fault = await refusal(server, material(pki.internal.certPem, { client: expired }));
      assert.equal(fault.code, 'refused_by_peer');
      assert.match(fault.raw ?? '', /CERTIFICATE_EXPIRED/);
      await server.process.stop();
    });
  }

  test('no cipher in common is protocol_mismatch, not a matter of certificates', async () => {
    const server = await startServer('-tls1_2', '-cipher', 'AES128-SHA');
    const fault = await refusal(server, material(pki.internal.certPem, { client: pki.gateway }));
    assert.equal(fault.code, 'protocol_mismatch');
    await server.process.stop();
  });

  test('repeated refusals after the handshake count like failed connects', async () => {
    const server = await startServer('-tls1_3');
    const { backend, pools } = open(server, material(pki.internal.certPem));
    for (let i = 0; i < 5; i += 1) await faultOf(new TestCall(backend));
    assert.equal(backend.ejected, true);
    assert.equal(backend.state().reason?.code, 'no_client_cert');
    pools.close();
    await server.process.stop();
  });
});
