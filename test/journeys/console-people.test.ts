// Who works here and what became of it: users, tokens, changes and their reverts, gateways; who came, who was refused and why, as it
// happens; each in a real Chromium.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { type ConsoleUnderTest, expectAccessible, logIn, openConsole, type Page } from '../support/console.ts';
import { openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let console: ConsoleUnderTest;
let pki: Pki;
let page: Page;

const yaml = `version: 2
gateway:
  store: {url: "sqlite:console.db"}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true, onFailure: explain}
  routes: [{name: hello, path: /, response: {statusCode: 200, body: hello}}]
`;

before(async () => {
  pki = await openPki();
  stack.defer(() => pki.remove());
  console = stack.use(await openConsole({ yaml, dir: pki.dir }));
  ({ page } = console);
});

const heading = (name: string) => page.getByRole('heading', { level: 1, name });
const open = async (path: string, name: string): Promise<void> => {
  await page.goto(`${console.url}${path}`);
  await heading(name).waitFor();
};

describe('users and tokens', () => {
  it('a viewer is made, logs in, and has no button to change anything', async () => {
    await open('/users', 'Users');
    await page.getByRole('button', { name: 'New user' }).click();
    await page.getByLabel('Name', { exact: true }).fill('vera');
    await page.getByLabel('First password').fill('short');
    await page.getByRole('button', { name: 'Make the user' }).click();
    await page.getByText('expected 12 characters or more').waitFor();
    await page.getByLabel('First password').fill('vera has four words');
    await page.getByRole('button', { name: 'Make the user' }).click();
    await page.getByRole('rowheader', { name: 'vera' }).waitFor();
    await expectAccessible(page);

    const vera = await console.openStranger();
    await logIn(vera, console.url, 'vera', 'vera has four words');
    await vera.goto(`${console.url}/tokens`);
    await vera.getByRole('heading', { level: 1, name: 'Tokens' }).waitFor();
    await vera.goto(`${console.url}/clients`);
    await vera.getByRole('link', { name: 'Policy gateway' }).click();
    await vera.getByRole('heading', { level: 1, name: 'gateway' }).waitFor();
    assert.equal(await vera.getByRole('button', { name: 'Change the mode' }).count(), 0);

    // Her role changes: she is logged out at once.
    await page.getByRole('button', { name: 'Edit vera' }).click();
    await page.getByRole('radio', { name: /^Operator/ }).check({ force: true });
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('cell', { name: 'Operator', exact: true }).waitFor();
    await vera.reload();
    await vera.getByRole('heading', { name: 'Log in' }).waitFor();
    await vera.context().close();
  });

  it('a token is shown once, does what it may and no more, and ends', async () => {
    await open('/tokens', 'Tokens');
    await page.getByText('There are no tokens').waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'New token' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('pipeline');
    await page.getByRole('button', { name: 'Make the token' }).click();
    const secret = (await page.getByLabel('The token').locator('visible=true').last().innerText()).trim();
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await page.getByRole('rowheader', { name: 'pipeline' }).waitFor();
    assert.ok(!(await page.content()).includes(secret));

    const ask = async (path: string): Promise<number> =>
      (await fetch(`${console.url}/api/v1${path}`, { headers: { authorization: `Bearer ${secret}` } })).status;
    assert.deepEqual([await ask('/services'), await ask('/users')], [200, 403]);
    await page.getByRole('button', { name: 'End pipeline' }).click();
    await page.getByRole('button', { name: 'End it' }).click();
    await page.getByText('There are no tokens').waitFor();
    assert.equal(await ask('/services'), 401);
  });
});

describe('changes', () => {
  it('each is listed with who and why, told field by field, and taken back', async () => {
    const body = { id: 'partners', value: { ca: [pki.clients.certPem] }, reason: 'for the partners' };
    await console.api('POST', '/ca-bundles', { body });
    await open('/changes', 'Changes');
    await page.getByRole('cell', { name: 'for the partners' }).waitFor();
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Revision 1' }).click();
    await page.getByText('CA bundle partners').waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Revert' }).click();
    await heading('Revision 2').waitFor();
    await page.getByText('removed').waitFor();
    assert.equal((await console.api('GET', '/ca-bundles/partners', { mayFail: true })).status, 404);
  });

  it('and the gateway says that it runs them', async () => {
    await open('/gateways', 'Gateways');
    await page.getByText('current').waitFor();
    await expectAccessible(page);
  });
});

describe('clients', () => {
  const ask = async (as?: { readonly cert: string; readonly key: string }) =>
    curl(`https://localhost:${console.gateway.ports.webSecure}/`, { ca: pki.servers.file, ...as });

  it('who came is there by name, with what was asked of him', async () => {
    assert.equal((await ask(pki.alice)).status, 200);
    await open('/clients', 'Clients and listeners');
    await page.getByText('required').waitFor();
    await expectAccessible(page);
    await page.getByRole('link', { name: 'Policy gateway' }).click();
    await page.getByRole('rowheader', { name: /alice/ }).waitFor();
    await page.getByText('let in').first().waitFor();
    await expectAccessible(page);
  });

  it('who is refused appears as it happens, with the step that broke and what to do', async () => {
    await open('/handshakes', 'Handshakes');
    await page.getByText('live', { exact: true }).waitFor();
    assert.equal((await ask(pki.stranger)).status, 403);
    const now = page.getByRole('list', { name: 'Handshakes that failed just now' });
    await now.getByText('untrusted_issuer').first().waitFor();
    await expectAccessible(page);

    await page.getByRole('button', { name: 'Halt the live list' }).click();
    await ask();
    await page.getByRole('button', { name: /Go on \([1-9]/ }).waitFor();
    assert.equal(await now.getByText('no_client_cert').count(), 0);
    await page.getByRole('button', { name: /Go on/ }).click();
    await now.getByText('no_client_cert').first().waitFor();

    const grouped = page.getByRole('list', { name: 'Failed handshakes by reason and peer' });
    await grouped.getByRole('button', { name: /Explain untrusted_issuer/ }).click();
    const ladder = page.getByRole('list', { name: /failed with untrusted_issuer/ });
    await ladder.getByText('failed').first().waitFor();
    await page.getByText('What to do').waitFor();
    await page.getByRole('link', { name: 'Trust this issuer…' }).waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await ladder.waitFor({ state: 'detached' });
  });
});
