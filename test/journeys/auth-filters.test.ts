// Passwords, tokens and an authentication service in front of a backend: what passes a real gateway, what does not, and what
// is tried against it. One gateway for all; a route for each way in, and one that is open.
import assert from 'node:assert/strict';
import { argon2Sync, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { hashSync } from 'bcryptjs';
import { type Backend, headerValues, type Received, startBackend } from '../support/backend.ts';
import { curl, type CurlOptions, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { reloadBy, sumOf } from '../support/mtls-setup.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { type Json, jwkOf, mintToken, pemOf } from '../support/tokens.ts';
import { Feed } from '../support/wait-for.ts';

const first = generateKeyPairSync('rsa', { modulusLength: 2048 });
const second = generateKeyPairSync('rsa', { modulusLength: 2048 });
const attacker = generateKeyPairSync('rsa', { modulusLength: 2048 });
const issuer = 'https://issuer.test';
const secret = 'shared-secret-of-the-journey-0123456789';

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
function argon(password: string): string {
  const nonce = Buffer.alloc(16, 3);
  const tag = argon2Sync('argon2id', {
    message: password,
    nonce,
    parallelism: 1,
    tagLength: 32,
    memory: 1024,
    passes: 2,
  });
  return `$argon2id$v=19$m=1024,t=2,p=1$${unpadded(nonce)}$${unpadded(tag)}`;
}

const people = `ann:${hashSync('ann-secret', 6)}\nbob:${argon('bob-secret')}\n`;

function yaml(ports: {
  readonly backend: number;
  readonly keys: number;
  readonly auth: number;
  readonly slow: number;
}): string {
  const route = (name: string, middlewares: string): string =>
    `    - {name: ${name}, path: /${name}, target: "http://127.0.0.1:${ports.backend}", middlewares: [${middlewares}], security: {clientCert: {required: false}}}`;
  return `version: 2
gateway:
  log: {level: debug, format: json}
  accessLog: {enabled: true, path: access.log, format: json}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: false}
  routes:
${route('basic', 'login')}
${route('jwt', 'tokens')}
${route('bound', 'bound')}
${route('shared', 'shared')}
${route('ask', 'ask')}
${route('slow', 'slow')}
${route('open', '')}
middlewares:
  - {name: login, type: basicAuth, paths: [/secret, "/secret/*"], rule: {usersFile: people, users: [{username: eve, password: "\${EVE}"}], forwardUsername: true}}
  - name: tokens
    type: jwtAuth
    rule:
      jwks: {url: "https://localhost:${ports.keys}/jwks.json", ca: internal-ca.crt}
      issuer: ${issuer}
      audience: orders
      requiredClaims: [{claim: scope, contains: read}]
      forwardHeaders: {X-User: sub}
  - name: bound
    type: jwtAuth
    rule: {jwksUrl: "http://127.0.0.1:${ports.slow}/jwks.json", issuer: ${issuer}, audience: orders, certificateBound: required}
  - {name: shared, type: jwt, rule: {secret: "\${SECRET}", forwardAuthorization: true}}
  - name: ask
    type: forwardAuth
    rule:
      authUrl: https://localhost:${ports.auth}/verify
      tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}
      authRequestHeaders: [X-Wish]
      authResponseHeaders: ["x-auth-user: X-User"]
      authResponseHeadersAsParams: ["x-auth-user: user"]
  - {name: slow, type: forwardAuth, rule: {authUrl: "http://127.0.0.1:${ports.slow}/hang", timeout: 30s}}
`;
}

describe('a gateway that authenticates', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let gateway: Gateway;
  let backend: Backend;
  let keys: Backend;
  let auth: Backend;
  let slow: Backend;
  let evil: Backend;
  let mallory: CertFiles;
  let served: Json = { keys: [jwkOf(first.publicKey, { kid: 'one', use: 'sig' })] };
  /** Requests that the slow service has, and does not answer. */
  const hanging = new Feed<{ readonly request: IncomingMessage; readonly response: ServerResponse }>('hanging');

  before(async () => {
    pki = stack.use(await openPki());
    pki.dir.write('people', people);
    mallory = await pki.clients.issueFiles('mallory', { kind: 'client', cn: 'mallory' });
    const tls = { cert: pki.backend.chainPem, key: pki.backend.keyPem };
    const giveKeys = (_: Received, response: ServerResponse): void => void response.end(JSON.stringify(served));
    backend = stack.use(await startBackend());
    evil = stack.use(await startBackend());
    keys = stack.use(await startBackend({ tls, answer: giveKeys }));
    auth = stack.use(await startBackend({ tls: { ...tls, clientCa: pki.internal.certPem }, answer: decide }));
    slow = stack.use(
      await startBackend({
        handle: (request, response) => {
          if (request.url === '/jwks.json') response.end(JSON.stringify(served));
          else hanging.push({ request, response });
        },
      }),
    );
    const ports = { backend: backend.port, keys: keys.port, auth: auth.port, slow: slow.port };
    const env = { EVE: 'eve-secret', SECRET: secret };
    gateway = stack.use(await startGateway({ yaml: yaml(ports), dir: pki.dir, env }));
  });

  /** Decides by what the request wishes; the certificate of the client is what a gateway for mutual TLS knows best. */
  function decide(received: Received, response: ServerResponse): void {
    const wish = headerValues(received, 'x-wish')[0];
    if (wish === 'redirect') {
      response.writeHead(302, { location: `http://127.0.0.1:${evil.port}/steal`, 'x-internal': 'hidden' }).end();
    } else if (wish === 'forbid') response.writeHead(403, { 'content-type': 'text/plain' }).end('not for you\n');
    else if (wish === 'break') response.socket?.destroy();
    else if (wish === 'error') response.writeHead(500).end('stack trace');
    else if (wish === 'large') response.writeHead(403, { 'content-type': 'text/plain' }).end('x'.repeat(1_000_000));
    else if (!headerValues(received, 'x-forwarded-client-cert').some((text) => text.includes('CN=alice')))
      response.writeHead(401, { 'www-authenticate': 'Custom' }).end();
    else response.writeHead(200, { 'x-auth-user': 'alice & co', 'set-cookie': 'seen=1' }).end();
  }

  const call = async (path: string, options: CurlOptions & { readonly as?: CertFiles } = {}): Promise<CurlResult> => {
    const { as, args = [], ...rest } = options;
    const url = `https://localhost:${gateway.ports.webSecure}${path}`;
    const identity = as === undefined ? {} : { cert: as.cert, key: as.key };
    return curl(url, { ca: pki.servers.file, ...identity, ...rest, args: ['--path-as-is', ...args] });
  };
  const codeOf = ({ body }: CurlResult): unknown => /"code":"(\w+)"/.exec(body)?.[1];
  const bearer = (token: string): CurlOptions => ({ headers: { Authorization: `Bearer ${token}` } });
  const claims = (more: Json = {}): Json => ({
    iss: issuer,
    aud: 'orders',
    sub: 'ann',
    scope: 'read write',
    exp: Math.floor(Date.now() / 1000) + 600,
    ...more,
  });
  const token = (more: Json = {}, head: Json = { alg: 'RS256', kid: 'one' }, key = first.privateKey): string =>
    mintToken(claims(more), head, key);
  /** What reached the backend since `from`. */
  const reached = (from: number): readonly Received[] => backend.requests.items.slice(from);

  describe('by a password', () => {
    for (const user of ['ann', 'bob', 'eve'])
      it(`lets ${user} in, tells the backend the name, and keeps the password`, async () => {
        const from = backend.requests.length;
        for (let time = 0; time < 2; time++) {
          const headers = { username: 'root', UserName: 'root', 'X-Else': '1' };
          const answer = await call('/basic/secret/x', { headers, args: ['-u', `${user}:${user}-secret`] });
          assert.equal(answer.status, 200, answer.body);
        }
        for (const received of reached(from)) {
          assert.deepEqual(headerValues(received, 'username'), [user]);
          assert.deepEqual(headerValues(received, 'authorization'), []);
        }
      });

    it('refuses everybody else, be the user known or not, and asks as RFC 7617 says', async () => {
      const from = backend.requests.length;
      for (const args of [[], ['-u', 'ann:wrong'], ['-u', 'nobody:ann-secret'], ['-u', 'ann:bob-secret']]) {
        const answer = await call('/basic/secret/x', { args });
        assert.deepEqual(
          [answer.status, answer.headers['www-authenticate'], codeOf(answer)],
          [401, 'Basic realm="Restricted", charset="UTF-8"', 'unauthenticated'],
        );
      }
      assert.equal(backend.requests.length, from);
    });

    it('guards its paths in every spelling', async () => {
      const from = backend.requests.length;
      for (const path of [
        '/basic/secret',
        '/basic/secret/',
        '/basic//secret/x',
        '//basic/secret/x',
        '/basic/%73ecret/x',
        '/basic/secre%74',
        '/basic/SECRET/x',
        '/basic/./secret/x',
        '/basic/y/../secret/x',
        '/basic/secret;a=b/x',
        '/basic/secret%2fx',
        '/basic/secret%5cx',
        '/basic/secret/x?username=ann',
      ]) {
        const { status } = await call(path);
        assert.ok([400, 401].includes(status), `${path}: ${status}`);
      }
      assert.equal(backend.requests.length, from);
      assert.equal((await call('/basic/other')).status, 200);
    });

    it('lets nobody say the name of a user, on no route', async () => {
      const from = backend.requests.length;
      const headers = { username: 'root', USERNAME: 'root', 'X-User': 'root', x_user: 'root' };
      assert.equal((await call('/open', { headers })).status, 200);
      const [received] = reached(from);
      assert.ok(received);
      assert.doesNotMatch(received.rawHeaders.join('\n'), /root/);
    });

    it('takes a new file of users without a restart, and the old password no more', async () => {
      const { ok, lines } = await reloadBy(
        gateway,
        () => void pki.dir.write('people', `ann:${hashSync('new-secret', 6)}\n`),
      );
      assert.ok(ok, JSON.stringify(lines));
      assert.equal((await call('/basic/secret/x', { args: ['-u', 'ann:ann-secret'] })).status, 401);
      assert.equal((await call('/basic/secret/x', { args: ['-u', 'ann:new-secret'] })).status, 200);
    });
  });

  describe('by a token', () => {
    it('lets in who has one, and tells the backend who that is', async () => {
      const from = backend.requests.length;
      const good = token();
      for (let time = 0; time < 2; time++) {
        const { headers } = bearer(good);
        assert.equal((await call('/jwt', { headers: { ...headers, 'X-User': 'root', X_User: 'root' } })).status, 200);
      }
      for (const received of reached(from)) {
        assert.deepEqual(headerValues(received, 'x-user'), ['ann']);
        assert.doesNotMatch(received.rawHeaders.join('\n'), /root|Bearer/);
      }
    });

    it('lets nobody in by a token that was made up, changed, or made for others', async () => {
      const from = backend.requests.length;
      const good = token();
      const pem = pemOf(first.publicKey);
      const [head, , signature] = good.split('.');
      for (const [what, bad] of Object.entries({
        'alg none': token({}, { alg: 'none' }, undefined as never).replace(/[^.]*$/, ''),
        'alg None': mintToken(claims(), { alg: 'None', kid: 'one' }, undefined),
        'the public key as the secret': mintToken(claims(), { alg: 'HS256', kid: 'one' }, pem),
        'the set as the secret': mintToken(claims(), { alg: 'HS256' }, JSON.stringify(served)),
        'its own key within': token({}, { alg: 'RS256', jwk: jwkOf(attacker.publicKey) }, attacker.privateKey),
        'its own server of keys': token(
          {},
          { alg: 'RS256', kid: 'one', jku: `http://127.0.0.1:${evil.port}/` },
          attacker.privateKey,
        ),
        'a path for an id': token({}, { alg: 'RS256', kid: '../../people' }, attacker.privateKey),
        'a URL for an id': token({}, { alg: 'RS256', kid: `http://127.0.0.1:${evil.port}/` }, attacker.privateKey),
        'other claims': `${head}.${Buffer.from(JSON.stringify(claims({ sub: 'root' }))).toString('base64url')}.${signature}`,
        'another issuer': token({ iss: 'https://evil.test' }),
        'another audience': token({ aud: 'billing' }),
        'a time that is over': token({ exp: 1 }),
        'no end': token({ exp: undefined }),
      })) {
        const answer = await call('/jwt', bearer(bad));
        assert.deepEqual([answer.status, codeOf(answer)], [401, 'unauthenticated'], what);
        assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"', what);
      }
      assert.equal((await call('/jwt')).headers['www-authenticate'], 'Bearer');
      assert.equal((await call(`/jwt?access_token=${good}`)).status, 401);
      assert.deepEqual([backend.requests.length, evil.requests.length], [from, 0]);
    });

    it('refuses claims that are not what is asked for, and what would break out of a header', async () => {
      const from = backend.requests.length;
      for (const more of [
        { scope: 'write' },
        { scope: 'reader' },
        { scope: undefined },
        { sub: 'ann\r\nX-Admin: yes' },
        { sub: { a: 1 } },
      ]) {
        const answer = await call('/jwt', bearer(token(more)));
        assert.deepEqual([answer.status, codeOf(answer)], [403, 'access_denied'], JSON.stringify(more));
      }
      assert.equal(backend.requests.length, from);
    });

    it('that is bound to a certificate lets in who has proven it, on every connection anew', async () => {
      const thumbprint = new X509Certificate(pki.alice.certPem).fingerprint256.replaceAll(':', '');
      const cnf = { 'x5t#S256': Buffer.from(thumbprint, 'hex').toString('base64url') };
      const from = backend.requests.length;
      for (const path of ['/jwt', '/bound']) {
        const bound = token({ cnf });
        assert.equal((await call(path, { ...bearer(bound), as: pki.alice })).status, 200, path);
        assert.equal((await call(path, { ...bearer(bound), as: mallory })).status, 401, path);
        assert.equal((await call(path, bearer(bound))).status, 401, path);
        assert.equal((await call(path, { ...bearer(token({ cnf: { jkt: 'x' } })), as: pki.alice })).status, 401, path);
        // What a client says of its certificate is no proof of it.
        const pem = encodeURIComponent(pki.alice.certPem);
        const headers = { ...bearer(bound).headers, 'X-Forwarded-Client-Cert': `Cert="${pem}"`, 'X-SSL-Cert': pem };
        assert.equal((await call(path, { headers })).status, 401, path);
      }
      assert.equal((await call('/bound', { ...bearer(token()), as: pki.alice })).status, 401);
      assert.equal(backend.requests.length, from + 2);
    });

    it('of a secret that both sides have is passed on where that is asked for', async () => {
      const from = backend.requests.length;
      const shared = mintToken(claims(), { alg: 'HS256' }, secret);
      assert.equal((await call('/shared', bearer(shared))).status, 200);
      assert.deepEqual(headerValues(reached(from)[0] as Received, 'authorization'), [`Bearer ${shared}`]);
      assert.equal((await call('/shared', bearer(mintToken(claims(), { alg: 'HS256' }, 'guess')))).status, 401);
      assert.equal((await call('/shared', bearer(token()))).status, 401);
    });

    it('of a new key passes as soon as the key is published; one of a key that was taken away does not', async () => {
      const before = token();
      assert.equal((await call('/jwt', bearer(before))).status, 200);
      served = { keys: [jwkOf(second.publicKey, { kid: 'two' })] };
      const next = token({}, { alg: 'RS256', kid: 'two' }, second.privateKey);
      assert.equal((await call('/jwt', bearer(next))).status, 200);
      assert.equal((await call('/jwt', bearer(before))).status, 401);
      // An id of before with a key of somebody else.
      assert.equal(
        (await call('/jwt', bearer(token({}, { alg: 'RS256', kid: 'two' }, attacker.privateKey)))).status,
        401,
      );
    });

    it('is looked at with the keys of before while their server is gone', async () => {
      await keys.stop();
      const next = token({}, { alg: 'RS256', kid: 'two' }, second.privateKey);
      assert.equal((await call('/jwt', bearer(next))).status, 200);
      assert.equal(
        (await call('/jwt', bearer(token({}, { alg: 'RS256', kid: 'three' }, second.privateKey)))).status,
        401,
      );
    });
  });

  describe('by asking a service', () => {
    it('lets in whom it allows by the certificate that was verified, and tells the backend what it says', async () => {
      const from = backend.requests.length;
      const asked = auth.requests.length;
      const headers = {
        'X-User': 'root',
        'X-Forwarded-Client-Cert': 'Subject="CN=root"',
        'X-Original-URL': '/root',
        'X-Forwarded-Method': 'ROOT',
      };
      const answer = await call('/ask//a/%62?user=root&x=1', { as: pki.alice, headers });
      assert.equal(answer.status, 200, answer.body);
      assert.equal(answer.headers['set-cookie'], 'seen=1');
      const question = auth.requests.items[asked];
      assert.ok(question);
      assert.deepEqual([question.method, question.url, question.clientName], ['GET', '/verify', 'gateway']);
      const url = `https://localhost:${gateway.ports.webSecure}/ask/a/b?user=root&x=1`;
      assert.deepEqual(
        ['x-original-url', 'x-forwarded-uri', 'x-forwarded-method', 'x-forwarded-for'].map((name) =>
          headerValues(question, name),
        ),
        [[url], [url], ['GET'], ['127.0.0.1']],
      );
      assert.doesNotMatch(question.rawHeaders.filter((text) => !text.includes('/ask/')).join('\n'), /root/i);
      const [received] = reached(from);
      assert.ok(received);
      assert.deepEqual(
        [received.url, headerValues(received, 'x-user')],
        ['/ask/a/b?x=1&user=alice%20%26%20co', ['alice & co']],
      );
    });

    it('gives its refusals to the client: of who has no certificate, or another', async () => {
      const from = backend.requests.length;
      for (const as of [undefined, mallory]) {
        const answer = await call('/ask', as === undefined ? {} : { as });
        assert.deepEqual([answer.status, answer.headers['www-authenticate']], [401, 'Custom']);
      }
      const forbidden = await call('/ask', { as: pki.alice, headers: { 'X-Wish': 'forbid' } });
      assert.deepEqual([forbidden.status, forbidden.body], [403, 'not for you\n']);
      const large = await call('/ask', { as: pki.alice, headers: { 'X-Wish': 'large' } });
      assert.deepEqual([large.status, large.body], [403, '']);
      assert.equal(backend.requests.length, from);
    });

    it('does not follow its redirects, and gives nothing but what explains them', async () => {
      const answer = await call('/ask', { as: pki.alice, headers: { 'X-Wish': 'redirect' } });
      assert.deepEqual(
        [answer.status, answer.headers['location'], answer.headers['x-internal']],
        [302, `http://127.0.0.1:${evil.port}/steal`, undefined],
      );
      assert.equal(evil.requests.length, 0);
    });

    it('lets nobody in where it fails, breaks off, or is gone', async () => {
      const from = backend.requests.length;
      for (const wish of ['error', 'break']) {
        const answer = await call('/ask', { as: pki.alice, headers: { 'X-Wish': wish } });
        assert.deepEqual([answer.status, codeOf(answer)], [503, 'auth_unavailable'], wish);
        assert.doesNotMatch(answer.body, /stack/);
      }
      await auth.stop();
      const answer = await call('/ask', { as: pki.alice });
      assert.deepEqual([answer.status, codeOf(answer)], [503, 'auth_unavailable']);
      assert.equal(backend.requests.length, from);
    });

    it('that never answers holds up nobody else, hears of a client that leaves, and lets nobody in when it dies', async () => {
      const from = backend.requests.length;
      const waiting = call('/slow');
      using leaving = await keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem });
      leaving.send('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await hanging.waitFor(() => hanging.length === 2);
      assert.equal((await call('/open')).status, 200);
      const left = Promise.race(hanging.items.map(async ({ response }) => once(response, 'close')));
      leaving.socket.destroy();
      await left;
      for (const { request } of hanging.items) request.socket.destroy();
      const answer = await waiting;
      assert.deepEqual([answer.status, codeOf(answer)], [503, 'auth_unavailable']);
      assert.equal(backend.requests.length, from + 1);
    });
  });

  it('counts who passed and who did not, says why in the log, and writes no secret anywhere', async () => {
    const { body } = await gateway.admin('/metrics');
    for (const middleware of ['login', 'tokens', 'ask'])
      for (const result of ['passed', 'refused'])
        assert.ok(
          sumOf(body, 'countersign_auth_results_total', `middleware="${middleware}",result="${result}"`) > 0,
          `${middleware} ${result}`,
        );
    // Every line of a request that was answered is on its way when the gateway has ended.
    await gateway.stop();
    const lines = `${readFileSync(pki.dir.file('access.log'), 'utf8')}\n${gateway.log.items.map((line) => JSON.stringify(line)).join('\n')}`;
    for (const reason of [
      'wrong password for user ann',
      'unknown user',
      'bound to another certificate',
      'has shown none',
      'answered 403',
    ])
      assert.ok(lines.includes(reason), reason);
    for (const hidden of [
      'ann-secret',
      'bob-secret',
      'eve-secret',
      'new-secret',
      secret,
      'BEGIN',
      'Bearer eyJ',
      '$2b$',
      '$argon2id',
    ])
      assert.ok(!lines.includes(hidden), hidden);
    assert.doesNotMatch(lines.replaceAll(/access_token=[^"\\ ]*/g, ''), /eyJ[\w-]{10}/);
  });
});
