import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { Deadlines } from '../base/deadline.ts';
import { writeProxyHeader } from '../proxy-protocol/writer.ts';
import { type AdmissionRules, openAdmission, type RefusedAdmission } from './admission.ts';
import { ClientCounts } from './client-counts.ts';
import type { Address } from './peer.ts';
import { PlainListener } from './plain-listener.ts';
import { ProxySources } from './proxy-sources.ts';

const fromHere = new ProxySources({ from: ['127.0.0.0/8'], others: 'direct' });
const source = { address: '192.0.2.1', port: 12_345 };
const header = writeProxyHeader(1, { source, destination: { address: '192.0.2.2', port: 80 } });

async function listen(t: TestContext, rules: Partial<AdmissionRules>, connections = new ClientCounts()) {
  const refusals: (RefusedAdmission & { readonly address: Address })[] = [];
  const served: Address[] = [];
  const sockets = new Set<Socket>();
  let told = (): void => {};
  const listener = new PlainListener({
    clock: systemClock,
    deadlines: new Deadlines(systemClock, 5),
    connections,
    rules: () => ({
      ...openAdmission,
      handshakeTimeoutMs: 10_000,
      pendingHandshakes: { max: 100, maxPerNetwork: 0 },
      ...rules,
    }),
    maxConnections: 100,
    onTurnedAway: () => assert.fail('nobody is one too many'),
    onConnection: (socket, address) => {
      sockets.add(socket);
      served.push(address);
      // Says what it got, as a server of HTTP reads it.
      socket.on('data', (chunk) => socket.write(chunk));
      socket.resume();
      told();
    },
    onRefused: (address, refused) => {
      refusals.push({ ...refused, address });
      told();
    },
  });
  const { port } = await listener.listen('127.0.0.1', 0, false);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const dial = async (...pieces: (string | Buffer)[]): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
    return socket;
  };
  const next = async (): Promise<void> => new Promise((resolve) => (told = resolve));
  return { dial, next, served, refusals };
}

describe('the plain entry point', () => {
  it('hands over what stands behind a PROXY header, with the address that it names', async (t) => {
    const { dial, served, refusals } = await listen(t, { proxySources: fromHere });
    const whole = await dial(Buffer.concat([header, Buffer.from('GET / HTTP/1.1')]));
    assert.equal(String((await once(whole, 'data'))[0]), 'GET / HTTP/1.1');
    const cut = await dial(header.subarray(0, 9), header.subarray(9), 'GET /');
    assert.equal(String((await once(cut, 'data'))[0]), 'GET /');
    assert.deepEqual(
      served.map(({ remoteAddress, remotePort, balancer }) => [remoteAddress, remotePort, balancer]),
      [1, 2].map(() => ['192.0.2.1', 12_345, '127.0.0.1']),
    );
    assert.deepEqual(refusals, []);
  });

  it('refuses a balancer that sends none before anything is read as HTTP', async (t) => {
    const { dial, next, served, refusals } = await listen(t, { proxySources: fromHere });
    const told = next();
    const socket = await dial('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await told;
    socket.resume();
    await once(socket, 'close');
    assert.deepEqual([served.length, refusals[0]?.code], [0, 'bad_proxy_header']);
  });

  it('ends the wait for a header with the deadline of a handshake', async (t) => {
    const { dial, next, refusals } = await listen(t, { proxySources: fromHere, handshakeTimeoutMs: 30 });
    const told = next();
    const socket = await dial('PROXY TCP4');
    await told;
    socket.resume();
    await once(socket, 'close');
    assert.deepEqual([refusals[0]?.code, refusals[0]?.address.remoteAddress], ['timeout', '127.0.0.1']);
  });

  it('gives one client so many connections, and takes back the place of one that is closed', async (t) => {
    const { dial, next, served, refusals } = await listen(t, { proxySources: fromHere, connectionsPerClient: 1 });
    const first = await dial(header, 'x');
    await once(first, 'data');
    const told = next();
    await dial(header);
    await told;
    assert.deepEqual(
      [refusals[0]?.code, refusals[0]?.address.remoteAddress, served.length],
      ['client_limit', '192.0.2.1', 1],
    );
    first.destroy();
    // The close of the server's side follows that of ours; nothing but the next attempt tells of it.
    while (served.length === 1) {
      const again = next();
      await dial(header);
      await again;
    }
    assert.equal(served.length, 2);
  });

  it('counts a client’s connections to all entry points together', async (t) => {
    const connections = new ClientCounts();
    const [one, other] = await Promise.all([
      listen(t, { connectionsPerClient: 1 }, connections),
      listen(t, { connectionsPerClient: 1 }, connections),
    ]);
    const first = one.next();
    await one.dial();
    await first;
    const second = other.next();
    await other.dial();
    await second;
    assert.deepEqual([one.served.length, other.served.length, other.refusals[0]?.code], [1, 0, 'client_limit']);
  });
});
