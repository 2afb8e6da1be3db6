// A client that floods over HTTP/2 and comes again each time, through a gateway that has a backend of HTTP/1.1: what it may waste is
// counted for all its connections together. Whoever else is at its address, and what it asks in earnest, is served.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { FramePeer, request, reset } from '../conformance/http2-harness.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { emptySettings, preface } from '../support/http2-frames.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { SAFETY_NET_MS } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let gateway: Gateway;

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  gateway = stack.use(
    await startGateway({
      dir: pki.dir,
      yaml: `version: 2
gateway:
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
  routes:
    - name: all
      path: /
      target: "https://localhost:${nginx.port}"
      security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key, http2: "off"}}
`,
    }),
  );
});

async function open(as: CertFiles): Promise<FramePeer> {
  const trust = { ca: pki.servers.certPem, cert: as.chainPem, key: as.keyPem };
  const port = gateway.ports.webSecure;
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ALPNProtocols: ['h2'], ...trust });
  const peer = new FramePeer(socket, 'client');
  await once(socket, 'secureConnect');
  return peer.send(preface, emptySettings);
}

/** Fewer than one connection may, by itself. */
const resets = 100;

const waste = (peer: FramePeer): FramePeer =>
  peer.send(...Array.from({ length: resets }, (_, at) => Buffer.concat([request(2 * at + 1), reset(2 * at + 1)])));

async function assertServed(as: CertFiles): Promise<void> {
  const peer = await open(as);
  peer.send(request(1));
  await peer.until('HEADERS 1 200');
  peer.socket.destroy();
}

describe('a client that resets what it asks, and connects again', () => {
  it('is ended sooner than a connection by itself would be; others at its address are not', async () => {
    const mallory = await pki.clients.issueFiles('mallory', { kind: 'client', cn: 'mallory' });
    const until = Date.now() + SAFETY_NET_MS;
    for (let last = ''; !last.includes('GOAWAY'); ) {
      assert.ok(Date.now() < until, 'it is never ended');
      const peer = waste(await open(mallory));
      peer.send(request(2 * resets + 1));
      const told = await peer.frames.waitFor(({ text }) => /^GOAWAY|^HEADERS 201 /.test(text), { what: 'an end' });
      last = told.text;
      if (last.startsWith('GOAWAY')) assert.match(last, /^GOAWAY \d+ ENHANCE_YOUR_CALM .*on all its connections$/);
      peer.socket.destroy();
    }
    const alice = waste(await open(pki.alice));
    alice.send(request(2 * resets + 1));
    await alice.until('HEADERS 201 200');
    alice.socket.destroy();
    await assertServed(pki.alice);
    // What it asks in earnest is served, too.
    await assertServed(mallory);
  });
});
