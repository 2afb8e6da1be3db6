// The plain HTTP entry point: what is behind mutual TLS is never reachable through it, whatever the request claims about
// itself (incident 24); what asks for no client certificate is served.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlOptions, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { readProblem } from '../support/problem-answer.ts';

describe('the plain HTTP entry point', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let nginx: Nginx;
  let gateway: Gateway;

  /** `more`: lines for `gateway:`. */
  const config = (more = ''): string => `version: 2
gateway:
${more}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
    policies:
      - {name: open, hosts: [open.test]}
      - {name: may, hosts: [may.test], clientAuth: {clientCA: clients-ca.crt, required: false}}
  routes:
    - name: all
      path: /
      hosts: [secure.test, open.test, may.test]
      target: https://localhost:${nginx.port}
      security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}
    - name: any
      path: /any
      target: https://localhost:${nginx.port}
      security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}
`;

  before(async () => {
    pki = stack.use(await openPki());
    nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
    gateway = stack.use(await startGateway({ yaml: config(), dir: pki.dir }));
  });

  /** For a gateway in a folder of its own: the first one watches the files of `pki.dir`. */
  const absolute = (yaml: string): string => yaml.replaceAll(/[\w-]+\.(?:crt|key)/g, (file) => pki.dir.file(file));
  const ask = (host: string, path: string, options: CurlOptions = {}, at = gateway): Promise<CurlResult> =>
    curl(`http://${host}:${at.ports.web}${path}`, options);
  /** Makes sure that what `act` does reaches no backend. */
  async function withoutBackend(act: () => Promise<void>): Promise<void> {
    const before = nginx.access().length;
    await act();
    assert.equal(nginx.access().length, before, 'a request reached the backend');
  }

  it('says that HTTP/2 is not spoken in plain text (h2c), and does not upgrade to it', async () => {
    const raw = connect(gateway.ports.web, '127.0.0.1');
    raw.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    let text = '';
    for await (const piece of raw.setEncoding('latin1')) text += String(piece);
    assert.match(text, /^HTTP\/1\.1 505 .*"code":"http_version"/s);
    const refused = await gateway.waitForLog(({ code }) => code === 'http_version', { what: 'the access log' });
    assert.equal(refused['detail'], 'HTTP/2, which is not spoken here');
    const { status, body } = await ask('open.test', '/any', { args: ['--http2'] });
    assert.deepEqual([status, readEcho(body)['http_upgrade'] ?? ''], [200, '']);
  });

  it('redirects GET and HEAD for a host behind mutual TLS to https, with path and query, and keeps the backend out of it', async () => {
    await withoutBackend(async () => {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask('secure.test', '/a/b?x=1&y=%20', { method });
        assert.equal(answer.status, 308);
        assert.equal(answer.headers['location'], `https://secure.test:${gateway.ports.webSecure}/a/b?x=1&y=%20`);
      }
    });
  });

  it('refuses everything else for such a host with 403, because a redirect would have sent it in the clear already', async () => {
    await withoutBackend(async () => {
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
        const answer = await ask('secure.test', '/a', { method, body: 'secret' });
        assert.deepEqual([answer.status, readProblem(answer).code], [403, 'plaintext_refused'], method);
      }
    });
  });

  const claims: Record<string, string>[] = [
    { 'X-Forwarded-Proto': 'https' },
    { 'x-forwarded-proto': 'HTTPS, https' },
    { X_Forwarded_Proto: 'https' },
    { Forwarded: 'for=192.0.2.1;proto=https' },
    { 'X-Forwarded-Ssl': 'on', 'Front-End-Https': 'on', 'X-Url-Scheme': 'https', 'X-Forwarded-Scheme': 'https' },
    { 'X-Forwarded-Client-Cert': 'Hash=00;Subject="CN=alice"', 'X-SSL-Client-Verify': 'SUCCESS' },
    { 'X-Forwarded-Host': 'open.test', 'X-Forwarded-Port': '443' },
  ];
  for (const headers of claims) {
    it(`believes no client that says ${Object.keys(headers).join(', ')}`, async () => {
      await withoutBackend(async () => {
        assert.equal((await ask('secure.test', '/', { headers })).status, 308);
        assert.equal((await ask('secure.test', '/', { headers, method: 'POST' })).status, 403);
      });
    });
  }

  it('does not even believe a trusted proxy: a client certificate cannot be claimed', async () => {
    const more = '  proxy: {enabled: true, trustedProxies: [127.0.0.0/8]}';
    await using trusting = await startGateway({
      yaml: absolute(config(more)),
    });
    const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Client-Cert': 'Hash=00' };
    await withoutBackend(async () => {
      assert.equal((await ask('secure.test', '/', { headers }, trusting)).status, 308);
      assert.equal((await ask('secure.test', '/', { headers, method: 'POST' }, trusting)).status, 403);
    });
    assert.equal((await ask('open.test', '/', { headers }, trusting)).status, 200);
  });

  it('knows the host in every spelling, and serves none that it cannot place', async () => {
    const raw = async (head: string): Promise<string> => {
      const socket = connect(gateway.ports.web, '127.0.0.1');
      let answer = '';
      socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
      socket.end(`${head}\r\nConnection: close\r\n\r\n`);
      await once(socket, 'close');
      return answer;
    };
    const statuses: [head: string, status: number][] = [
      ['GET / HTTP/1.1\r\nHost: SECURE.test.', 308],
      ['GET / HTTP/1.1\r\nHost: secure.test:80', 308],
      ['GET http://secure.test/ HTTP/1.1\r\nHost: open.test', 308],
      ['POST http://secure.test/ HTTP/1.1\r\nHost: open.test\r\nContent-Length: 0', 403],
      ['GET /any HTTP/1.1\r\nHost: nobody.test', 421],
      ['GET /any HTTP/1.1\r\nHost: 127.0.0.1', 421],
      ['GET /any HTTP/1.0', 421],
      ['GET /any HTTP/1.1', 400],
      ['GET /any HTTP/1.1\r\nHost: open.test\r\nHost: secure.test', 400],
      ['GET /any HTTP/1.1\r\nHost: open.test@secure.test', 400],
      ['GET //evil.test/ HTTP/1.1\r\nHost: secure.test', 308],
    ];
    await withoutBackend(async () => {
      for (const [head, status] of statuses) {
        const answer = await raw(head);
        assert.equal(Number(answer.slice(9, 12)), status, `${head}\n${answer}`);
        const location = /^Location: (.*)$/m.exec(answer)?.[1];
        if (location !== undefined) assert.equal(new URL(location).hostname, 'secure.test', location);
      }
    });
    assert.match(await raw('GET /any HTTP/1.1\r\nHost: open.test'), /^HTTP\/1\.1 200 /);
  });

  it('serves the hosts whose policy requires no client certificate, and says so to the backend', async () => {
    for (const host of ['open.test', 'may.test']) {
      const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Client-Cert': 'Hash=00' };
      const answer = await ask(host, '/x', { method: 'POST', body: 'hello', headers });
      assert.equal(answer.status, 200, answer.body);
      const echo = readEcho(answer.body);
      assert.equal(echo['http_x_forwarded_proto'], 'http');
      assert.equal(echo['http_x_forwarded_client_cert'], '');
      assert.equal(echo['ssl_client_verify'], 'SUCCESS');
    }
  });

  it('does not exist where it is switched off', async () => {
    await using closed = await startGateway({ yaml: absolute(config('  entryPoints: {web: {enabled: false}}')) });
    const entryPoints = closed.log.items.filter((line) => line.msg === 'listening').map((line) => line['entryPoint']);
    assert.deepEqual(entryPoints, ['webSecure', 'admin']);
    const trust = { cert: pki.alice.cert, key: pki.alice.key, args: ['--insecure'] };
    assert.equal((await curl(`https://secure.test:${closed.ports.webSecure}/any`, trust)).status, 200);
  });

  it('refuses instead of redirecting to an HTTPS entry point that is switched off', async () => {
    await using plainOnly = await startGateway({
      yaml: absolute(config('  entryPoints: {webSecure: {enabled: false}}')),
    });
    await withoutBackend(async () => {
      const answer = await ask('secure.test', '/', {}, plainOnly);
      assert.deepEqual([answer.status, readProblem(answer).code], [403, 'plaintext_refused']);
    });
    assert.equal((await ask('open.test', '/', {}, plainOnly)).status, 200);
  });

  it('is not the HTTPS one, which answers plain HTTP with one sentence and says in the log what came', async () => {
    const answer = await curl(`http://open.test:${gateway.ports.webSecure}/`);
    assert.deepEqual([answer.status, answer.body], [400, 'Client sent plain HTTP to an HTTPS port\n']);
    await gateway.waitForLog((line) => line['code'] === 'not_tls');
  });
});
