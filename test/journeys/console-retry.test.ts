// The console of a gateway that does not answer yet: it says so, asks again by itself, and is there once the gateway is. Nobody has to
// press anything, and nothing that was typed or opened is lost.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type ConsoleUnderTest, expectAccessible, openConsole, type Page } from '../support/console.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let console: ConsoleUnderTest;
let page: Page;
let gateway: Gateway;

before(async () => {
  console = stack.use(await openConsole());
  ({ page, gateway } = console);
});

const serves = ({ msg }: { readonly msg: string }): boolean => msg === 'control process serves the API';
const controlPid = (): number => Number(gateway.log.items.findLast(serves)?.['pid']);
const note = () => page.getByRole('status').filter({ hasText: 'asks again by itself' });

/** Ends the gateway, and starts another from the same file on the same port. */
async function away(): Promise<() => Promise<void>> {
  const file = gateway.configFile;
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/(admin: *\{ *address: *"?127\.0\.0\.1:)0\b/, `$1${gateway.ports.admin}`));
  await gateway.stop();
  return async () => {
    gateway = stack.use(await startGateway({ configFile: file, entryPoints: ['admin'] }));
  };
}

describe('the console of a gateway that is not there yet', () => {
  it('says so where it does not know yet who is logged in, and goes on by itself', async () => {
    let comeBack: (() => Promise<void>) | undefined;
    // Between the page and its first question.
    await page.route('**/api/v1/session', async (route) => {
      comeBack ??= await away();
      await route.continue();
    });
    await page.goto(`${console.url}/services`);
    await note().waitFor();
    await page.unroute('**/api/v1/session');
    await expectAccessible(page);
    await comeBack?.();
    await page.getByRole('heading', { level: 1, name: 'Services' }).waitFor();
    assert.equal(await note().count(), 0);
  });

  it('says so in the screen that was opened, and fills it by itself', async () => {
    let comeBack: (() => Promise<void>) | undefined;
    await page.route('**/api/v1/users*', async (route) => {
      comeBack ??= await away();
      await route.continue();
    });
    await page.goto(`${console.url}/users`);
    await page.getByRole('main').getByText('asks again by itself').first().waitFor();
    await page.unroute('**/api/v1/users*');
    await comeBack?.();
    await page.getByRole('table', { name: 'Users' }).waitFor();
    assert.equal(await page.getByText('asks again by itself').count(), 0);
  });
});

describe('a console that is opened while the control process', () => {
  it('is being started is a page that asks again, and then the console', async () => {
    // It is started again later each time.
    for (let times = 0; times < 5; times++) {
      const from = gateway.log.length;
      process.kill(controlPid(), 'SIGKILL');
      await gateway.waitForLog(({ msg }) => msg.startsWith('control process ended'), { from });
      if (times < 4) await gateway.waitForLog(serves, { from });
    }
    await page.goto(`${console.url}/alerts`, { waitUntil: 'commit' });
    await page.getByText('This page asks again by itself').waitFor();
    await page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor();
  });

  it('stands still waits for it', async () => {
    const pid = controlPid();
    process.kill(pid, 'SIGSTOP');
    // Its head comes when somebody answers: the process that goes on, or the one that replaces it.
    const opened = page.goto(`${console.url}/gateways`, { waitUntil: 'commit' });
    const asked = page.waitForRequest((request) => request.isNavigationRequest());
    await asked;
    process.kill(pid, 'SIGCONT');
    await opened;
    await page.getByRole('heading', { level: 1, name: 'Gateways' }).waitFor();
  });
});
