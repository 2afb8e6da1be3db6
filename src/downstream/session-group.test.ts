import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { findGroupName } from '../base/tls-group.ts';
import { mintCa } from '../certs/test-ca.ts';
import { findSessionGroup } from './session-group.ts';

let server: Server;

before(async () => {
  const { chainPem: cert, keyPem: key } = await (await mintCa()).issue({ kind: 'server', sans: ['a.test'] });
  server = createServer({ cert, key, ecdhCurve: 'X25519MLKEM768:X25519:P-256:P-384' }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => void server.close());

for (const [maxVersion, offered, group] of [
  ['TLSv1.3', 'X25519MLKEM768:X25519', 'X25519MLKEM768'],
  ['TLSv1.3', 'X25519', 'X25519'],
  ['TLSv1.3', 'P-384', 'P-384'],
  ['TLSv1.2', 'X25519:P-256', 'X25519'],
  ['TLSv1.2', 'P-256', 'P-256'],
] as const) {
  test(`a server knows the group of a client that offers ${offered} over ${maxVersion}`, async () => {
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
    const client = connect({ port, host: '127.0.0.1', maxVersion, ecdhCurve: offered, rejectUnauthorized: false });
    const [[socket]] = await Promise.all([accepted, once(client, 'secureConnect')]);
    assert.equal(findSessionGroup(socket), group);
    const info = client.getEphemeralKeyInfo() as { name: string };
    assert.equal(findGroupName(info.name), group);
    client.destroy();
    socket.destroy();
  });
}

test('a session that cannot be read has no group, and its secret does not stay in memory', () => {
  for (const bytes of [[], [0x30], [0x30, 3, 0xb3, 1, 2], [0x30, 0], [1, 2, 3]]) {
    const session = Buffer.from(bytes);
    assert.equal(findSessionGroup({ getSession: () => session }), undefined);
    assert.ok(session.every((byte) => byte === 0));
  }
  assert.equal(findSessionGroup({ getSession: () => undefined }), undefined);
  const unknown = Buffer.from([0x30, 6, 0xb3, 4, 0x02, 0x02, 0x7a, 0x7a]);
  assert.equal(findSessionGroup({ getSession: () => unknown }), 'group 31354');
});
