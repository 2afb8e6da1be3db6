// Certificates in the console: whatever is dropped is read before it is saved, a certificate is replaced under traffic and reverted, and a
// CA that clients still use is not removed without their names.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { brokenBlocks } from '../support/broken-pem.ts';
import { expectAccessible, type Page } from '../support/console.ts';
import { openStage, type Stage, waitForToast } from '../support/console-stage.ts';
import { runToEnd } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { type Authority, type CertFiles, openAuthority } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let stage: Stage;
let page: Page;
let partner: Authority;
let bob: CertFiles;
let carol: CertFiles;
let next: CertFiles;

before(async () => {
  stage = stack.use(await openStage());
  ({ page } = stage);
  const { dir, clients, internal } = stage.pki;
  partner = await openAuthority(dir, 'partner');
  bob = await clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
  carol = await partner.issueFiles('carol', { kind: 'client', cn: 'carol' });
  next = await internal.issueFiles('gateway-next', { kind: 'client', cn: 'gateway-next' });
});

const box = (label: string) => page.getByRole('textbox', { name: `${label}: paste PEM` });
const found = () => page.getByRole('status', { name: 'What was found' });
const button = (name: string) => page.getByRole('button', { name, exact: true });
const idsOf = async (path: string): Promise<string[]> => {
  const { items } = (await stage.console.api('GET', path)).body as { readonly items: readonly { id: string }[] };
  return items.map(({ id }) => id);
};

describe('an upload', () => {
  const material = 'Certificate, chain and key';

  it('is told what is in it before anything is saved, in whatever order it came', async () => {
    await stage.open('/certificates/new', 'Add a certificate');
    await expectAccessible(page);
    await box(material).fill(next.keyPem + next.chainPem);
    await found().getByText('Found 1 certificate and its private key, which fits').waitFor();
    await found().getByText('CN=gateway-next').first().waitFor();
    await expectAccessible(page);
    assert.deepEqual(await idsOf('/certificates'), ['edge', 'gateway-client']);
  });

  it('of which a block is broken is not saved, and what was typed stays', async () => {
    await page.getByLabel('Certificate ID').fill('broken');
    const [cut = '', headless = ''] = brokenBlocks(next.certPem);
    for (const broken of [cut, headless]) {
      await box(material).fill(broken + next.keyPem);
      await found().getByText('not usable').waitFor();
      await found().getByText('error').first().waitFor();
      await button('Add the certificate').click();
      await page.getByRole('alert').getByText('What was uploaded cannot be used').waitFor();
      assert.equal(await box(material).inputValue(), broken + next.keyPem);
    }
    await expectAccessible(page);
  });

  it('broken in any way is refused by the API too, with the file it is about', async () => {
    for (const [at, broken] of brokenBlocks(next.certPem).entries()) {
      const body = { id: 'broken', files: [{ name: 'a.pem', text: broken + next.keyPem }] };
      const { status, body: told } = await stage.console.api('POST', '/certificates', { body, mayFail: true });
      const [first] = told['errors'] as { pointer: string; code: string }[];
      assert.deepEqual([status, first?.pointer.startsWith('/files')], [422, true], `${at}: ${JSON.stringify(told)}`);
    }
    assert.deepEqual(await idsOf('/certificates'), ['edge', 'gateway-client']);
  });

  it('as PKCS #12 asks for its password, and is saved with the right one', async () => {
    const bag = stage.pki.dir.file('bag.p12');
    const args = ['pkcs12', '-export', '-in', next.cert, '-inkey', next.key, '-passout', 'pass:secret', '-out', bag];
    assert.equal((await runToEnd(requireCommand('openssl'), args)).code, 0);
    await stage.open('/certificates/new?use=client', 'Add a certificate');
    await page.getByLabel('Certificate ID').fill('from-a-bag');
    await page.locator('input[type=file]').setInputFiles(bag);
    await found().getByText('not usable').waitFor();
    await page.getByLabel('Password of the file').fill('secret');
    await found().getByText('and its private key, which fits').waitFor();
    await button('Add the certificate').click();
    await page.getByRole('heading', { level: 1, name: 'from-a-bag' }).waitFor();
    await page.getByRole('list', { name: 'Chain' }).getByText('CN=gateway-next').first().waitFor();
    await expectAccessible(page);
  });
});

describe('a certificate', () => {
  it('is replaced and reverted under load, and no request fails', async () => {
    await using load = stage.load('/orders');
    await load.waitForOk(20);
    await stage.open('/certificates/gateway-client', 'gateway-client');
    await button('Replace').click();
    await box('The next certificate, with chain and key').fill(next.chainPem + next.keyPem);
    await found().getByText('which fits').waitFor();
    await expectAccessible(page);
    await button('Replace the certificate').click();
    await waitForToast(page, 'The certificate gateway-client is replaced');
    const replaced = Number(
      (await stage.nginx.waitForAccess(({ subject }) => subject === 'CN=gateway-next')).connection,
    );
    await load.waitForOk(20);

    await page.getByRole('button', { name: 'Make current version 1' }).click();
    await button('Make it current').click();
    await waitForToast(page, 'Version 1 of gateway-client is current again');
    await stage.nginx.waitForAccess((one) => one.subject === 'CN=gateway' && Number(one.connection) > replaced);
    await load.waitForOk(20);
    const { failed, reasons } = await load.stop();
    assert.equal(failed, 0, JSON.stringify([...reasons]));
    await page.getByRole('list', { name: 'Versions' }).getByText('1, current').waitFor();
    await expectAccessible(page);
  });

  it('in use is not deleted, and who uses it is said', async () => {
    await button('Delete …').click();
    await button('Delete').click();
    const dialog = page.getByRole('dialog', { name: 'The certificate gateway-client is in use' });
    await dialog.getByRole('link', { name: 'orders' }).waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    assert.ok((await idsOf('/certificates')).includes('gateway-client'));
  });

  it('that nobody uses is deleted', async () => {
    await stage.open('/certificates/from-a-bag', 'from-a-bag');
    await button('Delete …').click();
    await button('Delete').click();
    await page.getByRole('heading', { level: 1, name: 'Certificates' }).waitFor();
    assert.ok(!(await idsOf('/certificates')).includes('from-a-bag'));
  });

  it('is listed with what happens at its end, and its chain is for everybody to take', async () => {
    const row = page.getByRole('row', { name: /gateway-client/ });
    await row.getByText('1 service refuses us').waitFor();
    await expectAccessible(page);
    const download = page.waitForEvent('download');
    await stage.open('/certificates/gateway-client', 'gateway-client');
    await page.getByRole('link', { name: 'Download the chain' }).click();
    assert.equal((await download).suggestedFilename(), 'gateway-client.pem');
  });
});

describe('a CA bundle', () => {
  it('takes another CA, and its clients come in', async () => {
    assert.equal((await stage.ask('/orders', carol)).status, 0);
    await stage.open('/ca-bundles/partners', 'partners');
    await expectAccessible(page);
    await button('Add or remove CAs').click();
    await box('Add CAs').fill(partner.certPem);
    await found().getByText('CN=partner CA').first().waitFor();
    await page.getByText('of them would be refused that is let in now').waitFor();
    await page
      .getByRole('region', { name: '1 would be let in that is refused now' })
      .getByText('CN=carol')
      .first()
      .waitFor();
    await button('Save').click();
    await waitForToast(page, 'The CA bundle partners is saved');
    assert.equal((await stage.ask('/orders', carol)).status, 200);
  });

  it('loses a CA with two clients seen only after both were named and their number was typed', async () => {
    for (const one of [stage.pki.alice, bob]) assert.equal((await stage.ask('/orders', one)).status, 200);
    await button('Add or remove CAs').click();
    await page.getByRole('button', { name: /^Remove .*clients CA/ }).click();
    const told = page.getByRole('region', { name: '2 would be refused' });
    await told.getByText('CN=alice').first().waitFor();
    await told.getByText('CN=bob').first().waitFor();
    await expectAccessible(page);
    await button('Save').click();
    const dialog = page.getByRole('dialog', { name: 'Save the CA bundle partners?' });
    await dialog.getByText('CN=alice').first().waitFor();
    assert.ok(await dialog.getByRole('button', { name: 'Save and refuse them' }).isDisabled());
    await expectAccessible(page);
    await dialog.getByRole('textbox').fill('refuse 2 clients');
    await dialog.getByRole('button', { name: 'Save and refuse them' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await button('Add or remove CAs').waitFor();
    assert.equal((await stage.ask('/orders', bob)).status, 0);
    assert.equal((await stage.ask('/orders', carol)).status, 200);
  });

  it('is as it was when its former version is current again', async () => {
    await page.getByRole('button', { name: 'Make current version 2' }).click();
    await button('Make it current').click();
    await waitForToast(page, 'Version 2 of partners is current again');
    assert.equal((await stage.ask('/orders', bob)).status, 200);
  });

  it('is made from what was pasted, and found among the others', async () => {
    await stage.open('/ca-bundles/new', 'Add a CA bundle');
    await page.getByLabel('Name', { exact: true }).fill('partner-only');
    await box('CA certificates').fill(`in words before it\n${partner.certPem}`);
    await found().getByText('Found 1 certificate').waitFor();
    await expectAccessible(page);
    await button('Add the CA bundle').click();
    await page.getByRole('heading', { level: 1, name: 'partner-only' }).waitFor();
    await stage.open('/certificates?part=bundles&q=partner-', 'Certificates');
    await page.getByRole('link', { name: 'partner-only' }).waitFor();
    await expectAccessible(page);
    await page.getByLabel('Filter CA bundles').fill('there is none');
    await page.getByRole('heading', { name: 'Nothing fits the filter' }).waitFor();
  });
});
