// Large bodies through the gateway, mTLS on both sides: answers arrive byte for byte however the client reads, a client that does
// not read stops the backend instead of filling the gateway's memory, and an answer that a backend gives before it has read the
// request reaches the client.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, get } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { type Backend, startBackend } from '../support/backend.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { runToEnd } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
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

function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.on('error', () => {});
  response.writeHead(401, { 'Content-Length': 12, Connection: 'close' });
  response.end('who are you?', () => request.socket.destroy());
}

describe('a large body', () => {
  const stack = new AsyncDisposableStack();
  const source = new Source();
  let backend: Backend;
  /** Both answer at once that the request may not be made, and close: nginx over TLS, Node over TCP. */
  let strict: Nginx;
  let strictPlain: Backend;
  let setup: Setup;
  let agent: Agent;
  after(() => stack.disposeAsync());

  before(async () => {
    setup = stack.use(
      await openSetup({
        async prepare(pki) {
          const tls = { cert: pki.backend.chainPem, key: pki.backend.keyPem, clientCa: pki.internal.certPem };
          backend = stack.use(await startBackend({ tls, handle: source.handle }));
          const server = 'lingering_close off; location /early { return 401 "who are you?"; }';
          strict = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file, server }));
          strictPlain = stack.use(await startBackend({ handle: refuse }));
        },
        get route() {
          const security =
            'security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}';
          return `      ${security}
    - {name: early-tls, path: /early/tls, target: "https://localhost:${strict.port}", ${security}}
    - {name: early-plain, path: /early/plain, target: "http://localhost:${strictPlain.port}"}`;
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

  it('of an answer arrives byte for byte beside others on the same connections, read fast and slowly', async () => {
    const paths = Array.from({ length: 18 }, (_, at) => `/${at % 2 === 0 ? 'length' : 'chunked'}/${at}`);
    await Promise.all(
      paths.map(async (path, at) => {
        const body = await read(await ask(path), at % 3 === 0);
        assert.ok(body.equals(bodyOf(path)), path);
      }),
    );
  });

  it('of an answer waits at the backend while the client does not read, and breaks off when the client goes', async () => {
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

  it('of a request does not keep the answer back that a backend gives before it has read it, and closes', async (t) => {
    const { pki, gateway } = setup;
    const [cert, key] = [pki.gateway.cert, pki.gateway.key];
    await using nginx = await startNginx({
      server: `proxy_request_buffering off; proxy_http_version 1.1;
    location /early/tls { proxy_pass https://127.0.0.1:${strict.port}; proxy_ssl_certificate ${cert}; proxy_ssl_certificate_key ${key}; }
    location /early/plain { proxy_pass http://127.0.0.1:${strictPlain.port}; }`,
    });
    for (const [bytes, times] of [
      [100_000, 40],
      [3_000_000, 15],
    ] as const) {
      const file = pki.dir.write(`body-${bytes}`, Buffer.alloc(bytes, 'x'));
      for (const path of ['/early/tls', '/early/plain']) {
        const ours = await upload(`https://localhost:${gateway.ports.webSecure}${path}`, file, times);
        const theirs = await upload(`http://localhost:${nginx.port}${path}`, file, times);
        t.diagnostic(`${bytes} bytes to ${path}: ours ${JSON.stringify(ours)}, nginx ${JSON.stringify(theirs)}`);
        assert.deepEqual(ours, { 401: times }, JSON.stringify(gateway.log.items.slice(-3)));
      }
    }
  });

  /** How many answers had each status; 000 where none came. */
  async function upload(url: string, file: string, times: number): Promise<Record<string, number>> {
    const { alice, servers } = setup.pki;
    const as = ['--cacert', servers.file, '--cert', alice.cert, '--key', alice.key];
    const how = ['-q', '-s', '--http1.1', '--noproxy', '*', '-H', 'Expect:', '-w', '\n%{http_code}\n'];
    const run = await runToEnd(requireCommand('curl'), [
      ...how,
      ...as,
      '--data-binary',
      `@${file}`,
      `${url}/[1-${times}]`,
    ]);
    const counts: Record<string, number> = {};
    for (const line of run.stdout.split('\n')) if (/^\d{3}$/.test(line)) counts[line] = (counts[line] ?? 0) + 1;
    return counts;
  }
});
