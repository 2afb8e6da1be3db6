// A client certificate as a login at the admin entry point, with a real curl: who gets a role by it, who does not and what he is
// told, that nobody can claim one in a field, and that a session ends when its certificate is revoked or its rule is gone.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { chromium, type Page } from 'playwright-core';
import { expectAccessible } from '../support/console.ts';
import { serialOf, takenIn, writeCrl } from '../support/crls.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { requireCommand } from '../support/peers.ts';
import { type Authority, type CertFiles, openAuthority, openPki, type Pki } from '../support/pki.ts';
import { SAFETY_NET_MS } from '../support/wait-for.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let staff: Authority;
let gateway: Gateway;
let olga: CertFiles;
let ada: CertFiles;
let adminCookie = '';

const yaml = (roles: string): string => `version: 2
gateway:
  store: {url: "sqlite:control.db"}
  accessLog: {enabled: false}
  certificates:
    - {id: edge, cert: edge.crt, key: edge.key}
  caBundles:
    - {id: staff, ca: staff-ca.crt, crl: {sources: [staff.crl]}}
  entryPoints:
    admin:
      certificateId: edge
      clientLogin:
        caBundle: staff
        roles:
${roles}
  tls: {certificateIds: [edge]}
  routes:
    - {name: site, path: /, target: "http://127.0.0.1:1"}
`;
const viewers = '          - {role: viewer, allow: [{type: EMAIL, suffix: "@staff.test"}]}';
const operators =
  '          - {role: operator, allow: [{type: EMAIL, suffix: "@ops.staff.test"}, {type: EMAIL, exact: olga@staff.test}]}';
const admins = '          - {role: admin, allow: [{commonName: {exact: ada}}]}';
const allRoles = [viewers, operators, admins].join('\n');

const person = { kind: 'client', cn: 'olga', sans: ['olga@staff.test'] } as const;

before(async () => {
  pki = stack.use(await openPki());
  staff = await openAuthority(pki.dir, 'staff');
  olga = await staff.issueFiles('olga', person);
  ada = await staff.issueFiles('ada', { kind: 'client', cn: 'ada', sans: ['ada@elsewhere.test'] });
  writeCrl(pki.dir, 'staff.crl', staff, { number: 1 });
  gateway = stack.use(await startGateway({ yaml: yaml(allRoles), dir: pki.dir }));
  const line = await gateway.waitForLog(({ msg }) => msg.startsWith('there is no user yet'));
  const secret = new URL(String(line['link'])).hash.slice(1);
  const made = await api('POST', '/setup', {
    body: { secret, name: 'alice', password: 'four words and more' },
  });
  assert.equal(made.status, 201, made.body);
  adminCookie = cookieOf(made);
});

type Call = {
  readonly body?: object;
  readonly cookie?: string;
  readonly by?: CertFiles;
  readonly fields?: Readonly<Record<string, string>>;
};

async function api(method: string, path: string, { body, cookie, by, fields }: Call = {}): Promise<CurlResult> {
  return curl(`https://localhost:${gateway.ports.admin}/api/v1${path}`, {
    method,
    ca: pki.servers.file,
    ...(by && { cert: by.cert, key: by.key }),
    headers: { ...(body && { 'content-type': 'application/json' }), ...(cookie && { cookie }), ...fields },
    ...(body && { body: JSON.stringify(body) }),
  });
}

const read = ({ body }: CurlResult): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>;
const cookieOf = ({ headers }: CurlResult): string => headers['set-cookie']?.split(';')[0] ?? '';
const codeOf = (answer: CurlResult): unknown[] => [answer.status, read(answer)['code']];

async function logIn(by: CertFiles): Promise<string> {
  const answer = await api('POST', '/sessions:byCertificate', { by });
  assert.equal(answer.status, 201, answer.body);
  return cookieOf(answer);
}

/** That it gets no role, neither by itself nor by asking for one; what is said of it. */
async function refused(by: CertFiles): Promise<string> {
  const setup = read(await api('GET', '/setup', { by }))['certificate'] as { role: unknown; why: string };
  assert.equal(setup.role, null);
  const answer = await api('POST', '/sessions:byCertificate', { by });
  assert.deepEqual(codeOf(answer), [401, 'certificate_refused']);
  assert.match(String(read(answer)['detail']), /\. Log in with a password\.$/);
  assert.equal((await api('GET', '/session', { by })).status, 401);
  return setup.why;
}

describe('a certificate that a rule maps', () => {
  it('logs its bearer in, with the highest role that fits', async () => {
    const shown = read(await api('GET', '/setup', { by: olga }));
    assert.deepEqual(shown, { needed: false, certificate: { role: 'operator', subject: 'CN=olga', why: null } });
    const cookie = await logIn(olga);
    const session = read(await api('GET', '/session', { by: olga, cookie }));
    assert.deepEqual((session['user'] as { role: string }).role, 'operator');
    assert.equal((await api('GET', '/users', { by: olga, cookie })).status, 403);
    const asAda = await logIn(ada);
    assert.equal((await api('GET', '/users', { by: ada, cookie: asAda })).status, 200);
  });

  it('counts only after a login: no request has a role by its connection alone', async () => {
    assert.deepEqual(codeOf(await api('GET', '/session', { by: olga })), [401, 'not_logged_in']);
  });

  it('makes a session that is worth nothing without it, nor with another', async () => {
    const cookie = await logIn(olga);
    assert.deepEqual(codeOf(await api('GET', '/session', { cookie })), [401, 'not_logged_in']);
    assert.deepEqual(codeOf(await api('GET', '/session', { cookie, by: ada })), [401, 'not_logged_in']);
    assert.equal((await api('GET', '/session', { cookie, by: olga })).status, 200);
    assert.equal((await api('DELETE', '/session', { cookie, by: olga })).status, 204);
    assert.equal((await api('GET', '/session', { cookie, by: olga })).status, 401);
  });

  it('is refused from another site, and has no password and no tokens', async () => {
    const fields = { origin: 'https://evil.test' };
    const foreign = await api('POST', '/sessions:byCertificate', { by: olga, fields });
    assert.deepEqual(codeOf(foreign), [403, 'cross_site']);
    const cookie = await logIn(olga);
    const body = { password: 'x', newPassword: 'another password of words' };
    assert.deepEqual(codeOf(await api('POST', '/session:changePassword', { by: olga, cookie, body })), [
      403,
      'not_allowed',
    ]);
    assert.ok(!(read(await api('GET', '/session', { by: olga, cookie }))['acts'] as string[]).includes('tokens.write'));
  });

  it('stands in the audit log by subject and serial', async () => {
    const entries = read(await api('GET', '/audit', { cookie: adminCookie }))['items'] as Record<string, unknown>[];
    const logins = entries.filter(
      ({ action, actor }) => action === 'session.create' && String(actor).startsWith('certificate:'),
    );
    assert.ok(
      logins.some(({ actor }) => actor === `certificate:CN=olga (${serialOf(olga)})`),
      JSON.stringify(logins),
    );
  });
});

describe('who gets no role', () => {
  it('shows no certificate: he logs in with his password as before', async () => {
    assert.deepEqual(read(await api('GET', '/setup')), { needed: false });
    assert.deepEqual(codeOf(await api('POST', '/sessions:byCertificate')), [401, 'certificate_refused']);
    const body = { name: 'alice', password: 'four words and more' };
    assert.equal((await api('POST', '/sessions', { body })).status, 201);
  });

  it('has one of another CA, one that has expired, or one with another name, and may log in with a password all the same', async () => {
    const foreign = await pki.internal.issueFiles('foreign', person);
    assert.match(await refused(foreign), /is not trusted here: .*untrusted_issuer/);
    const expired = await staff.issueFiles('expired', {
      ...person,
      notBefore: Date.now() - 9e8,
      notAfter: Date.now() - 6e4,
    });
    assert.match(await refused(expired), /expired/);
    const nobody = await staff.issueFiles('nobody', { kind: 'client', cn: 'nobody', sans: ['nobody@staff.test.evil'] });
    assert.match(await refused(nobody), /is trusted, and no rule gives it a role/);
    const server = await staff.issueFiles('server', { ...person, kind: 'server' });
    assert.match(await refused(server), /is not trusted here/);
    const body = { name: 'alice', password: 'four words and more' };
    assert.equal((await api('POST', '/sessions', { body, by: nobody })).status, 201);
  });

  it('says in a field that he has one', async () => {
    const claim = { role: 'admin', sha256: 'a'.repeat(64), subject: 'CN=ada', serial: '1', notAfter: 9e15 };
    const field = Buffer.from(JSON.stringify(claim)).toString('base64url');
    for (const name of ['x-countersign-certificate', 'X-Countersign-Certificate']) {
      const fields = { [name]: field };
      assert.deepEqual(codeOf(await api('POST', '/sessions:byCertificate', { fields })), [401, 'certificate_refused']);
      assert.deepEqual(read(await api('GET', '/setup', { fields })), { needed: false });
      const shown = read(await api('GET', '/setup', { fields, by: olga }))['certificate'];
      assert.deepEqual(shown, { role: 'operator', subject: 'CN=olga', why: null });
    }
  });
});

describe('the console', () => {
  it('offers the login to whom it is open, and says to others why not', async () => {
    const url = `https://localhost:${gateway.ports.admin}`;
    const browser = await chromium.launch({
      executablePath: requireCommand('chromium'),
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    const open = async ({ cert, key }: CertFiles): Promise<Page> => {
      const clientCertificates = [{ origin: url, certPath: cert, keyPath: key }];
      const context = await browser.newContext({ ignoreHTTPSErrors: true, clientCertificates });
      const page = await context.newPage();
      page.setDefaultTimeout(SAFETY_NET_MS);
      await page.goto(url);
      return page;
    };
    try {
      const page = await open(olga);
      await page.getByText('Your browser shows the certificate “CN=olga”, role operator.').waitFor();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Log in with the certificate' }).click();
      await page.getByRole('navigation', { name: 'Main' }).waitFor();
      const other = await open(
        await staff.issueFiles('guest', { kind: 'client', cn: 'guest', sans: ['guest@a.test'] }),
      );
      await other.getByText('no rule gives it a role. Log in with a password.').waitFor();
      assert.equal(await other.getByRole('button', { name: 'Log in with the certificate' }).count(), 0);
    } finally {
      await browser.close();
    }
  });
});

describe('a session by certificate', () => {
  it('ends when the certificate is revoked', async () => {
    const revoked = await staff.issueFiles('revoked', { ...person, cn: 'rob' });
    const cookie = await logIn(revoked);
    assert.equal((await api('GET', '/session', { cookie, by: revoked })).status, 200);
    await takenIn(gateway, '02', () =>
      writeCrl(pki.dir, 'staff.crl', staff, { number: 2, revoked: [{ serial: serialOf(revoked) }] }),
    );
    const answer = await api('GET', '/session', { cookie, by: revoked });
    assert.deepEqual(codeOf(answer), [401, 'not_logged_in']);
    assert.match(String(read(answer)['detail']), /revoked/);
    assert.match(await refused(revoked), /revoked/);
  });

  it('ends when a reload takes its rule away, or gives it another role', async () => {
    const [asOlga, asAda] = [await logIn(olga), await logIn(ada)];
    const outcome = await reloadBy(gateway, () => gateway.rewrite(yaml(viewers)));
    assert.ok(outcome.ok, JSON.stringify(outcome.lines));
    const another = await api('GET', '/session', { cookie: asOlga, by: olga });
    assert.deepEqual(codeOf(another), [401, 'not_logged_in']);
    assert.match(String(read(another)['detail']), /the role viewer now/);
    assert.match(
      String(read(await api('GET', '/session', { cookie: asAda, by: ada }))['detail']),
      /no rule gives it a role/,
    );
    assert.equal((await api('GET', '/session', { cookie: await logIn(olga), by: olga })).status, 200);
  });
});
