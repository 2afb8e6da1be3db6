// The API of the control process without its process: over a store of its own, with a gateway that answers from a table.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { Turns } from '../../src/base/turns.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import { openAlerts } from '../../src/control/open-alerts.ts';
import { showReview } from '../../src/audit/review-file.ts';
import { reviewTrust } from '../../src/audit/trust-review.ts';
import { createApi } from '../../src/control/api.ts';
import type { ControlContext } from '../../src/control/control-context.ts';
import { Fleet } from '../../src/control/fleet.ts';
import { readOwnReport } from '../../src/control/gateway-shape.ts';
import { timeOf } from '../../src/control/times.ts';
import { HandshakeFeed } from '../../src/control/handshake-feed.ts';
import { OpenStreams } from '../../src/control/open-streams.ts';
import { LoginLimits } from '../../src/control/login-limits.ts';
import { SignIn } from '../../src/control/sign-in.ts';
import { StoredHead } from '../../src/control/stored-head.ts';
import { CertificateSessions } from '../../src/control/certificate-sessions.ts';
import { ChangeQueue } from '../../src/control/change-queue.ts';
import type { Questions, Topic } from '../../src/control/messages.ts';
import { operations } from '../../src/control/operations.ts';
import { Passwords } from '../../src/control/passwords.ts';
import { makeSecret } from '../../src/control/random-secret.ts';
import { makeView } from '../../src/control/make-view.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { loadGateway } from '../../src/loading/load.ts';
import type { LoadedConfig } from '../../src/loading/loaded.ts';
import { makeStoreOnce, storeSourceOf } from '../../src/loading/open-store-source.ts';
import { readOpener } from '../../src/loading/read-opener.ts';
import { planChange, type PlanSettings } from '../../src/process/plan-question.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import type { Role, User } from '../../src/store/accounts.ts';
import type { Store } from '../../src/store/store.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { HandClock } from '../conformance/http1-harness.ts';
import { sampleClients, sampleStatus } from './sample-evidence.ts';
import { openTempDir, type TempDir } from './temp.ts';

export type AskOptions = {
  readonly body?: unknown;
  /** Instead of `body`, as it goes out. */
  readonly raw?: string;
  readonly cookie?: string | undefined;
  readonly token?: string | undefined;
  readonly fields?: Readonly<Record<string, string>>;
  readonly remote?: string;
};

export type ApiAnswer = {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined where there is none. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
};

/** What the primary answers. Plans are real ones, over the file and the store of the test. */
type Answers = { [T in Topic]: (asked: Questions[T]['asked']) => Promise<Questions[T]['answer']> };

export type ApiUnderTest = {
  readonly store: Store;
  readonly clock: HandClock;
  readonly context: ControlContext;
  /** Of the gateway; a test may put its own. */
  readonly answers: Answers;
  readonly dir: TempDir;
  /** `path` below /api/v1. */
  ask(method: string, path: string, options?: AskOptions): Promise<ApiAnswer>;
  /** An answer that goes on. */
  open(path: string, options?: AskOptions): Promise<Response>;
  /** A user of this role without a password, and his session. */
  enter(role: Role): Promise<{ readonly user: User; readonly cookie: string }>;
  issueToken(user: User, scopes: readonly string[]): Promise<string>;
};

const act = { actor: 'test' };

/** `maxBytes`: of the store. */
export async function openApi(t: TestContext, options: { readonly maxBytes?: number } = {}): Promise<ApiUnderTest> {
  const dir = openTempDir('control');
  const clock = new HandClock();
  const path = dir.file('store.db');
  await makeStoreOnce({ path }, clock);
  const store = await openSqliteStore({ path, access: 'write', clock, busyMs: 200, ...options });
  t.after(async () => {
    await store.close();
    dir.remove();
  });
  const file = await writeSample(dir);
  const settings: PlanSettings = {
    file,
    strict: true,
    env: {},
    store: { path },
    read: async (origin, how) => loadConfig(origin, how),
  };
  // Certificates are minted in the time that it is.
  const source = storeSourceOf({ file, store: { path }, clock: systemClock, mayFallBack: false });
  let active = await load();
  let generation = 1;
  const status = sampleStatus(clock.now());
  const clients = sampleClients(clock.now());
  async function load(): Promise<LoadedConfig> {
    const { loaded, problems } = await loadGateway(source, { ...settings, clock: systemClock });
    if (loaded === undefined)
      throw new Error(`the sample cannot be loaded: ${problems.map((one) => one.message).join()}`);
    return loaded;
  }
  const answers: Answers = {
    view: async () => makeView(active, generation),
    status: async () => status,
    clients: async () => clients,
    traffic: async () => [
      { at: clock.now(), requests: { '2xx': 3 }, faults: { no_route: 1 }, handshakes: { ok: 2, expired: 1 } },
    ],
    review: async ({ staleDays }) => showReview(reviewTrust(active, undefined, { now: clock.now(), staleDays })),
    probe: async () => ({
      backends: [{ route: 'orders', backend: 'https://orders.test:8443', ok: true, failure: null }],
    }),
    test: async ({ url }) => ({
      entryPoint: 'webSecure',
      address: '127.0.0.1:8443',
      durationMs: 3,
      steps: [{ step: 'tcp', status: 'ok', text: '127.0.0.1:8443', notes: [] }],
      match: { reachesBackend: true, answer: null },
      backends: [],
      answer: {
        status: 200,
        headers: [['content-type', 'text/plain']],
        text: 'hello',
        base64: null,
        bytes: 5,
        truncated: false,
      },
      code: null,
      curl: `curl -v ${url}`,
      openssl: null,
    }),
    match: async () => ({ reachesBackend: true, route: { name: 'orders' } }),
    plan: async (asked) => {
      const inForce = { loaded: active, crls: { find: () => [] } };
      return planChange(asked, {
        settings,
        clock: systemClock,
        active: inForce,
        deliveries: undefined,
        record: undefined,
      });
    },
    commit: async ({ revision }) => {
      active = await load();
      return { state: 'committed', revision, generation: ++generation };
    },
    deliver: async () => ({ at: clock.now(), ms: 3, ok: true, status: 204, code: 'ok', why: '' }),
    tryReceiver: async () => ({
      steps: [{ step: 'tcp', status: 'ok', text: '127.0.0.1:8443', notes: [] }],
      attempt: { at: clock.now(), ms: 3, ok: true, status: 204, code: 'ok', why: '' },
    }),
    provider: async () => null,
    providerSecret: async () => ({ why: 'there is none' }),
    sealKey: async () => readOpener({ path })?.publicParts()[0] ?? null,
  };
  const turns = new Turns();
  const instance = { id: 'i1', machine: 'test', url: 'http://localhost:9901', pid: 1, startedAt: timeOf(clock.now()) };
  const view = async () => (await answers.view({ known: 0 })) ?? assert.fail('there is no view');
  const ownReport = async () => readOwnReport({ status: async () => status, view, clock, instance }, null);
  const fleet = new Fleet({ store, clock, own: { gateway: 'one', report: ownReport } });
  const alerts = openAlerts({
    gateway: 'one',
    clock,
    log: createLogger({ level: 'off' }),
    ask: async (topic, asked) => answers[topic](asked),
    sources: {
      clock,
      view: async () => (await answers.view({ known: 0 })) ?? assert.fail('there is no view'),
      status: async () => status,
      clients: async () => clients,
      fleet,
    },
    store: () => store,
    onFiring: () => {},
  });
  const context: ControlContext = {
    clock,
    log: createLogger({ level: 'off' }),
    store,
    passwords: new Passwords(),
    limits: new LoginLimits(clock),
    certificateSessions: new CertificateSessions(clock, store.audit),
    signIn: new SignIn(async (topic) => answers[topic](null), clock),
    gateway: 'one',
    instance,
    fleet,
    view,
    ask: async (topic, asked) => answers[topic](asked),
    stored: new StoredHead(store),
    changes: new ChangeQueue(),
    status: async () => status,
    clients: async () => clients,
    inTurn: async (next) => turns.take(next),
    drift: () => {},
    alerts,
    handshakes: new HandshakeFeed({
      gateway: 'one',
      failures: store.handshakeFailures,
      clock,
      log: createLogger({ level: 'off' }),
    }),
    streams: new OpenStreams(),
  };
  const api = createApi(operations, context);
  return {
    store,
    clock,
    context,
    answers,
    dir,
    async ask(method, path, { body, raw, cookie, token, fields, remote = '127.0.0.1' } = {}) {
      const text = raw ?? (body === undefined ? undefined : JSON.stringify(body));
      const headers = {
        ...(text !== undefined && { 'content-type': 'application/json' }),
        ...(cookie !== undefined && { cookie }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...fields,
      };
      const request = new Request(`http://control.invalid/api/v1${path}`, {
        method,
        headers,
        ...(text !== undefined && { body: text }),
      });
      const answer = await api.fetch(request, { remote, authority: 'localhost:9901' });
      const answered = await answer.text();
      const isJson = /json/.test(answer.headers.get('content-type') ?? '');
      const read = isJson && answered !== '' ? (JSON.parse(answered) as Record<string, unknown>) : {};
      return { status: answer.status, headers: answer.headers, body: read, text: answered };
    },
    async open(path, { cookie, token, fields } = {}) {
      const headers = {
        ...(cookie !== undefined && { cookie }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...fields,
      };
      const request = new Request(`http://control.invalid/api/v1${path}`, { headers });
      return api.fetch(request, { remote: '127.0.0.1', authority: 'localhost:9901' });
    },
    async enter(role) {
      const id = randomUUID();
      const user = await store.users.create({ id, name: `${role}-${id.slice(0, 8)}`, role, passwordDigest: null }, act);
      const { secret, digest } = makeSecret('');
      await store.sessions.create({ digest, userId: id, expiresAt: clock.now() + 3_600_000 * 12 }, act);
      return { user, cookie: `__Host-countersign=${secret}` };
    },
    async issueToken(user, scopes) {
      const { secret, digest } = makeSecret('cst_');
      const expiresAt = clock.now() + 3_600_000;
      await store.tokens.create({ id: randomUUID(), digest, userId: user.id, name: 'ci', scopes, expiresAt }, act);
      return secret;
    },
  };
}

/** A main file with one of everything. */
async function writeSample(dir: TempDir): Promise<string> {
  const ca = await mintCa({ cn: 'sample CA' });
  const [client, server] = await Promise.all([
    ca.issue({ kind: 'client', cn: 'gateway', sans: ['gateway.test'] }),
    ca.issue({ kind: 'server', cn: 'shop.test', sans: ['shop.test'] }),
  ]);
  dir.write('ca.crt', ca.certPem);
  for (const [name, pair] of Object.entries({ client, server })) {
    dir.write(`${name}.crt`, pair.chainPem);
    dir.write(`${name}.key`, pair.keyPem);
  }
  return dir.write(
    'gateway.yml',
    `version: 2
gateway:
  certificates:
    - {id: gateway-client, cert: client.crt, key: client.key}
    - {id: spare, cert: client.crt, key: client.key}
  caBundles:
    - {id: internal, ca: ca.crt}
  services:
    - name: orders
      address: "orders.test:8443"
      tls: {mode: mtls, certificateId: gateway-client, caBundle: internal}
  routes:
    - {name: orders, path: /orders, hosts: [shop.test], service: orders}
  tls:
    certificates: [{cert: server.crt, key: server.key}]
    clientAuth: {caBundles: [internal], required: true}
`,
  );
}
