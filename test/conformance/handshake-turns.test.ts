// Who is served when many handshakes come at once, over real sockets: the turns of the event loop are the test's.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { systemClock } from '../../src/base/clock.ts';
import { FutileHandshakes } from '../../src/downstream/futile-handshakes.ts';
import { HandshakeTurns } from '../../src/downstream/handshake-turns.ts';
import { captureClientHello } from '../support/client-hello.ts';
import { openAuthority, type CertFiles } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';
import { type Edge, type EdgeOptions, openEdge } from './tls-edge.ts';

const dir = openTempDir('turns');
after(() => dir.remove());
const clients = await openAuthority(dir, 'clients');
const strangers = await openAuthority(dir, 'strangers');
const servers = await openAuthority(dir, 'servers');
const server = await servers.issueFiles('edge', { kind: 'server', sans: ['a.test'] });
const alice = await clients.issueFiles('alice', { kind: 'client', cn: 'alice' });
const stranger = await strangers.issueFiles('stranger', { kind: 'client', cn: 'stranger' });
const hello = await captureClientHello('a.test');

/** An edge whose event loop seems to turn only when `turn` is called: one handshake then starts. */
async function open(options: Partial<EdgeOptions> = {}) {
  const due: (() => void)[] = [];
  // Nothing is forgiven here, however long the machine takes.
  const futile = new FutileHandshakes({ ...systemClock, monotonic: () => 0 });
  const turns = new HandshakeTurns({ perTurn: 1, later: (act) => due.push(act), futile });
  const edge = await openEdge({ policies: { a: { server, ca: clients.certPem } }, turns, ...options });
  const turn = (): void => due.splice(0).forEach((act) => act());
  return { edge, turns, futile, turn };
}

/** `count` clients that have sent a ClientHello, and wait. */
async function flood(edge: Edge, localAddress: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let at = 0; at < count; at += 1) {
    const socket = connect({ host: '127.0.0.1', port: edge.port, localAddress });
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(hello);
    sockets.push(socket);
  }
  return sockets;
}

/** Resolves with what becomes of a client from this address. */
async function shake(edge: Edge, localAddress: string, as: CertFiles): Promise<'served' | 'closed'> {
  const raw = connect({ host: '127.0.0.1', port: edge.port, localAddress });
  const trust = { ca: servers.certPem, cert: as.chainPem, key: as.keyPem };
  const socket = connectTls({ socket: raw, servername: 'a.test', ...trust });
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\n\r\n');
  return new Promise((resolve) => {
    socket.once('data', () => resolve('served'));
    socket.once('close', () => resolve('closed'));
  });
}

const waits = async (turns: HandshakeTurns, count: number): Promise<void> =>
  void (await eventually(() => turns.waiting === count, { what: `${count} handshakes to wait` }));

describe('many handshakes at once', () => {
  it('of one address keep a client of another waiting for two turns', async () => {
    const { edge, turns, turn } = await open();
    using _ = edge;
    const sockets = await flood(edge, '127.0.0.2', 101);
    await waits(turns, 100);
    const good = shake(edge, '127.0.0.3', alice);
    await waits(turns, 101);
    turn();
    turn();
    assert.equal(await good, 'served');
    assert.equal(turns.waiting, 99);
    assert.deepEqual(
      [edge.outcomes.items.map(({ code, waited }) => [code, waited]), edge.defects],
      [[['ok', true]], []],
    );
    for (const socket of sockets) socket.destroy();
    await waits(turns, 0);
  });

  it('of a whole fleet behind one address all get in, each in its turn', async () => {
    const { edge, turns, turn } = await open();
    using _ = edge;
    const fleet = Array.from({ length: 60 }, () => shake(edge, '127.0.0.2', alice));
    await waits(turns, 59);
    while (turns.waiting > 0) turn();
    assert.deepEqual(await Promise.all(fleet), Array(60).fill('served'));
    assert.deepEqual(edge.refusals.items, []);
  });

  it('that die while they wait leave nothing, and no work is done for them', async () => {
    const { edge, turns, turn } = await open();
    using _ = edge;
    const [first, ...others] = await flood(edge, '127.0.0.2', 30);
    await waits(turns, 29);
    for (const socket of others.slice(0, 15)) socket.destroy();
    for (const socket of others.slice(15)) socket.resetAndDestroy();
    await waits(turns, 0);
    await eventually(() => edge.listener.pending === 1, { what: 'only the first to be pending' });
    turn();
    first?.destroy();
    await eventually(() => edge.listener.pending === 0, { what: 'nobody to be pending' });
    const told = edge.refusals.items.map(({ code, detail }) => `${code}: ${detail}`);
    const waiting = 'refused_by_peer: the client closed the connection, while it waited for its turn';
    assert.equal(told.filter((text) => text === waiting).length, 29);
    assert.deepEqual(edge.defects, []);
  });

  it('are refused by the deadline and for want of places, and say what they waited for', async () => {
    const { edge, turns } = await open({ handshakeTimeoutMs: 300 });
    using _ = edge;
    const sockets = await flood(edge, '127.0.0.2', 3);
    await Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
    assert.equal(turns.waiting, 0);
    const told = edge.refusals.items.map(({ code, detail }) => `${code}: ${detail}`).sort();
    const late = 'timeout: the handshake was not finished in time, ';
    assert.deepEqual(told, [`${late}after its ClientHello`, ...Array(2).fill(`${late}while it waited for its turn`)]);
    const { edge: full, turns: fullTurns } = await open({ pendingHandshakes: { max: 4, maxPerNetwork: 0 } });
    using __ = full;
    const many = await flood(full, '127.0.0.2', 20);
    await eventually(() => full.refusals.items.length === 16, { what: 'sixteen to give way' });
    assert.deepEqual([full.listener.pending, fullTurns.waiting <= 4], [4, true]);
    for (const socket of many) socket.destroy();
    await waits(fullTurns, 0);
  });

  it('that stop, of an address where many came to nothing: few are held at once, and whoever finishes his gets in there', async () => {
    const { edge, turns, turn, futile } = await open();
    using _ = edge;
    for (let at = 0; at < 25; at += 1) futile.note('127.0.0.2');
    const sockets = await flood(edge, '127.0.0.2', 90);
    await eventually(() => edge.refusals.items.length === 26, { what: 'the oldest to give way' });
    assert.deepEqual([...new Set(edge.refusals.items.map(({ code }) => code))], ['handshake_limit']);
    assert.equal(edge.listener.pending, 64);
    const good = shake(edge, '127.0.0.2', alice);
    const other = shake(edge, '127.0.0.3', alice);
    await eventually(() => edge.refusals.items.length === 27, { what: 'one more to give way' });
    await eventually(() => (turn(), edge.outcomes.items.filter(({ code }) => code === 'ok').length === 2), {
      what: 'two',
    });
    assert.deepEqual(await Promise.all([good, other]), ['served', 'served']);
    assert.deepEqual(edge.defects, []);
    for (const socket of sockets) socket.destroy();
    await waits(turns, 0);
  });

  it('of an address whose certificates were refused wait for others; what a lying PROXY header says counts for nobody', async () => {
    const { edge, turns, turn, futile } = await open();
    using _ = edge;
    for (let at = 0; at < 22; at += 1) {
      const refused = shake(edge, '127.0.0.2', stranger);
      await eventually(() => (turn(), edge.refusals.items.length === at + 1), { what: 'a refusal' });
      assert.equal(await refused, 'closed');
    }
    assert.deepEqual([futile.isFutile('127.0.0.2'), futile.isFutile('127.0.0.3')], [true, false]);
    const liar = connect({ host: '127.0.0.1', port: edge.port, localAddress: '127.0.0.4' });
    liar.on('error', () => {});
    liar.write('PROXY TCP4 127.0.0.3 127.0.0.1 1 2\r\n');
    await edge.refusals.waitFor(({ code }) => code === 'untrusted_proxy');
    assert.equal(futile.size, 1, 'it cost nothing, and 127.0.0.3 has nothing to do with it');
    turn();
    const sockets = await flood(edge, '127.0.0.2', 3);
    await waits(turns, 2);
    sockets.push(...(await flood(edge, '127.0.0.5', 2)));
    await waits(turns, 4);
    const good = shake(edge, '127.0.0.3', alice);
    await waits(turns, 5);
    for (let at = 0; at < 3; at += 1) turn();
    assert.equal(await good, 'served');
    assert.equal(turns.waiting, 2, 'those of the address that came first wait still');
    for (const socket of [...sockets, liar]) socket.destroy();
    await waits(turns, 0);
  });
});
