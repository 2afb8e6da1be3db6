// What browsers do behind mutual TLS, by a real Chromium with a client certificate: a page over HTTP/2, a WebSocket on a stream of the
// same connection (RFC 8441), an event stream; to backends of both versions.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Browser, type Page, startBrowser } from '../support/browser.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { openTunnelSetup, readBytes, type TunnelSetup } from './tunnel-setup.ts';
import { closePools } from './upstream-setup.ts';

const shared = new AsyncDisposableStack();
after(async () => {
  await shared.disposeAsync();
  closePools();
});
let pki: Pki;
/** A browser with alice's certificate, and one without any. */
let known: Browser;
let stranger: Browser;

before(async () => {
  pki = shared.use(await openPki());
  const ca = pki.servers.file;
  [known, stranger] = await Promise.all([startBrowser({ ca, as: pki.alice }), startBrowser({ ca })]);
  shared.use(known);
  shared.use(stranger);
});

/** Client frames are masked (RFC 6455 section 5.3); short ones only. */
async function readFrame(stream: Parameters<typeof readBytes>[0]): Promise<{ first: number; payload: Buffer }> {
  const [first = 0, second = 0] = await readBytes(stream, 2);
  const mask = await readBytes(stream, 4);
  const masked = await readBytes(stream, second & 0x7f);
  return { first, payload: Buffer.from(masked.map((byte, at) => byte ^ (mask[at % 4] ?? 0))) };
}

for (const to of ['h1', 'h2'] as const) {
  describe(`a browser before a backend of ${to}`, () => {
    const stack = new AsyncDisposableStack();
    after(() => stack.disposeAsync());
    let setup: TunnelSetup;
    let page: Page;
    let origin: string;

    before(async () => {
      setup = await openTunnelSetup({ backend: { version: to }, idleMs: 60_000, pki });
      stack.defer(() => setup.close());
      page = await known.openPage();
      origin = `https://localhost:${setup.edge.port}`;
    });

    it('gets its page over HTTP/2, as who its certificate says', async () => {
      assert.equal(await page.goTo(`${origin}/page`), undefined);
      assert.equal(await page.evaluate('document.body.textContent'), 'GET /page');
      assert.equal(await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol"), 'h2');
      const record = await setup.records.waitFor(({ target }) => target === '/page');
      assert.deepEqual([record.status, record.version], [200, 20]);
      assert.match(record.client, /"subject":"CN=alice"/);
      // Twenty at once, on the one connection.
      const all = "Promise.all(Array.from({length: 20}, (_, at) => fetch('/f' + at).then((answer) => answer.text())))";
      assert.deepEqual(
        await page.evaluate(all),
        Array.from({ length: 20 }, (_, at) => `GET /f${at}`),
      );
      assert.equal(setup.connections.length, 1);
    });

    it('speaks through a WebSocket on the same connection, and is told when the gateway stops', async () => {
      await page.evaluate(`
        socket = new WebSocket(location.origin.replace('https', 'wss') + '/chat');
        told = new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(data)));
        ended = new Promise((resolve) => (socket.onclose = ({ code, wasClean }) => resolve([code, wasClean])));
        new Promise((resolve) => (socket.onopen = resolve)).then(() => 'open')`);
      const { stream, fields } = await setup.backend.tunnels.waitFor(({ asked }) => asked.includes('/chat'));
      assert.equal(fields['origin'], origin);
      await page.evaluate("socket.send('hello')");
      const { first, payload } = await readFrame(stream);
      assert.deepEqual([first, payload.toString()], [0x81, 'hello']);
      stream.write(Buffer.from([0x81, 2, 0x68, 0x69]));
      assert.equal(await page.evaluate('told'), 'hi');
      assert.equal(setup.connections.length, 1);
      setup.connections[0]?.drain();
      const close = await readFrame(stream);
      assert.deepEqual([close.first, close.payload.readUInt16BE()], [0x88, 1001]);
      stream.end(Buffer.from([0x88, 2, 0x03, 0xe9]));
      assert.deepEqual(await page.evaluate('ended'), [1001, true]);
      const record = await setup.records.waitFor(({ target }) => target === '/chat');
      assert.deepEqual([record.status, record.version, record.code], [200, 20, 'draining']);
    });

    it('hears events as they come, hours apart', async () => {
      const heard = `new Promise((resolve) => (events.onmessage = ({ data }) => resolve(data)))`;
      await page.evaluate("events = new EventSource('/events'); 0");
      const events = await setup.backend.streams.waitFor(() => true);
      for (const what of ['one', 'two']) {
        await page.evaluate(`next = ${heard}; 0`);
        setup.clock.turn(3_600_000);
        events.write(`data: ${what}\n\n`);
        assert.equal(await page.evaluate('next'), what);
      }
      await page.evaluate('events.close()');
      events.end();
    });
  });
}

describe('a browser that asks for a host of another policy, which the certificate of its connection names too', () => {
  for (const [what, isKnown] of [
    ['is sent there by 421, and asks again', false],
    ['takes a connection of its own where it has shown a certificate', true],
  ] as const) {
    it(what, async () => {
      await using stack = new AsyncDisposableStack();
      const setup = await openTunnelSetup({ backend: { version: 'h2' }, required: false, pki });
      stack.defer(() => setup.close());
      const page = await (isKnown ? known : stranger).openPage();
      const { port } = setup.edge;
      assert.equal(await page.goTo(`https://edge.wild.test:${port}/page`), undefined);
      const url = `https://other.wild.test:${port}/there`;
      const options = "{ mode: 'no-cors', credentials: 'include' }";
      assert.equal(await page.evaluate(`fetch('${url}', ${options}).then(({ type }) => type)`), 'opaque');
      const there = setup.records.items.filter(({ target }) => target === '/there');
      const outcomes = there.map(({ status, code }) => `${status} ${code}`);
      assert.deepEqual(outcomes, isKnown ? ['200 '] : ['421 host_mismatch', '200 ']);
    });
  }
});

describe('a browser without a certificate', () => {
  it('gets nothing', async () => {
    await using stack = new AsyncDisposableStack();
    const setup = await openTunnelSetup({ backend: { version: 'h1' }, pki });
    stack.defer(() => setup.close());
    const page = await stranger.openPage();
    assert.match((await page.goTo(`https://localhost:${setup.edge.port}/page`)) ?? '', /^net::ERR_/);
    assert.equal(setup.records.length, 0);
  });
});
