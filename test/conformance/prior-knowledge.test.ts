// HTTP/2 without ALPN (RFC 9113 section 3.3): over TLS a client may begin with it, and everything else that it begins with is HTTP/1.1,
// however its first bytes are cut. Whom it serves is decided by its certificate as ever.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { curl } from '../support/curl.ts';
import { emptySettings, preface } from '../support/http2-frames.ts';
import { eventually } from '../support/wait-for.ts';
import { dialEdge, openTunnelSetup, readAll, readBytes, type TunnelSetup } from './tunnel-setup.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

describe('a client over TLS without ALPN', () => {
  let setup: TunnelSetup;
  before(async () => {
    setup = await openTunnelSetup({ backend: { version: 'h1' } });
  });
  after(() => {
    setup.close();
    assert.deepEqual(setup.defects, []);
  });

  /** The handshake is over, and nothing was agreed on. */
  async function dial(): Promise<TLSSocket> {
    const { socket } = dialEdge(setup, undefined);
    await once(socket, 'secureConnect');
    assert.equal(socket.alpnProtocol, false);
    return socket;
  }

  it('speaks HTTP/2 with the preface of it, as who its certificate says', async () => {
    const socket = await dial();
    const session = http2.connect('https://localhost', { createConnection: () => socket });
    const from = setup.records.length;
    const stream = session.request({ ':path': '/two' });
    const [{ ':status': status }] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    assert.deepEqual([status, (await readAll(stream)).toString()], [200, 'GET /two']);
    const record = await setup.records.waitFor(() => true, { from });
    assert.equal(record.version, 20);
    assert.match(record.client, /CN=alice/);
    session.destroy();
  });

  it('speaks the one or the other as curl does without ALPN', async () => {
    const { servers, alice } = setup.pki;
    for (const [args, version] of [
      [['--no-alpn', '--http2-prior-knowledge'], 20],
      [['--no-alpn'], 11],
    ] as const) {
      const from = setup.records.length;
      const identity = { ca: servers.file, cert: alice.cert, key: alice.key };
      const { status, body } = await curl(`https://localhost:${setup.edge.port}/curl`, { ...identity, args });
      assert.deepEqual([status, body], [200, 'GET /curl']);
      assert.equal((await setup.records.waitFor(() => true, { from })).version, version);
    }
  });

  it('speaks HTTP/2 also where the preface comes byte by byte', async () => {
    const socket = await dial();
    for (const byte of preface) socket.write(Buffer.from([byte]));
    socket.write(emptySettings);
    // SETTINGS of ours.
    assert.equal((await readBytes(socket, 9))[3], 4);
    socket.destroy();
  });

  it('speaks HTTP/1.1 with anything else, also where that begins like the preface', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PROPFIND', 'PRINT', 'PRI']) {
      const from = setup.records.length;
      const socket = await dial();
      for (const byte of `${method} /one HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`) socket.write(byte);
      const answer = (await readAll(socket)).toString('latin1');
      assert.match(answer, /^HTTP\/1\.1 (?:200|405) /, method);
      assert.equal((await setup.records.waitFor(() => true, { from })).version, 11);
    }
    const almost = await dial();
    almost.write(Buffer.concat([preface.subarray(0, 20), Buffer.from('xx\r\n')]));
    assert.match((await readAll(almost)).toString('latin1'), /^HTTP\/1\.1 505 /);
  });

  it('that says nothing, or half of the preface, is not waited for', async () => {
    for (const said of ['', 'PRI * HTTP/2.0\r\n']) {
      const at = setup.connections.length;
      const socket = await dial();
      socket.write(said);
      await eventually(() => setup.connections.length === at + 1, { what: 'its connection' });
      // What ends it is the time for a head, twice at most.
      setup.clock.turn(60_000);
      await readAll(socket);
    }
  });

  it('that leaves before it said anything is forgotten', async () => {
    for (const said of ['', 'PRI']) {
      const socket = await dial();
      socket.end(said);
      assert.equal((await readAll(socket)).length, 0);
    }
  });
});

describe('a client that begins with HTTP/2 where that is off', () => {
  it('is told so in HTTP/1.1, and finds its name for it in the log', async (t) => {
    const setup = await openTunnelSetup({ backend: { version: 'h1' }, priorKnowledge: false });
    t.after(() => setup.close());
    const { socket } = dialEdge(setup, undefined);
    socket.write(preface);
    const answer = (await readAll(socket)).toString('latin1');
    assert.match(answer, /^HTTP\/1\.1 505 .*"code":"http_version"/s);
    const { code, detail } = await setup.records.waitFor(() => true);
    assert.deepEqual([code, detail], ['http_version', 'HTTP/2, which is not spoken here']);
  });
});
