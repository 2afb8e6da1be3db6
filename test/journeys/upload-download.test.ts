// Bodies through both sides of mutual TLS: large ones both ways, slow ends on either side without memory growing, trailers,
// Expect, and every way in which a transfer can break off.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { curl, type CurlOptions, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { sClient } from '../support/openssl.ts';
import { runToEnd, startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { readProblem } from '../support/problem-answer.ts';
import { eventually, Feed } from '../support/wait-for.ts';

const MIB = 1 << 20;
/** What arrives whole. */
const WHOLE = 64 * MIB;
/** What does not fit on the way. */
const LARGE = 128 * MIB;
/** What the kernel's buffers of both sides may hold on the way, with tcp_rmem of 32 MiB: less than a large body. */
const IN_FLIGHT = 96 * MIB;
/** What the gateway itself may hold of it. */
const MEMORY = 32 * MIB;
const block = randomBytes(MIB);
const hashOf = (size: number): string => {
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += MIB) hash.update(block);
  return hash.digest('hex');
};
const wholeHash = hashOf(WHOLE);
const largeHash = hashOf(LARGE);

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let gateway: Gateway;
/** What the backend met: `start PATH`, then `done PATH` or `broken PATH`; for uploads `whole PATH` or `cut PATH`. */
const met = new Feed<string>('backend');
/** Bytes that the backend has read or has been able to write, by path. */
const moved = new Map<string, number>();
const released = Promise.withResolvers<void>();

before(async () => {
  pki = stack.use(await openPki());
  const { chainPem: cert, keyPem: key } = pki.backend;
  const backend = stack.use(await startBackend({ tls: { cert, key, clientCa: pki.internal.certPem }, handle }));
  const security = 'security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}';
  const target = `target: "https://localhost:${backend.port}"`;
  const yaml = `version: 2
gateway:
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
  routes:
    - {name: all, path: /, ${target}, ${security}}
    - {name: small, path: /small, maxBodyBytes: 1000, ${target}, ${security}}
    - {name: only-get, path: /only-get, methods: [GET], ${target}, ${security}}
`;
  gateway = stack.use(await startGateway({ yaml, dir: pki.dir }));
});

/** The backend: one path per behaviour. */
function handle(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? '';
  met.push(`start ${path}`);
  request.on('error', () => {});
  response.on('error', () => {});
  response.once('close', () => met.push(`${response.writableFinished ? 'done' : 'broken'} ${path}`));
  if (path.startsWith('/take')) void take(request, response, path);
  else if (path.startsWith('/give')) void give(response, path);
  else if (path.startsWith('/hang')) request.resume();
  else if (path.startsWith('/break')) breakOff(response, path);
  else if (path.startsWith('/status/')) answerStatus(response, Number(path.slice(8)));
  else if (path.startsWith('/trailers')) void exchangeTrailers(request, response);
  else request.resume().on('end', () => response.end('ok\n'));
}

async function take(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  if (path.includes('slow')) await released.promise;
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      moved.set(path, bytes);
    }
    met.push(`whole ${path}`);
    response.end(
      JSON.stringify({ bytes, sha256: hash.digest('hex'), framing: request.headers['transfer-encoding'] ?? 'length' }),
    );
  } catch {
    met.push(`cut ${path}`);
  }
}

async function give(response: ServerResponse, path: string): Promise<void> {
  const size = path.startsWith('/give/whole') ? WHOLE : LARGE;
  if (!path.includes('chunked')) response.setHeader('Content-Length', size);
  for (let at = 0; at < size && !response.destroyed; at += MIB) {
    const ready = response.write(block);
    moved.set(path, at + MIB);
    if (!ready) await drained(response);
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}

function breakOff(response: ServerResponse, path: string): void {
  if (path.includes('length')) response.setHeader('Content-Length', 1000);
  response.write('x'.repeat(500), () => response.socket?.destroy());
}

function answerStatus(response: ServerResponse, status: number): void {
  response.statusCode = status;
  if (status === 304) response.setHeader('ETag', '"v1"');
  if (status === 200) response.setHeader('Content-Length', 6);
  response.end(status === 200 ? 'hello\n' : undefined);
}

async function exchangeTrailers(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
  response.setHeader('Trailer', 'X-Answer-Sum');
  response.write(`${body}|`);
  response.addTrailers({ 'X-Answer-Sum': `for ${request.trailers['x-sum'] ?? 'nothing'}` });
  response.end(request.headers['te'] ?? '');
}

const credentials = () => ({ ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key });
const urlOf = (path: string): string => `https://localhost:${gateway.ports.webSecure}${path}`;
const call = (path: string, options: CurlOptions = {}): Promise<CurlResult> =>
  curl(urlOf(path), { ...credentials(), ...options });
/** curl's arguments for tests that need the process itself. */
const curlArgs = (path: string, ...more: string[]): string[] => {
  const { ca, cert, key } = credentials();
  return ['-q', '-sS', '--noproxy', '*', '--cacert', ca, '--cert', cert, '--key', key, ...more, urlOf(path)];
};

describe('a body of 64 MiB', () => {
  before(() => {
    pki.dir.write('whole', Buffer.concat(Array.from({ length: WHOLE / MIB }, () => block)));
  });

  for (const [framing, args] of [
    ['length', []],
    ['chunked', ['-H', 'Transfer-Encoding: chunked']],
  ] as const) {
    it(`arrives unharmed at the backend (${framing})`, async () => {
      const answer = await call('/take', { args: [...args, '-T', pki.dir.file('whole')] });
      assert.equal(answer.status, 200, answer.stderr);
      assert.deepEqual(JSON.parse(answer.body), { bytes: WHOLE, sha256: wholeHash, framing });
    });

    it(`arrives unharmed at the client (${framing})`, async () => {
      const quoted = curlArgs(`/give/whole-${framing}`)
        .map((arg) => `'${arg}'`)
        .join(' ');
      const run = await runToEnd('sh', ['-c', `curl ${quoted} | sha256sum`]);
      assert.equal(run.stdout.slice(0, 64), wholeHash, run.stderr);
    });
  }
});

describe('a slow end', () => {
  it('that does not read holds the backend back, and the gateway does not gather what it cannot pass on', async () => {
    const path = '/give/slow-reader';
    const before = await workerMemory();
    const socket = await openTls();
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    await met.waitFor((event) => event === `start ${path}`);
    const sent = await settled(() => moved.get(path) ?? 0);
    assert.ok(sent > 0 && sent <= IN_FLIGHT, `${sent / MIB} MiB left the backend, none was read`);
    const grown = (await workerMemory()) - before;
    assert.ok(grown < MEMORY, `the gateway grew by ${grown / MIB} MiB`);

    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
    await once(socket, 'close');
    assert.ok(received > LARGE && received < LARGE + 1000, `${received}`);
  });

  it('behind the gateway that does not read holds the client back, and gets everything once it does', async () => {
    const path = '/take/slow-backend';
    const before = await workerMemory();
    const socket = await openTls();
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${LARGE}\r\nConnection: close\r\n\r\n`);
    let taken = 0;
    const upload = (async () => {
      for (; taken < LARGE; taken += MIB) await new Promise<void>((resolve) => socket.write(block, () => resolve()));
    })();
    await met.waitFor((event) => event === `start ${path}`);
    const sent = await settled(() => taken);
    assert.ok(sent <= IN_FLIGHT, `${sent / MIB} MiB were taken from the client, none was read behind`);
    const grown = (await workerMemory()) - before;
    assert.ok(grown < MEMORY, `the gateway grew by ${grown / MIB} MiB`);

    released.resolve();
    await upload;
    await once(socket, 'close');
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.ok(answer.includes(largeHash), answer);
  });
});

async function openTls(): Promise<TLSSocket> {
  const { chainPem: cert, keyPem: key } = pki.alice;
  const to = { host: '127.0.0.1', port: gateway.ports.webSecure, servername: 'localhost' };
  const socket = connect({ ...to, ca: pki.servers.certPem, cert, key });
  stack.defer(() => void socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** The value of a counter once it does not move any more. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  await eventually(
    () => {
      const now = read();
      const still = now === last && now > 0;
      last = now;
      return still;
    },
    { what: 'a counter to stand still', everyMs: 250 },
  );
  return last;
}

/** Resident bytes of the one worker process. */
async function workerMemory(): Promise<number> {
  const line = await gateway.waitForLog((entry) => entry.msg === 'worker ready');
  const status = readFileSync(`/proc/${Number(line['pid'])}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

describe('a message', () => {
  it('keeps its chunks and trailers both ways', async () => {
    const { cert, key } = pki.alice;
    const request =
      'POST /trailers HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\nConnection: close, TE\r\n\r\n' +
      '5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n';
    const answer = await sClient({ port: gateway.ports.webSecure, cert, key, request });
    assert.equal(answer.status, 200, answer.output);
    assert.match(answer.response, /hello world\|/);
    assert.match(answer.response, /\r\n0\r\nX-Answer-Sum: for 11\r\n\r\n$/);
  });

  it('that is short stays in step with the next on its connection: HEAD, 204, 304, then a whole answer', async () => {
    const requests = [
      'HEAD /status/200 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /status/204 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /status/304 HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: "v1"\r\n\r\n',
      'GET /status/200 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ];
    // One after the other: in answer to HEAD, s_client's reader would take the length for a body.
    const socket = await openTls();
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.write(requests.join(''));
    await once(socket, 'close');
    const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1]);
    assert.deepEqual(statuses, ['200', '204', '304', '200'], answer);
    assert.match(answer.slice(0, answer.indexOf('204')), /Content-Length: 6\r\n/i);
    assert.match(answer, /\r\n\r\nhello\n$/);
  });

  it('of an HTTP/1.0 client is answered with a length or the end of the connection, never with chunks', async () => {
    const short = await call('/status/200', { args: ['--http1.0'] });
    assert.deepEqual([short.exitCode, short.status, short.body], [0, 200, 'hello\n']);
    const quoted = curlArgs('/give/whole-chunked', '--http1.0')
      .map((arg) => `'${arg}'`)
      .join(' ');
    const run = await runToEnd('sh', ['-c', `curl ${quoted} | sha256sum`]);
    assert.equal(run.stdout.slice(0, 64), wholeHash, run.stderr);
  });
});

describe('Expect: 100-continue', () => {
  const expecting = [
    '-H',
    'Expect: 100-continue',
    '--expect100-timeout',
    '60',
    '-w',
    '%{stderr}uploaded=%{size_upload}',
  ];

  it('is answered with 100 before the body is sent', async () => {
    const answer = await call('/take', { args: [...expecting, '-v'], body: 'x'.repeat(100_000) });
    assert.equal(answer.status, 200, answer.stderr);
    assert.match(answer.stderr, /< HTTP\/2 100/);
    const old = await call('/take', { args: [...expecting, '-v', '--http1.1'], body: 'x'.repeat(100_000) });
    assert.match(old.stderr, /< HTTP\/1\.1 100 Continue/);
    assert.equal((JSON.parse(answer.body) as { bytes: number }).bytes, 100_000);
  });

  it('is answered with the refusal where there is one, and the body stays with the client', async () => {
    const answer = await call('/only-get', { args: expecting, body: 'x'.repeat(100_000) });
    assert.deepEqual([answer.status, readProblem(answer).code], [405, 'method_not_allowed']);
    assert.match(answer.stderr, /uploaded=0/);
  });
});

describe('a body over the limit of its route', () => {
  it('is refused with 413 as soon as that is known', async () => {
    const announced = await call('/small', { body: 'x'.repeat(1001) });
    assert.deepEqual([announced.status, readProblem(announced).code], [413, 'body_too_large']);
    const chunked = await call('/small', { body: 'x'.repeat(1001), headers: { 'Transfer-Encoding': 'chunked' } });
    assert.deepEqual([chunked.status, readProblem(chunked).code], [413, 'body_too_large']);
    assert.equal((await call('/small', { body: 'x'.repeat(1000) })).status, 200);
  });
});

describe('a transfer that breaks off', () => {
  it('because the client went away while it waited cancels the request at the backend', async () => {
    await using client = await startProcess(requireCommand('curl'), curlArgs('/hang/1'));
    await met.waitFor((event) => event === 'start /hang/1');
    await client.stop('SIGKILL');
    await met.waitFor((event) => event === 'broken /hang/1');
  });

  it('because the client went away in the middle of a download stops the backend', async () => {
    const path = '/give/abandoned';
    const socket = await openTls();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'data');
    socket.destroy();
    await met.waitFor((event) => event === `broken ${path}`);
    assert.ok((moved.get(path) ?? 0) < LARGE);
  });

  for (const framing of ['length', 'chunked']) {
    it(`because the client went away in the middle of an upload reaches the backend as broken, never as a short body (${framing})`, async () => {
      const path = `/take/cut-${framing}`;
      const socket = await openTls();
      const [header, body] =
        framing === 'length'
          ? ['Content-Length: 1000000', 'x'.repeat(500_000)]
          : ['Transfer-Encoding: chunked', `7a120\r\n${'x'.repeat(500_000)}\r\n`];
      socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n${body}`);
      await eventually(() => moved.get(path) === 500_000, { what: 'the first half to arrive' });
      // An orderly end of TLS: only the framing says that something is missing.
      socket.end();
      const event = await met.waitFor((one) => one === `cut ${path}` || one === `whole ${path}`);
      assert.equal(event, `cut ${path}`);
    });
  }

  it('at the backend is seen by curl as broken off, not as a short success', async () => {
    const length = await call('/break/length', { args: ['--http1.1'] });
    assert.deepEqual([length.exitCode, length.status, length.body.length], [18, 200, 500], length.stderr);
    const chunked = await call('/break/chunked', { args: ['--http1.1'] });
    assert.ok([18, 56].includes(chunked.exitCode), chunked.stderr);
    for (const path of ['/break/length', '/break/chunked']) {
      const { exitCode, stderr } = await call(path, { args: ['--http2'] });
      assert.equal(exitCode, 92, stderr);
    }
    const old = await call('/break/chunked', { args: ['--http1.0'] });
    assert.notEqual(old.exitCode, 0, 'an HTTP/1.0 client is told by a reset');
    await gateway.waitForLog((line) => line['code'] === 'backend_truncated');
  });

  it('leaves the gateway as it was: the next request passes', async () => {
    const answer = await call('/status/200');
    assert.deepEqual([answer.status, answer.body], [200, 'hello\n']);
    const problems = gateway.log.items.filter((line) => line['code'] === 'internal' || /internal error/.test(line.msg));
    assert.deepEqual(problems, []);
  });
});
