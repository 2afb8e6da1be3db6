// The alerts in a real Chromium: what needs somebody, who is told and whether it arrives, a test message with each step of the way, silence
// with a reason.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type ConsoleUnderTest, expectAccessible, logIn, openConsole, type Page } from '../support/console.ts';
import { openPki } from '../support/pki.ts';
import { startReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let console: ConsoleUnderTest;
let page: Page;
let receiver: WebhookReceiver;

before(async () => {
  const pki = stack.use(await openPki());
  const tls = { cert: pki.backend.chainPem, key: pki.backend.keyPem };
  receiver = stack.use(await startReceiver({ tls }));
  const notBefore = Date.now() - 20 * 86_400_000;
  await pki.internal.issueFiles('brief', { kind: 'server', sans: ['localhost'], notBefore, days: 24 });
  pki.dir.write('pager.secret', randomBytes(24).toString('base64'));
  const yaml = `version: 2
gateway:
  store: {url: "sqlite:console.db"}
  certificates: [{id: edge, cert: brief.crt, key: brief.key}]
  tls: {certificateIds: [edge]}
  alerts:
    - {name: pager, url: "https://localhost:${receiver.port}/hook", secretFile: pager.secret, tls: {ca: internal-ca.crt}}
    - {name: stranger, url: "https://localhost:${receiver.port}/hook", secretFile: pager.secret, tls: {ca: strangers-ca.crt}, on: [drift]}
  routes: [{name: hello, path: /, response: {statusCode: 200, body: hello}}]
`;
  console = stack.use(await openConsole({ yaml, dir: pki.dir }));
  ({ page } = console);
});

const region = (name: string, on = page) => on.getByRole('region', { name });

describe('the alerts of the console', () => {
  it('are what needs somebody, and who was told of it', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Alerts' }).click();
    await page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor();
    await region('Alerts that last').getByText('Certificate edge').waitFor();
    await receiver.hooks.waitFor(({ body }) => body.includes('Certificate edge'));
    await region('Last messages to pager').getByText('delivered').first().waitFor({ timeout: 60_000 });
    await expectAccessible(page);
  });

  it('a receiver is tried: each step is there, or the one that broke, and what to do', async () => {
    await page.getByRole('button', { name: 'Send a test message to pager' }).click();
    await region('Receiver pager').getByText('The test message arrived').waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Send a test message to stranger' }).click();
    await region('Receiver stranger').getByText('The test message did not arrive').waitFor({ timeout: 60_000 });
    await region('Test of stranger').getByText('untrusted_issuer').waitFor();
    await region('Test of stranger').getByText('give the CA of its certificate in tls.ca').waitFor();
    await expectAccessible(page);
  });

  it('one is silenced with a reason, which others see, and told of again', async () => {
    await page.getByRole('button', { name: /^Silence: Certificate edge/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Silence this alert' });
    await dialog.getByRole('button', { name: 'Silence' }).click();
    await dialog
      .getByText(/expected|small/i)
      .first()
      .waitFor();
    await dialog.getByLabel('Why').fill('it is being replaced');
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Silence' }).click();
    await region('Alerts that last').getByText('it is being replaced').waitFor();
    const { items } = (await console.api('GET', '/audit?limit=20')).body as {
      items: { action: string; reason: string }[];
    };
    assert.equal(items.find(({ action }) => action === 'alert.silence')?.reason, 'it is being replaced');
    await page.getByRole('button', { name: /^End the silence: Certificate edge/ }).click();
    await page.getByRole('button', { name: /^Silence: Certificate edge/ }).waitFor();
  });

  it('a viewer sees them and may neither silence nor try', async () => {
    const password = 'vera has four words';
    await console.api('POST', '/users', { body: { name: 'vera', role: 'viewer', password } });
    const vera = await console.openStranger();
    await logIn(vera, console.url, 'vera', password);
    await vera.goto(`${console.url}/alerts`);
    await region('Alerts that last', vera).getByText('Certificate edge').waitFor();
    await region('Receiver pager', vera).waitFor();
    assert.equal(await vera.getByRole('button', { name: /Silence|test message/ }).count(), 0);
  });
});
