// The contract of the API: every example of every operation is replayed, every answer is what the document says, and every act
// is denied to each role and token that lacks it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ApiUnderTest, type AskOptions, openApi } from '../../test/support/control-api.ts';
import { type Role, roles } from '../store/accounts.ts';
import { makeOpenApi } from './openapi.ts';
import type { Example, Operation } from './operation.ts';
import { operations } from './operations.ts';

/** Written down once more, by hand: a table that is compared with itself proves nothing. */
const leastRole: Readonly<Record<string, Role>> = {
  previewTrustAudit: 'viewer',
  listTrustAudits: 'viewer',
  getTrustAudit: 'viewer',
  getTrustAuditCsv: 'viewer',
  getSession: 'viewer',
  listSessions: 'viewer',
  logOut: 'viewer',
  logOutEverywhere: 'viewer',
  changePassword: 'viewer',
  getOverview: 'viewer',
  listAlerts: 'viewer',
  listAlertReceivers: 'viewer',
  silenceAlert: 'operator',
  unsilenceAlert: 'operator',
  testAlertReceiver: 'operator',
  sendTestRequest: 'operator',
  listIdentities: 'viewer',
  listListeners: 'viewer',
  listSeenCertificates: 'viewer',
  listHandshakes: 'viewer',
  getHandshake: 'viewer',
  streamHandshakes: 'viewer',
  listRelations: 'viewer',
  getRelation: 'viewer',
  listCertificates: 'viewer',
  getCertificate: 'viewer',
  listCaBundles: 'viewer',
  getCaBundle: 'viewer',
  listServices: 'viewer',
  getService: 'viewer',
  listRoutes: 'viewer',
  getRoute: 'viewer',
  listPolicies: 'viewer',
  getPolicy: 'viewer',
  exportStore: 'viewer',
  listCertificateVersions: 'viewer',
  listCaBundleVersions: 'viewer',
  getCertificateChain: 'viewer',
  listMiddlewares: 'viewer',
  getMiddleware: 'viewer',
  listGateways: 'viewer',
  listDrift: 'viewer',
  getGateway: 'viewer',
  removeGateway: 'operator',
  listChanges: 'viewer',
  getChange: 'viewer',
  matchRoutes: 'viewer',
  inspectCertificates: 'operator',
  probeService: 'operator',
  planConfig: 'operator',
  probeUnsavedService: 'operator',
  addCaBundleVersion: 'operator',
  previewCaBundle: 'operator',
  revertChange: 'operator',
  promoteChange: 'operator',
  createCertificate: 'operator',
  replaceCertificate: 'operator',
  changeCertificate: 'operator',
  deleteCertificate: 'operator',
  addCertificateVersion: 'operator',
  makeCurrentCertificateVersion: 'operator',
  makeCurrentCaBundleVersion: 'operator',
  createCaBundle: 'operator',
  replaceCaBundle: 'operator',
  changeCaBundle: 'operator',
  deleteCaBundle: 'operator',
  createService: 'operator',
  replaceService: 'operator',
  changeService: 'operator',
  deleteService: 'operator',
  createRoute: 'operator',
  replaceRoute: 'operator',
  changeRoute: 'operator',
  deleteRoute: 'operator',
  createPolicy: 'operator',
  replacePolicy: 'operator',
  changePolicy: 'operator',
  deletePolicy: 'operator',
  createMiddleware: 'operator',
  replaceMiddleware: 'operator',
  changeMiddleware: 'operator',
  deleteMiddleware: 'operator',
  applyConfig: 'operator',
  recordTrustAudit: 'operator',
  listTokens: 'operator',
  createToken: 'operator',
  deleteToken: 'operator',
  listAudit: 'admin',
  listUsers: 'admin',
  createUser: 'admin',
  getUser: 'admin',
  changeUser: 'admin',
  deleteUser: 'admin',
  endSessions: 'admin',
};
const notForTokens: ReadonlySet<string> = new Set([
  'logOut',
  'logOutEverywhere',
  'changePassword',
  'listTokens',
  'createToken',
  'deleteToken',
  'createUser',
  'changeUser',
  'deleteUser',
  'endSessions',
]);

function pathOf(op: Operation, { params = {}, query }: Partial<Example>): string {
  const path = op.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? 'none'));
  return query === undefined ? path : `${path}?${new URLSearchParams(query).toString()}`;
}

function sendExample(
  api: ApiUnderTest,
  op: Operation,
  example: Partial<Example>,
  who: AskOptions,
): ReturnType<ApiUnderTest['ask']> {
  return api.ask(op.method, pathOf(op, example), {
    ...who,
    ...(example.body !== undefined && (op.isForm ? asForm(example.body) : { body: example.body })),
    ...(example.fields && { fields: example.fields }),
  });
}

function asForm(body: unknown): Pick<AskOptions, 'raw' | 'fields'> {
  const raw = new URLSearchParams(body as Record<string, string>).toString();
  return { raw, fields: { 'content-type': 'application/x-www-form-urlencoded' } };
}

describe('the contract of the API', () => {
  it('answers every example as it is declared', async (t) => {
    const api = await openApi(t);
    const { cookie } = await api.enter('admin');
    for (const op of operations)
      for (const example of op.examples) {
        const what = `${op.id}: ${example.name}`;
        const { status, body, text, headers } = await sendExample(api, op, example, { cookie });
        assert.equal(status, example.status, `${what}: ${text}`);
        if (status >= 400) {
          assert.equal(headers.get('content-type'), 'application/problem+json', what);
          assert.equal(body['status'], status, what);
          assert.equal(body['type'], `urn:countersign:problem:${String(body['code'])}`, what);
        } else if (op.answer.body !== undefined) {
          const { type = 'application/json' } = op.answer;
          assert.equal(headers.get('content-type'), type, what);
          const read = op.answer.body.safeParse(type === 'application/json' ? body : text);
          assert.ok(read.success, `${what}: ${read.error?.message} ${text}`);
        }
        assert.equal(headers.get('cache-control'), 'no-store', what);
      }
  });

  it('has an example of every operation that is more than an end', () => {
    const without = operations.filter(({ examples }) => examples.length === 0).map(({ id }) => id);
    assert.deepEqual(without, ['logOut', 'logOutEverywhere']);
    assert.equal(new Set(operations.map(({ id }) => id)).size, operations.length);
    assert.equal(new Set(operations.map(({ method, path }) => `${method} ${path}`)).size, operations.length);
  });

  it('is told by an OpenAPI document with every operation, parameter and schema', async (t) => {
    const api = await openApi(t);
    const { status, body, headers } = await api.ask('GET', '/openapi.json');
    assert.equal(status, 200);
    assert.deepEqual(body, JSON.parse(JSON.stringify(makeOpenApi(operations))));
    assert.equal(body['openapi'], '3.1.1');
    const paths = body['paths'] as Record<string, Record<string, Record<string, unknown>>>;
    for (const op of operations) {
      const told = paths[op.path]?.[op.method.toLowerCase()];
      assert.equal(told?.['operationId'], op.id);
      assert.equal('requestBody' in (told ?? {}), op.body !== undefined, op.id);
    }
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"([^"]*)"/g)].map(([, where]) => where ?? '');
    assert.ok(references.length > operations.length);
    for (const where of new Set(references)) {
      const [root, ...steps] = where.split('/');
      const found = steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], body);
      assert.ok(root === '#' && found !== undefined, `nothing stands at ${where}`);
    }
    const etag = headers.get('etag') ?? '';
    const again = await api.ask('GET', '/openapi.json', { fields: { 'if-none-match': etag } });
    assert.equal(again.status, 304);
  });
});

describe('who may', () => {
  it('is decided for every operation and every role', async (t) => {
    const api = await openApi(t);
    const guarded = operations.filter(({ act }) => act !== 'anybody');
    assert.deepEqual(guarded.map(({ id }) => id).toSorted(), Object.keys(leastRole).toSorted());
    for (const role of roles)
      for (const op of guarded) {
        const { cookie } = await api.enter(role);
        const may = roles.indexOf(role) >= roles.indexOf(leastRole[op.id] ?? 'admin');
        const { status, body } = await sendExample(api, op, op.examples[0] ?? {}, { cookie });
        assert.equal(status === 403, !may, `${role} ${op.id}: ${status}`);
        if (!may) assert.deepEqual([body['code'], body['act']], ['not_allowed', op.act]);
      }
  });

  it('is nobody where nobody logged in', async (t) => {
    const api = await openApi(t);
    for (const op of operations.filter(({ act }) => act !== 'anybody')) {
      const none = await sendExample(api, op, op.examples[0] ?? {}, {});
      assert.deepEqual([none.status, none.body['code']], [401, 'not_logged_in'], op.id);
      for (const who of [{ cookie: '__Host-countersign=guess' }, { token: 'cst_guess' }]) {
        const { status } = await sendExample(api, op, op.examples[0] ?? {}, who);
        assert.equal(status, 401, op.id);
      }
    }
  });

  it('is for a token what its scopes and its user may, and nothing that makes more of it', async (t) => {
    const api = await openApi(t);
    const { user: admin } = await api.enter('admin');
    const { user: viewer } = await api.enter('viewer');
    const all = [...new Set(operations.map(({ act }) => act))];
    const strong = await api.issueToken(admin, all);
    const weak = await api.issueToken(viewer, all);
    const narrow = await api.issueToken(admin, ['config.read']);
    for (const op of operations.filter(({ act }) => act !== 'anybody')) {
      const statusWith = async (token: string): Promise<number> =>
        (await sendExample(api, op, op.examples[0] ?? {}, { token })).status;
      assert.equal((await statusWith(strong)) === 403, notForTokens.has(op.id), `strong ${op.id}`);
      const viewerMay = leastRole[op.id] === 'viewer' && !notForTokens.has(op.id);
      assert.equal((await statusWith(weak)) === 403, !viewerMay, `weak ${op.id}`);
      assert.equal((await statusWith(narrow)) === 403, op.act !== 'config.read', `narrow ${op.id}`);
    }
  });
});
