// Which route and which trust policy a request belongs to, seen from outside: the gateway's own answers, and the wall
// between two policies (incidents 1, 3 and 4), with two workers behind one port.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlOptions, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { type SClientOptions, type SClientResult, sClient } from '../support/openssl.ts';
import { type CertFiles, openAuthority, openPki, type Pki } from '../support/pki.ts';
import { readProblem } from '../support/problem-answer.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let bob: CertFiles;
let nginx: Nginx;
let gateway: Gateway;

before(async () => {
  pki = stack.use(await openPki());
  const partners = await openAuthority(pki.dir, 'partners');
  bob = await partners.issueFiles('bob', { kind: 'client', cn: 'bob', sans: [] });
  const sans = ['a.test', 'b.test', 'open.test', 'may.test', '*.wild.test'];
  await pki.servers.issueFiles('names', { kind: 'server', sans });
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  const yaml = `version: 2
gateway:
  workers: 2
  tls:
    certificates: [{cert: names.crt, key: names.key}]
    policies:
      - {name: a, hosts: [a.test, "*.wild.test"], clientAuth: {clientCA: clients-ca.crt, required: true}}
      - {name: b, hosts: [b.test], clientAuth: {clientCA: partners-ca.crt, required: true}}
      - {name: may, hosts: [may.test], clientAuth: {clientCA: clients-ca.crt, required: false}}
  routes:
    - {name: a, path: /, hosts: [a.test, "*.wild.test"], ${toNginx('/for-a')}}
    - {name: b, path: /, hosts: [b.test], ${toNginx('/for-b')}}
    - {name: may, path: /, hosts: [may.test], ${toNginx('/for-may')}}
    - {name: files, path: /files, hosts: [open.test], methods: [GET, POST], ${toNginx()}}
    - {name: secret, path: /secret, hosts: [open.test], methods: [PUT], ${toNginx()}}
    - {name: old, path: /v1/old, rewrite: /v2/new, hosts: [open.test], ${toNginx('/base')}}
    - {name: posts, path: "/users/{id}/posts", hosts: [open.test], ${toNginx('/posts')}}
    - {name: users, path: /users, hosts: [open.test], ${toNginx('/users-of')}}
    - {name: me, path: /users/me/posts, hosts: [open.test], ${toNginx('/me')}}
    - {name: first, path: /users/me/posts/1, hosts: [open.test], priority: 5, ${toNginx('/too-late')}}
    - {name: own-host, path: /own-host, hosts: [open.test], target: "https://localhost:${nginx.port}", security: {forwardHostHeaders: false, tls: ${LEG2}}}
    - {name: down, path: /down, hosts: [open.test], maintenance: {enabled: true}, ${toNginx()}}
    - {name: gone, path: /gone, hosts: [open.test], maintenance: {enabled: true, statusCode: 410, message: "moved to the museum"}, ${toNginx()}}
    - {name: up, path: /up, hosts: [open.test], maintenance: {enabled: false, statusCode: 410}, ${toNginx()}}
    - {name: off, path: /off, hosts: [open.test], enabled: false, ${toNginx()}}
`;
  gateway = stack.use(await startGateway({ yaml, dir: pki.dir }));
});

const LEG2 = '{rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}';
const toNginx = (base = ''): string => `target: "https://localhost:${nginx.port}${base}", security: {tls: ${LEG2}}`;

describe('a request', () => {
  const ask = (target: string, options: CurlOptions = {}): Promise<CurlResult> =>
    curl(`https://open.test:${gateway.ports.webSecure}${target}`, {
      ca: pki.servers.file,
      ...options,
      args: ['--path-as-is', ...(options.args ?? [])],
    });
  const uriAtBackend = async (target: string): Promise<string | undefined> => {
    const answer = await ask(target);
    assert.equal(answer.status, 200, answer.body);
    return readEcho(answer.body)['request_uri'];
  };

  it('for a path without route is answered 404 no_route, also where a route is switched off or only begins alike', async () => {
    for (const path of ['/', '/nothing', '/off', '/filesystem']) {
      const answer = await ask(path);
      assert.deepEqual([answer.status, readProblem(answer).code], [404, 'no_route'], path);
    }
  });

  it('with a method that its route does not take is answered 405 with the ones it does take', async () => {
    for (const method of ['DELETE', 'OPTIONS', 'get']) {
      const answer = await ask('/files/x', { method });
      assert.deepEqual([answer.status, readProblem(answer).code], [405, 'method_not_allowed'], method);
      assert.equal(answer.headers['allow'], 'GET, HEAD, POST');
    }
  });

  it('with HEAD is served where GET is, without a body', async () => {
    const answer = await ask('/files/x', { method: 'HEAD' });
    assert.equal(answer.status, 200, answer.stderr);
    assert.ok(Number(answer.headers['content-length']) > 0);
    const refused = await ask('/secret', { method: 'HEAD' });
    assert.equal(refused.status, 405);
  });

  it('whose path two servers could read differently is answered 400 before any route is chosen', async () => {
    const ambiguous = [
      '/files/..%2fsecret',
      '/files/%2e%2e/secret',
      '/files/.%2E/secret',
      '/files/x%00y',
      '/files\\..\\secret',
    ];
    for (const path of [
      ...ambiguous,
      '/../secret',
      '/files/..;/secret',
      '/files/%zz',
      '/files//../secret',
      '/files/%5c',
    ]) {
      const answer = await ask(path);
      assert.deepEqual([answer.status, readProblem(answer).code], [400, 'ambiguous_path'], path);
    }
  });

  it('reaches the backend with the path that was judged', async () => {
    assert.equal(await uriAtBackend('/files/./a/../b?x=%2F..'), '/files/b?x=%2F..');
    assert.equal(await uriAtBackend('/%66iles/%7Ea%3fb'), '/files/~a%3Fb');
    assert.equal(await uriAtBackend('//files//a/'), '/files/a/');
    assert.equal((await ask('/files/../secret')).status, 405, 'it is /secret that was asked for');
  });

  it('is rewritten under the new prefix and the base path of the backend', async () => {
    assert.equal(await uriAtBackend('/v1/old/item?id=1'), '/base/v2/new/item?id=1');
    assert.equal(await uriAtBackend('/v1/old'), '/base/v2/new');
    assert.equal((await ask('/v1/older')).status, 404);
  });

  it('goes to the most specific route: text before parameters, parameters before the end; priority before all', async () => {
    assert.equal(await uriAtBackend('/users/7/posts/1'), '/posts/users/7/posts/1');
    assert.equal(await uriAtBackend('/users/me/posts/1'), '/me/users/me/posts/1');
    assert.equal(await uriAtBackend('/users/7/photos'), '/users-of/users/7/photos');
  });

  it('keeps its Host, or gets that of the backend where the route says so', async () => {
    const port = gateway.ports.webSecure;
    assert.equal(readEcho((await ask('/files')).body)['http_host'], `open.test:${port}`);
    const own = readEcho((await ask('/own-host')).body);
    assert.equal(own['http_host'], `localhost:${nginx.port}`);
    assert.equal(own['http_x_forwarded_host'], `open.test:${port}`);
  });

  it('for a route under maintenance is answered with its status and message, and does not reach the backend', async () => {
    const before = nginx.access().length;
    const down = await ask('/down/x');
    assert.deepEqual([down.status, down.body.trim()], [503, '503 Service temporarily unavailable']);
    assert.match(down.headers['retry-after'] ?? '', /^\d+$/);
    const gone = await ask('/gone', { method: 'POST', body: 'x' });
    assert.deepEqual([gone.status, gone.body.trim()], [410, 'moved to the museum']);
    assert.equal(nginx.access().length, before);
    assert.equal((await ask('/up')).status, 200);
  });

  it('that prefers plain text is refused in plain text', async () => {
    const answer = await ask('/nothing', { headers: { Accept: 'text/plain' } });
    assert.match(answer.headers['content-type'] ?? '', /^text\/plain/);
    assert.match(answer.body, /^404 no route \(no_route\)\nrequest \S+\n$/);
  });
});

const as = (who: CertFiles, servername: string | false): SClientOptions => ({
  port: gateway.ports.webSecure,
  servername,
  cert: who.cert,
  key: who.key,
  ca: pki.servers.file,
});

describe('the Host of a request on a connection made for another name (SNI × Host)', () => {
  const rows: [host: string, status: number, uri?: string][] = [
    ['a.test', 200, '/for-a/x'],
    ['A.TeSt', 200, '/for-a/x'],
    ['a.test.', 200, '/for-a/x'],
    ['a.test:8443', 200, '/for-a/x'],
    ['a.test.:1', 200, '/for-a/x'],
    ['deep.er.wild.test', 200, '/for-a/x'],
    ['x.wild.test', 200, '/for-a/x'],
    ['b.test', 421],
    ['B.test.', 421],
    ['b.test:443', 421],
    ['open.test', 421],
    ['may.test', 421],
    ['nobody.test', 421],
    ['xn--bcher-kva.test', 421],
    ['127.0.0.1', 421],
    ['[::1]', 421],
    ['a.test@b.test', 400],
    ['a.test:b.test', 400],
    ['a.test b.test', 400],
    ['a.test,b.test', 400],
    ['a.test/b.test', 400],
    ['b\u00fccher.test', 400],
  ];
  const get = (lines: string): string => `GET ${lines}\r\nConnection: close\r\n\r\n`;

  for (const [host, status, uri] of rows) {
    it(`a.test × ${host} → ${status}`, async () => {
      const answer = await sClient({ ...as(pki.alice, 'a.test'), request: get(`/x HTTP/1.1\r\nHost: ${host}`) });
      assert.equal(answer.status, status, answer.output);
      if (uri !== undefined) assert.ok(answer.response.includes(`request_uri: ${uri}\n`), answer.response);
      if (status === 421) assert.match(answer.response, /"code":"host_mismatch"/);
    });
  }

  const forms: [what: string, request: string, status: number][] = [
    ['absolute-form for the other policy, whatever Host says', '/x HTTP/1.1\r\nHost: a.test', 421],
    ['two Host fields', '/x HTTP/1.1\r\nHost: a.test\r\nHost: b.test', 400],
    ['no Host field', '/x HTTP/1.1', 400],
    ['an empty Host field', '/x HTTP/1.1\r\nHost:', 421],
  ];
  for (const [what, request, status] of forms) {
    it(`a.test × ${what} → ${status}`, async () => {
      const text = what.startsWith('absolute') ? `https://b.test${request}` : request;
      const answer = await sClient({ ...as(pki.alice, 'a.test'), request: get(text) });
      assert.ok(answer.status === status || (status === 421 && answer.status === 400), answer.output);
      assert.doesNotMatch(answer.response, /for-[ab]/);
    });
  }

  it('ends the connection with the 421, so that nothing else is said on it', async () => {
    const two = 'GET /x HTTP/1.1\r\nHost: b.test\r\n\r\nGET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';
    const answer = await sClient({ ...as(pki.alice, 'a.test'), request: two });
    assert.equal(answer.status, 421);
    assert.doesNotMatch(answer.response, /for-a/);
  });

  it('the server name is compared as the Host is: in any case, with a dot at its end', async () => {
    for (const name of ['A.TEST', 'a.test.', 'X.Wild.Test']) {
      const request = get('/x HTTP/1.1\r\nHost: a.test');
      const good = await sClient({ ...as(pki.alice, name), request });
      assert.equal(good.status, 200, `${name}: ${good.output}`);
      const refused = await sClient({ ...as(bob, name), request });
      assert.equal(refused.status, undefined, `${name}: ${refused.output}`);
    }
  });

  it('without a name, or with one that nobody serves, there is no handshake', async () => {
    for (const name of [false, 'nobody.test', 'deep.er.test', '127.0.0.1'] as const) {
      const refused = await sClient(as(pki.alice, name));
      assert.deepEqual([refused.established, refused.status], [false, undefined], refused.output);
    }
    await gateway.waitForLog((line) => line['code'] === 'unknown_sni');
  });
});

describe('two policies on one port, served by two workers', () => {
  it('let in their own clients only', async () => {
    const answers = await Promise.all([
      sClient(as(pki.alice, 'a.test')),
      sClient(as(bob, 'b.test')),
      sClient(as(bob, 'a.test')),
      sClient(as(pki.alice, 'b.test')),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, undefined, undefined],
    );
  });

  for (const tls of ['1.2', '1.3'] as const) {
    const resume = async (from: SClientOptions, to: SClientOptions): Promise<SClientResult[]> => {
      const session = pki.dir.file(`session-${tls}`);
      const first = await sClient({ ...from, tls, sessionOut: session });
      assert.deepEqual([first.status, first.reused], [200, false], first.output);
      // Several times: the kernel spreads connections over the workers.
      return Promise.all([1, 2, 3, 4, 5, 6].map(() => sClient({ ...to, tls, sessionIn: session })));
    };

    it(`TLS ${tls}: a session is resumed under its own policy, by either worker`, async () => {
      const answers = await resume(as(pki.alice, 'a.test'), as(pki.alice, 'a.test'));
      for (const { reused, status, output } of answers) assert.deepEqual([reused, status], [true, 200], output);
    });

    it(`TLS ${tls}: alice's session of one policy opens no other, by neither worker`, async () => {
      const from = as(pki.alice, 'a.test');
      const { cert: _cert, key: _key, ...anonymous } = as(pki.alice, 'b.test');
      for (const to of [as(pki.alice, 'b.test'), anonymous, as(pki.alice, 'may.test')]) {
        for (const { reused, status, output } of await resume(from, to)) {
          assert.deepEqual([reused, status], [false, to.servername === 'may.test' ? 200 : undefined], output);
        }
      }
    });

    it(`TLS ${tls}: a session made without a certificate opens nothing that asks for one`, async () => {
      const { cert: _cert, key: _key, ...anonymous } = as(pki.alice, 'may.test');
      for (const { reused, status, output } of await resume(anonymous, { ...anonymous, servername: 'a.test' })) {
        assert.deepEqual([reused, status], [false, undefined], output);
      }
    });
  }
});
