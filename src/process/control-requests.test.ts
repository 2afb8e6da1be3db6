// Requests on their way to the control process: what passes, what is kept out, and that every wait ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { duplexPair } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { createServer, request } from '../base/node-http.ts';
import { systemClock } from '../base/clock.ts';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import { maxBodyBytes } from '../control/messages.ts';
import { passOn, RequestLine } from './control-requests.ts';

const { performServerHandshake } = process.getBuiltinModule('node:http2');

type OnStream = (stream: ServerHttp2Stream, head: IncomingHttpHeaders) => void;
type Sent = {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
  readonly path?: string;
};

/** The admin side over a control process that does as `onStream` says; returns how to ask, and how it ends. */
async function open(t: TestContext, onStream: OnStream, clock = systemClock) {
  const [near, far] = duplexPair();
  const session = performServerHandshake(far);
  session.on('stream', (stream, head) => {
    stream.on('error', () => {});
    onStream(stream, head);
  });
  session.on('error', () => {});
  const line = new RequestLine(near);
  const server = createServer((asked, answer) => void passOn(asked, answer, line, clock).catch(() => answer.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  t.after(() => {
    line.close();
    server.close();
    server.closeAllConnections();
  });
  const ask = async ({
    method = 'GET',
    headers = {},
    body,
    path = '/api/v1/x?y=1',
  }: Sent = {}): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const asked = request({ port, path, method, headers, agent: false }, resolve);
      asked.on('error', reject);
      asked.end(body);
    });
  return { ask, line, session };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of answer) text += String(piece);
  return text;
}

describe('a request for the control process', () => {
  it('arrives with its fields, its body and the address of who sent it, and nothing of one connection', async (t) => {
    const heads: IncomingHttpHeaders[] = [];
    const { ask } = await open(t, (stream, head) => {
      heads.push(head);
      stream.respond({ ':status': 201, 'x-own': 'a', 'set-cookie': ['a=1', 'b=2'] });
      stream.pipe(stream);
    });
    const headers = {
      host: 'localhost:9901',
      connection: 'close, x-hop',
      'x-hop': 'secret',
      te: 'trailers',
      'content-length': '5',
      cookie: 'c=1',
      'x-countersign-remote': '203.0.113.9',
      'x-countersign-certificate': 'eyJyb2xlIjoiYWRtaW4ifQ',
    };
    const answer = await ask({ method: 'DELETE', headers, body: Buffer.from('hello') });
    assert.deepEqual([answer.statusCode, await textOf(answer)], [201, 'hello']);
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    const [head] = heads;
    assert.deepEqual(
      [head?.[':method'], head?.[':path'], head?.[':authority'], head?.cookie, head?.['x-countersign-remote']],
      ['DELETE', '/api/v1/x?y=1', 'localhost:9901', 'c=1', '127.0.0.1'],
    );
    for (const name of ['connection', 'te', 'x-hop', 'host', 'transfer-encoding', 'x-countersign-certificate'])
      assert.ok(!(name in (head ?? {})), name);
  });

  it('has an answer that streams, piece by piece, and takes its stream along when it goes', async (t) => {
    const streams: ServerHttp2Stream[] = [];
    const { ask } = await open(t, (stream) => {
      streams.push(stream);
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
      stream.write('data: 1\n\n');
    });
    const answer = await ask();
    const [first] = (await once(answer, 'data')) as [Buffer];
    assert.equal(first.toString(), 'data: 1\n\n');
    streams[0]?.write('data: 2\n\n');
    const [second] = (await once(answer, 'data')) as [Buffer];
    assert.equal(second.toString(), 'data: 2\n\n');
    answer.on('error', () => {});
    answer.destroy();
    if (streams[0]?.closed !== true) await once(streams[0] as ServerHttp2Stream, 'close');
  });

  it('with too large a body is refused before any of it is passed on', async (t) => {
    let asked = 0;
    const { ask } = await open(t, () => asked++);
    const body = Buffer.alloc(maxBodyBytes + 1);
    const told = await ask({ method: 'POST', headers: { 'content-length': String(body.length) }, body });
    assert.equal(told.statusCode, 413);
    const chunked = await ask({ method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body });
    assert.deepEqual([chunked.statusCode, chunked.headers['content-type']], [413, 'application/problem+json']);
    assert.equal(asked, 0);
  });

  it('is refused where 64 are under way, and taken again where one ends', async (t) => {
    const streams: ServerHttp2Stream[] = [];
    const { ask } = await open(t, (stream) => {
      streams.push(stream);
      stream.respond({ ':status': 200 });
      stream.write('x');
    });
    const open64 = await Promise.all(Array.from({ length: 64 }, async () => ask()));
    const refused = await ask();
    assert.deepEqual([refused.statusCode, refused.headers['retry-after']], [503, '1']);
    streams[0]?.end();
    await Promise.any(open64.map(async (answer) => textOf(answer)));
    assert.equal((await ask()).statusCode, 200);
    for (const answer of open64) answer.on('error', () => {}).destroy();
  });

  it('is answered with 503 where the process ends, and 504 where it says nothing', async (t) => {
    const dying = await open(t, (stream) => stream.session?.destroy());
    assert.equal((await dying.ask()).statusCode, 503);
    assert.equal((await dying.ask()).statusCode, 503);
    const clock = new HandClock();
    const silent = await open(t, () => clock.turn(60_000), clock);
    const late = await silent.ask();
    assert.equal(late.statusCode, 504);
  });

  it('of a person who opens the console is answered with a page that asks again, and of nobody else', async (t) => {
    const { ask } = await open(t, (stream) => stream.session?.destroy());
    const accept = 'text/html,application/xhtml+xml';
    const page = await ask({ path: '/services?filter=<b>', headers: { accept } });
    assert.deepEqual([page.statusCode, page.headers['content-type']], [503, 'text/html; charset=utf-8']);
    assert.match(page.headers['content-security-policy'] as string, /^default-src 'none'/);
    const text = await textOf(page);
    assert.match(text, /<meta http-equiv="refresh" content="2">.*is being started/s);
    assert.doesNotMatch(text, /<b>/);
    for (const sent of [
      { path: '/services' },
      { path: '/api/v1/session', headers: { accept } },
      { path: '/', method: 'POST', headers: { accept } },
    ])
      assert.equal((await ask(sent)).headers['content-type'], 'application/problem+json');
  });

  it('is cut off where its answer ends before it is whole', async (t) => {
    const { ask } = await open(t, (stream) => {
      stream.respond({ ':status': 200, 'content-length': '100' });
      stream.write('half', () => stream.close(2));
    });
    await assert.rejects(async () => textOf(await ask()));
  });
});
