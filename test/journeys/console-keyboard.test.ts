// The console without a mouse: logging in, going from screen to screen, finding something by its name, a dialog that gives the focus back, a form
// that is sent from any field; and the single keys, which can be switched off.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  adminName,
  adminPassword,
  type ConsoleUnderTest,
  expectAccessible,
  openConsole,
  type Page,
} from '../support/console.ts';
import { openPki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let console: ConsoleUnderTest;
let page: Page;

before(async () => {
  const pki = stack.use(await openPki());
  const yaml = `version: 2
gateway:
  store: {url: "sqlite:console.db"}
  entryPoints: {webSecure: {enabled: false}}
  certificates: [{id: gateway-client, cert: ${pki.gateway.cert}, key: ${pki.gateway.key}}]
  caBundles: [{id: internal, ca: ${pki.internal.file}}]
  services:
    - {name: orders, address: "localhost:1", tls: {mode: mtls, certificateId: gateway-client, caBundle: internal}}
  routes: [{name: orders, path: /, service: orders}]
`;
  console = stack.use(await openConsole({ yaml, dir: pki.dir }));
  page = await console.openStranger();
});

const focused = async (): Promise<string> =>
  page.evaluate(
    'document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent',
  ) as Promise<string>;
const atHeading = async (name: string) => page.getByRole('heading', { level: 1, name }).waitFor();

describe('with the keyboard alone', () => {
  it('somebody logs in: the first field has the focus, Enter sends', async () => {
    await page.goto(console.url);
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await page.keyboard.type(adminName);
    await page.keyboard.press('Tab');
    await page.keyboard.type(adminPassword);
    await page.keyboard.press('Enter');
    await page.getByRole('navigation', { name: 'Main' }).waitFor();
  });

  it('skips the navigation with the first link of the page', async () => {
    await page.reload();
    await page.getByRole('navigation', { name: 'Main' }).waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.id'), 'content');
  });

  it('goes to a screen with g and a letter, and its heading has the focus', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await atHeading('Services');
    assert.equal(await focused(), 'Services');
    await page.keyboard.press('g');
    await page.keyboard.press('o');
    await page
      .getByRole('link', { name: 'Overview', exact: false })
      .and(page.locator('[aria-current="page"]'))
      .waitFor();
  });

  it('finds a thing by a part of its name', async () => {
    await page.keyboard.press('/');
    await page.getByRole('dialog', { name: 'Search' }).waitFor();
    await page.getByRole('link', { name: 'orders' }).first().waitFor();
    await expectAccessible(page);
    await page.keyboard.type('rder');
    await page.keyboard.press('Enter');
    await atHeading('orders');
    assert.equal(new URL(page.url()).pathname, '/services/orders');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('reads the keys, and has the focus back where it was when it closes them', async () => {
    await page.getByRole('button', { name: 'Keys' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // In the frame after.
    await eventually(async () => (await focused()).startsWith('Keys'), { what: 'the focus to be back' });
  });

  it('sends a form from any field with Ctrl+Enter', async () => {
    await page.goto(`${console.url}/account`);
    await page.getByLabel('Present password').focus();
    await page.keyboard.type('not the password');
    await page.keyboard.press('Control+Enter');
    await page.getByText('expected 12 characters or more').waitFor();
    assert.equal(await page.evaluate('document.activeElement.getAttribute("name")'), '/newPassword');
  });

  it('types letters into fields as letters, and switches single keys off', async () => {
    await page.getByLabel('New password').focus();
    await page.keyboard.type('/?gs');
    assert.equal(await page.getByLabel('New password').inputValue(), '/?gs');
    await page.getByRole('checkbox', { name: /Single keys are on/ }).focus();
    await page.keyboard.press('Space');
    await page.getByRole('heading', { level: 1 }).focus();
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await page.keyboard.press('?');
    await page.getByRole('checkbox', { name: /Single keys are on/ }).focus();
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.equal(new URL(page.url()).pathname, '/account');
    await page.keyboard.press('Space');
    await page.getByRole('heading', { level: 1 }).focus();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  });
});
