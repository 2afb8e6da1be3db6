// The console's files as they are served: headers of a page that sits next to private keys, what is cached and what is not, that
// nothing else of the admin entry point changed, and how much a first visit loads.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlResult } from '../support/curl.ts';
import { type ConsoleUnderTest, openConsole } from '../support/console.ts';
import { startGateway } from '../support/gateway.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let console: ConsoleUnderTest;

before(async () => {
  console = stack.use(await openConsole());
});

const asBrowser = { accept: 'text/html,application/xhtml+xml', 'accept-encoding': 'gzip, deflate' };

async function get(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<CurlResult> {
  return curl(`${console.url}${path}`, { headers, method });
}

const header = ({ headers }: CurlResult, name: string): string => headers[name] ?? '';

describe('the page', () => {
  it('is the same for the path of every screen, and for nothing else', async () => {
    const page = await get('/', asBrowser);
    assert.equal(page.status, 200);
    for (const path of ['/services/orders', '/certificates/api.example.com', '/no/such/screen?x=1']) {
      const answer = await get(path, asBrowser);
      assert.deepEqual([answer.status, header(answer, 'etag')], [200, header(page, 'etag')], path);
    }
    assert.equal((await get('/services')).status, 404, 'a program asked');
    assert.equal((await get('/assets/none.js', asBrowser)).status, 404);
    assert.equal((await get('/..%2f..%2fpackage.json')).status, 404);
    assert.equal((await get('/', asBrowser, 'POST')).status, 405);
  });

  it('forbids what it does not need, and loads nothing that is not its own', async () => {
    const answer = await get('/', asBrowser);
    const policy = header(answer, 'content-security-policy');
    for (const directive of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"])
      assert.ok(policy.split('; ').includes(directive), directive);
    assert.doesNotMatch(policy, /unsafe|\*|https?:|data:|blob:/);
    assert.equal(header(answer, 'x-content-type-options'), 'nosniff');
    assert.equal(header(answer, 'referrer-policy'), 'no-referrer');
    assert.equal(header(answer, 'cross-origin-opener-policy'), 'same-origin');
    assert.equal(header(answer, 'cross-origin-resource-policy'), 'same-origin');
    const html = (await get('/', { accept: 'text/html' })).body;
    assert.doesNotMatch(html, /<script>|<style|\son\w+=|\sstyle=|https?:\/\//);
  });

  it('is asked for anew each time, and what it names is kept for ever', async () => {
    const page = await get('/', asBrowser);
    assert.equal(header(page, 'cache-control'), 'no-cache');
    assert.equal((await get('/', { ...asBrowser, 'if-none-match': header(page, 'etag') })).status, 304);
    const [script = ''] = /\/assets\/[\w-]+\.js/.exec((await get('/', { accept: 'text/html' })).body) ?? [];
    const asset = await get(script, asBrowser);
    assert.equal(header(asset, 'content-type'), 'text/javascript; charset=utf-8');
    assert.equal(header(asset, 'cache-control'), 'public, max-age=31536000, immutable');
    assert.equal(header(asset, 'content-encoding'), 'gzip');
    assert.equal(header(await get(script), 'content-encoding'), '', 'who cannot unpack it gets it as it is');
  });

  it('is there for the names of this machine only, as the API is', async () => {
    assert.equal((await get('/', { ...asBrowser, host: 'rebound.example' })).status, 421);
  });
});

describe('a first visit', () => {
  it('loads at most 150 kB, for the overview of somebody who is logged in', async () => {
    const { page } = console;
    const context = await console.browser.newContext({ storageState: await page.context().storageState() });
    const fresh = await context.newPage();
    let bytes = 0;
    const loaded: Promise<void>[] = [];
    fresh.on('response', (response) => {
      if (response.url().includes('/api/')) return;
      loaded.push(
        response
          .request()
          .sizes()
          .then(({ responseBodySize }) => void (bytes += responseBodySize)),
      );
    });
    await fresh.goto(console.url, { waitUntil: 'networkidle' });
    await fresh.getByRole('heading', { level: 1, name: 'Nothing is set up yet' }).waitFor();
    await Promise.all(loaded);
    await context.close();
    assert.ok(bytes > 50_000 && bytes <= 150_000, `${bytes} bytes`);
  });
});

describe('beside the console', () => {
  it('health and metrics are as they were, without a login', async () => {
    assert.equal((await get('/healthz', asBrowser)).body, 'ok\n');
    assert.equal((await get('/readyz', asBrowser)).status, 200);
    assert.match((await get('/metrics', asBrowser)).body, /^countersign_/m);
  });

  it('an admin entry point without a store says how the console comes', async () => {
    const gateway = stack.use(
      await startGateway({ yaml: 'version: 2\ngateway: {entryPoints: {webSecure: {enabled: false}}}\n' }),
    );
    const root = await curl(`http://localhost:${gateway.ports.admin}/`, { headers: asBrowser });
    assert.equal(root.status, 404);
    assert.match(root.body, /^There is no console here: it comes with a store, gateway\.store: .*\n$/);
    assert.equal((await curl(`http://localhost:${gateway.ports.admin}/services`)).body, 'not found\n');
  });
});
