// The API of the control process without its process: over a store of its own, with a gateway that answers from a table.
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { Turns } from '../../src/base/turns.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import { createApi } from '../../src/control/api.ts';
import type { ControlContext } from '../../src/control/control-context.ts';
import type { GatewayStatus } from '../../src/control/gateway-status.ts';
import { LoginLimits } from '../../src/control/login-limits.ts';
import type { Questions, Topic } from '../../src/control/messages.ts';
import { operations } from '../../src/control/operations.ts';
import { Passwords } from '../../src/control/passwords.ts';
import { makeSecret } from '../../src/control/random-secret.ts';
import type { ConfigView } from '../../src/control/view.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import type { Role, User } from '../../src/store/accounts.ts';
import type { Store } from '../../src/store/store.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { HandClock } from '../conformance/http1-harness.ts';
import { openTempDir } from './temp.ts';

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

export type ApiUnderTest = {
  readonly store: Store;
  readonly clock: HandClock;
  readonly context: ControlContext;
  readonly view: ConfigView;
  /** `path` below /api/v1. */
  ask(method: string, path: string, options?: AskOptions): Promise<ApiAnswer>;
  /** A user of this role without a password, and his session. */
  enter(role: Role): Promise<{ readonly user: User; readonly cookie: string }>;
  issueToken(user: User, scopes: readonly string[]): Promise<string>;
};

const act = { actor: 'test' };

export async function openApi(t: TestContext): Promise<ApiUnderTest> {
  const dir = openTempDir('control');
  const clock = new HandClock();
  const store = await openSqliteStore({ path: dir.file('store.db'), access: 'write', clock });
  t.after(async () => {
    await store.close();
    dir.remove();
  });
  const view = await sampleView();
  const status = sampleStatus(clock.now());
  const answers: { readonly [T in Topic]: Questions[T]['answer'] } = {
    view,
    status,
    probe: [{ route: 'orders', backend: 'https://orders.test:8443', ok: true, failure: null }],
    match: { reachesBackend: true, route: { name: 'orders' } },
  };
  const turns = new Turns();
  const context: ControlContext = {
    clock,
    log: createLogger({ level: 'off' }),
    store,
    passwords: new Passwords(),
    limits: new LoginLimits(clock),
    gateway: 'one',
    view: async () => view,
    status: async () => status,
    ask: async (topic) => answers[topic],
    inTurn: async (next) => turns.take(next),
  };
  const api = createApi(operations, context);
  return {
    store,
    clock,
    context,
    view,
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
      const read = answered === '' ? {} : (JSON.parse(answered) as Record<string, unknown>);
      return { status: answer.status, headers: answer.headers, body: read, text: answered };
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

function sampleStatus(now: number): GatewayStatus {
  return {
    at: now,
    generation: 1,
    revision: 7,
    since: now - 60_000,
    refused: null,
    store: { up: true, revision: 7, readAt: now, problem: null },
    workers: [{ slot: 0, pid: 4711, serving: true, generation: 1 }],
    certificates: [{ sha256: 'a'.repeat(64), serial: '01' }],
    certificateCount: 1,
    backends: [{ route: 'orders', label: 'orders.test:8443', state: 'up', since: now - 5_000, down: null }],
    handshakes: [
      { label: 'orders.test:8443', ok: { at: now - 2_000, version: 'TLSv1.3' }, failure: null, shown: null },
    ],
  };
}

async function sampleView(): Promise<ConfigView> {
  const ca = await mintCa({ cn: 'sample CA' });
  const pair = await ca.issue({ kind: 'client', cn: 'gateway', sans: ['gateway.test'] });
  const origin = { kind: 'file', place: { file: 'gateway.yml', line: 12 } } as const;
  const service = { kind: 'services', id: 'orders' } as const;
  return {
    generation: 1,
    revision: 7,
    digest: '0'.repeat(64),
    certificates: [
      { id: 'gateway-client', origin, chainPem: pair.certPem, usedBy: [service] },
      { id: 'spare', origin: { kind: 'store', revision: 7 }, chainPem: pair.certPem, usedBy: [] },
    ],
    caBundles: [{ id: 'internal', origin, caPem: [ca.certPem], usedBy: [service] }],
    services: [
      {
        id: 'orders',
        origin,
        source: 'dns',
        protocol: 'auto',
        addresses: [{ address: 'orders.test:8443', weight: 0, backup: false }],
        tls: {
          mode: 'mtls',
          certificateId: 'gateway-client',
          caBundle: 'internal',
          serverName: null,
          verified: true,
          notVerifiedBecause: null,
          nameCheck: 'san',
          minVersion: 'TLSv1.2',
          maxVersion: 'TLSv1.3',
          allowedSANs: [{ type: 'DNS', suffix: '.test' }],
          allowedFingerprints: null,
          allowedSPKI: null,
          crl: false,
        },
        healthCheck: null,
        usedBy: [{ kind: 'routes', id: 'orders' }],
      },
    ],
    routes: [
      {
        id: 'orders',
        origin,
        hosts: ['shop.test'],
        path: '/orders',
        methods: [],
        priority: 0,
        service: 'orders',
        backends: ['https://orders.test:8443'],
        middlewares: [{ name: 'limit', type: 'rateLimit' }],
        requiresClientCertificate: null,
      },
    ],
    policies: [
      {
        id: 'gateway',
        origin,
        hosts: [],
        clientCertificate: 'required',
        caBundles: ['internal'],
        certificates: [],
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.3',
        allowedSANs: null,
        allowedFingerprints: null,
        allowedSPKI: null,
        trustDomains: [],
        crl: false,
        ocsp: null,
      },
    ],
  };
}
