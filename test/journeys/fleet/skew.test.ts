// Three gateways whose clocks are two minutes apart either way (libfaketime in front of every process of two of them): nobody looks
// dead, sessions made at one are good at the others, a change is live on all, and whose clock is wrong is said.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { GatewayShown } from '../../../src/control/gateway-shape.ts';
import { type Fleet, live, openFleet, put } from '../../support/fleet.ts';
import { libfaketime } from '../../support/peers.ts';
import { openTempDir } from '../../support/temp.ts';
import { eventually } from '../../support/wait-for.ts';
import { fleetStore } from './store.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let fleet: Fleet;

/** Also for processes that get few variables: they find it in the home. */
function shifted(seconds: string): Record<string, string> {
  const home = openTempDir('home');
  stack.defer(() => home.remove());
  home.write('.faketimerc', `${seconds}\n`);
  return { LD_PRELOAD: libfaketime, HOME: home.path, FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
}

before(async () => {
  fleet = stack.use(await openFleet((dir) => fleetStore(dir, stack)));
  await fleet.join('edge-2', '127.0.0.2', { env: shifted('+120s') });
  await fleet.join('edge-3', '127.0.0.3', { env: shifted('-120s') });
  await fleet.settled();
});

it('a gateway is as old as the clock of the store says, in every console, and its clock is told', async () => {
  for (const member of fleet.members) {
    const items = await eventually(
      async () => {
        const { body } = await member.call('GET', '/gateways');
        const all = body['items'] as GatewayShown[];
        return all.every(({ clockSkewMs }) => clockSkewMs !== null) && all;
      },
      { what: 'the reports of all' },
    );
    for (const { name, state, clockSkewMs, reportedAt } of items) {
      assert.equal(state, 'current', `${name} by ${member.name}`);
      const expected = { 'edge-1': 0, 'edge-2': 120_000, 'edge-3': -120_000 }[name] ?? 0;
      // What a report takes until it is stored counts for it.
      assert.ok(Math.abs((clockSkewMs ?? 0) - expected) < 20_000, `${name}: ${clockSkewMs}`);
      assert.ok(Math.abs(Date.parse(reportedAt) - Date.now()) < 60_000, `${name}: ${reportedAt}`);
    }
    // What raises alerts is looked at every few seconds, not with each question.
    const told = await eventually(
      async () => {
        const { body } = await member.call('GET', '/alerts?active=true');
        const ids = (body['items'] as { id: string }[]).map(({ id }) => id).filter((id) => id.endsWith(':clock'));
        return ids.length >= 2 && ids.toSorted();
      },
      { what: 'alerts of both clocks' },
    );
    assert.deepEqual(told, ['gateway:edge-2:clock', 'gateway:edge-3:clock']);
  }
});

it('a session that one of them made is good at all of them', async () => {
  for (const from of fleet.members) {
    const cookie = await from.logIn();
    for (const to of fleet.members) {
      const { status, text } = await to.call('GET', '/session', undefined, cookie);
      assert.equal(status, 200, `${from.name} at ${to.name}: ${text}`);
    }
  }
});

it('a change from any of them is live on all', async () => {
  for (const member of fleet.members) {
    const path = `/of-${member.name}`;
    const { body: head } = await member.call('GET', '/changes?limit=1');
    const parent = (head['items'] as { revision: number }[])[0]?.revision;
    const value = { path, hosts: ['localhost'], service: 'orders' };
    const changes = [put('routes', `of-${member.name}`, value)];
    const made = await member.call('POST', '/config:apply?wait=all', { parent, changes });
    await live(fleet.members, path, [200, 200, 200], made);
  }
});
