// Answers that are compressed on their way: what comes out is what went in, at the pace of the slower side, and what must not be
// compressed is not.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, describe, it } from 'node:test';
import { brotliDecompressSync, createGunzip, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { eventually } from '../support/wait-for.ts';
import { openFiltered } from './configured-filters.ts';
import { RawClient } from './http1-harness.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

const text = 'The quick brown fox jumps over the lazy dog. '.repeat(200);
const compress = ['{name: z, type: compress}'];
const decoders = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync } as const;

/** Head, and body without its chunks. */
function parse(answer: string): { head: string; body: Buffer; isWhole: boolean } {
  const at = answer.indexOf('\r\n\r\n') + 4;
  const head = answer.slice(0, at);
  let rest = answer.slice(at);
  if (!/Transfer-Encoding: chunked/i.test(head)) return { head, body: Buffer.from(rest, 'latin1'), isWhole: true };
  let body = '';
  for (;;) {
    const end = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, end), 16);
    if (!(size > 0)) return { head, body: Buffer.from(body, 'latin1'), isWhole: size === 0 };
    body += rest.slice(end + 2, end + 2 + size);
    rest = rest.slice(end + 4 + size);
  }
}

const answering =
  (fields: Record<string, string>, body = text, status = 200) =>
  (_: unknown, response: ServerResponse): void => {
    response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', ...fields }).end(body);
  };

describe('compress', () => {
  for (const encoding of ['gzip', 'br', 'zstd'] as const)
    it(`with ${encoding} gives what the backend said, whole`, async (t) => {
      const { ask } = await openFiltered(t, compress, {
        backend: {
          answer: answering({ ETag: '"v1"', 'Content-Length': String(text.length), 'Accept-Ranges': 'bytes' }),
        },
      });
      const { head, body, isWhole } = parse(await ask('/', `Accept-Encoding: ${encoding}\r\n`));
      assert.match(head, new RegExp(`\r\nContent-Encoding: ${encoding}\r\n`));
      assert.match(head, /\r\nETag: W\/"v1"\r\n/);
      assert.match(head, /\r\nVary: Accept-Encoding\r\n/);
      assert.doesNotMatch(head, /Content-Length|Accept-Ranges/);
      assert.ok(isWhole);
      assert.ok(body.length < text.length / 10);
      assert.equal(decoders[encoding](body).toString(), text);
    });

  for (const [why, fields, lines, body] of [
    ['it is short', { 'Content-Length': '5' }, '', 'short'],
    ['it is encoded already', { 'Content-Encoding': 'identity-like' }, '', text],
    ['nobody may transform it', { 'Cache-Control': 'public, no-transform' }, '', text],
    ['its type is not listed', { 'Content-Type': 'image/png' }, '', text],
    ['it has no type', { 'Content-Type': '' }, '', text],
    ['it has a digest', { 'Repr-Digest': 'sha-256=:AA==:' }, '', text],
    ['it sets a cookie', { 'Set-Cookie': 'a=b' }, '', text],
    ['the request has a cookie', {}, 'Cookie: a=b\r\n', text],
    ['the request has credentials', {}, 'Authorization: Basic YTpi\r\n', text],
    ['the client wants none', {}, 'Accept-Encoding: gzip;q=0\r\n', text],
  ] as const)
    it(`leaves an answer as it is where ${why}`, async (t) => {
      const { ask } = await openFiltered(t, compress, { backend: { answer: answering({ ...fields }, body) } });
      const accept = lines.includes('Accept-Encoding') ? '' : 'Accept-Encoding: gzip\r\n';
      const answer = parse(await ask('/', lines + accept));
      assert.doesNotMatch(answer.head, /Content-Encoding: gzip/);
      assert.equal(answer.body.toString(), body);
    });

  it('compresses to requests with credentials where the file says so', async (t) => {
    const { ask } = await openFiltered(t, ['{name: z, type: compress, rule: {withCredentials: true}}'], {
      backend: { answer: answering({ 'Set-Cookie': 'a=b' }) },
    });
    assert.match(await ask('/', 'Cookie: a=b\r\nAccept-Encoding: gzip\r\n'), /Content-Encoding: gzip/);
  });

  it('says what its answers depend on, whoever asks; HEAD, 204, 206 and 304 have nothing to compress', async (t) => {
    const { ask } = await openFiltered(t, compress, {
      backend: {
        answer: ({ url, method }, response) => {
          const status = Number(url.slice(1));
          response.writeHead(status, {
            'Content-Type': 'text/html',
            ...(status === 206 && { 'Content-Range': 'bytes 0-1/2' }),
          });
          response.end(method === 'HEAD' || status === 204 || status === 304 ? undefined : text);
        },
      },
    });
    assert.match(await ask('/200'), /\r\nVary: Accept-Encoding\r\n/);
    assert.match(await ask('/200', '', 'HEAD'), /\r\nVary: Accept-Encoding\r\n/);
    for (const [target, method] of [
      ['/200', 'HEAD'],
      ['/204', 'GET'],
      ['/206', 'GET'],
      ['/304', 'GET'],
    ] as const)
      assert.doesNotMatch(await ask(target, 'Accept-Encoding: gzip\r\n', method), /Content-Encoding/, target);
    assert.match(await ask('/404', 'Accept-Encoding: gzip\r\n'), /Content-Encoding: gzip/);
  });

  it('keeps the codings from the backend where another filter does, and still knows them', async (t) => {
    const { ask, sent } = await openFiltered(
      t,
      ['{name: h, type: requestHeaders, rule: {removeHeaders: [Accept-Encoding]}}', ...compress],
      { backend: { answer: answering({}) } },
    );
    assert.match(await ask('/', 'Accept-Encoding: br\r\n'), /Content-Encoding: br/);
    assert.deepEqual(sent('accept-encoding'), []);
  });
});

describe('a compressed answer', () => {
  it('of events reaches the client event by event', async (t) => {
    let stream: ServerResponse | undefined;
    const { port } = await openFiltered(t, compress, {
      backend: {
        handle: (_, response) => {
          response.writeHead(200, { 'Content-Type': 'text/event-stream' });
          response.flushHeaders();
          stream = response;
        },
      },
    });
    const client = await RawClient.open(port);
    t.after(() => client.socket.destroy());
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n');
    await client.until('\r\n\r\n');
    const gunzip = createGunzip();
    let seen = '';
    gunzip.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    let fed = 0;
    for (const event of ['data: one\n\n', 'data: two\n\n', 'data: three\n\n']) {
      stream?.write(event);
      await eventually(
        () => {
          const { body } = parse(client.received);
          if (body.length > fed) gunzip.write(body.subarray(fed));
          fed = body.length;
          return seen.endsWith(event);
        },
        { what: event },
      );
    }
  });

  it('that breaks off is seen to be broken', async (t) => {
    const { ask, records, active } = await openFiltered(t, compress, {
      backend: {
        handle: (_, response) => {
          response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': '1000000' });
          // More than is held back until the end of a turn.
          response.write(randomBytes(400_000), () => response.destroy());
        },
      },
    });
    const { isWhole } = parse(await ask('/', 'Accept-Encoding: gzip\r\n'));
    assert.equal(isWhole, false);
    await records.waitFor(() => true);
    assert.equal(active(), 0);
  });

  it('without an end is held back by a slow reader, and is over when that leaves', async (t) => {
    let written = 0;
    let isClosed = false;
    const backend = (request: IncomingMessage, response: ServerResponse): void => {
      request.socket.on('close', () => (isClosed = true));
      response.writeHead(200, { 'Content-Type': 'text/html' });
      // What cannot be compressed, since nothing comes twice: all of it has to go somewhere.
      const more = (): void => {
        do written += 65_536;
        while (response.write(randomBytes(65_536)));
      };
      response.on('drain', more);
      more();
    };
    const { port, active, records } = await openFiltered(t, compress, { backend: { handle: backend } });
    const client = await RawClient.open(port);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: zstd\r\n\r\n');
    await client.until('\r\n\r\n');
    client.socket.pause();
    // It has come to rest when nothing more is written for some turns; the sockets of both sides hold a few MB.
    let before = -1;
    await eventually(
      () => {
        const isStill = written === before;
        before = written;
        return isStill;
      },
      { what: 'the backend to be held back', everyMs: 200 },
    );
    assert.ok(written < 64_000_000, `${written} bytes were taken`);
    assert.equal(active(), 1);
    client.socket.resetAndDestroy();
    await records.waitFor(() => true);
    await eventually(() => isClosed, { what: 'the backend to be left' });
    assert.equal(active(), 0);
  });

  it('reaches a client of HTTP/2', async (t) => {
    const { port } = await openFiltered(t, compress, { http2: true, backend: { answer: answering({}) } });
    const session = http2.connect(`http://127.0.0.1:${port}`);
    t.after(() => session.destroy());
    const stream = session.request({ ':path': '/', ':authority': 'a.test', 'accept-encoding': 'gzip' });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = once(stream, 'end');
    const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    await ended;
    assert.equal(head['content-encoding'], 'gzip');
    assert.equal(gunzipSync(Buffer.concat(chunks)).toString(), text);
  });
});
