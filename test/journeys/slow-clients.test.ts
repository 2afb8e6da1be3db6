// A good client beside clients that take their time: slow bodies, requests that the backend never answers, answers that
// nobody reads. Each time the good client's answers are counted, and each time somebody slow or busy is served, too.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Backend, startBackend } from '../support/backend.ts';
import { expectFlawless, openSetup, type Setup } from '../support/mtls-setup.ts';
import { eventually } from '../support/wait-for.ts';

const MiB = 1 << 20;
/** Of the one worker, so that a few clients do what hundreds would do to the defaults. */
const most = 8;

/** `/never` gets no answer before `release`, `/large/…` a large one; of everything else the length of the body. */
class Source {
  held: ServerResponse[] = [];
  /** Answers that were handed over whole. */
  told = 0;
  /** Requests that came, by their target. */
  readonly begun = new Map<string, number>();

  readonly handle = (incoming: IncomingMessage, response: ServerResponse): void => {
    const { url = '' } = incoming;
    this.begun.set(url, this.begunAt(url) + 1);
    response.on('error', () => {});
    incoming.on('error', () => {});
    if (url === '/never') {
      this.held.push(response);
      return;
    }
    if (url.startsWith('/large/')) {
      response.on('finish', () => (this.told += 1));
      response.end(Buffer.alloc(Number(url.slice('/large/'.length)) * MiB, 'x'));
      return;
    }
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => (bytes += chunk.length));
    incoming.on('end', () => response.end(`${bytes}`));
  };

  begunAt(url: string): number {
    return this.begun.get(url) ?? 0;
  }

  release(): void {
    for (const response of this.held.splice(0)) response.end('late');
  }
}

describe('a good client beside slow ones', () => {
  const stack = new AsyncDisposableStack();
  const source = new Source();
  let backend: Backend;
  let setup: Setup;
  const sockets: Socket[] = [];
  after(() => stack.disposeAsync());

  before(async () => {
    setup = stack.use(
      await openSetup({
        async prepare() {
          backend = stack.use(await startBackend({ handle: source.handle }));
        },
        get target() {
          return `http://localhost:${backend.port}`;
        },
        route: '',
        clientAuth: '{clientCA: clients-ca.crt, required: false}',
        gateway: `  accessLog: {enabled: false}
  networking: {transport: {maxConnsPerHost: ${most}, reservedConnsPerHost: 2, maxPendingRequests: 16}}`,
      }),
    );
    stack.defer(() => leave());
  });

  /** Anonymous clients on the plain port, all from one address. */
  async function attack(count: number, text: string): Promise<Socket[]> {
    const own: Socket[] = [];
    for (let i = 0; i < count; i += 1) {
      const socket = connect(setup.gateway.ports.web, '127.0.0.1');
      socket.on('error', () => {});
      own.push(socket);
      sockets.push(socket);
      await once(socket, 'connect');
      socket.write(text);
    }
    return own;
  }

  /** First as many as there are connections, so that the queue is for the others alone. */
  async function attackAfterFilling(text: string, url: string): Promise<Socket[]> {
    const first = await attack(most, text);
    await eventually(() => source.begunAt(url) === most, { what: 'every connection to be in use' });
    return [...first, ...(await attack(32, text))];
  }

  /** All attackers go, and the gateway notices. */
  async function leave(): Promise<void> {
    for (const socket of sockets.splice(0)) socket.resetAndDestroy();
    source.release();
    await eventually(async () => (await setup.metric('countersign_requests_active')) === 0, { what: 'all to be gone' });
  }

  const active = (count: number): Promise<unknown> =>
    eventually(async () => (await setup.metric('countersign_requests_active')) >= count, { what: `${count} requests` });

  async function expectGoodServed(): Promise<void> {
    const load = setup.load({ connections: 2 });
    await load.waitForOk(40);
    await expectFlawless(load);
  }

  /** The whole answer of a socket that the server closes. */
  async function readAll(socket: Socket): Promise<string> {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    await once(socket, 'close');
    return text;
  }

  it('is served although others send their bodies by the byte; one of them goes on and is served', async () => {
    const post = 'POST /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1000\r\n\r\nx';
    const slow = await attack(40, post);
    await active(40);
    // Half of the connections are given away for the beginning of a body, no more.
    await eventually(() => source.begunAt('/slow') === most / 2, { what: 'the first ones to be passed on' });
    await expectGoodServed();
    assert.equal(source.begunAt('/slow'), most / 2);
    // The first one has a connection, the last one has none yet.
    for (const socket of [slow.at(0), slow.at(-1)] as Socket[]) {
      socket.write('y'.repeat(999));
      assert.match(await readAll(socket), /^HTTP\/1.1 200 .*\r\n\r\n1000$/s);
    }
    await leave();
  });

  it('is served although others hold every connection with bodies without a length', async () => {
    const piece = 'POST /chunks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n';
    const [one] = await attackAfterFilling(piece, '/chunks');
    // The first go on at once, since a body without a length may be a conversation; the queue takes some more.
    await active(most + 16);
    await expectGoodServed();
    one?.write('0\r\n\r\n');
    const [answer] = (await once(one as Socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1.1 200 /);
    await leave();
  });

  it('is served although the backend never answers others, who are told to come back later', async () => {
    const never = 'GET /never HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    const got = await attackAfterFilling(never, '/never');
    await active(most + 16);
    assert.equal(source.held.length, most);
    await expectGoodServed();
    // 40 less those that hold a connection, less those in the queue.
    const refused = await readAll(got.at(-1) as Socket);
    assert.match(refused, /^HTTP\/1.1 503 .*\r\nRetry-After: \d+\r\n/s);
    assert.match(refused, /"code":"(?:backend_busy|over_fair_share)"/);
    await leave();
  });

  it('is served although others do not read what they asked for', async () => {
    const readers = await attack(most + 4, 'GET /large/24 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    for (const socket of readers) socket.pause();
    await active(most + 4);
    await expectGoodServed();
    readers[0]?.resume();
    assert.ok((await readAll(readers[0] as Socket)).length > 24 * MiB);
    await leave();
  });

  it('leaves the backend as soon as it has told all, although it is read later', async () => {
    const toldBefore = source.told;
    // No more at once than may wait for connections.
    const readers = await attack(most * 2, 'GET /large/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    for (const socket of readers) socket.pause();
    await eventually(() => source.told === toldBefore + most * 2, { what: 'the backend to be done with all' });
    for (const socket of readers) {
      socket.resume();
      assert.ok((await readAll(socket)).length > MiB);
    }
    await leave();
  });

  it('may be the busy one: alone it has every connection, and what waits is served after it', async () => {
    const { alice, servers } = setup.pki;
    const ask = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const trust = { ca: servers.certPem, cert: alice.chainPem, key: alice.keyPem };
        const to = { host: 'localhost', port: setup.gateway.ports.webSecure, path: '/never', agent: false, ...trust };
        const call = request(to, (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        });
        call.on('error', reject);
        call.end();
      });
    const calls = Array.from({ length: most * 2 }, ask);
    await active(most * 2);
    await eventually(() => source.held.length === most, { what: 'the backend to have as many as it may' });
    source.release();
    await eventually(() => source.held.length === most, { what: 'the rest' });
    source.release();
    assert.deepEqual(
      await Promise.all(calls),
      calls.map(() => 200),
    );
  });
});
