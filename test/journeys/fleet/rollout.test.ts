// Three gateways on three addresses and one store, under steady traffic: a change from any console is live on all of them, or it is
// said who refused it and why; trials on one of them end either way; and nobody who should have been served is not.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Arrival } from '../../../src/control/wait-for-gateways.ts';
import type { GatewayShown } from '../../../src/control/gateway-shape.ts';
import type { ApiReply } from '../../support/api-client.ts';
import { type Fleet, type FleetMember, live, openFleet, put, statuses } from '../../support/fleet.ts';
import type { Load } from '../../support/load.ts';
import { eventually } from '../../support/wait-for.ts';
import { fleetStore } from './store.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let fleet: Fleet;
let one: FleetMember;
let two: FleetMember;
let three: FleetMember;
let loads: Load[] = [];

/** What only one of them has: a middleware of its file, which the store knows nothing of. */
const guard = `middlewares:
  - {name: guard, type: accessPolicy, rule: {action: ALLOW, sourceRanges: ["127.0.0.0/8"]}}
`;

before(async () => {
  fleet = stack.use(await openFleet((dir) => fleetStore(dir, stack)));
  [one] = fleet.members as [FleetMember];
  two = await fleet.join('edge-2', '127.0.0.2');
  three = await fleet.join('edge-3', '127.0.0.3', { more: guard });
  await fleet.settled();
  loads = fleet.members.map((member) => stack.use(fleet.load(member)));
});

const route = (path: string, more: object = {}): object => ({ path, hosts: ['localhost'], service: 'orders', ...more });
const codeOf = ({ status, body }: ApiReply): unknown[] => [status, body['code'] ?? body['state']];
const arrivalsOf = ({ body }: ApiReply): string[] =>
  ((body['gateways'] ?? []) as Arrival[]).map(({ name, state }) => `${name} ${state}`);

async function headOf(member: FleetMember): Promise<number> {
  const { body } = await member.call('GET', '/changes?limit=1');
  return (body['items'] as { revision: number }[])[0]?.revision ?? 0;
}

async function apply(member: FleetMember, query: string, changes: readonly object[]): Promise<ApiReply> {
  return member.call('POST', `/config:apply${query}`, { parent: await headOf(member), changes });
}

async function shownBy(member: FleetMember, name: string): Promise<GatewayShown> {
  return (await member.call('GET', `/gateways/${name}`)).body as unknown as GatewayShown;
}

/** Also a request of each that is under way at the moment. */
async function assertNothingFailed(): Promise<void> {
  for (const load of loads) {
    await load.waitForOk(2);
    const { failed, reasons } = load.count();
    assert.equal(failed, 0, JSON.stringify([...reasons]));
  }
}

describe('a gateway that joins', () => {
  it('needs name, store and listeners, and serves what the others serve', async () => {
    assert.deepEqual(await statuses(fleet.members, '/orders'), [200, 200, 200]);
    for (const member of fleet.members) {
      const { body } = await member.call('GET', '/gateways');
      const items = body['items'] as GatewayShown[];
      assert.deepEqual(items.map(({ name }) => name).toSorted(), ['edge-1', 'edge-2', 'edge-3']);
      for (const { revision, store, versions, certificates, health } of items) {
        assert.deepEqual([revision, store?.up, health], [1, true, 'ok']);
        assert.equal(versions?.node, process.versions.node);
        assert.ok(certificates.some(({ id }) => id === 'edge'));
      }
    }
  });
});

describe('a change', () => {
  it('from any of them is live on all of them when it is answered', async () => {
    for (const member of fleet.members) {
      const path = `/of-${member.name}`;
      const made = await apply(member, '?wait=all', [put('routes', `of-${member.name}`, route(path))]);
      await live(fleet.members, path, [200, 200, 200], made);
      const late = arrivalsOf(made).filter((one) => !/ (?:committed|pending)$/.test(one));
      assert.deepEqual(late, [], made.text);
    }
    await assertNothingFailed();
  });

  it('of two at once is made once, and the other is told; changes of single objects are both made', async () => {
    const parent = await headOf(one);
    const both = await Promise.all(
      [one, two].map(async (member) =>
        member.call('POST', '/config:apply', { parent, changes: [put('routes', `by-${member.name}`, route('/by'))] }),
      ),
    );
    assert.deepEqual(
      both.map(({ status }) => status).toSorted((a, b) => a - b),
      [200, 412],
      both.map(({ text }) => text).join(),
    );
    const singles = await Promise.all(
      [two, three].map(async (member) =>
        member.call('POST', '/routes', { id: `single-${member.name}`, value: route(`/single-${member.name}`) }),
      ),
    );
    for (const [i, name] of ['edge-2', 'edge-3'].entries()) {
      const made = singles[i];
      assert.ok(made !== undefined);
      await live(fleet.members, `/single-${name}`, [200, 200, 200], made);
    }
    await fleet.settled();
    await assertNothingFailed();
  });
});

describe('a change for one of them', () => {
  it('is live there alone, the same in every console, keeps others out, and is promoted from any of them', async () => {
    const before = await headOf(one);
    const tried = await apply(one, '?canary=edge-2&wait=all', [put('routes', 'tried', route('/tried'))]);
    assert.deepEqual(codeOf(tried), [202, 'elsewhere'], tried.text);
    assert.deepEqual(arrivalsOf(tried), ['edge-2 committed']);
    assert.deepEqual(await statuses(fleet.members, '/tried'), [404, 200, 404]);
    const seen = await Promise.all(
      fleet.members.map(async (member) => (await member.call('GET', '/changes')).body['rollout']),
    );
    assert.deepEqual(seen[0], seen[1]);
    assert.deepEqual(seen[1], seen[2]);
    const { revision, base, gateways } = seen[0] as { revision: number; base: number; gateways: string[] };
    assert.deepEqual([revision, base, gateways], [before + 1, before, ['edge-2']]);
    const late = await apply(three, '', [put('routes', 'late', route('/late'))]);
    assert.deepEqual(codeOf(late), [409, 'canary_open'], late.text);
    assert.equal((late.body['canary'] as { actor: string }).actor, 'user:alice');
    const promoted = await three.call('POST', `/changes/${revision}:promote?wait=all`);
    assert.deepEqual(codeOf(promoted), [200, 'committed'], promoted.text);
    assert.deepEqual(arrivalsOf(promoted).toSorted(), ['edge-1 committed', 'edge-2 committed', 'edge-3 committed']);
    assert.deepEqual(await statuses(fleet.members, '/tried'), [200, 200, 200]);
    await assertNothingFailed();
  });

  it('is reverted, and everybody runs what the others ran', async () => {
    const tried = await apply(three, '?canary=edge-2&wait=all', [put('routes', 'undone', route('/undone'))]);
    assert.deepEqual(arrivalsOf(tried), ['edge-2 committed'], tried.text);
    assert.deepEqual(await statuses(fleet.members, '/undone'), [404, 200, 404]);
    const number = tried.body['revision'] as number;
    const reverted = await two.call('POST', `/changes/${number}:revert?wait=all`);
    assert.deepEqual(codeOf(reverted), [200, 'committed'], reverted.text);
    assert.deepEqual(await statuses(fleet.members, '/undone'), [404, 404, 404]);
    await assertNothingFailed();
  });

  it('survives restarts in the middle: who tries it goes on with it, who was away has what was promoted', async () => {
    const [load] = loads.splice(1, 1);
    await load?.stop();
    const tried = await apply(one, '?canary=edge-2&wait=all', [put('routes', 'amid', route('/amid'))]);
    assert.deepEqual(arrivalsOf(tried), ['edge-2 committed'], tried.text);
    await two.restart('SIGKILL');
    assert.deepEqual(await statuses(fleet.members, '/amid'), [404, 200, 404]);
    await two.stop();
    const number = tried.body['revision'] as number;
    const promoted = await one.call('POST', `/changes/${number}:promote`);
    assert.deepEqual(codeOf(promoted), [200, 'committed'], promoted.text);
    await two.start();
    await fleet.settled();
    assert.deepEqual(await statuses(fleet.members, '/amid'), [200, 200, 200]);
    loads.push(stack.use(fleet.load(two)));
    await assertNothingFailed();
  });
});

describe('a revision that one of them cannot take', () => {
  it('is refused there alone, with object and reason in every console, while the others run it', async () => {
    const guarded = put('routes', 'guarded', route('/guarded', { middlewares: ['guard'] }));
    // Who has not got the middleware would not even plan it.
    const planned = await apply(two, '', [guarded]);
    assert.deepEqual(codeOf(planned), [422, 'invalid'], planned.text);
    const tried = await apply(three, '?canary=edge-3,edge-2&wait=all', [guarded]);
    assert.deepEqual(codeOf(tried), [200, 'committed'], tried.text);
    assert.deepEqual(arrivalsOf(tried).toSorted(), ['edge-2 refused', 'edge-3 committed']);
    const refusal = (tried.body['gateways'] as Arrival[]).find(({ name }) => name === 'edge-2');
    assert.deepEqual(
      refusal?.problems.map(({ code, object }) => [code, object]),
      [['unknown_middleware', { kind: 'routes', id: 'guarded', pointer: '/middlewares/0' }]],
      tried.text,
    );
    assert.deepEqual(await statuses(fleet.members, '/guarded'), [404, 404, 200]);
    assert.deepEqual(await statuses(fleet.members, '/orders'), [200, 200, 200]);
    const number = tried.body['revision'] as number;
    for (const member of fleet.members) {
      const { state, refused } = await shownBy(member, 'edge-2');
      assert.deepEqual([state, refused?.revision, refused?.problems[0]?.object?.id], ['refused', number, 'guarded']);
      await eventually(
        async () => {
          const { body } = await member.call('GET', '/alerts?active=true');
          return (body['items'] as { id: string }[]).some(({ id }) => id === 'gateway:edge-2:refused');
        },
        { what: `the alert at ${member.name}` },
      );
    }
  });

  it('leaves it behind: said once in its log, in its metrics and to everybody, until the change is reverted', async () => {
    const isDrift = ({ msg }: { msg: string }): boolean => msg.startsWith('drift: gateway edge-2 runs revision');
    await two.gateway.waitForLog(isDrift);
    const metric = async (): Promise<string | undefined> => {
      const text = await two.adminText('/metrics');
      return text.split('\n').find((line) => /^countersign_config_drift\{.*behind/.test(line));
    };
    assert.match((await metric()) ?? '', /gateway="edge-2".* 1$/);
    await eventually(
      async () => {
        const { body } = await one.call('GET', '/alerts?active=true');
        return (body['items'] as { id: string }[]).some(({ id }) => id === 'drift:behind:edge-2:revision') || undefined;
      },
      { what: 'the alert in another console' },
    );
    const reverted = await one.call('POST', `/changes/${await headOf(one)}:revert?wait=all`);
    assert.deepEqual(codeOf(reverted), [200, 'committed'], reverted.text);
    await fleet.settled();
    await two.gateway.waitForLog(({ msg }) => msg.startsWith('drift ended: gateway edge-2'));
    assert.equal(two.gateway.log.items.filter(isDrift).length, 1);
    assert.match((await metric()) ?? '', / 0$/);
    assert.deepEqual(await statuses(fleet.members, '/guarded'), [404, 404, 404]);
    await assertNothingFailed();
  });
});

describe('two gateways of one name', () => {
  it('are found, and both are told with where the other one is', async () => {
    const other = await fleet.join('edge-3', '127.0.0.4');
    const isTold = ({ msg }: { msg: string }): boolean => msg === 'another gateway reports under the name of this one';
    const [line] = await Promise.all([three, other].map(async ({ gateway }) => gateway.waitForLog(isTold)));
    assert.match(JSON.stringify(line?.['other']), /127\.0\.0\.4/);
    const shown = await eventually(
      async () => {
        const found = await shownBy(three, 'edge-3');
        return found.sharedWith === null ? undefined : found;
      },
      { what: 'the other one to be shown' },
    );
    assert.match(shown.instance?.url ?? '', /127\.0\.0\.3/);
    assert.match(shown.sharedWith?.url ?? '', /127\.0\.0\.4/);
    await other.stop();
    await assertNothingFailed();
  });
});
