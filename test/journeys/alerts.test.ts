// Alerts as they reach somebody: a real receiver in a process of its own, over TLS with certificates minted for it, verifies what it gets;
// it is down, slow, broken; the control process is killed in between; secrets are replaced while it runs.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type MessageAlert, messageSchema } from '../../src/alerts/message.ts';
import { type AdminApi, openAdminApi } from '../support/admin-api.ts';
import { type Backend, startBackend } from '../support/backend.ts';
import { curl } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { openAuthority, openPki, type Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';
import { openHook, startReceiver, waitForAlert, type WebhookReceiver } from '../support/webhook-receiver.ts';

const services = 50;
const secret = randomBytes(24).toString('base64');
const newSecret = randomBytes(24).toString('base64');
const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());

let pki: Pki;
let backend: Backend;
let receiver: WebhookReceiver;
let gateway: Gateway;
let api: AdminApi;

/** One process, told by several names: each of them hears of one thing, so that none waits for what another was told. */
const topics: Readonly<Record<string, { readonly on: string; readonly certificateId: string }>> = {
  pager: { on: 'expiry', certificateId: 'gateway-client' },
  services: { on: 'service', certificateId: 'another-client' },
  reloads: { on: 'reload', certificateId: 'another-client' },
  issuers: { on: 'issuer', certificateId: 'another-client' },
  surges: { on: 'surge', certificateId: 'another-client' },
};

const receivers = (port: number): string =>
  Object.entries(topics)
    .map(
      ([name, { on, certificateId }]) => `
    - name: ${name}
      url: "https://localhost:${port}/hook?token=not-for-viewers"
      secretFile: pager.secret
      tls: {ca: internal-ca.crt, certificateId: ${certificateId}}
      on: [${on}]
      timeout: 2s`,
    )
    .join('');

const yaml = (more = ''): string => `version: 2
gateway:
  store: {url: "sqlite:control.db"}
  accessLog: {enabled: false}
  certificates:
    - {id: edge, cert: edge.crt, key: edge.key}
    - {id: gateway-client, cert: brief.crt, key: brief.key}
    - {id: another-client, cert: gateway.crt, key: gateway.key}
  caBundles:
    - {id: clients, ca: [clients-ca.crt, others-ca.crt]}
  alerts:${receivers(receiver.port)}
  services:
${Array.from({ length: services }, (_, i) => `    - {name: s${i}, address: "127.0.0.1:${backend.port}", tls: {mode: "off"}, healthCheck: {path: /, interval: 1s}}`).join('\n')}
  tls:
    certificateIds: [edge]
    clientAuth: {caBundles: [clients], required: true, onFailure: explain}
  routes:
${Array.from({ length: services }, (_, i) => `    - {name: s${i}, path: /s${i}, hosts: [localhost], service: s${i}}`).join('\n')}
${more}`;

before(async () => {
  pki = stack.use(await openPki());
  const others = await openAuthority(pki.dir, 'others');
  await others.issueFiles('bob', { kind: 'client', cn: 'bob', sans: ['spiffe://example.org/bob'] });
  // Four of its 24 days are left.
  const notBefore = Date.now() - 20 * 86_400_000;
  await pki.internal.issueFiles('brief', { kind: 'client', cn: 'gateway', notBefore, days: 24 });
  pki.dir.write('pager.secret', `${secret}\n`);
  backend = await startBackend();
  stack.defer(async () => backend.stop());
  receiver = stack.use(
    await startReceiver({
      tls: { cert: pki.backend.chainPem, key: pki.backend.keyPem, clientCa: pki.internal.certPem },
    }),
  );
  gateway = stack.use(await startGateway({ yaml: yaml(), dir: pki.dir, workers: 1 }));
  api = await openAdminApi(gateway);
});

type Client = { readonly cert: string; readonly key: string };
const files = (name: string): Client => ({ cert: pki.dir.file(`${name}.crt`), key: pki.dir.file(`${name}.key`) });

async function call(client: Client, path = '/s0'): Promise<number> {
  const { status } = await curl(`https://localhost:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    ...client,
  });
  return status;
}

async function controlPid(): Promise<number> {
  const lines = gateway.log.items.filter(({ msg }) => msg === 'control process serves the API');
  return Number(lines.at(-1)?.['pid']);
}

type Receiver = {
  readonly name: string;
  readonly target: string;
  readonly failures: number;
  readonly deliveries: readonly {
    readonly id: string;
    readonly state: string;
    readonly tries: number;
    readonly attempts: readonly { readonly code: string; readonly why: string; readonly status: number | null }[];
  }[];
};

async function receiverOf(name: string, as = api.cookie): Promise<Receiver> {
  const { status, body, text } = await api.send('GET', '/alert-receivers', undefined, as);
  assert.equal(status, 200, text);
  const one = (body['items'] as readonly Receiver[]).find((some) => some.name === name);
  assert.ok(one !== undefined);
  return one;
}

describe('a receiver that is tried', () => {
  type Tried = {
    readonly delivered: boolean;
    readonly steps: readonly {
      readonly step: string;
      readonly status: string;
      readonly failure: { code: string } | null;
    }[];
  };
  const test = async (as = api.cookie): Promise<Tried> =>
    (await api.send('POST', '/alerts:test', { receiver: 'pager' }, as)).body as Tried;

  it('gets a signed message over mutual TLS, and each step of the way is told', async () => {
    const tried = await test();
    assert.equal(tried.delivered, true, JSON.stringify(tried));
    const steps = tried.steps.map(({ step, status }) => `${step} ${status}`);
    for (const step of ['dns', 'tcp', 'tls', 'chain', 'name', 'answer'])
      assert.ok(steps.includes(`${step} ok`), String(steps));
    const hook = await receiver.hooks.waitFor(({ headers }) => headers['webhook-id']?.startsWith('msg_test_') === true);
    const message = messageSchema.parse(openHook(hook, secret));
    assert.deepEqual([message.test, message.alerts, message.receiver], [true, [], 'pager']);
    assert.equal(hook.client, 'gateway');
    assert.ok(Math.abs(Date.now() / 1000 - Number(hook.headers['webhook-timestamp'])) < 600);
  });

  it('may be tried by operators and by no viewer, who does not see its path either', async () => {
    const viewer = await api.enter('viewer');
    assert.equal((await api.send('POST', '/alerts:test', { receiver: 'pager' }, viewer)).status, 403);
    assert.equal((await receiverOf('pager', viewer)).target, `https://localhost:${receiver.port}`);
    const { text } = await api.send('GET', '/alert-receivers', undefined, viewer);
    assert.ok(!text.includes('not-for-viewers') && !text.includes(secret));
    const exported = await api.send('GET', '/config:export');
    assert.ok(!exported.text.includes('not-for-viewers') && !exported.text.includes(secret));
  });

  it('that redirects, fails or hangs is told as that, and nobody is asked elsewhere', async () => {
    for (const [how, code] of [
      ['302', 'redirect'],
      ['500', 'status'],
      ['hang', 'timeout'],
    ] as const) {
      receiver.answer(how);
      const tried = (await test()) as Tried & { readonly attempt: { readonly code: string; readonly why: string } };
      assert.deepEqual([tried.delivered, tried.attempt.code], [false, code]);
      assert.notEqual(tried.attempt.why, '');
    }
    assert.ok(receiver.hooks.items.every(({ url }) => url.startsWith('/hook')));
    receiver.answer('huge');
    assert.equal((await test()).delivered, true, 'what follows the status is not waited for');
    receiver.answer('204');
  });
});

// Side by side, since each is waited for: what begins is told after a look and a pause, and its end after another one.
describe('an alert', { concurrency: true }, () => {
  before(async () => {
    assert.equal(await call(pki.alice), 200);
    assert.equal(await call(files('bob')), 200);
    for (let i = 0; i < 6; i++) await Promise.all(Array.from({ length: 10 }, async () => call(pki.stranger)));
  });

  it('of a certificate of ours that ends soon is told, with who will refuse us', async () => {
    const { alert, hook } = await waitForAlert(receiver, ({ kind }) => kind === 'expiry', { what: 'the expiry' });
    assert.deepEqual([alert.code, alert.severity, alert.object?.id], ['expired', 'due', 'gateway-client']);
    assert.match(alert.consequence, /receiver of alerts pager refuses us/);
    openHook(hook, secret);
  });

  it('of fifty services that go down at once is one message, and their end is one', async () => {
    const { port } = backend;
    await backend.stop();
    const down = await waitForAlert(receiver, ({ kind, state }) => kind === 'service' && state === 'firing', {
      what: 'the services to be told',
    });
    const message = messageSchema.parse(openHook(down.hook, secret));
    type Said = { readonly receiver: string; readonly counts: { readonly firing: number } };
    const messages = (): Said[] =>
      receiver.hooks.items.map(({ body }) => JSON.parse(body) as Said).filter((said) => said.receiver === 'services');
    const told = (): number => messages().reduce((sum, { counts }) => sum + counts.firing, 0);
    await eventually(() => told() === services, { what: 'all services to be told', everyMs: 500 });
    // What begins within a look or two is one message; a machine under load may need a second one, never fifty.
    assert.ok(messages().length <= 3, `${messages().length} messages`);
    assert.match(message.summary, /alerts? began/);
    assert.equal(message.alerts[0]?.severity, 'failing');
    assert.deepEqual(message.alerts[0]?.gateways.length, 1);
    const ended = receiver.hooks.length;
    backend = await startBackend({ port });
    const isOver = ({ kind, state }: MessageAlert): boolean => kind === 'service' && state === 'resolved';
    const over = await waitForAlert(receiver, isOver, { from: ended, what: 'the end' });
    assert.match(over.message.summary, /over/i);
    openHook(over.hook, secret);
  });

  it('tells an issuer that was never seen before, and not the first one', async () => {
    const { alert } = await waitForAlert(receiver, ({ kind }) => kind === 'issuer', { what: 'the new issuer' });
    assert.match(alert.sentence, /others CA/);
    assert.equal(alert.code, 'new_issuer');
    const all = receiver.hooks.items.flatMap(({ body }) => (body.match(/clients CA/) === null ? [] : [body]));
    assert.deepEqual(all, []);
  });

  it('tells a surge of refusals of one kind', async () => {
    const { alert } = await waitForAlert(receiver, ({ kind }) => kind === 'surge', { what: 'the surge' });
    assert.equal(alert.code, 'untrusted_issuer');
  });
});

describe('the way of an alert', () => {
  it('survives a receiver that is down and the death of the control process, and arrives under one id', async () => {
    receiver.answer('500');
    const from = receiver.hooks.length;
    gateway.rewrite(yaml('    - {name: broken, path: /broken, service: nobody}'));
    const first = await waitForAlert(receiver, ({ kind }) => kind === 'reload', { from, what: 'the refused reload' });
    assert.match(first.alert.sentence, /configuration was not taken/);
    const since = first.alert.since;
    const pid = await controlPid();
    process.kill(pid, 'SIGKILL');
    await gateway.waitForLog((line) => line.msg === 'control process serves the API' && line['pid'] !== pid, {});
    await eventually(async () => (await receiverOf('reloads')).failures > 0, { what: 'failures to be known' });
    receiver.answer('204');
    await eventually(
      async () =>
        (await receiverOf('reloads')).deliveries.find(({ id }) => id === first.message.id)?.state === 'delivered',
      {
        what: 'the message to be delivered',
        everyMs: 500,
      },
    );
    const same = receiver.hooks.items.slice(from).filter(({ body }) => body.includes('"kind":"reload"'));
    assert.ok(same.length >= 2);
    assert.equal(new Set(same.map(({ body }) => body)).size, 1, 'each attempt is the same message');
    const moments = new Set(same.map(({ headers }) => headers['webhook-timestamp']));
    assert.ok(moments.size >= 2, 'each attempt is signed anew');
    const alerts = (await api.get('/alerts?active=true'))['items'] as readonly { kind: string; since: string }[];
    assert.equal(alerts.find(({ kind }) => kind === 'reload')?.since, since, 'it began when it began');
    gateway.rewrite(yaml());
    await waitForAlert(receiver, ({ kind, state }) => kind === 'reload' && state === 'resolved', {
      from,
      what: 'its end',
    });
  });

  it('is signed with the new secret after it was replaced, and with both while one replaces the other', async () => {
    const from = receiver.hooks.length;
    pki.dir.replace('pager.secret', `${newSecret}\n${secret}\n`);
    gateway.reload();
    const test = async (): Promise<void> => {
      await api.send('POST', '/alerts:test', { receiver: 'pager' });
    };
    const signatures = async (count: number): Promise<void> => {
      await eventually(
        async () => {
          await test();
          return receiver.hooks.items.at(-1)?.headers['webhook-signature']?.split(' ').length === count;
        },
        { what: `${count} signatures`, everyMs: 500 },
      );
    };
    await signatures(2);
    const both = receiver.hooks.items.at(-1);
    assert.ok(both !== undefined);
    openHook(both, secret);
    openHook(both, newSecret);
    pki.dir.replace('pager.secret', `${newSecret}\n`);
    gateway.reload();
    await signatures(1);
    const last = receiver.hooks.items.at(-1);
    assert.ok(last !== undefined && receiver.hooks.length > from);
    openHook(last, newSecret);
    assert.throws(() => openHook(last, secret));
  });

  it('shows in the metrics, and nothing of its secrets in the log', async () => {
    const { body } = await gateway.admin('/metrics');
    assert.match(body, /countersign_alerts_firing\{kind="issuer",code="new_issuer",severity="due"\} 1/);
    assert.match(body, /countersign_alert_deliveries_total\{receiver="pager",result="ok"\} [1-9]/);
    assert.match(body, /countersign_alert_deliveries_total\{receiver="reloads",result="status"\} [1-9]/);
    assert.match(body, /countersign_control_up 1/);
    const log = JSON.stringify(gateway.log.items);
    for (const hidden of [secret, newSecret, 'not-for-viewers']) assert.ok(!log.includes(hidden));
    assert.ok(gateway.log.items.some(({ msg }) => msg.startsWith('alert: ')));
  });
});
