// Getting in and out: the first administrator through the printed link, logging in, a session that ends in the middle of a form, another
// password; and that each of these pages can be used by everybody.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  adminName,
  adminPassword,
  type ConsoleUnderTest,
  expectAccessible,
  logIn,
  openConsole,
  type Page,
} from '../support/console.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let console: ConsoleUnderTest;
let page: Page;

before(async () => {
  console = stack.use(await openConsole({ withoutUser: true }));
  ({ page } = console);
});

const navigation = () => page.getByRole('navigation', { name: 'Main' });

describe('the first start', () => {
  it('says without the link where the link is', async () => {
    await page.goto(console.url);
    await page.getByRole('heading', { name: 'Open the setup link' }).waitFor();
    await expectAccessible(page);
  });

  it('makes the administrator through the link, whose secret leaves the address at once', async () => {
    await page.goto(console.setupLink);
    await page.getByRole('heading', { name: 'Make the first administrator' }).waitFor();
    assert.equal(page.url(), `${console.url}/setup`);
    await expectAccessible(page);
    await page.getByLabel('Name').fill(adminName);
    await page.getByLabel('Password').fill('short');
    await page.getByRole('button', { name: 'Make the administrator' }).click();
    await page.getByText('expected 12 characters or more').waitFor();
    assert.equal(await page.getByLabel('Password').getAttribute('aria-invalid'), 'true');
    await page.getByLabel('Password').fill(adminPassword);
    await page.getByRole('button', { name: 'Make the administrator' }).click();
    await navigation().waitFor();
    await page.getByRole('heading', { level: 1 }).waitFor();
  });

  it('takes the link once', async () => {
    const stranger = await console.openStranger();
    await stranger.goto(console.setupLink);
    await stranger.getByLabel('Name').fill('mallory');
    await stranger.getByLabel('Password').fill('a password of four words');
    await stranger.getByRole('button', { name: 'Make the administrator' }).click();
    await stranger.getByRole('alert').getByText('This link was used, has ended, or was never made here').waitFor();
    await stranger.context().close();
  });
});

describe('a session', () => {
  it('begins with name and password, and with nothing else', async () => {
    const stranger = await console.openStranger();
    await stranger.goto(`${console.url}/services`);
    await stranger.getByRole('heading', { name: 'Log in' }).waitFor();
    await expectAccessible(stranger);
    await stranger.getByLabel('Name').fill(adminName);
    await stranger.getByLabel('Password').fill('not the password');
    await stranger.getByRole('button', { name: 'Log in' }).click();
    await stranger.getByRole('alert').getByText('There is no such user, or the password is another').waitFor();
    await stranger.getByLabel('Password').fill(adminPassword);
    await stranger.getByRole('button', { name: 'Log in' }).click();
    // Where he wanted to go.
    await stranger.getByRole('heading', { level: 1, name: 'Services' }).waitFor();
    await stranger.context().close();
  });

  it('that ends in the middle of a form loses nothing that was typed', async () => {
    await page.getByRole('link', { name: adminName }).click();
    await page.getByLabel('Present password').fill(adminPassword);
    await page.getByLabel('New password').fill('another four words here');
    await console.api('DELETE', '/session');
    await page.getByRole('button', { name: 'Change it' }).click();
    const dialog = page.getByRole('alertdialog', { name: 'Your session has ended' });
    await dialog.waitFor();
    await expectAccessible(page);
    assert.equal(await dialog.getByLabel('Name').inputValue(), adminName);
    await dialog.getByLabel('Password').fill(adminPassword);
    await dialog.getByRole('button', { name: 'Log in' }).click();
    // What was sent is sent now: the password is another, and every session has ended.
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await logIn(page, console.url, adminName, 'another four words here');
  });

  it('ends where somebody logs out, with everything that was read', async () => {
    await page.getByRole('link', { name: adminName }).click();
    await page.getByRole('heading', { name: 'Your sessions' }).waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await page.goto(`${console.url}/account`);
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
  });
});
