// What three gateways on one PostgreSQL do for each other: a CA is asked once for its CRL, whoever was to ask it may die; a session resumes at
// another; who came to one is known at all, and so are the handshakes that failed. Without the database each goes on alone.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { FailureShown } from '../../../src/control/failed-handshake.ts';
import type { PlannedClient } from '../../../src/control/plan.ts';
import { type CrlServer, serving, startCrlServer } from '../../support/crl-server.ts';
import { serialOf } from '../../support/crls.ts';
import { type Fleet, type FleetMember, openFleet, put } from '../../support/fleet.ts';
import type { LogLine } from '../../support/gateway.ts';
import { sClient, type SClientResult } from '../../support/openssl.ts';
import type { CertFiles } from '../../support/pki.ts';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import { eventually } from '../../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let postgres: Postgres;
let crls: CrlServer;
let fleet: Fleet;
let a: FleetMember;
let b: FleetMember;
let c: FleetMember;
/** Two clients: the first list revokes one, the last one both. */
let mallory: CertFiles;
let carol: CertFiles;

const both = ['1.2', '1.3'] as const;
type Version = (typeof both)[number];

before(async () => {
  postgres = stack.use(await startPostgres());
  crls = stack.use(await startCrlServer());
  fleet = stack.use(await openFleet((dir) => ({ url: postgres.url, sealKey: dir.file('opening.key') })));
  [a] = fleet.members as [FleetMember];
  b = await fleet.join('edge-2', '127.0.0.2');
  c = await fleet.join('edge-3', '127.0.0.3');
  await fleet.settled();
  const { clients } = fleet.pki;
  [mallory, carol] = await Promise.all([
    clients.issueFiles('mallory', { kind: 'client', cn: 'mallory' }),
    clients.issueFiles('carol', { kind: 'client', cn: 'carol' }),
  ]);
});

async function visit({ address, gateway }: FleetMember, who: CertFiles, more: object = {}): Promise<SClientResult> {
  const { cert, key } = who;
  const request = 'GET /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  return sClient({
    host: address,
    port: gateway.ports.webSecure,
    ca: fleet.pki.servers.file,
    cert,
    key,
    request,
    ...more,
  });
}

/** Of each gateway: what this client is answered; undefined: it is refused. */
async function answersTo(who: CertFiles): Promise<(number | undefined)[]> {
  return Promise.all(fleet.members.map(async (member) => (await visit(member, who)).status));
}

const serve = (number: number, revoked: readonly CertFiles[]): void => {
  const list = fleet.pki.clients.issueCrl({ number, revoked: revoked.map((one) => ({ serial: serialOf(one) })) });
  crls.answer = serving(list, `"${number}"`);
};

const hasTaken =
  (number: string) =>
  ({ msg, number: taken }: LogLine): boolean =>
    msg === 'CRL taken in' && taken === number;

async function takenIn(number: string, members: readonly FleetMember[] = fleet.members): Promise<void> {
  await Promise.all(
    members.map(async ({ gateway }) => gateway.waitForLog(hasTaken(number), { what: `CRL ${number}` })),
  );
}

async function makeSession(member: FleetMember, tls: Version, name: string): Promise<string> {
  const sessionOut = fleet.pki.dir.file(`${name}-${tls}`);
  const made = await visit(member, fleet.pki.alice, { tls, sessionOut });
  assert.deepEqual([made.status, made.reused], [200, false], made.output);
  return sessionOut;
}

async function expectReuse(member: FleetMember, tls: Version, sessionIn: string): Promise<void> {
  const next = await visit(member, fleet.pki.alice, { tls, sessionIn });
  assert.deepEqual([next.status, next.reused], [200, true], next.output);
}

it('a CA is asked once for the list that three gateways need, and it is in force at each', async () => {
  serve(1, [mallory]);
  const { body } = await a.call('GET', '/changes?limit=1');
  const parent = (body['items'] as { revision: number }[])[0]?.revision;
  // The shortest time between two fetches that can be said.
  const bundle = { ca: fleet.pki.clients.certPem, crl: { sources: [crls.url], refresh: '1m' } };
  const made = await a.call('POST', '/config:apply', { parent, changes: [put('caBundles', 'clients', bundle)] });
  assert.ok([200, 202].includes(made.status), made.text);
  await takenIn('01');
  await fleet.settled();
  assert.deepEqual(crls.asked.items, ['']);
  assert.deepEqual(await answersTo(fleet.pki.alice), [200, 200, 200]);
  assert.deepEqual(await answersTo(mallory), [undefined, undefined, undefined]);
});

for (const tls of both)
  it(`TLS ${tls}: a session of one resumes at the others`, async () => {
    const isShared = ({ msg }: LogLine): boolean => msg === 'session ticket keys are shared with the other gateways';
    await Promise.all(fleet.members.map(async ({ gateway }) => gateway.waitForLog(isShared)));
    const session = await makeSession(a, tls, 'made');
    for (const member of [b, c, a]) await expectReuse(member, tls, session);
  });

it('whom one has seen the console of another names, before the bundle that lets him in is changed', async () => {
  assert.equal((await visit(a, carol)).status, 200);
  const value = { ca: fleet.pki.servers.certPem };
  const cutOff = await eventually(
    async () => {
      const { body } = await c.call('POST', '/ca-bundles/clients:preview', { value });
      const { items } = (body['clients'] as { cutOff: { items: PlannedClient[] } }).cutOff;
      const isWhole = (items.find(({ subject }) => subject === 'CN=alice')?.gateways.length ?? 0) === 3;
      return isWhole && items.some(({ subject }) => subject === 'CN=carol') && items;
    },
    { what: 'the clients of all', everyMs: 500 },
  );
  const seen = cutOff.map(({ subject, gateways }) => [subject, ...gateways].join(' ')).toSorted();
  assert.deepEqual(seen, ['CN=alice edge-1 edge-2 edge-3', 'CN=carol edge-1']);
});

it('handshakes that failed at one are in the list of all, under its name', async () => {
  const day = 86_400_000;
  const past = await fleet.pki.clients.issueFiles('past', {
    kind: 'client',
    cn: 'past',
    notBefore: Date.now() - 9 * day,
    notAfter: Date.now() - day,
  });
  assert.equal((await visit(a, past)).status, undefined);
  const list = async (query: string): Promise<FailureShown[]> =>
    (await c.call('GET', `/handshakes?code=expired${query}`)).body['items'] as FailureShown[];
  const [found, ...others] = await eventually(
    async () => {
      const items = await list('');
      return items.length > 0 && items;
    },
    { what: 'the failure of another gateway' },
  );
  assert.deepEqual([found?.gateway, found?.certificate?.subject, others], ['edge-1', 'CN=past', []]);
  assert.deepEqual(await list('&gateway=edge-1'), [found]);
  assert.deepEqual(await list('&gateway=edge-3'), []);
});

it('where the gateway that was to fetch for all is killed, another one does', async () => {
  const from = crls.asked.length;
  crls.answer = () => {};
  await crls.asked.waitFor(() => true, { from, what: 'the next fetch' });
  // Whoever asks holds the lease; nobody else asks beside it.
  const holder = await postgres.psql(
    "SELECT gateway FROM countersign.record WHERE kind = 'lease' AND key LIKE 'fetch-%'",
  );
  const killed = fleet.members.find(({ name }) => name === holder);
  assert.ok(killed !== undefined, holder);
  serve(2, [mallory]);
  assert.equal(crls.asked.length, from + 1);
  process.kill(killed.gateway.pid, 'SIGKILL');
  await killed.gateway.exited;
  await takenIn(
    '02',
    fleet.members.filter((member) => member !== killed),
  );
  assert.equal(crls.asked.length, from + 2);
  await killed.start();
  await takenIn('02', [killed]);
  assert.deepEqual(await answersTo(fleet.pki.alice), [200, 200, 200]);
  assert.deepEqual(await answersTo(mallory), [undefined, undefined, undefined]);
});

it('while the database is silent sessions resume where they were made, and each fetches the list itself', async () => {
  await fleet.settled();
  const earlier = await Promise.all(both.map(async (tls) => [tls, await makeSession(b, tls, 'earlier')] as const));
  postgres.pause();
  try {
    const from = crls.asked.length;
    serve(3, [mallory, carol]);
    for (const [tls, session] of earlier) {
      await expectReuse(b, tls, session);
      await expectReuse(c, tls, await makeSession(c, tls, 'since'));
    }
    assert.deepEqual(await answersTo(fleet.pki.alice), [200, 200, 200]);
    assert.deepEqual(await answersTo(mallory), [undefined, undefined, undefined]);
    // Nobody can have it from anybody else.
    await takenIn('03');
    assert.ok(crls.asked.length >= from + fleet.members.length, String(crls.asked.length - from));
    assert.deepEqual(await answersTo(carol), [undefined, undefined, undefined]);
  } finally {
    postgres.resume();
  }
  await fleet.settled();
  assert.deepEqual(await answersTo(fleet.pki.alice), [200, 200, 200]);
});
