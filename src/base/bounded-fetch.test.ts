import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from './node-http.ts';
import { describe, it, type TestContext } from 'node:test';
import { type BoundedFetch, fetchBounded, type FetchOutcome } from './bounded-fetch.ts';
import { systemClock } from './clock.ts';

const maxBytes = 100_000;

async function fetchFrom(
  t: TestContext,
  act: RequestListener,
  more: Partial<BoundedFetch> = {},
): Promise<FetchOutcome> {
  const server = createServer(act).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const url = new URL(`http://127.0.0.1:${address.port}/x?y`);
  const request = {
    url,
    method: 'GET',
    headers: {},
    timeoutMs: 60_000,
    maxBytes,
    clock: systemClock,
    ...more,
  } as const;
  return new Promise((resolve) => fetchBounded(request, resolve));
}

function brief(outcome: FetchOutcome): string {
  return outcome.ok ? `${outcome.bytes.length} bytes` : outcome.problem;
}

describe('a bounded fetch', () => {
  it('brings a whole answer up to the limit, with a length or without, in a buffer of its own', async (t) => {
    for (const size of [0, 1, 70_000, maxBytes]) {
      const body = Buffer.alloc(size, 7);
      for (const send of [
        (response: Parameters<RequestListener>[1]) => void response.end(body),
        (response: Parameters<RequestListener>[1]) => {
          response.write(body.subarray(0, size / 2));
          response.end(body.subarray(size / 2));
        },
      ]) {
        const outcome = await fetchFrom(t, (_, response) => send(response));
        assert.ok(outcome.ok, brief(outcome));
        assert.deepEqual(Buffer.from(outcome.bytes.buffer), body);
      }
    }
  });

  it('sends what it was given, to the path and query of the URL', async (t) => {
    let seen = '';
    const outcome = await fetchFrom(
      t,
      (request, response) => {
        request.on('data', (piece) => (seen += String(piece)));
        request.on('end', () => response.end(`${request.method} ${request.url} ${request.headers['content-type']}`));
      },
      { method: 'POST', headers: { 'content-type': 'a/b', 'content-length': 3 }, body: Buffer.from('abc') },
    );
    assert.equal(seen, 'abc');
    assert.equal(outcome.ok && Buffer.from(outcome.bytes).toString(), 'POST /x?y a/b');
  });

  const refused: readonly [name: string, problem: string, act: RequestListener][] = [
    ['is announced as too large', 'too_large', (_, response) => response.end(Buffer.alloc(maxBytes + 1))],
    [
      'grows too large',
      'too_large',
      (_, response) => {
        response.write(Buffer.alloc(maxBytes));
        response.end('x');
      },
    ],
    [
      'is shorter than it says',
      'cut_off',
      (_, response) => {
        response.writeHead(200, { 'content-length': 10 });
        response.write('x', () => response.destroy());
      },
    ],
    [
      'ends before its last chunk',
      'cut_off',
      (_, response) => {
        response.writeHead(200);
        response.write('x', () => response.destroy());
      },
    ],
    ['points elsewhere', 'status', (_, response) => response.writeHead(302, { location: '/' }).end()],
    ['is none', 'unreachable', (_, response) => response.destroy()],
    [
      'has more header than anybody needs',
      'unreachable',
      (_, response) => response.writeHead(200, { x: 'y'.repeat(20_000) }).end(),
    ],
  ];
  for (const [name, problem, act] of refused)
    it(`has no use for an answer that ${name}`, async (t) => {
      assert.equal(brief(await fetchFrom(t, act)), problem);
    });

  it('ends at its deadline, whatever was sent until then', async (t) => {
    let onDeadline = (): void => {};
    const clock = { after: (_: number, act: () => void) => ((onDeadline = act), () => {}) };
    const outcome = await fetchFrom(t, (_, response) => response.write('x', () => onDeadline()), { clock });
    assert.equal(brief(outcome), 'timeout');
  });
});
