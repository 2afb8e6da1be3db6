// The gateways of one store in a real Chromium: what each runs, a change that one of them tries and how it ends, who refused what and
// what to do about it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { administrator, type ApiReply } from '../support/api-client.ts';
import { type Chromium, expectAccessible, logIn, openChromium, type Page } from '../support/console.ts';
import { waitForToast } from '../support/console-stage.ts';
import { type Fleet, type FleetMember, openFleet, put, statuses } from '../support/fleet.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let fleet: Fleet;
let one: FleetMember;
let two: FleetMember;
let chromium: Chromium;
let page: Page;
let url: string;

/** What only the second one has: a middleware of its file, which the store knows nothing of. */
const guard = `middlewares:
  - {name: guard, type: accessPolicy, rule: {action: ALLOW, sourceRanges: ["127.0.0.0/8"]}}
`;

before(async () => {
  const storeOf = (dir: { file(name: string): string }) => ({
    url: `sqlite:${dir.file('fleet.db')}`,
    sealKey: dir.file('opening.key'),
  });
  fleet = stack.use(await openFleet(storeOf));
  [one] = fleet.members as [FleetMember];
  two = await fleet.join('edge-2', '127.0.0.2', { more: guard });
  await fleet.settled();
  chromium = stack.use(await openChromium());
  page = await chromium.openStranger();
  url = `http://${one.address}:${one.gateway.ports.admin}`;
  await logIn(page, url, administrator.name, administrator.password);
});

const region = (name: string, on = page) => on.getByRole('region', { name, exact: true });
/** A tag is its sign and its word. */
const tag = (word: string): RegExp => new RegExp(`^\\W?${word}$`);
const route = (path: string, more: object = {}): object => ({ path, hosts: ['localhost'], service: 'orders', ...more });

async function headOf(member: FleetMember): Promise<number> {
  const { body } = await member.call('GET', '/changes?limit=1');
  return (body['items'] as { revision: number }[])[0]?.revision ?? 0;
}

async function tryOn(names: string, change: object, reason: string, member = one): Promise<ApiReply> {
  const body = { parent: await headOf(member), changes: [change], reason };
  const made = await member.call('POST', `/config:apply?canary=${names}&wait=all`, body);
  assert.ok(made.status < 300, made.text);
  return made;
}

/** With the keyboard: Tab until it has the focus, and Enter. */
async function pressByKeys(on: Page, name: string): Promise<void> {
  for (let times = 0; times < 80; times++) {
    await on.keyboard.press('Tab');
    const focused = String(await on.evaluate('document.activeElement?.textContent'));
    if (focused === name) return on.keyboard.press('Enter');
  }
  assert.fail(`${name} is not reached with the keyboard`);
}

describe('the gateways of the console', () => {
  it('are there by name, with what each runs and since when', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Changes' }).click();
    await page.getByRole('navigation', { name: 'Below changes' }).getByRole('link', { name: 'Gateways' }).click();
    await page.getByRole('heading', { level: 1, name: 'Gateways' }).waitFor();
    await region('Gateway edge-1').getByText('(this one)').waitFor();
    for (const name of ['edge-1', 'edge-2']) {
      await region(`Gateway ${name}`).getByText(tag('current')).waitFor();
      await region(`Gateway ${name}`).getByText('1 of 1 serves').waitFor();
      assert.match((await region(`Gateway ${name}`).textContent()) ?? '', /Revision1.*Certificates loaded[1-9]/);
    }
    assert.equal(await region('Gateway edge-2').getByText('(this one)').count(), 0);
    assert.equal(await region('On trial').count(), 0);
    await expectAccessible(page);
  });

  it('one tries a change: everybody sees which, whose and why; it is promoted with the keyboard', async () => {
    await tryOn('edge-2', put('routes', 'tried', route('/tried')), 'first on the second one');
    assert.deepEqual(await statuses([one, two], '/tried'), [404, 200]);
    const trial = region('On trial');
    await trial.getByText('is on trial').waitFor();
    await trial.getByText(tag('canary')).waitFor();
    await trial.getByText('first on the second one').waitFor();
    await trial.getByText('user:alice').waitFor();
    await trial.getByRole('listitem').filter({ hasText: 'edge-2' }).getByText('current').waitFor();
    await trial.getByText('run revision 1').waitFor();
    await region('Gateway edge-2').getByText(tag('canary')).waitFor();
    assert.equal(await region('Gateway edge-1').getByText(tag('canary')).count(), 0);
    await expectAccessible(page);
    await page.getByRole('navigation', { name: 'Below changes' }).getByRole('link', { name: 'Changes' }).click();
    const row = page
      .getByRole('table', { name: 'Changes' })
      .getByRole('row')
      .filter({ hasText: 'first on the second one' });
    await row.getByText('canary').waitFor();
    await row.getByText('edge-2').waitFor();
    await expectAccessible(page);
    await pressByKeys(page, 'Promote');
    await waitForToast(page, 'Revision 2 is for all gateways now, as revision 3.');
    await region('On trial').waitFor({ state: 'detached' });
    await fleet.settled();
    assert.deepEqual(await statuses([one, two], '/tried'), [200, 200]);
  });

  it('a trial that would refuse clients everywhere is promoted by whoever types how many, and can be reverted instead', async () => {
    assert.equal(await one.status('/orders'), 200);
    await tryOn(
      'edge-2',
      put('policies', 'edge', {
        hosts: ['localhost'],
        certificateIds: ['edge'],
        clientAuth: { caBundles: ['internal'], required: true },
      }),
      'another CA for clients',
    );
    await page.goto(`${url}/gateways`);
    await region('On trial').getByRole('button', { name: 'Promote' }).click();
    const dialog = page.getByRole('dialog', { name: /^Promote revision \d+ to all gateways\?$/ });
    await dialog.getByText('would be refused').first().waitFor();
    await dialog.getByText('CN=alice').first().waitFor();
    await expectAccessible(page);
    assert.equal(await dialog.getByRole('button', { name: 'Promote' }).isDisabled(), true);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await region('On trial').getByRole('button', { name: 'Revert' }).click();
    await page.getByRole('heading', { level: 1, name: /^Revision \d+$/ }).waitFor();
    await page.getByText('all gateways', { exact: true }).waitFor();
    await expectAccessible(page);
    await fleet.settled();
    assert.deepEqual(await statuses([one, two], '/orders'), [200, 200]);
  });

  it('one that refuses a change is shown with the object that is at fault and what to do; reverting ends it', async () => {
    const guarded = put('routes', 'guarded', route('/guarded', { middlewares: ['guard'] }));
    await tryOn('edge-1,edge-2', guarded, 'with a guard', two);
    await page.goto(`${url}/gateways`);
    const refused = region('Gateway edge-1');
    await refused.getByText('refused a change').waitFor();
    await refused.getByText('route guarded').first().waitFor();
    await refused.getByText('unknown_middleware').waitFor();
    await refused.getByText('What ran before goes on').waitFor();
    await region('Gateway edge-2').getByText(tag('current')).waitFor();
    await expectAccessible(page);
    await refused.getByRole('button', { name: 'Revert' }).click();
    await page.getByRole('heading', { level: 1, name: /^Revision \d+$/ }).waitFor();
    await fleet.settled();
    await page.goto(`${url}/gateways`);
    await region('Gateway edge-1').getByText(tag('current')).waitFor();
    assert.equal(await page.getByText('refused a change').count(), 0);
  });

  it('a viewer sees the trial and may neither promote nor revert it', async () => {
    const password = 'vera has four words';
    const made = await one.call('POST', '/users', { name: 'vera', role: 'viewer', password });
    assert.equal(made.status, 201, made.text);
    await tryOn('edge-2', put('routes', 'seen', route('/seen')), 'to be seen');
    const vera = await chromium.openStranger();
    await logIn(vera, url, 'vera', password);
    await vera.goto(`${url}/gateways`);
    await region('On trial', vera).getByText('to be seen').waitFor();
    assert.equal(await vera.getByRole('button', { name: /Promote|Revert/ }).count(), 0);
  });
});
