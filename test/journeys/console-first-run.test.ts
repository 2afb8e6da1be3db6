// The first five minutes of somebody who has never seen this: a test CA and three certificates with one button, the block that is shown in
// a real nginx with `ssl_verify_client on`, the service as the form has it, a route, a test request with both handshakes; and what the
// overview and the relation say of it then. No private key comes back from the gateway on the way.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type ConsoleUnderTest, expectAccessible, openConsole, type Page } from '../support/console.ts';
import { curl } from '../support/curl.ts';
import { accepts, findFreePort } from '../support/free-port.ts';
import { type OwnedProcess, startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let console: ConsoleUnderTest;
let page: Page;
let dir: TempDir;
let port = 0;
/** Everything that the gateway answered. */
const answers: string[] = [];

before(async () => {
  dir = stack.use(openTempDir('first-run'));
  port = await findFreePort();
  console = stack.use(await openConsole());
  ({ page } = console);
  page.on('response', (response) => {
    if (response.url().includes('/api/'))
      void response.text().then(
        (text) => answers.push(text),
        () => undefined,
      );
  });
});

/** Presses the button of a file and keeps what the browser saves. */
async function download(name: string): Promise<string> {
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: `Download ${name}`, exact: true }).click();
  const file = await saved;
  assert.equal(file.suggestedFilename(), name);
  const path = dir.file(name);
  await file.saveAs(path);
  return readFileSync(path, 'utf8');
}

/** With the block as it is shown; its files lie in a folder of the test. */
async function startShownNginx(block: string): Promise<OwnedProcess> {
  const config = `daemon off; pid ${dir.file('nginx.pid')}; error_log stderr notice; worker_processes 1;
events {}
http { access_log off; client_body_temp_path ${dir.path}; proxy_temp_path ${dir.path}; fastcgi_temp_path ${dir.path};
uwsgi_temp_path ${dir.path}; scgi_temp_path ${dir.path};
${block.replaceAll('/etc/nginx/countersign', dir.path)}
}
`;
  dir.write('nginx.conf', config);
  const nginx = await startProcess(
    requireCommand('nginx'),
    ['-p', dir.path, '-c', dir.file('nginx.conf'), '-e', 'stderr'],
    {
      name: 'nginx',
    },
  );
  await eventually(() => nginx.exit() !== undefined || accepts(port), { what: 'nginx' });
  assert.equal(nginx.exit(), undefined, nginx.lines.tail());
  return nginx;
}

describe('the first five minutes', () => {
  it('begin with what there is to do', async () => {
    await page.getByRole('heading', { level: 1, name: 'Nothing is set up yet' }).waitFor();
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Create a test CA and three certificates' }).click();
  });

  it('make a test CA and three certificates with one button', async () => {
    await page.getByRole('heading', { level: 1, name: 'A test CA and three certificates' }).waitFor();
    await page.getByLabel('Backend address').fill('no address;');
    await page.keyboard.press('Control+Enter');
    await page.getByText('expected a name or an IPv4 address').waitFor();
    await expectAccessible(page);
    await page.getByLabel('Backend address').fill(`localhost:${port}`);
    await page.getByRole('button', { name: 'Create a test CA and three certificates' }).click();
    await page.getByRole('heading', { name: '1. Files for the backend' }).waitFor();
    await expectAccessible(page);
    const server = new X509Certificate(await download('server.crt'));
    const ca = new X509Certificate(await download('ca.crt'));
    assert.ok(server.verify(ca.publicKey));
    assert.equal(server.subjectAltName, 'DNS:localhost');
    assert.match(await download('server.key'), /^-----BEGIN PRIVATE KEY-----/);
    await download('client.crt');
    await download('client.key');
  });

  it('show a block that a real nginx takes as it is, and that refuses who has no certificate', async () => {
    const block = await page.getByLabel('/etc/nginx/conf.d/localhost.conf').textContent();
    stack.use(await startShownNginx(block ?? ''));
    const own = { ca: dir.file('ca.crt') };
    assert.equal((await curl(`https://localhost:${port}/`, own)).status, 400);
    const shown = await curl(`https://localhost:${port}/`, {
      ...own,
      cert: dir.file('client.crt'),
      key: dir.file('client.key'),
    });
    assert.equal(shown.body, 'hello, CN=client\n');
  });

  it('create the service, probed before it is saved', async () => {
    await page.getByRole('link', { name: 'Create the service' }).click();
    await page.getByRole('heading', { level: 1, name: 'Create service' }).waitFor();
    await page.getByLabel('Service name').fill('orders');
    assert.equal(await page.getByLabel('Service address').inputValue(), `localhost:${port}`);
    await page.getByRole('button', { name: 'Probe and save' }).click();
    await page.getByRole('heading', { level: 1, name: 'orders' }).waitFor();
  });

  it('create a route, and a request reaches the backend through both handshakes', async () => {
    await page.goto(`${console.url}/routes/new`);
    await page.getByLabel('Route name').fill('orders');
    await page.getByLabel('Path', { exact: true }).fill('/');
    await page.getByRole('button', { name: /Service/ }).click();
    await page.getByRole('option', { name: /^orders/ }).click();
    await page.getByRole('button', { name: 'Create route' }).click();
    await page.getByRole('heading', { level: 1, name: 'orders' }).waitFor();
    const answer = await curl(`http://localhost:${console.gateway.ports.web}/hello`);
    assert.deepEqual([answer.status, answer.body], [200, 'hello, CN=gateway\n']);
  });

  it('send a test request, and show both handshakes step by step with the answer', async () => {
    await page.goto(`${console.url}/test`);
    await page.getByRole('textbox', { name: 'URL' }).fill('http://localhost/hello');
    await page.getByRole('button', { name: 'Send it' }).click();
    await page.getByText('hello, CN=gateway').first().waitFor();
    const ladder = page.getByRole('list').filter({ hasText: 'First response byte' }).last();
    for (const step of ['TCP connect', 'Their certificate', 'Our certificate', 'First response byte'])
      await ladder
        .getByRole('listitem')
        .filter({ hasText: `${step}, passed` })
        .first()
        .waitFor();
    await expectAccessible(page);
  });

  it('end with an overview that says that it holds, and the relation as two locks', async () => {
    await page.goto(console.url);
    await page.getByRole('heading', { level: 2, name: 'Trust relations' }).waitFor();
    await expectAccessible(page);
    await page.getByRole('link', { name: /^Show the relation of / }).click();
    const picture = page.getByRole('group', { name: /^Clients of / });
    await picture.getByText('we show test-gateway').waitFor();
    await expectAccessible(page);
  });

  it('brought no private key back from the gateway', () => {
    assert.ok(answers.length > 10);
    assert.ok(answers.some((text) => text.includes('BEGIN CERTIFICATE') || text.includes('CN=gateway')));
    for (const text of answers) assert.doesNotMatch(text, /PRIVATE KEY/);
  });
});
