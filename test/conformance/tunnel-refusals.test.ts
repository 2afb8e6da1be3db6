// What is no tunnel: protocols that the route does not let pass, backends that do not agree or only seem to, bytes that come too
// early. And which connection to a backend a tunnel takes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, it, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { Feed } from '../support/wait-for.ts';
import {
  acceptByHand,
  ask,
  type Asking,
  dialEdge,
  openTunnelSetup,
  readAll,
  readBytes,
  type TunnelSetup,
  type TunnelSetupOptions,
} from './tunnel-setup.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

async function open(t: TestContext, options: TunnelSetupOptions): Promise<TunnelSetup> {
  const setup = await openTunnelSetup(options);
  t.after(() => {
    setup.close();
    assert.deepEqual(setup.defects, []);
  });
  return setup;
}

/** `STATUS code` of a request that is over. */
async function outcome(setup: TunnelSetup, version: 'h1' | 'h2', asking: Asking): Promise<string> {
  const from = setup.records.length;
  const client = await ask(setup, version, asking);
  await readAll(client.stream);
  const { code } = await setup.records.waitFor(() => true, { from });
  client.destroy();
  return `${client.status} ${code}`.trim();
}

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';
const asked = (setup: TunnelSetup): string[] => setup.records.items.map(({ target }) => target);

describe('A request for another protocol', () => {
  it('is refused, or served without it, where the route does not let it pass', async (t) => {
    const setup = await open(t, { backend: { version: 'h1' }, upgrades: ['chat/1'] });
    assert.equal(await outcome(setup, 'h1', {}), '501 upgrade_unsupported');
    assert.equal(await outcome(setup, 'h2', {}), '501 upgrade_unsupported');
    assert.equal(await outcome(setup, 'h2', { protocol: 'connect-udp' }), '501 upgrade_unsupported');
    assert.equal(await outcome(setup, 'h1', { protocol: 'tls/1.0' }), '200', 'what is merely offered is ignored');
    assert.equal(setup.backend.tunnels.length, 0);
    const chat = await ask(setup, 'h1', { protocol: 'other, CHAT/1', key: '' });
    assert.deepEqual([chat.status, chat.fields['upgrade']], [101, 'chat/1']);
    assert.equal((await setup.backend.tunnels.waitFor(() => true)).asked, 'GET /chat chat/1');
    chat.destroy();
  });

  it('has the rules of every request', async (t) => {
    const setup = await open(t, { backend: { version: 'h1' } });
    for (const version of ['h1', 'h2'] as const) {
      assert.equal(await outcome(setup, version, { host: 'other.test' }), '421 host_mismatch');
      assert.equal(await outcome(setup, version, { path: '/a%2fb' }), '400 ambiguous_path');
    }
    assert.equal(await outcome(setup, 'h1', { key: 'short' }), '400 bad_request');
    assert.equal(
      await outcome(setup, 'h1', { fields: { 'Content-Length': '1' }, early: 'x' }),
      '501 upgrade_unsupported',
    );
    assert.equal(setup.backend.tunnels.length, 0);
  });

  for (const [what, answer] of [
    ['to another key', `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptByHand('x')}\r\n`],
    ['without a key', 'Upgrade: websocket\r\nConnection: Upgrade\r\n'],
    ['to another protocol', 'Upgrade: chat\r\nConnection: Upgrade\r\n'],
    ['to nothing', ''],
  ] as const) {
    it(`is no tunnel where a backend says 101 ${what}`, async (t) => {
      const answered = `HTTP/1.1 101 Switching Protocols\r\n${answer}\r\n`;
      const setup = await open(t, { backend: { version: 'h1', answer: answered } });
      assert.equal(await outcome(setup, 'h1', { early: smuggled }), '502 backend_protocol');
      assert.deepEqual(asked(setup), ['/chat']);
    });
  }

  it("gets the answer of a backend that does not agree, and what was sent too early is nobody's", async (t) => {
    const answer = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno';
    for (const backend of [
      { version: 'h1', answer },
      { version: 'h2', status: 403 },
    ] as const) {
      const setup = await open(t, { backend });
      for (const version of ['h1', 'h2'] as const) {
        assert.equal(await outcome(setup, version, { early: smuggled }), '403');
      }
      assert.deepEqual(asked(setup), ['/chat', '/chat']);
      for (const { early, stream } of setup.backend.tunnels.items) {
        assert.equal(early.length, 0);
        assert.equal((await readAll(stream)).length, 0);
      }
    }
  });

  it('has what was sent too early within its tunnel, once the backend agreed', async (t) => {
    for (const to of ['h1', 'h2'] as const) {
      const setup = await open(t, { backend: { version: to } });
      for (const version of ['h1', 'h2'] as const) {
        const from = setup.backend.tunnels.length;
        const client = await ask(setup, version, { early: smuggled });
        const { stream, early } = await setup.backend.tunnels.waitFor(() => true, { from });
        assert.equal(early.length, 0, 'nothing came before the backend had agreed');
        assert.equal((await readBytes(stream, smuggled.length)).toString(), smuggled);
        client.destroy();
      }
      assert.deepEqual(
        asked(setup).filter((target) => target !== '/chat'),
        [],
      );
    }
  });
});

describe('The connection of a tunnel', () => {
  const get = async (setup: TunnelSetup): Promise<void> => {
    const { socket } = dialEdge(setup, 'http/1.1');
    socket.write('GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    assert.match((await readAll(socket)).toString(), /GET \/page/);
  };

  it('is HTTP/1.1 of its own where HTTP/2 does not announce extended CONNECT', async (t) => {
    const setup = await open(t, { backend: { version: 'h2', both: true, announces: false } });
    await get(setup);
    const client = await ask(setup, 'h2');
    const tunnel = await setup.backend.tunnels.waitFor(() => true);
    assert.deepEqual([tunnel.asked, tunnel.connection], ['GET /chat websocket', 2]);
    await get(setup);
    assert.equal(setup.backend.connections(), 2, 'requests go on over the first');
    client.destroy();
  });

  it('is a stream of an open HTTP/2 connection that does', async (t) => {
    const setup = await open(t, { backend: { version: 'h2', both: true } });
    await get(setup);
    const client = await ask(setup, 'h1');
    const tunnel = await setup.backend.tunnels.waitFor(() => true);
    assert.deepEqual([tunnel.asked, tunnel.connection], ['CONNECT /chat websocket', 1]);
    client.destroy();
  });

  it('is not to be had where HTTP/2 is all that may be spoken and does not announce it', async (t) => {
    const setup = await open(t, { backend: { version: 'h2', announces: false }, http2: 'on' });
    assert.equal(await outcome(setup, 'h1', {}), '502 upgrade_unsupported');
    await get(setup);
  });
});

describe('ws on both sides', () => {
  it('talks through the gateway: text, 16 MiB, pings, fragments, close codes', async (t) => {
    const server = new WebSocketServer({ noServer: true, maxPayload: 0, perMessageDeflate: true });
    const closes = new Feed<string>('close codes');
    server.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.on('close', (code, reason) => closes.push(`${code} ${reason.toString()}`));
    });
    const setup = await open(t, {
      backend: {
        version: 'h1',
        onUpgrade: (request, socket, early) =>
          server.handleUpgrade(request, socket, early, (opened) => server.emit('connection', opened, request)),
      },
    });
    const { socket } = dialEdge(setup, 'http/1.1');
    const client = new WebSocket('ws://localhost/chat', ['a'], { createConnection: () => socket, maxPayload: 0 });
    await once(client, 'open');
    assert.match(client.extensions, /permessage-deflate/);
    const echo = async (data: string | Buffer): Promise<Buffer> => {
      client.send(data);
      const [back] = (await once(client, 'message')) as [Buffer];
      return back;
    };
    assert.equal((await echo('hello')).toString(), 'hello');
    const large = Buffer.alloc(16_777_216, 'x');
    assert.ok((await echo(large)).equals(large));
    client.ping('p');
    assert.equal(String((await once(client, 'pong'))[0]), 'p');
    client.send('frag', { fin: false });
    assert.equal((await echo('ment')).toString(), 'fragment');
    client.close(4001, 'enough');
    const [code] = (await once(client, 'close')) as [number];
    assert.equal(code, 4001);
    await closes.waitFor((said) => said === '4001 enough');
    const record = await setup.records.waitFor(() => true);
    assert.deepEqual([record.status, record.code], [101, '']);
  });
});
