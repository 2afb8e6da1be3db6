// Three gateways on one store and whoever is on call: what somebody changes behind their back, what one of them refuses, the death of
// the one that tells and of the database, each as a signed message at a real receiver, once; and nobody who should have been served is not.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { type AlertMessage, type MessageAlert, messageSchema } from '../../../src/alerts/message.ts';
import type { GatewayShown } from '../../../src/control/gateway-shape.ts';
import { curl } from '../../support/curl.ts';
import { type Fleet, type FleetMember, openFleet, put, statuses } from '../../support/fleet.ts';
import type { Load } from '../../support/load.ts';
import { runToEnd, startProcess } from '../../support/owned-process.ts';
import { openAuthority } from '../../support/pki.ts';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import { program } from '../../support/program.ts';
import { openTempDir, type TempDir } from '../../support/temp.ts';
import { eventually } from '../../support/wait-for.ts';
import { openHook, startReceiver, waitForAlert, type WebhookReceiver } from '../../support/webhook-receiver.ts';

const secret = randomBytes(24).toString('base64');
const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let dir: TempDir;
let postgres: Postgres;
let receiver: WebhookReceiver;
let fleet: Fleet;
let one: FleetMember;
let two: FleetMember;
let three: FleetMember;
const loads = new Map<FleetMember, Load>();

/** One process, told by several names: each of them hears of one thing, so that none waits for what another was told. */
const topics: Readonly<Record<string, string>> = {
  rows: 'row_changed',
  files: 'file_changed',
  listeners: 'wrong_certificate',
  gateways: 'gateway',
  store: 'store',
};

const settings = (drift: string): string => `  drift: {every: 1s, ${drift}}
  alerts:
${Object.entries(topics)
  .map(
    ([name, on]) => `    - name: ${name}
      url: "https://localhost:${receiver.port}/${name}"
      secretFile: ${JSON.stringify(dir.file('pager.secret'))}
      tls: {ca: ${JSON.stringify(dir.file('pager-ca.crt'))}}
      on: [${on}]
`,
  )
  .join('')}`;

const ofFiles = 'drift:unauthorised:edge-2:files';
const isNotTried = 'selfTest: {enabled: false}';
/** What only one of them has: a middleware of its file, which the store knows nothing of. */
const guard = `middlewares:
  - {name: guard, type: accessPolicy, rule: {action: ALLOW, sourceRanges: ["127.0.0.0/8"]}}
`;

before(async () => {
  dir = stack.use(openTempDir('pager'));
  dir.write('pager.secret', `${secret}\n`);
  const authority = await openAuthority(dir, 'pager');
  const { chainPem: cert, keyPem: key } = await authority.issue({ kind: 'server', sans: ['localhost'] });
  receiver = stack.use(await startReceiver({ tls: { cert, key } }));
  postgres = stack.use(await startPostgres());
  fleet = stack.use(
    await openFleet((own) => ({ url: postgres.url, sealKey: own.file('opening.key') }), {
      more: settings('selfTest: {every: 1s}'),
    }),
  );
  [one] = fleet.members as [FleetMember];
  two = await fleet.join('edge-2', '127.0.0.2', { more: settings(`${isNotTried}, onChange: alert`) });
  three = await fleet.join('edge-3', '127.0.0.3', { more: settings(isNotTried) + guard });
  await fleet.settled();
  for (const member of fleet.members) startLoadOf(member);
  // Its file asks for an approval that nobody gave yet.
  const never = await told(ofFiles, 'firing');
  assert.match(never.alert.sentence, /^Gateway edge-2: .*never approved/);
  const approved = await runToEnd(process.execPath, [program, 'approve', '-c', two.gateway.configFile]);
  assert.equal(approved.code, 0, approved.stderr);
});

function startLoadOf(member: FleetMember): void {
  loads.set(member, stack.use(fleet.load(member)));
}

/** Also a request of each that is under way at the moment. */
async function assertNothingFailed(): Promise<void> {
  for (const [{ name }, load] of loads) {
    await load.waitForOk(2);
    const { failed, reasons } = load.count();
    assert.equal(failed, 0, `${name}: ${JSON.stringify([...reasons])}`);
  }
}

type Told = { readonly message: AlertMessage; readonly alert: MessageAlert };

/** The first message after `from` that says this of it, verified. */
async function told(id: string | RegExp, state: MessageAlert['state'], from = 0): Promise<Told> {
  const fits = (alert: MessageAlert): boolean =>
    (typeof id === 'string' ? alert.id === id : id.test(alert.id)) && alert.state === state;
  const { hook, alert } = await waitForAlert(receiver, fits, { from, what: `${String(id)} to be ${state}` });
  const message = messageSchema.parse(openHook(hook, secret));
  assert.equal(hook.url, `/${message.receiver}`);
  assert.equal(message.receiver in topics, true);
  return { message, alert };
}

/** Every message that says this of it, whoever sent it and however often. */
function allThatTell(id: string, state: MessageAlert['state'], from = 0): AlertMessage[] {
  return receiver.hooks.items
    .slice(from)
    .map((hook) => openHook(hook, secret))
    .filter(({ alerts }) => alerts.some((alert) => alert.id === id && alert.state === state));
}

function assertToldOnce(id: string, state: MessageAlert['state']): void {
  const by = allThatTell(id, state).map((message) => `${message.id} of ${message.gateway}`);
  assert.equal(by.length, 1, by.join(', '));
}

/** Each of them knows of every receiver what it was told. */
async function allKnowWhatWasTold(): Promise<void> {
  type Receivers = {
    readonly name: string;
    readonly deliveries: readonly { readonly id: string; readonly state: string }[];
  }[];
  await eventually(
    async () => {
      const said = await Promise.all(
        fleet.members.map(async (member) => (await member.call('GET', '/alert-receivers')).body['items'] as Receivers),
      );
      const known = said.map((items) => JSON.stringify(items.map(({ name, deliveries: [last] }) => [name, last?.id])));
      const isUnderWay = said.flat().some(({ deliveries }) => deliveries.some(({ state }) => state === 'pending'));
      return new Set(known).size === 1 && !isUnderWay;
    },
    { what: 'all gateways to know what was told', everyMs: 1_000 },
  );
}

async function activeIds(member: FleetMember): Promise<string[]> {
  const { body, text } = await member.call('GET', '/alerts?active=true');
  assert.ok(Array.isArray(body['items']), text);
  return (body['items'] as { id: string }[]).map(({ id }) => id);
}

async function headOf(member: FleetMember): Promise<number> {
  const { body } = await member.call('GET', '/changes?limit=1');
  return (body['items'] as { revision: number }[])[0]?.revision ?? 0;
}

/** Alerts whose end is waited for together. */
const undone: string[] = [];

describe('a change behind the back of the gateways', () => {
  it('of a row, by psql, is one alert of all of them, and none loads it', async () => {
    // Whoever owns the database goes past its triggers.
    const change = async (from: string, to: string): Promise<string> =>
      postgres.psql(
        `SET session_replication_role = replica; UPDATE countersign.object SET body = replace(body, '${from}', '${to}')`,
      );
    await change('"required":true', '"required":null');
    const { alert, message } = await told(/^drift:unauthorised:store object /, 'firing');
    assert.deepEqual([alert.code, alert.severity, message.receiver], ['row_changed', 'failing', 'rows']);
    assert.match(alert.sentence, /^the store was changed by another way than its API: object /);
    for (const member of fleet.members)
      await eventually(
        async () => {
          const { body } = await member.call('GET', '/alerts?active=true');
          const items = body['items'] as { id: string; gateways: string[] }[];
          return items.find(({ id }) => id === alert.id)?.gateways.join() === 'edge-1,edge-2,edge-3';
        },
        { what: `${member.name} to show that all of them say so`, everyMs: 1_000 },
      );
    for (const { gateway, address } of fleet.members) {
      const from = gateway.log.length;
      gateway.reload();
      await gateway.waitForLog(({ msg }) => msg === 'configuration reloaded' || msg.startsWith('reload rejected'), {
        from,
      });
      const port = gateway.ports.webSecure;
      const anonymous = await curl(`https://localhost:${port}/orders`, {
        loopback: false,
        ca: fleet.pki.servers.file,
        args: ['--resolve', `localhost:${port}:${address}`],
      });
      assert.notEqual(anonymous.exitCode, 0, 'a certificate is required as before');
    }
    assert.deepEqual(await statuses(fleet.members, '/orders'), [200, 200, 200]);
    await change('"required":null', '"required":true');
    undone.push(alert.id);
    await assertNothingFailed();
  });

  describe('at the same time', { concurrency: true }, () => {
    it('of a file, by vi, names the gateway that it is on', async () => {
      const file = two.gateway.configFile;
      const never = await told(ofFiles, 'resolved');
      const from = receiver.hooks.length;
      const text = readFileSync(file);
      execFileSync('vi', ['-e', '-s', '-u', 'NONE', '-c', "$put ='# vi'", '-c', 'wq', file], { stdio: 'ignore' });
      const { alert, message } = await told(ofFiles, 'firing', from);
      assert.deepEqual([alert.code, alert.severity, message.receiver], ['file_changed', 'failing', 'files']);
      assert.deepEqual(alert.object, { kind: 'gateways', id: 'edge-2' });
      assert.match(alert.sentence, /^Gateway edge-2: .*gateway\.yml was changed$/);
      assert.notEqual(alert.key, never.alert.key);
      assert.equal(allThatTell(ofFiles, 'firing', from).length, 1);
      writeFileSync(file, text);
      await assertNothingFailed();
    });

    it('of a listener, by another process with another certificate, names gateway and listener', async () => {
      const other = await fleet.pki.servers.issue({ kind: 'server', cn: 'somebody else', sans: ['DNS:localhost'] });
      const thief = await startProcess(
        process.execPath,
        [
          fileURLToPath(new URL('../../support/port-thief.ts', import.meta.url)),
          String(one.gateway.ports.webSecure),
          dir.write('thief.crt', other.chainPem),
          dir.write('thief.key', other.keyPem),
        ],
        { name: 'thief' },
      );
      stack.defer(async () => void (await thief.stop('SIGKILL')));
      const { alert, message } = await told(/^drift:behaviour:edge-1:webSecure /, 'firing');
      assert.deepEqual([alert.code, alert.severity, message.receiver], ['wrong_certificate', 'failing', 'listeners']);
      assert.match(alert.sentence, /^Gateway edge-1: webSecure .*: CN=somebody else, serial [0-9a-f]+$/);
      await thief.stop('SIGKILL');
      undone.push(alert.id);
      await assertNothingFailed();
    });
  });
});

describe('side by side, since both are waited for', { concurrency: true }, () => {
  it('what was changed behind their back is over when it is undone, and each is told once', async () => {
    assert.equal(undone.length, 2);
    // From the day on which nobody had approved it, and from vi.
    await eventually(() => allThatTell(ofFiles, 'resolved').length === 2, { what: 'the file to be what was approved' });
    assert.equal(allThatTell(ofFiles, 'firing').length, 2);
    for (const id of undone) {
      await told(id, 'resolved');
      assertToldOnce(id, 'firing');
      assertToldOnce(id, 'resolved');
    }
    await assertNothingFailed();
  });

  it('a revision that one of them refuses is one message that names it and the object, though all of them say so', async () => {
    const id = 'gateway:edge-2:refused';
    const changes = [
      put('routes', 'guarded', { path: '/guarded', hosts: ['localhost'], service: 'orders', middlewares: ['guard'] }),
    ];
    const tried = await three.call('POST', '/config:apply?canary=edge-3,edge-2&wait=all', {
      parent: await headOf(three),
      changes,
    });
    assert.equal(tried.status, 200, tried.text);
    const { alert, message } = await told(id, 'firing');
    assert.deepEqual([alert.code, message.receiver], ['unknown_middleware', 'gateways']);
    assert.deepEqual(alert.object, { kind: 'gateways', id: 'edge-2' });
    assert.match(alert.sentence, /^Gateway edge-2 did not take revision \d+: .*guard/);
    const reverted = await one.call('POST', `/changes/${tried.body['revision'] as number}:revert?wait=all`);
    assert.equal(reverted.status, 200, reverted.text);
    await told(id, 'resolved');
    assertToldOnce(id, 'firing');
    assertToldOnce(id, 'resolved');
    await assertNothingFailed();
  });
});

describe('the gateway that tells', () => {
  it('is followed by another when it is killed, which tells that too, and once', async () => {
    const last = receiver.hooks.items.at(-1);
    assert.ok(last !== undefined);
    const teller = fleet.members.find(({ name }) => name === openHook(last, secret).gateway);
    assert.ok(teller !== undefined);
    const load = loads.get(teller);
    loads.delete(teller);
    await load?.stop();
    const { failed, reasons } = load?.count() ?? { failed: 0, reasons: new Map<string, number>() };
    assert.equal(failed, 0, JSON.stringify([...reasons]));
    await teller.stop('SIGKILL');
    const id = `gateway:${teller.name}:silent`;
    const { message, alert } = await told(id, 'firing');
    assert.notEqual(message.gateway, teller.name);
    assert.match(alert.sentence, new RegExp(`^Gateway ${teller.name} has not reported since `));
    await teller.start();
    startLoadOf(teller);
    await told(id, 'resolved');
    assertToldOnce(id, 'firing');
    await assertNothingFailed();
  });
});

describe('a database that is killed', () => {
  it('is told by each gateway under one id, and once that it is back', async () => {
    await allKnowWhatWasTold();
    for (const member of fleet.members)
      await eventually(async () => !(await activeIds(member)).includes('store'), { what: 'nothing else of the store' });
    const from = receiver.hooks.length;
    await postgres.kill();
    const by = (): Set<string> => new Set(allThatTell('store', 'firing', from).map(({ gateway }) => gateway));
    await eventually(() => by().size === 3, { what: 'each gateway to tell of the store', everyMs: 500 });
    const alarms = allThatTell('store', 'firing', from);
    assert.equal(new Set(alarms.map(({ id }) => id)).size, 1, 'whoever has seen it can drop it');
    for (const { alerts, receiver: to } of alarms) assert.deepEqual([to, alerts.length], ['store', 1]);
    assert.deepEqual(await statuses(fleet.members, '/orders'), [200, 200, 200]);
    await postgres.start();
    const over = await told('store', 'resolved', from);
    assert.equal(over.alert.key, alarms[0]?.alerts[0]?.key, 'the end of what began');
    await fleet.settled();
    for (const member of fleet.members) {
      await eventually(async () => !(await activeIds(member)).includes('store'), { what: 'the alarm to be over' });
      const { body } = await member.call('GET', '/gateways');
      for (const { store } of body['items'] as GatewayShown[]) assert.equal(store?.up, true);
    }
    const ends = allThatTell('store', 'resolved', from);
    assert.equal(new Set(ends.map(({ id }) => id)).size, 1);
    await assertNothingFailed();
  });
});
