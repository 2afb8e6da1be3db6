// The quarterly audit of trust in a real Chromium: whom the gateway trusts and who came by it, a decision for each, the record that
// nobody can change, and its files.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { canonicalJson } from '../../src/store/canonical-json.ts';
import { expectAccessible, logIn, type Page } from '../support/console.ts';
import { choose, openStage, type Stage, waitForToast } from '../support/console-stage.ts';
import { eventually } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let stage: Stage;
let page: Page;

before(async () => {
  stage = stack.use(await openStage());
  ({ page } = stage);
  await eventually(async () => (await stage.ask('/orders')).status === 200, { what: 'the route to be live' });
});

const region = (name: string, on = page) => on.getByRole('region', { name, exact: true });

async function download(name: string): Promise<{ readonly file: string; readonly text: string }> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    region('Recorded audits').getByRole('link', { name }).first().click(),
  ]);
  return { file: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
}

describe('the trust audit of the console', () => {
  it('shows each CA, for whom it vouched and when last, and that nobody has decided yet', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Changes' }).click();
    await page.getByRole('navigation', { name: 'Below changes' }).getByRole('link', { name: 'Trust audit' }).click();
    await page.getByRole('heading', { level: 1, name: 'Trust audit' }).waitFor();
    await page.getByText('No audit has been recorded yet.').waitFor();
    await page.getByText('by 1 gateway:').waitFor();
    const partners = region('CA bundle partners');
    await partners.getByText('Clients of policy partners').waitFor();
    await partners.getByText('1 client, last').waitFor();
    await partners.getByText('Who', { exact: true }).click();
    await partners.getByText('CN=alice').first().waitFor();
    await region('CA bundle internal').getByText('Only backends are verified by it').waitFor();
    await expectAccessible(page);
  });

  it('is recorded with a decision for each anchor and a reason; without one it is not', async () => {
    const anchors = page.getByRole('table', { name: 'Anchors of CA bundle partners' });
    await anchors.getByRole('button', { name: /Decision about/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: 'keep' }).waitFor();
    await page.keyboard.press('Escape');
    await choose(page, 'Decision about CN=clients CA,O=Countersign Test', 'keep');
    await anchors.getByRole('textbox', { name: /Note about/ }).fill('=1+1, still their CA');
    await page.getByText('1 decision of 2 anchors').waitFor();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Record this audit' }).click();
    const reason = region('Record this audit').getByLabel('Reason');
    await eventually(async () => (await reason.getAttribute('aria-invalid')) === 'true', {
      what: 'the reason to be missed',
    });
    await expectAccessible(page);
    await reason.fill('third quarter');
    await page.getByRole('button', { name: 'Record this audit' }).click();
    await waitForToast(page, 'The audit is recorded.');
    await page.getByText('The last one was recorded').waitFor();
    const row = page
      .getByRole('table', { name: 'Recorded audits' })
      .getByRole('row')
      .filter({ hasText: 'third quarter' });
    await row.getByText('1 keep, 0 remove, 0 ask').waitFor();
    await row.getByText('user:admin').waitFor();
    // What was decided is not decided again.
    await page.getByText('0 decisions of 2 anchors').waitFor();
    await expectAccessible(page);
  });

  it('is kept as JSON, proven by the audit log, and as CSV that no spreadsheet computes', async () => {
    const json = await download('JSON');
    assert.match(json.file, /^trust-audit-[\w-]+\.json$/);
    const document = JSON.parse(json.text) as { reason: string; decisions: { decision: string; note: string }[] };
    assert.equal(document.reason, 'third quarter');
    assert.deepEqual(
      document.decisions.map(({ decision, note }) => [decision, note]),
      [['keep', '=1+1, still their CA']],
    );
    const { items } = (await stage.console.api('GET', '/trust-audits')).body as { items: { digest: string }[] };
    assert.equal(createHash('sha256').update(canonicalJson(document)).digest('hex'), items[0]?.digest);
    const csv = await download('CSV');
    assert.match(csv.file, /^trust-audit-[\w-]+\.csv$/);
    assert.match(csv.text, /^store,id,policies,subject,/);
    assert.match(csv.text, /,keep,"'=1\+1, still their CA"\r\n/);
  });

  it('a viewer reads and downloads, and decides nothing', async () => {
    const password = 'vera has four words';
    await stage.console.api('POST', '/users', { body: { name: 'vera', role: 'viewer', password } });
    const vera = await stage.console.openStranger();
    await logIn(vera, stage.console.url, 'vera', password);
    await vera.goto(`${stage.console.url}/trust-audit`);
    await region('CA bundle partners', vera).getByText('1 client, last').waitFor();
    await region('Recorded audits', vera).getByRole('link', { name: /CSV/ }).waitFor();
    assert.equal(await vera.getByRole('button', { name: /Decision about|Record this audit/ }).count(), 0);
    await expectAccessible(vera);
  });
});
