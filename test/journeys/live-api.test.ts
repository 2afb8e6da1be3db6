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
    const failure = await first.waitFor('failure', '"code":"untrusted_issuer"');
    await first[Symbol.asyncDispose]();
    await ask();
    await until(
      async () => found('client', 'no_client_cert'),
      ({ count }) => count >= 2,
      'the list has it',
    );
    await using second = await openEvents(api, failure.id);
    await second.waitFor('failure', '"code":"no_client_cert"');
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

describe('who came', () => {
  type Identity = {
    subject: string;
    policy: string;
    stranger: boolean;
    accepted: number;
    code: string;
    issuer: string;
  };
  const identities = async (query = ''): Promise<readonly Identity[]> =>
    (await api.get(`/identities${query}`))['items'] as readonly Identity[];

  it('is told by certificate, and strangers apart', async () => {
    const all = await identities();
    const known = all.filter(({ issuer }) => issuer.includes('clients CA'));
    assert.deepEqual(
      known.map(({ policy, stranger, code }) => [policy, stranger, code]),
      [['gateway', false, 'ok']],
    );
    assert.ok((known[0]?.accepted ?? 0) > 0);
    const strangers = await identities('?kind=strangers&within=24h');
    assert.ok(strangers.length > 0 && strangers.every(({ stranger, accepted }) => stranger && accepted === 0));
    assert.deepEqual(await identities('?policy=nobody'), []);
  });

  it('stands beside what each listener shows and asks for', async () => {
    const listeners = (await api.get('/listeners'))['items'] as {
      id: string;
      port: number;
      policies: { clientCertificate: string; shows: { id: string }[]; identities: { today: { accepted: number } } }[];
    }[];
    const listener = listeners.find(({ id }) => id === 'webSecure');
    assert.equal(listener?.port, gateway.ports.webSecure);
    assert.deepEqual(listeners.find(({ id }) => id === 'web')?.policies, []);
    const [policy] = listener?.policies ?? [];
    assert.deepEqual([policy?.clientCertificate, policy?.shows[0]?.id], ['required', 'edge']);
    assert.equal(policy?.identities.today.accepted, 1);
  });

  it('has left its certificate, as backends have', async () => {
    const seen = (await api.get('/certificates-seen'))['items'] as { side: string; by: string[]; notAfter: string }[];
    assert.ok(seen.some(({ side, by }) => side === 'backend' && by.includes(`localhost:${nginx.port}`)));
    assert.ok(seen.some(({ side, by }) => side === 'client' && by.includes('gateway')));
    const dates = seen.map(({ notAfter }) => notAfter);
    assert.deepEqual(dates, dates.toSorted());
  });
});

type Ladder = readonly {
  step: string;
  status: string;
  text: string;
  failure: { code: string; cause: string } | null;
}[];
type Report = {
  client: Ladder;
  backends: readonly { backend: string; steps: Ladder }[];
  match: { route: { name: string } | null; policy: unknown };
  answer: { status: number; text: string | null; base64: string | null; bytes: number; truncated: boolean } | null;
  code: string | null;
  curl: string;
  openssl: string | null;
  address: string;
};

describe('a request that is tried', () => {
  const clients =
    '    - {id: alice, cert: alice.crt, key: alice.key}\n    - {id: stranger, cert: stranger.crt, key: stranger.key}\n';
  const withClients = (text: string): string => text.replace('  caBundles:\n', `${clients}  caBundles:\n`);
  const attempt = async (body: object, as?: string): Promise<{ status: number; report: Report; text: string }> => {
    const { status, body: report, text } = await api.send('POST', '/test-requests', body, as);
    return { status, report: report as unknown as Report, text };
  };
  const url = 'https://localhost/some/path?x=1';
  const stepsOf = (ladder: Ladder | undefined): string[] =>
    (ladder ?? []).map(({ step, status }) => `${step} ${status}`);

  before(async () => {
    const { ok, lines } = await reloadBy(gateway, () => gateway.rewrite(withClients(yaml())));
    assert.ok(ok, JSON.stringify(lines));
  });

  it('shows both handshakes, the route and the answer, and how to do the same by hand', async () => {
    const body = { url, method: 'POST', headers: [['X-Test', 'yes']], body: 'hello', clientCertificateId: 'alice' };
    const { status, report, text } = await attempt(body);
    assert.equal(status, 200, text);
    assert.deepEqual([report.answer?.status, report.code, report.match.route?.name], [200, null, 'orders'], text);
    assert.deepEqual(stepsOf(report.client), [
      'tcp ok',
      'tls ok',
      'certificate ok',
      'chain unknown',
      'name ok',
      'own ok',
      'answer ok',
    ]);
    const [backend] = report.backends;
    assert.equal(backend?.backend, `https://localhost:${nginx.port}`);
    assert.ok(
      backend.steps.every(({ status: one }) => one !== 'failed'),
      JSON.stringify(backend),
    );
    assert.match(
      report.curl,
      /^curl -v --path-as-is --connect-to localhost:443:127\.0\.0\.1:\d+ --cacert FILE --cert FILE --key FILE -X POST -H 'X-Test: yes' --data-binary @FILE /,
    );
    assert.match(report.openssl ?? '', /^openssl s_client -connect 127\.0\.0\.1:\d+ -servername localhost /);
    assert.doesNotMatch(text, /PRIVATE KEY/);
  });

  it('says why a client is refused, in the code of the table', async () => {
    const none = await attempt({ url });
    assert.deepEqual([none.report.answer?.status, none.report.code], [403, 'no_client_cert'], none.text);
    const stranger = await attempt({ url, clientCertificateId: 'stranger' });
    assert.deepEqual([stranger.report.answer?.status, stranger.report.code], [403, 'untrusted_issuer']);
    await reloadBy(gateway, () =>
      gateway.rewrite(withClients(yaml('internal', '{caBundles: [clients], required: true, onFailure: close}'))),
    );
    const closed = await attempt({ url, clientCertificateId: 'stranger' });
    assert.deepEqual([closed.report.answer, closed.report.code], [null, 'untrusted_issuer'], closed.text);
    assert.equal(closed.report.client.at(-1)?.status, 'failed');
    await reloadBy(gateway, () => gateway.rewrite(withClients(yaml())));
  });

  it('stops on the leg to a backend where that breaks', async () => {
    await reloadBy(gateway, () => gateway.rewrite(withClients(yaml('strangers'))));
    const { report, text } = await attempt({ url, clientCertificateId: 'alice' });
    assert.deepEqual([report.answer?.status, report.code], [502, 'untrusted_issuer'], text);
    assert.equal(report.backends[0]?.steps.at(-1)?.failure?.code, 'untrusted_issuer');
    await reloadBy(gateway, () => gateway.rewrite(withClients(yaml())));
  });

  it('goes to this gateway whatever the URL says, and takes no field that would lead it elsewhere', async () => {
    for (const host of ['169.254.169.254', 'metadata.internal', `localhost:${nginx.port}`, '[::1]:22']) {
      const { status, report, text } = await attempt({ url: `https://${host}/`, clientCertificateId: 'alice' });
      if (status === 422) continue;
      assert.equal(status, 200, text);
      assert.equal(report.address, `127.0.0.1:${gateway.ports.webSecure}`, host);
    }
    for (const wrong of [
      { url: 'file:///etc/passwd' },
      { url: 'https://user:secret@localhost/' },
      { url, headers: [['Host', 'evil.test']] },
      { url, headers: [['Transfer-Encoding', 'chunked']] },
      { url, headers: [['X-A', 'b\r\nX-C: d']] },
      { url, method: 'CONNECT' },
      { url, entryPoint: 'admin' },
      { url, clientCertificateId: 'nobody' },
      { url, address: '10.0.0.1' },
    ])
      assert.equal((await attempt(wrong)).status, 422, JSON.stringify(wrong));
  });

  it('is for operators, and stands in the audit log without its query and fields', async () => {
    assert.equal((await attempt({ url }, await api.enter('viewer'))).status, 403);
    assert.equal(
      (await attempt({ url, headers: [['Authorization', 'geheim']] }, await api.enter('operator'))).status,
      200,
    );
    const { text } = await api.send('GET', '/audit?subject=requests%2Ftest');
    assert.match(text, /"path":"\/some\/path"/);
    assert.doesNotMatch(text, /geheim|x=1/);
  });
});
