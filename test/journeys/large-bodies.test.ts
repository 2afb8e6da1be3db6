// Large answers through the gateway, mTLS on both sides: they arrive byte for byte however the client reads, and a client
// that does not read stops the backend instead of filling the gateway's memory.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, get } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { type Backend, startBackend } from '../support/backend.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { eventually } from '../support/wait-for.ts';

const MiB = 1 << 20;
const bodyBytes = 5 * MiB + 12_345;

/** Every four bytes tell their place and whose body they belong to: nothing can be lost, doubled or mixed up unseen. */
function bodyOf(path: string): Buffer {
  const body = Buffer.alloc(bodyBytes);
  const salt = createHash('sha256').update(path).digest().readUInt32LE(0);
  for (let at = 0; at + 4 <= bodyBytes; at += 4) body.writeUInt32LE((at ^ salt) >>> 0, at);
  return body;
}

/** `/length/…` announces its length, `/chunked/…` comes in pieces of odd sizes, `/endless` until it is stopped. */
class Source {
  /** Bytes of /endless that the connection took. */
  taken = 0;
  readonly closed = Promise.withResolvers<void>();

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { url = '' } = request;
    response.on('error', () => {});
    if (url === '/endless') return this.#pour(response);
    const body = bodyOf(url);
    if (url.startsWith('/length/')) {
      response.writeHead(200, { 'Content-Length': body.length });
      response.end(body);
      return;
    }
    response.writeHead(200);
    for (let at = 0, size = 1; at < body.length; at += size, size = 1 + ((size * 7919) % 50_000)) {
      response.write(body.subarray(at, at + size));
    }
    response.end();
  };

  #pour(response: ServerResponse): void {
    const piece = Buffer.alloc(65_536, 'x');
    const more = (): void => {
      do this.taken += piece.length;
      while (response.write(piece) && !response.destroyed);
    };
    response.on('drain', more);
    response.on('close', () => this.closed.resolve());
    more();
  }
}

describe('a large answer', () => {
  const stack = new AsyncDisposableStack();
  const source = new Source();
  let backend: Backend;
  let setup: Setup;
  let agent: Agent;
  after(() => stack.disposeAsync());

  before(async () => {
    setup = stack.use(
      await openSetup({
        async prepare(pki) {
          const tls = { cert: pki.backend.chainPem, key: pki.backend.keyPem, clientCa: pki.internal.certPem };
          backend = stack.use(await startBackend({ tls, handle: source.handle }));
        },
        get target() {
          return `https://localhost:${backend.port}`;
        },
      }),
    );
    const { alice, servers } = setup.pki;
    agent = new Agent({ ca: servers.certPem, cert: alice.chainPem, key: alice.keyPem, keepAlive: true, maxSockets: 6 });
    stack.defer(() => agent.destroy());
  });

  async function ask(path: string): Promise<IncomingMessage> {
    const request = get({ host: 'localhost', port: setup.gateway.ports.webSecure, path, agent });
    request.on('error', () => {});
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response;
  }

  /** Reads it all; a slow reader stops after every few pieces for some turns of the event loop. */
  async function read(response: IncomingMessage, slow: boolean): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of response) {
      pieces.push(piece as Buffer);
      if (slow && pieces.length % 7 === 0) {
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return Buffer.concat(pieces);
  }

  it('arrives byte for byte beside others on the same connections, read fast and slowly', async () => {
    const paths = Array.from({ length: 18 }, (_, at) => `/${at % 2 === 0 ? 'length' : 'chunked'}/${at}`);
    await Promise.all(
      paths.map(async (path, at) => {
        const body = await read(await ask(path), at % 3 === 0);
        assert.ok(body.equals(bodyOf(path)), path);
      }),
    );
  });

  it('waits at the backend while the client does not read, and breaks off when the client goes', async () => {
    const response = await ask('/endless');
    let before = -1;
    await eventually(
      async () => {
        const still = source.taken === before && source.taken > 0;
        before = source.taken;
        // Some turns in which it could have moved on.
        for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        return still && source.taken === before;
      },
      { what: 'the backend to stand still' },
    );
    assert.ok(source.taken < 64 * MiB, `${source.taken} bytes were taken from the backend`);
    response.destroy();
    await source.closed.promise;
  });
});
