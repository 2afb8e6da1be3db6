// Single sign-on with a real provider (oidc-provider, over TLS with a private CA) and a real browser: in by the button, with the role that
// the provider gives, and out again; what happens when the provider changes its keys, is gone, or says that somebody has logged out.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expectAccessible } from '../support/console.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { type OidcProvider, startOidcProvider } from '../support/oidc-provider.ts';
import { requireCommand } from '../support/peers.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
const secret = 'a-secret-of-the-client-that-nobody-sees';
const password = 'four words and more';
let pki: Pki;
let gateway: Gateway;
let provider: OidcProvider;
let serverOfProvider: CertFiles;
let browser: Browser;
let url = '';
let adminCookie = '';

const yaml = (oidc = ''): string => `version: 2
gateway:
  store: {url: "sqlite:control.db"}
  accessLog: {enabled: false}
  certificates:
    - {id: edge, cert: edge.crt, key: edge.key}
  caBundles:
    - {id: idp, ca: servers-ca.crt}
  entryPoints:
    admin:
      certificateId: edge
${oidc}
  tls: {certificateIds: [edge]}
  routes:
    - {name: site, path: /, target: "http://127.0.0.1:1"}
`;

const withProvider = (issuer: string): string =>
  yaml(`      oidc:
        name: Example ID
        issuer: ${issuer}
        clientId: countersign
        clientSecretFile: client.secret
        redirectUri: ${url}/log-in/callback
        caBundle: idp
        roleClaim: groups
        roles: {admin: [gateway-admins], operator: [gateway-ops], viewer: [staff, guests]}
`);

const startProvider = async (port?: number): Promise<OidcProvider> =>
  startOidcProvider(serverOfProvider, pki.servers.file, {
    ...(port !== undefined && { port }),
    redirectUri: `${url}/log-in/callback`,
    secret,
    backchannelUri: `${url}/api/v1/sessions:endByProvider`,
  });

before(async () => {
  pki = stack.use(await openPki());
  serverOfProvider = await pki.servers.issueFiles('provider', { kind: 'server', sans: ['localhost'] });
  pki.dir.write('client.secret', `${secret}\n`);
  gateway = stack.use(await startGateway({ yaml: yaml(), dir: pki.dir }));
  url = `https://localhost:${gateway.ports.admin}`;
  const line = await gateway.waitForLog(({ msg }) => msg.startsWith('there is no user yet'));
  const made = await api('POST', '/setup', {
    body: { secret: new URL(String(line['link'])).hash.slice(1), name: 'alice', password },
  });
  assert.equal(made.status, 201, `${made.body}\n${gateway.log.tail(20)}`);
  adminCookie = made.headers['set-cookie']?.split(';')[0] ?? '';
  provider = await startProvider();
  stack.defer(async () => provider.stop());
  const outcome = await reloadBy(gateway, () => gateway.rewrite(withProvider(provider.issuer)));
  assert.ok(outcome.ok, JSON.stringify(outcome.lines));
  await eventually(async () => (await api('GET', '/setup')).body.includes('Example ID'), { what: 'the button' });
  browser = await chromium.launch({
    executablePath: requireCommand('chromium'),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  stack.defer(() => browser.close());
});

type Call = { readonly body?: object; readonly fields?: Readonly<Record<string, string>> };

async function api(method: string, path: string, { body, fields }: Call = {}): Promise<CurlResult> {
  return curl(`${url}/api/v1${path}`, {
    method,
    ca: pki.servers.file,
    headers: { ...(body && { 'content-type': 'application/json' }), ...fields },
    ...(body && { body: JSON.stringify(body) }),
  });
}

const asAdmin = async (path: string): Promise<Record<string, unknown>[]> => {
  const { body } = await api('GET', path, { fields: { cookie: adminCookie } });
  return (JSON.parse(body) as { items: Record<string, unknown>[] }).items;
};

async function openPage(): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
  // Pages of oidc-provider name a font of the Internet, which is not there.
  await context.route(/googleapis/, async (route) => route.abort());
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text()) && page.url().startsWith(url))
      refusedByPolicy.push(message.text());
  });
  return page;
}
const refusedByPolicy: string[] = [];

const button = (page: Page) => page.getByRole('button', { name: 'Sign in with Example ID' });

/** At the provider. */
async function proveOneself(page: Page, name: string): Promise<void> {
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

async function signIn(name: string, path = '/'): Promise<Page> {
  const page = await openPage();
  await page.goto(`${url}${path}`);
  await button(page).click();
  await proveOneself(page, name);
  return page;
}

/** What the page's user gets of the API. */
const askAs = async (page: Page, method: string, path: string, body?: object): Promise<number> =>
  page.evaluate(
    async ([verb, where, text]) => {
      const headers = text === '' ? {} : { 'content-type': 'application/json' };
      return (await fetch(`/api/v1${where}`, { method: verb ?? '', headers, body: text === '' ? null : (text ?? '') }))
        .status;
    },
    [method, path, body === undefined ? '' : JSON.stringify(body)] as const,
  );

describe('who signs in with the provider', () => {
  it('comes back to where he was, with the role that the provider gives him, by keyboard alone', async () => {
    await provider.setGroups({ olga: ['gateway-ops', 'staff'] });
    const page = await openPage();
    await page.goto(`${url}/services?q=x`);
    await button(page).waitFor();
    await expectAccessible(page);
    await button(page).focus();
    await page.keyboard.press('Enter');
    await proveOneself(page, 'olga');
    await page.getByRole('heading', { level: 1, name: 'Services' }).waitFor();
    assert.equal(page.url(), `${url}/services?q=x`);
    await page.getByRole('link', { name: /olga\s*operator/ }).waitFor();
    const cookies = await page.context().cookies(url);
    const session = cookies.find(({ name }) => name === '__Host-countersign');
    assert.deepEqual([session?.sameSite, session?.httpOnly, session?.secure], ['Strict', true, true]);
    assert.equal(
      cookies.some(({ name }) => name === '__Host-countersign-sign-in'),
      false,
    );
    assert.equal(await askAs(page, 'POST', '/config:plan', { changes: [] }), 422);
    assert.equal(await askAs(page, 'GET', '/users'), 403);
    await page.context().close();
  });

  it('is a user of issuer and subject, and stands in the audit log', async () => {
    const olga = (await asAdmin('/users')).find(({ name }) => name === 'olga');
    assert.deepEqual(olga?.['provider'], { issuer: provider.issuer, subject: 'olga' });
    const entries = await asAdmin('/audit');
    const login = entries.find(({ action, actor }) => action === 'session.create' && actor === 'user:olga');
    assert.match(String(login?.['reason']), /^signed in with https:\/\/localhost/);
  });

  it('may not write as a viewer, and finds no button for it', async () => {
    await provider.setGroups({ vera: ['guests'] });
    const page = await signIn('vera', '/services');
    await page.getByRole('heading', { level: 1, name: 'Services' }).waitFor();
    await page.getByRole('link', { name: /vera\s*viewer/ }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'New service' }).count(), 0);
    assert.equal(await askAs(page, 'POST', '/config:plan', { changes: [] }), 403);
    await page.context().close();
  });

  it('is nobody without a role, and is told so on a page that everybody can use', async () => {
    await provider.setGroups({ nora: ['kitchen'] });
    const page = await signIn('nora');
    await page.getByRole('heading', { level: 1, name: 'You are not signed in' }).waitFor();
    await page.getByRole('alert').getByText('no_role').waitFor();
    await page.getByText('Ask for a group of the provider that oidc.roles names.').waitFor();
    assert.equal(page.url(), `${url}/log-in/callback`);
    await expectAccessible(page);
    assert.equal(await askAs(page, 'GET', '/session'), 401);
    await page.getByRole('link', { name: 'Log in another way' }).click();
    await page.getByLabel('Name').fill('alice');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('navigation', { name: 'Main' }).waitFor();
    await page.context().close();
  });

  it('is no local user of the same name', async () => {
    await provider.setGroups({ alice: ['gateway-ops'] });
    const page = await signIn('alice');
    await page.getByRole('link', { name: /alice-[0-9a-f]{10}\s*operator/ }).waitFor();
    const local = (await asAdmin('/users')).find(({ name }) => name === 'alice');
    assert.deepEqual([local?.['provider'], local?.['role']], [null, 'admin']);
    await page.context().close();
  });

  it('loses his other sessions with another role, and is shut out where an administrator says so', async () => {
    await provider.setGroups({ rob: ['gateway-ops'] });
    const first = await signIn('rob');
    await first.getByRole('link', { name: /rob\s*operator/ }).waitFor();
    await provider.setGroups({ rob: ['staff'] });
    const second = await signIn('rob');
    await second.getByRole('link', { name: /rob\s*viewer/ }).waitFor();
    assert.deepEqual([await askAs(first, 'GET', '/session'), await askAs(second, 'GET', '/session')], [401, 200]);
    const rob = (await asAdmin('/users')).find(({ name }) => name === 'rob');
    const path = `/users/${String(rob?.['id'])}`;
    const { headers } = await api('GET', path, { fields: { cookie: adminCookie } });
    const fields = {
      cookie: adminCookie,
      'if-match': headers['etag'] ?? '',
      'content-type': 'application/merge-patch+json',
    };
    const patch = async (change: object): Promise<CurlResult> =>
      curl(`${url}/api/v1${path}`, {
        method: 'PATCH',
        ca: pki.servers.file,
        headers: fields,
        body: JSON.stringify(change),
      });
    assert.equal((await patch({ role: 'admin' })).status, 409);
    assert.equal((await patch({ disabled: true })).status, 200);
    assert.equal(await askAs(second, 'GET', '/session'), 401);
    const third = await signIn('rob');
    await third.getByRole('alert').getByText('user_disabled').waitFor();
    for (const page of [first, second, third]) await page.context().close();
  });
});

describe('an answer that this browser did not ask for', () => {
  it('logs nobody in: a link of somebody else does nothing', async () => {
    const page = await openPage();
    await page.goto(`${url}/log-in/callback?code=of-somebody-else&state=x&iss=${encodeURIComponent(provider.issuer)}`);
    await page.getByRole('alert').getByText('sign_in_lost').waitFor();
    assert.equal(page.url(), `${url}/log-in/callback`);
    assert.equal(await askAs(page, 'GET', '/session'), 401);
    await page.context().close();
  });

  it('is taken from our own page and our own host alone', async () => {
    const body = { answer: 'code=x&state=y' };
    const foreign = await api('POST', '/sessions:byProvider', { body, fields: { origin: 'https://evil.test' } });
    assert.equal(foreign.status, 403);
    const rebound = await api('POST', '/sessions:byProvider', { body, fields: { host: 'evil.test' } });
    assert.ok(rebound.status >= 400 && rebound.status !== 403, `${rebound.status} ${rebound.body}`);
    const elsewhere = await curl(`https://127.0.0.1:${gateway.ports.admin}/api/v1/sessions:beginByProvider`, {
      method: 'POST',
      ca: pki.servers.file,
    });
    assert.deepEqual(
      [elsewhere.status, (JSON.parse(elsewhere.body) as { fault: string }).fault],
      [403, 'other_address'],
    );
  });
});

describe('a session with the provider', () => {
  it('that ends in the middle of a form loses nothing that was typed', async () => {
    await provider.setGroups({ fred: ['gateway-ops'] });
    const page = await signIn('fred', '/tokens');
    await page.getByRole('button', { name: 'New token' }).first().click();
    await page.getByLabel('Name').fill('night-job');
    assert.equal(await askAs(page, 'DELETE', '/session'), 204);
    await page.getByRole('button', { name: 'Make the token' }).click();
    const dialog = page.getByRole('alertdialog', { name: 'Your session has ended' });
    await dialog.waitFor();
    await expectAccessible(page);
    const opened = page.context().waitForEvent('page');
    await dialog.getByRole('button', { name: 'Sign in with Example ID, in a new tab' }).click();
    const tab = await opened;
    await tab.getByRole('heading', { level: 1, name: 'You are signed in' }).waitFor();
    // What was sent is sent now.
    await page
      .getByRole('dialog', { name: 'Token night-job' })
      .or(page.getByText('This is the only time that it is shown'))
      .first()
      .waitFor();
    const token = (await asAdmin('/tokens')).find(({ name }) => name === 'night-job');
    assert.ok(token !== undefined);
    await page.context().close();
  });

  it('ends here and there with a log-out', async () => {
    await provider.setGroups({ lena: ['staff'] });
    const page = await signIn('lena', '/account');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: /sign me out/i }).click();
    await button(page).waitFor();
    assert.equal(await askAs(page, 'GET', '/session'), 401);
    await button(page).click();
    // The provider knows nobody any more.
    await page.locator('input[name=login]').waitFor();
    await page.context().close();
  });

  it('ends here where somebody logs out there (back-channel logout)', async () => {
    await provider.setGroups({ bert: ['staff'] });
    const page = await signIn('bert');
    await page.getByRole('link', { name: /bert\s*viewer/ }).waitFor();
    const other = await page.context().newPage();
    await other.goto(`${provider.issuer}/session/end`);
    await other.getByRole('button', { name: /sign me out/i }).click();
    await eventually(async () => (await askAs(page, 'GET', '/session')) === 401, { what: 'the end of the session' });
    const entries = await asAdmin('/audit');
    assert.ok(
      entries.some(({ action, reason }) => action === 'session.remove' && reason === 'logged out at the provider'),
    );
    await page.context().close();
  });
});

describe('a provider', () => {
  it('changes its keys, and nobody notices', async () => {
    await provider.setGroups({ kim: ['staff'] });
    await provider.changeKeys();
    const page = await signIn('kim');
    await page.getByRole('link', { name: /kim\s*viewer/ }).waitFor();
    await page.context().close();
  });

  it('that is gone locks nobody out who has another way in, and is named within bounds', async () => {
    const { port } = new URL(provider.issuer);
    await provider.stop();
    // What was read of it before is still known; a gateway that asks for the first time says so at the button.
    const again = withProvider(provider.issuer).replace('name: Example ID', 'name: Example ID again');
    assert.ok((await reloadBy(gateway, () => gateway.rewrite(again))).ok);
    const page = await openPage();
    await page.goto(url);
    await page.getByRole('button', { name: 'Sign in with Example ID again' }).click();
    const alert = page.getByRole('alert');
    await alert.getByText('provider_unreachable').waitFor();
    await alert.getByText('Other ways to log in work as before.').waitFor();
    await expectAccessible(page);
    await page.getByLabel('Name').fill('alice');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByRole('navigation', { name: 'Main' }).waitFor();
    await gateway.waitForLog(({ code }) => code === 'provider_unreachable');
    provider = await startProvider(Number(port));
    await provider.setGroups({ kim: ['staff'] });
    assert.ok((await reloadBy(gateway, () => gateway.rewrite(withProvider(provider.issuer)))).ok);
    const back = await signIn('kim');
    await back.getByRole('link', { name: /kim\s*viewer/ }).waitFor();
    for (const one of [page, back]) await one.context().close();
  });

  it('that is no longer named ends the sessions that it began', async () => {
    const page = await signIn('kim').catch(() => assert.fail('kim cannot sign in'));
    await page.getByRole('link', { name: /kim\s*viewer/ }).waitFor();
    assert.ok((await reloadBy(gateway, () => gateway.rewrite(yaml()))).ok);
    await eventually(async () => (await askAs(page, 'GET', '/session')) === 401, { what: 'the end of the session' });
    assert.equal((await api('POST', '/sessions:beginByProvider')).status, 404);
    await page.context().close();
  });

  it('leaves no secret, code or token in any log, and nothing that the policy of a page refused', () => {
    const log = JSON.stringify(gateway.log.items);
    assert.doesNotMatch(log, new RegExp(secret));
    assert.doesNotMatch(log, /eyJ[A-Za-z0-9_-]{10}|[?&]code=|of-somebody-else/);
    assert.deepEqual(refusedByPolicy, []);
  });
});
