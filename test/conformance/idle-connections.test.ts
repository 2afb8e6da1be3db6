// Decision 84: what a connection that rests still holds. Not how many bytes those are (bench: h1-idle, h2-idle), but that what its
// handshake needed is gone, and that connections of one client share what is known of it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import type { Peer } from '../../src/downstream/peer.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { Feed } from '../support/wait-for.ts';
import { type Edge, openEdge } from './tls-edge.ts';

type Taken = { readonly socket: TLSSocket; readonly peer: Peer; readonly transport: Socket };

const taken = new Feed<Taken>('connections');
let pki: Pki;
let edge: Edge;

before(async () => {
  pki = await openPki();
  edge = await openEdge({
    policies: { a: { server: pki.downstream, ca: pki.clients.certPem, hosts: ['a.test'] } },
    onConnection: (socket, peer, transport) => {
      socket.on('data', (bytes: Buffer) => socket.write(bytes));
      taken.push({ socket, peer, transport });
    },
  });
});
after(() => {
  edge[Symbol.dispose]();
  pki.remove();
});

/** `curves`: with a post-quantum key share a ClientHello is longer than the buffer that Node begins with. */
async function open(curves: string): Promise<{ client: TLSSocket } & Taken> {
  const client = connect({
    host: '127.0.0.1',
    port: edge.port,
    servername: 'a.test',
    ca: pki.servers.certPem,
    cert: pki.alice.chainPem,
    key: pki.alice.keyPem,
    ecdhCurve: curves,
  });
  await once(client, 'secureConnect');
  const port = client.localPort;
  const found = await taken.waitFor(({ peer }) => peer.remotePort === port);
  return { client, ...found };
}

for (const curves of ['X25519', 'X25519MLKEM768']) {
  test(`with ${curves}, nobody listens any more for the ClientHello, nothing of it is kept, and the connection wakes up`, async () => {
    const { client, transport } = await open(curves);
    for (const word of ['first', 'second']) {
      client.write(word);
      const [answer] = (await once(client, 'data')) as [Buffer];
      assert.equal(answer.toString(), word);
      assert.equal(transport.listenerCount('data'), 0);
      assert.equal(transport.readableLength, 0);
    }
    client.destroy();
  });
}

test('two connections of one client share the facts of its certificate and its chain', async () => {
  const [one, other] = [await open('X25519'), await open('X25519')];
  assert.notEqual(one.peer, other.peer);
  assert.ok(one.peer.identity !== undefined);
  assert.equal(one.peer.identity.leaf, other.peer.identity?.leaf);
  assert.equal(one.peer.identity.chain, other.peer.identity?.chain);
  one.client.destroy();
  other.client.destroy();
});
