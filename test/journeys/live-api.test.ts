// The reading, live half of the API over real processes: what needs somebody now, whether trust relations hold and why not, who was
// seen, handshakes that failed with the ladder to the step that broke, as a list and as they happen, and requests that are tried.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Alert } from '../../src/control/alerts.ts';
import type { RelationShown } from '../../src/control/relations.ts';
import { type AdminApi, openAdminApi, openEvents } from '../support/admin-api.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let gateway: Gateway;
let api: AdminApi;

const yaml = (
  bundle = 'internal',
  clientAuth = '{caBundles: [clients], required: true, onFailure: explain}',
): string => `version: 2
gateway:
  store: {url: "sqlite:control.db"}
  accessLog: {enabled: false}
  certificates:
    - {id: edge, cert: edge.crt, key: edge.key}
    - {id: gateway-client, cert: gateway.crt, key: gateway.key}
  caBundles:
    - {id: clients, ca: clients-ca.crt}
    - {id: internal, ca: internal-ca.crt}
    - {id: strangers, ca: strangers-ca.crt}
  services:
    - {name: orders, address: "localhost:${nginx.port}", tls: {mode: mtls, certificateId: gateway-client, caBundle: ${bundle}}}
  tls:
    certificateIds: [edge]
    clientAuth: ${clientAuth}
  routes:
    - {name: orders, path: /, hosts: [localhost], service: orders}
`;

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  gateway = stack.use(await startGateway({ yaml: yaml(), dir: pki.dir, workers: 2 }));
  api = await openAdminApi(gateway);
});

type Client = { readonly cert: string; readonly key: string };

async function ask(client?: Client, path = '/'): Promise<CurlResult> {
  return curl(`https://localhost:${gateway.ports.webSecure}${path}`, { ca: pki.servers.file, ...client });
}

/** Asks again until the answer fits: what workers saw comes a moment later. */
async function until<T>(read: () => Promise<T>, fits: (answer: T) => boolean, what: string): Promise<T> {
  const look = async (): Promise<{ readonly answer: T } | undefined> => {
    const answer = await read();
    return fits(answer) ? { answer } : undefined;
  };
  return (await eventually(look, { what, everyMs: 200 })).answer;
}

const relation = async (): Promise<RelationShown> => (await api.get('/relations/gateway~orders')) as RelationShown;
const needs = async (): Promise<readonly Alert[]> => (await api.get('/overview'))['needs'] as readonly Alert[];

describe('a trust relation', () => {
  it('is unknown until somebody came, says what cannot be known, and then who matched what', async () => {
    const before = await relation();
    assert.equal(before.state, 'unknown');
    assert.deepEqual([before.client.lastOk, before.backend.lastOk], [null, null]);
    assert.ok(before.client.unknown.some(({ field }) => field === 'peerChecks'));
    assert.equal((await ask(pki.alice)).status, 200);
    const holds = await until(relation, ({ state }) => state === 'holds', 'the relation holds');
    assert.match(holds.client.peerShows?.subject ?? '', /CN=alice/);
    assert.deepEqual(
      holds.client.gatewayShows.map(({ id }) => id),
      ['edge'],
    );
    assert.deepEqual(holds.backend.gatewayChecks?.caBundles, ['internal']);
    assert.deepEqual(holds.backend.matched, { kind: 'name', text: 'DNS:localhost' });
    assert.equal(holds.backend.gatewayShows[0]?.id, 'gateway-client');
  });

  it('fails on the leg to a backend that is not trusted, with the reason, and is what needs somebody', async () => {
    await reloadBy(gateway, () => gateway.rewrite(yaml('strangers')));
    assert.equal((await ask(pki.alice)).status, 502);
    const failing = await until(relation, ({ backend }) => backend.state === 'failing', 'the leg fails');
    assert.deepEqual([failing.state, failing.client.state, failing.backend.state], ['failing', 'holds', 'failing']);
    assert.equal(failing.backend.lastFailure?.code, 'untrusted_issuer');
    const [need] = await needs();
    assert.deepEqual([need?.severity, need?.kind, need?.code], ['failing', 'relation', 'untrusted_issuer']);
    const { relations } = (await api.get('/overview')) as { relations: object };
    assert.deepEqual(relations, { total: 1, holds: 0, failing: 1, unknown: 0 });
    await reloadBy(gateway, () => gateway.rewrite(yaml()));
    assert.equal((await ask(pki.alice)).status, 200);
    assert.deepEqual(await until(needs, (all) => all.length === 0, 'nothing is left to do'), []);
    const ended = (await api.get('/alerts?active=false'))['items'] as readonly Alert[];
    assert.deepEqual([ended[0]?.id, ended[0]?.endedAt !== null], ['relation:orders', true]);
  });
});

describe('the overview', () => {
  it('counts requests and refusals by reason, and has what expires in its order', async () => {
    assert.equal((await ask()).status, 403);
    type Minute = {
      requests: Record<string, number>;
      faults: Record<string, number>;
      handshakes: Record<string, number>;
    };
    const traffic = async (): Promise<readonly Minute[]> =>
      (await api.get('/overview'))['traffic'] as readonly Minute[];
    const sum = (all: readonly Minute[], kind: keyof Minute, code: string): number =>
      all.reduce((total, one) => total + (one[kind][code] ?? 0), 0);
    const all = await until(traffic, (some) => sum(some, 'faults', 'no_client_cert') === 1, 'the refusal is counted');
    assert.ok(sum(all, 'requests', '2xx') >= 2);
    const expiries = (await api.get('/overview'))['expiries'] as {
      name: string;
      notAfter: string;
      shareLeft: number;
    }[];
    assert.ok(expiries.some(({ name }) => name.startsWith('Certificate edge (')));
    const dates = expiries.map(({ notAfter }) => notAfter);
    assert.deepEqual(dates, dates.toSorted());
    assert.ok(expiries.every(({ shareLeft }) => shareLeft > 0 && shareLeft <= 1));
  });

  it('names a client that was let in before and is refused now', async () => {
    await reloadBy(gateway, () =>
      gateway.rewrite(yaml('internal', '{caBundles: [strangers], required: true, onFailure: explain}')),
    );
    assert.equal((await ask(pki.alice)).status, 403);
    const [need] = await until(needs, (all) => all.length > 0, 'the client is named');
    assert.deepEqual([need?.kind, need?.code], ['client', 'untrusted_issuer']);
    assert.match(need?.sentence ?? '', /^Client .*CN=alice.* was let in by policy gateway and is refused now/);
    await until(relation, ({ client }) => client.state === 'failing', 'the leg fails');
    await reloadBy(gateway, () => gateway.rewrite(yaml()));
    assert.equal((await ask(pki.alice)).status, 200);
    await until(needs, (all) => all.length === 0, 'it is let in again');
  });
});

type Failure = { id: string; side: string; code: string; count: number; sentence: string };

describe('handshakes that failed', () => {
  const list = async (): Promise<readonly Failure[]> => (await api.get('/handshakes'))['items'] as readonly Failure[];
  const found = async (side: string, code: string): Promise<Failure> => {
    const all = await until(list, (some) => some.some((one) => one.side === side && one.code === code), code);
    return all.find((one) => one.side === side && one.code === code) ?? assert.fail();
  };

  it('are listed for both legs with their ladders, in the words of the log', async () => {
    const from = gateway.log.length;
    assert.equal((await ask(pki.stranger)).status, 403);
    const line = await gateway.waitForLog(({ code }) => code === 'untrusted_issuer', { from });
    const all = await until(list, (some) => some.some(({ sentence }) => sentence === line.msg), 'it is on the list');
    const stranger = all.find(({ sentence }) => sentence === line.msg) ?? assert.fail();
    const client = await api.get(`/handshakes/${stranger.id}`);
    const steps = client['steps'] as { step: string; status: string; failure: { remedy: string; cause: string } }[];
    assert.deepEqual(
      steps.map(({ step, status }) => `${step} ${status}`),
      ['tcp ok', 'tls ok', 'own ok', 'client_auth ok', 'certificate ok', 'chain failed'],
    );
    assert.deepEqual([steps.at(-1)?.failure.remedy, steps.at(-1)?.failure.cause], [line['help'], client['detail']]);
    await reloadBy(gateway, () => gateway.rewrite(yaml('strangers')));
    assert.equal((await ask(pki.alice)).status, 502);
    const backend = await until(
      async () => found('backend', 'untrusted_issuer'),
      ({ sentence }) => sentence.includes(`localhost:${nginx.port}`),
      'the backend is among them',
    );
    const told = await api.get(`/handshakes/${backend.id}`);
    assert.deepEqual(told['services'], ['orders']);
    assert.match(
      String(told['openssl']),
      new RegExp(`^openssl s_client -connect localhost:${nginx.port} -servername localhost `),
    );
    await reloadBy(gateway, () => gateway.rewrite(yaml()));
  });

  it('are told as they come, and after the last one that was seen', async () => {
    await using first = await openEvents(api);
    await first.waitFor('ready');
    await ask(pki.stranger);
    const failure = await first.waitFor('failure');
    assert.match(failure.data, /"code":"untrusted_issuer"/);
    await first[Symbol.asyncDispose]();
    await ask();
    await until(
      async () => found('client', 'no_client_cert'),
      ({ count }) => count >= 2,
      'the list has it',
    );
    await using second = await openEvents(api, failure.id);
    assert.match((await second.waitFor('failure')).data, /"code":"no_client_cert"/);
  });

  it('are no longer told to whose session ends', async () => {
    const cookie = await api.enter('viewer');
    await using events = await openEvents({ ...api, cookie });
    await events.waitFor('ready');
    assert.equal((await api.send('DELETE', '/session', undefined, cookie)).status, 204);
    await events.waitFor('end');
    await events.ended;
  });

  it('survive the end of the control process, which is counted where it cannot be known', async () => {
    const before = await found('client', 'untrusted_issuer');
    const serves = ({ msg }: { msg: string }): boolean => msg === 'control process serves the API';
    const from = gateway.log.length;
    process.kill(Number(gateway.log.items.findLast(serves)?.['pid']), 'SIGKILL');
    await gateway.waitForLog(({ msg }) => msg.startsWith('control process ended'), { from });
    await ask(pki.stranger);
    await gateway.waitForLog(serves, { from });
    await until(
      async () => found('client', 'untrusted_issuer'),
      ({ count }) => count > before.count,
      'what came meanwhile',
    );
  });
});
