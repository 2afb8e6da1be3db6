// A service in the console, as the page of a cloud has it: created against a real nginx that asks for our certificate, with the CA as it was
// pasted; told what is wrong with a wrong CA and with a certificate that the backend refuses; edited by two at once.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { expectAccessible, logIn, type Page } from '../support/console.ts';
import { choose, openStage, type Stage, waitForToast } from '../support/console-stage.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let stage: Stage;
let page: Page;
/** Asks for certificates of another CA than ours. */
let stern: Nginx;

before(async () => {
  stage = stack.use(await openStage({ bare: true }));
  ({ page } = stage);
  const { pki } = stage;
  stern = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.clients.file }));
});

const button = (name: string) => page.getByRole('button', { name, exact: true });
const box = (label: string) => page.getByRole('textbox', { name: `${label}: paste PEM` });
const step = (name: string) => page.getByRole('listitem').filter({ hasText: name });

describe('the list of services', () => {
  it('says what a service is where there is none, to somebody who may not write too', async () => {
    await stage.open('/services', 'Services');
    await page.getByRole('heading', { name: 'There is no service yet' }).waitFor();
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Create service' }).first().click();
    await page.getByRole('heading', { level: 1, name: 'Create service' }).waitFor();
  });
});

describe('a new service', () => {
  it('with a wrong CA is told so by the probe, in the words of the log, and is not saved', async () => {
    await expectAccessible(page);
    await page.getByLabel('Service name').fill('orders');
    await page.getByLabel('Service address').fill(`localhost:${stage.nginx.port}`);
    await choose(page, 'Certificate ID', /gateway-client/);
    await box('CA certificate, PEM').fill(stage.pki.servers.certPem);
    await page.getByRole('status', { name: 'What was found' }).getByText('CN=servers CA').first().waitFor();
    await page.getByText('is sent, and must be among the names of their certificate').waitFor();
    await expectAccessible(page);
    await button('Probe and save').click();
    await step('Their chain').getByText('failed').first().waitFor();
    await page.getByText('untrusted_issuer').first().waitFor();
    await page.getByText('Nothing is saved yet').waitFor();
    await expectAccessible(page);
    const { items } = (await stage.console.api('GET', '/services')).body as { items: unknown[] };
    assert.deepEqual(items, []);
  });

  it('with the right one answers, is saved with its CA bundle in one revision, and what was typed stayed', async () => {
    assert.equal(await page.getByLabel('Service address').inputValue(), `localhost:${stage.nginx.port}`);
    await box('CA certificate, PEM').fill(stage.pki.internal.certPem);
    await page.getByRole('status', { name: 'What was found' }).getByText('CN=internal CA').first().waitFor();
    // From any field.
    await page.getByLabel('Server name (SNI)').press('Control+Enter');
    // Planned twice and probed in between: much for a machine that others use too.
    await page.getByRole('heading', { level: 1, name: 'orders' }).waitFor();
    await page.getByRole('link', { name: 'orders-ca' }).waitFor();
    const { body } = await stage.console.api('GET', '/changes?limit=1');
    const [last] = body['items'] as { revision: number }[];
    assert.equal(last?.revision, 2);
    await expectAccessible(page);
  });

  it('whose name is taken is not written over', async () => {
    await stage.open('/services/new', 'Create service');
    await page.getByLabel('Service name').fill('orders');
    await page.getByLabel('Service address').fill('elsewhere.test:443');
    await choose(page, 'TLS mode', /^TLS: we check them/);
    await choose(page, 'CA certificate', /CAs of the system/);
    await button('Save without probing').click();
    await page.getByText('There is one of this name already').waitFor();
    const { value } = (await stage.console.api('GET', '/services/orders')).body as { value: { address: string } };
    assert.equal(value.address, `localhost:${stage.nginx.port}`);
  });

  it('is shown the field that is wrong, and the focus is there', async () => {
    await page.getByLabel('Service name').fill('other');
    await page.getByLabel('Service address').fill('no port');
    await button('Save without probing').click();
    const address = page.getByLabel('Service address');
    await page.locator('input[aria-invalid="true"]').waitFor();
    assert.equal(await address.getAttribute('aria-invalid'), 'true');
    assert.equal(await address.evaluate((input) => input.matches(':focus')), true);
    await expectAccessible(page);
  });
});

describe('a backend that refuses our certificate', () => {
  it('stops the ladder at our certificate, with what to do', async () => {
    await stage.open('/services/orders?edit=1', 'orders');
    await page.getByLabel('Service address').fill(`localhost:${stern.port}`);
    await button('Save').click();
    await waitForToast(page, 'The service orders is saved');
    await button('Probe').click();
    await step('Our certificate').getByText('failed').first().waitFor();
    await step('Their chain').getByText('passed').first().waitFor();
    await page.getByText('untrusted_issuer (HTTP 400)').waitFor();
    await page.getByText('is not among the CAs that the server names').waitFor();
    await page.getByText('Give the backend the CA that issued our certificate').waitFor();
    await expectAccessible(page);
  });
});

describe('two administrators at once', () => {
  const open = async (person: Page): Promise<void> => {
    await person.goto(`${stage.console.url}/services/orders?edit=1`);
    await person.getByLabel('Server name (SNI)').waitFor();
  };

  it('are told of each other: mine on top of theirs, which stay where I changed nothing', async () => {
    const other = await stage.console.openStranger();
    await logIn(other, stage.console.url);
    await open(page);
    await open(other);
    await other.getByLabel('Service address').fill(`localhost:${stage.nginx.port}`);
    await other.getByRole('button', { name: 'Save', exact: true }).click();
    await waitForToast(other, 'The service orders is saved');

    await page.getByLabel('Server name (SNI)').fill('backend.test');
    await button('Save').click();
    const dialog = page.getByRole('alertdialog', { name: 'The service orders was changed while you edited it' });
    await dialog.getByText('user:admin').waitFor();
    await dialog
      .getByRole('row', { name: /Service address/ })
      .getByText(`localhost:${stage.nginx.port}`)
      .waitFor();
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Keep mine' }).click();
    await waitForToast(page, 'The service orders is saved');
    const { value } = (await stage.console.api('GET', '/services/orders')).body as {
      value: { address: string; tls: { serverName: string } };
    };
    assert.deepEqual([value.address, value.tls.serverName], [`localhost:${stage.nginx.port}`, 'backend.test']);

    await open(page);
    await open(other);
    await other.getByLabel('Server name (SNI)').fill('localhost');
    await other.getByRole('button', { name: 'Save', exact: true }).click();
    await waitForToast(other, 'The service orders is saved');
    await page.getByLabel('Server name (SNI)').fill('127.0.0.1.test');
    await button('Save').click();
    await page.getByRole('button', { name: 'Take theirs' }).click();
    assert.equal(await page.getByLabel('Server name (SNI)').inputValue(), 'localhost');
    await other.context().close();
  });
});

describe('a route', () => {
  it('is created to the service, and takes the requests that it says', async () => {
    await stage.open('/services/orders', 'orders');
    await page.getByRole('link', { name: 'Create route' }).click();
    await page.getByRole('heading', { level: 1, name: 'Create route' }).waitFor();
    await expectAccessible(page);
    assert.equal(await page.getByLabel('Route name').inputValue(), 'orders');
    await page.getByLabel('Hosts').fill('localhost');
    await page.getByLabel('Path').fill('/orders');
    await button('Create route').click();
    await page.getByRole('heading', { level: 1, name: 'orders' }).waitFor();
    await page.getByText('mutual TLS').waitFor();
    await expectAccessible(page);
    assert.equal((await stage.ask('/orders/17')).status, 200);
    assert.equal((await stage.ask('/ordersheet')).status, 404);
  });

  it('is tried with a request: both legs step by step, the answer, and the same by hand', async () => {
    const { certPem, keyPem } = stage.pki.alice;
    const files = [{ name: 'alice.pem', text: certPem + keyPem }];
    await stage.console.api('POST', '/certificates', { body: { id: 'alice', files } });
    await stage.open('/routes/orders', 'orders');
    await page.getByRole('main').getByRole('link', { name: 'Test request' }).click();
    await page.getByRole('heading', { level: 1, name: 'Test request' }).waitFor();
    await expectAccessible(page);
    assert.equal(await page.getByLabel('URL', { exact: true }).inputValue(), 'https://localhost/orders');
    await button('Send it').click();
    await page.getByText('no_client_cert').first().waitFor();
    await expectAccessible(page);
    await choose(page, 'Client certificate', /alice/);
    await page.getByLabel('URL', { exact: true }).press('Control+Enter');
    await page.getByText('200 by the backend').waitFor();
    await page
      .getByRole('list', { name: /^Backend’s leg/ })
      .getByText('Our certificate')
      .waitFor();
    await page.getByLabel('Body of the answer').getByText('ssl_client_verify: SUCCESS').waitFor();
    await page
      .getByLabel('curl')
      .getByText(/curl -v/)
      .waitFor();
    await page.getByLabel('openssl s_client').getByText('s_client').first().waitFor();
    await expectAccessible(page);
  });

  it('is found by its URL, which is a link to send', async () => {
    await stage.open('/routes', 'Routes');
    await page.getByLabel('URL', { exact: true }).fill('https://localhost/orders/17');
    await button('Find it').click();
    const answer = page.getByRole('status', { name: 'The answer' });
    await answer.getByText('reaches a backend').waitFor();
    assert.match(page.url(), /url=https/);
    await expectAccessible(page);
    await stage.open('/routes?url=https%3A%2F%2Flocalhost%2Fnowhere', 'Routes');
    await answer.getByText('404 no_route').waitFor();
    await answer.getByText('Why 1 other route does not take it').click();
    await answer.getByText('its path does not match').waitFor();
  });

  it('is edited, switched off and deleted', async () => {
    await stage.open('/routes/orders', 'orders');
    await button('Edit').waitFor();
    await page.keyboard.press('e');
    await page.getByLabel('Methods').fill('get');
    await button('Save').click();
    await waitForToast(page, 'The route orders is saved');
    await page.getByText('GET', { exact: true }).waitFor();
    assert.equal((await stage.ask('/orders')).status, 200);
    await button('Delete …').click();
    await expectAccessible(page);
    await button('Delete').click();
    await page.getByRole('heading', { name: 'There is no route yet' }).waitFor();
    assert.equal((await stage.ask('/orders')).status, 404);
  });
});

describe('text of others', () => {
  it('neither turns lines around nor is markup, wherever it is shown', async () => {
    const ca = await mintCa({ cn: '\u202E<img src=x onerror=alert(1)>' });
    const body = { id: 'hostile', files: [{ name: 'ca.pem', text: ca.certPem }] };
    await stage.console.api('POST', '/ca-bundles', { body });
    for (const [path, heading] of [
      ['/certificates?part=bundles', 'Certificates'],
      ['/ca-bundles/hostile', 'hostile'],
      ['/services/new', 'Create service'],
    ] as const) {
      await stage.open(path, heading);
      if (path === '/services/new') await page.getByRole('button', { name: /\bCA certificate$/ }).click();
      await page
        .getByText(/onerror/)
        .first()
        .waitFor();
      assert.ok(!(await page.locator('body').innerText()).includes('\u202E'), path);
      assert.equal(await page.locator('img').count(), 0, path);
    }
  });
});
