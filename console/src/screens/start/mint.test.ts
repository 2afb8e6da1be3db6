// What the browser mints, as OpenSSL and a TLS handshake see it: keys fit, both sides accept, and a stranger is refused.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { before, describe, it } from 'node:test';
import { mintAll, type Minted } from './mint.ts';

const now = Date.now();
let made: Minted;

before(async () => {
  made = await mintAll({ backend: 'orders.test', now });
});

describe('certificates made in the browser', () => {
  it('are signed by the CA, for the names and purposes that they are for, with the keys that came with them', () => {
    const ca = new X509Certificate(made.ca.certPem);
    assert.ok(ca.ca && ca.verify(ca.publicKey));
    for (const [one, usage] of [
      [made.server, '1.3.6.1.5.5.7.3.1'],
      [made.gateway, '1.3.6.1.5.5.7.3.2'],
      [made.client, '1.3.6.1.5.5.7.3.2'],
    ] as const) {
      const leaf = new X509Certificate(one.certPem);
      assert.ok(leaf.verify(ca.publicKey) && leaf.checkIssued(ca) && !leaf.ca);
      assert.ok(leaf.checkPrivateKey(createPrivateKey(one.keyPem)));
      assert.deepEqual(leaf.keyUsage, [usage]);
      assert.ok(leaf.validToDate.getTime() > now + 89 * 86_400_000);
    }
    assert.equal(new X509Certificate(made.server.certPem).subjectAltName, 'DNS:orders.test');
    assert.equal(new X509Certificate(made.gateway.certPem).subjectAltName, 'URI:spiffe://countersign.test/gateway');
  });

  it('carry an address where the backend has no name', async () => {
    const { server } = await mintAll({ backend: '10.0.0.5', now });
    assert.equal(new X509Certificate(server.certPem).subjectAltName, 'IP Address:10.0.0.5');
  });

  it('hold a handshake with a certificate on both sides, and a backend refuses another CA', async () => {
    const other = await mintAll({ backend: 'orders.test', now });
    assert.equal(await handshake(made, made), 'gateway');
    assert.match(await handshake(made, { ...other, ca: made.ca }), /^refused/);
    assert.match(await handshake(other, made), /^refused/);
  });
});

/** Who the server saw, or why there was no handshake. */
async function handshake(server: Minted, client: Minted): Promise<string> {
  const listener = createServer({
    cert: server.server.certPem,
    key: server.server.keyPem,
    ca: server.ca.certPem,
    requestCert: true,
    rejectUnauthorized: true,
  });
  let refusal = '';
  listener.on('tlsClientError', ({ message }, socket) => {
    refusal = `refused: ${message}`;
    socket.destroy();
  });
  listener.on('secureConnection', (socket: TLSSocket) => socket.end(String(socket.getPeerCertificate().subject.CN)));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'orders.test',
    ca: client.ca.certPem,
    cert: client.gateway.certPem,
    key: client.gateway.keyPem,
  });
  try {
    const heard: Buffer[] = [];
    for await (const piece of socket) heard.push(piece as Buffer);
    return refusal || Buffer.concat(heard).toString();
  } catch (error) {
    return `refused: ${refusal || (error as Error).message}`;
  } finally {
    socket.destroy();
    listener.close();
  }
}
