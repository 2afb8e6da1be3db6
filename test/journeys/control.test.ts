// The control process beside a gateway that serves: the first start and its link, who may what, what runs and is asked about it;
// and that its death or its silence changes nothing for traffic, health and metrics.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Load, startLoad } from '../support/load.ts';
import type { GatewayShown } from '../../src/control/gateway-shape.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let gateway: Gateway;
let cookie = '';
let setupSecret = '';
const password = 'four words and more';

const yaml = (extra = ''): string => `version: 2
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
    - {name: orders, address: "localhost:${nginx.port}", tls: {mode: mtls, certificateId: gateway-client, caBundle: internal}}
    - {name: unknown-ca, address: "localhost:${nginx.port}", tls: {mode: mtls, certificateId: gateway-client, caBundle: strangers}}
    - {name: unused, address: "localhost:1", tls: {mode: off}}
${extra}
  tls:
    certificateIds: [edge]
    clientAuth: {caBundles: [clients], required: true}
  routes:
    - {name: orders, path: /, hosts: [localhost], service: orders}
    - {name: unknown-ca, path: /unknown-ca, hosts: [localhost], service: unknown-ca}
`;

const serves = (line: { msg: string }): boolean => line.msg === 'control process serves the API';

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  gateway = stack.use(await startGateway({ yaml: yaml(), dir: pki.dir, workers: 2 }));
});

type Call = { readonly body?: object; readonly as?: string; readonly fields?: Readonly<Record<string, string>> };

async function api(method: string, path: string, { body, as = cookie, fields }: Call = {}): Promise<CurlResult> {
  return curl(`http://localhost:${gateway.ports.admin}/api/v1${path}`, {
    method,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(as.startsWith('cst_') ? { authorization: `Bearer ${as}` } : as === '' ? {} : { cookie: as }),
      ...fields,
    },
    ...(body && { body: JSON.stringify(body) }),
  });
}

async function loadedSerial(id: string): Promise<{ readonly number: string }> {
  const [leaf] = read(await api('GET', `/certificates/${id}`))['chain'] as { serial: string }[];
  return { number: leaf?.serial ?? '' };
}

const read = ({ body }: CurlResult): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>;
const cookieOf = ({ headers }: CurlResult): string => headers['set-cookie']?.split(';')[0] ?? '';

function startTraffic(): Load {
  return startLoad({
    port: gateway.ports.webSecure,
    servername: 'localhost',
    ca: pki.servers.certPem,
    cert: readFileSync(pki.alice.cert, 'utf8'),
    key: readFileSync(pki.alice.key, 'utf8'),
    connections: 4,
    pauseMs: 20,
  });
}

describe('the first start', () => {
  it('logs a link that makes the first administrator, once', async () => {
    const line = await gateway.waitForLog(({ msg }) => msg.startsWith('there is no user yet'));
    const link = new URL(String(line['link']));
    assert.equal(link.host, `localhost:${gateway.ports.admin}`);
    setupSecret = link.hash.slice(1);
    assert.deepEqual(read(await api('GET', '/setup')), { needed: true });
    const made = await api('POST', '/setup', { body: { secret: setupSecret, name: 'alice', password } });
    assert.equal(made.status, 201, made.body);
    assert.match(
      made.headers['set-cookie'] ?? '',
      /^__Host-countersign=\S+; Path=\/; Secure; HttpOnly; SameSite=Strict;/,
    );
    cookie = cookieOf(made);
    const again = await api('POST', '/setup', { body: { secret: setupSecret, name: 'eve', password } });
    assert.deepEqual([again.status, read(again)['code']], [403, 'setup_link_refused']);
    assert.deepEqual(read(await api('GET', '/setup')), { needed: false });
  });

  it('logs in with the password afterwards, and with no other', async () => {
    const wrong = await api('POST', '/sessions', { body: { name: 'alice', password: 'another word' }, as: '' });
    assert.deepEqual([wrong.status, read(wrong)['code']], [401, 'wrong_credentials']);
    const right = await api('POST', '/sessions', { body: { name: 'alice', password }, as: '' });
    assert.equal(right.status, 201);
    assert.equal((await api('DELETE', '/session', { as: cookieOf(right) })).status, 204);
    assert.equal((await api('GET', '/session', { as: cookieOf(right) })).status, 401);
  });
});

describe('who may', () => {
  it('is a role, and for a program a token with scopes', async () => {
    const user = { name: 'vera', role: 'viewer', password };
    assert.equal((await api('POST', '/users', { body: user })).status, 201);
    const vera = cookieOf(await api('POST', '/sessions', { body: { name: 'vera', password }, as: '' }));
    assert.equal((await api('GET', '/services', { as: vera })).status, 200);
    assert.equal((await api('POST', '/services/orders:probe', { as: vera })).status, 403);
    const made = await api('POST', '/tokens', { body: { name: 'ci', scopes: ['config.read'], days: 1 } });
    const token = String(read(made)['secret']);
    assert.equal((await api('GET', '/services', { as: token })).status, 200);
    assert.equal((await api('GET', '/users', { as: token })).status, 403);
  });

  it('is nobody under a foreign name of this machine, and no page of another site', async () => {
    const rebound = await api('GET', '/session', { fields: { host: 'evil.test' } });
    assert.equal(rebound.status, 421);
    const login = { name: 'alice', password };
    const foreign = await api('POST', '/sessions', { body: login, as: '', fields: { origin: 'https://evil.test' } });
    assert.deepEqual([foreign.status, read(foreign)['code']], [403, 'cross_site']);
    const own = { origin: `http://localhost:${gateway.ports.admin}`, 'sec-fetch-site': 'same-origin' };
    assert.equal((await api('POST', '/sessions', { body: login, as: '', fields: own })).status, 201);
  });
});

describe('what runs', () => {
  it('is told with places, chains and who refers to what', async () => {
    const certificate = read(await api('GET', '/certificates/gateway-client'));
    assert.deepEqual(certificate['usedBy'], [
      { kind: 'services', id: 'orders' },
      { kind: 'services', id: 'unknown-ca' },
    ]);
    const [leaf] = certificate['chain'] as { subject: string; state: string }[];
    assert.deepEqual([leaf?.subject, leaf?.state], ['CN=gateway', 'valid']);
    const edge = read(await api('GET', '/certificates/edge'));
    assert.deepEqual(edge['usedBy'], [{ kind: 'policies', id: 'gateway' }]);
    assert.deepEqual(edge['origin'], { kind: 'file', place: { file: 'gateway.yml', line: 6 } });
    const bundle = read(await api('GET', '/ca-bundles/clients'));
    assert.deepEqual(bundle['usedBy'], [{ kind: 'policies', id: 'gateway' }]);
  });

  it('is told with the state of each address, as the workers have it', async () => {
    const before = read(await api('GET', '/services/orders'));
    const [address] = before['addresses'] as { address: string; state: string; since: string }[];
    assert.deepEqual([address?.address, address?.state], [`localhost:${nginx.port}`, 'up']);
    const unused = read(await api('GET', '/services/unused'));
    assert.equal((unused['addresses'] as { state: string }[])[0]?.state, 'unknown');
  });

  it('is what every worker has loaded, by serial, and since when', async () => {
    const [own] = read(await api('GET', '/gateways'))['items'] as GatewayShown[];
    const { number } = await loadedSerial('gateway-client');
    assert.partialDeepStrictEqual(own, { isThis: true, generation: 1, revision: 0, refused: null });
    assert.deepEqual(
      own?.workers.map(({ generation }) => generation),
      [1, 1],
    );
    assert.equal(own?.certificates.find(({ id }) => id === 'gateway-client')?.serial, number);
    assert.ok(Date.parse(own?.since ?? '') <= Date.parse(own?.reportedAt ?? ''));
  });

  it('says which configuration was refused, since when and where its errors are', async () => {
    const wrong = yaml('    - {name: wrong, address: "localhost:1", tls: {mode: mtls, caBundle: nobody}}');
    await reloadBy(gateway, () => gateway.rewrite(wrong));
    const [own] = read(await api('GET', '/gateways'))['items'] as GatewayShown[];
    assert.equal(own?.reloadFailed, true);
    assert.partialDeepStrictEqual(own?.refused, { revision: null, blame: 'configuration' });
    assert.deepEqual(
      own?.refused?.problems.map(({ code, place }) => [code, place]),
      [
        ['missing_key', 'gateway.yml:16'],
        ['unknown_reference', 'gateway.yml:16'],
      ],
    );
    await reloadBy(gateway, () => gateway.rewrite(yaml()));
    const [after] = read(await api('GET', '/gateways'))['items'] as GatewayShown[];
    assert.deepEqual([after?.refused, after?.generation], [null, 2]);
  });

  it('answers a probe by the real handshake, and says why it ends', async () => {
    const good = read(await api('POST', '/services/orders:probe'));
    const [orders] = good['backends'] as { ok: boolean }[];
    assert.equal(orders?.ok, true, JSON.stringify(good));
    const bad = read(await api('POST', '/services/unknown-ca:probe'));
    const [unknown] = bad['backends'] as { ok: boolean; failure: { code: string } }[];
    assert.deepEqual([unknown?.ok, unknown?.failure.code], [false, 'untrusted_issuer']);
  });

  it('says which route a request would meet', async () => {
    const body = {
      method: 'GET',
      url: 'https://localhost/unknown-ca/x',
      certificate: readFileSync(pki.alice.cert, 'utf8'),
    };
    const told = read(await api('POST', '/routes:match', { body }));
    assert.equal(told['reachesBackend'], true, JSON.stringify(told));
    assert.deepEqual((told['route'] as { name: string }).name, 'unknown-ca');
  });

  it('follows a reload', async () => {
    const more = `    - {name: later, address: "localhost:${nginx.port}", tls: {mode: tls, caBundle: internal}}`;
    assert.equal((await api('GET', '/services/later')).status, 404);
    const { ok } = await reloadBy(gateway, () => gateway.rewrite(yaml(more)));
    assert.ok(ok);
    assert.equal((await api('GET', '/services/later')).status, 200);
    const [one] = read(await api('GET', '/gateways'))['items'] as { generation: number; workers: object[] }[];
    assert.deepEqual([one?.generation, one?.workers.length], [3, 2]);
  });
});

describe('the control process', () => {
  const pidOf = async (): Promise<number> => Number((await gateway.waitForLog(serves))['pid']);

  it('dies, and comes back with its sessions, while requests, health and metrics go on', async () => {
    await using load = startTraffic();
    await load.waitForOk(20);
    const from = gateway.log.length;
    process.kill(await pidOf(), 'SIGKILL');
    assert.equal((await gateway.admin('/healthz')).status, 200);
    await gateway.waitForLog(({ msg }) => msg === 'control process ended; it will be started again', { from });
    await load.waitForOk(20);
    await gateway.waitForLog(serves, { from });
    assert.equal((await api('GET', '/session')).status, 200);
    assert.equal((await gateway.admin('/readyz')).body, '2 of 2 workers ready\n');
    const { failed, reasons } = await load.stop();
    assert.equal(failed, 0, JSON.stringify([...reasons]));
  });

  it('stands still, is ended and replaced, and whoever asked it is answered', async () => {
    await using load = startTraffic();
    await load.waitForOk(20);
    const from = gateway.log.length;
    const pid = Number(gateway.log.items.findLast(serves)?.['pid']);
    process.kill(pid, 'SIGSTOP');
    const asked = await api('GET', '/session');
    assert.equal(asked.status, 503);
    assert.equal((await gateway.admin('/healthz')).status, 200);
    assert.match((await gateway.admin('/metrics')).body, /countersign_/);
    await gateway.waitForLog(({ msg }) => msg === 'control process hangs; ended', { from });
    await gateway.waitForLog(serves, { from });
    assert.equal((await api('GET', '/session')).status, 200);
    await load.waitForOk(20);
    const { failed, reasons } = await load.stop();
    assert.equal(failed, 0, JSON.stringify([...reasons]));
  });

  it('never told a key, a password or more of a secret than the link of the first start', async () => {
    const answers: string[] = [];
    for (const kind of [
      'certificates',
      'ca-bundles',
      'services',
      'routes',
      'policies',
      'users',
      'tokens',
      'audit',
      'gateways',
    ])
      answers.push((await api('GET', `/${kind}`)).body);
    const log = JSON.stringify(gateway.log.items);
    for (const text of [...answers, log]) {
      assert.doesNotMatch(text, /PRIVATE KEY|argon2|cst_/);
      assert.ok(!text.includes(password));
      assert.ok(!text.includes(cookie.split('=')[1] ?? cookie));
    }
    assert.equal(log.split(setupSecret).length, 2);
  });
});
