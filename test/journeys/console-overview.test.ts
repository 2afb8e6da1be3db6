// What a person sees at three in the morning: a backend that refuses our certificate and a certificate that ends soon are what the overview
// says first; the relation shows at which of its two locks it broke, in the words of the log. The picture in the README is made
// here: `UPDATE_PICTURE=1 npm test -- test/journeys/console-overview`.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ConsoleUnderTest, expectAccessible, openConsole, type Page } from '../support/console.ts';
import { curl } from '../support/curl.ts';
import { startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let console: ConsoleUnderTest;
let page: Page;

const day = 86_400_000;
const picture = fileURLToPath(new URL('../../docs/console.png', import.meta.url));

before(async () => {
  pki = stack.use(await openPki());
  const { dir, clients, internal, servers } = pki;
  const orders = stack.use(await startNginx({ tls: pki.backend, clientCa: internal.file }));
  // Trusts another CA than the one that issued what the gateway shows.
  const billing = stack.use(await startNginx({ tls: pki.backend, clientCa: clients.file }));
  const end = { days: 90, notBefore: Date.now() - 85 * day };
  const edge = await servers.issueFiles('edge', {
    kind: 'server',
    cn: 'api.example.com',
    sans: ['localhost', 'api.example.com'],
    ...end,
  });
  const yaml = `version: 2
gateway:
  store: {url: "sqlite:console.db"}
  accessLog: {enabled: false}
  certificates:
    - {id: api.example.com, cert: ${edge.cert}, key: ${edge.key}}
    - {id: gateway-client, cert: ${pki.gateway.cert}, key: ${pki.gateway.key}}
  caBundles:
    - {id: partners, ca: ${clients.file}}
    - {id: internal, ca: ${internal.file}}
  services:
    - {name: orders, address: "localhost:${orders.port}", tls: {mode: mtls, certificateId: gateway-client, caBundle: internal}}
    - {name: billing, address: "localhost:${billing.port}", tls: {mode: mtls, certificateId: gateway-client, caBundle: internal}}
  tls:
    certificateIds: [api.example.com]
    clientAuth: {caBundles: [partners], required: true}
  routes:
    - {name: orders, path: /orders, hosts: [localhost], service: orders}
    - {name: billing, path: /billing, hosts: [localhost], service: billing}
`;
  console = stack.use(await openConsole({ yaml, dir }));
  ({ page } = console);
  const { webSecure } = console.gateway.ports;
  const ask = async (path: string, as?: { readonly cert: string; readonly key: string }) =>
    curl(`https://localhost:${webSecure}${path}`, { ca: servers.file, ...as });
  for (let count = 0; count < 12; count++) assert.equal((await ask('/orders', pki.alice)).status, 200);
  for (let count = 0; count < 3; count++) assert.equal((await ask('/billing', pki.alice)).status, 502);
  await ask('/orders');
  await ask('/orders', pki.stranger);
});

describe('the overview', () => {
  it('says first what needs somebody, worst first', async () => {
    await page.goto(console.url);
    const needs = page.getByRole('list', { name: 'Needs you' });
    await needs
      .getByText(/billing/)
      .first()
      .waitFor();
    const rows = await needs.getByRole('listitem').allInnerTexts();
    assert.match(rows[0] ?? '', /billing/);
    assert.ok(
      rows.some((row) => row.includes('api.example.com') && row.includes('expires')),
      rows.join('\n'),
    );
    await page.getByRole('list', { name: 'Trust relations' }).getByText('orders').waitFor();
    // The page asks again every so often, and what was counted a moment ago is answered then as it was.
    await page.getByRole('list', { name: 'Refusals by reason' }).getByText('no_client_cert').waitFor();
    await expectAccessible(page);
    if (process.env['UPDATE_PICTURE'] !== undefined) await page.screenshot({ path: picture, scale: 'css' });
    assert.ok(existsSync(picture));
  });

  it('says in a table what its pictures show', async () => {
    const chart = page.getByRole('figure', { name: 'Requests and refusals per minute' });
    await chart.getByRole('button', { name: 'As a table' }).click();
    await chart.getByRole('columnheader', { name: 'handshakes refused' }).waitFor();
    assert.ok((await chart.getByRole('row').count()) >= 2);
  });
});

describe('the relation that failed', () => {
  it('shows which of the two locks it was, and who refused', async () => {
    await page.getByRole('link', { name: /^Show the relation of .* billing$/ }).click();
    const group = page.getByRole('group', { name: /billing$/ });
    await group.waitFor();
    const backend = group.getByRole('list', { name: 'Between the gateway and the service' });
    assert.match((await backend.getByRole('listitem').first().textContent()) ?? '', /^refused: we show gateway-client/);
    const clients = group.getByRole('list', { name: 'Between clients and the gateway' });
    assert.match((await clients.getByRole('listitem').first().textContent()) ?? '', /^accepted: they show .*alice/);
    await page.getByText('refused_by_peer').first().waitFor();
    await expectAccessible(page);
  });
});
