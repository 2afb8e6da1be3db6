// What a route does besides passing on, as its operator sees it: one gateway, a real nginx behind it over mutual TLS, and a real
// curl in front, with and without a certificate, over HTTP/1.1 and HTTP/2. What passes, what is refused, and what nobody can forge.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlOptions, type CurlResult } from '../support/curl.ts';
import { type Gateway, type LogLine, startGateway } from '../support/gateway.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let workload: CertFiles;
let nginx: Nginx;
let gateway: Gateway;

const spiffe = 'spiffe://example.org/billing';

const config = (): string => `version: 2
gateway:
  accessLog: {path: stdout}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: false}
  errorInterceptor: {errors: [{statusCode: 502, file: broken.html}]}
  routes:
    - {name: headers, path: /headers, target: "${target()}", security: &tls {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}, middlewares: [to, back]}
    - {name: bare, path: /bare, target: "${target()}", security: *tls}
    - {name: secure, path: /secure, target: "${target()}", security: *tls, middlewares: [https]}
    - {name: old, path: /old, target: "${target()}", security: *tls, middlewares: [moved]}
    - {name: files, path: /files, target: "${target()}", security: *tls, middlewares: [strip, rewrite, prefix]}
    - {name: pages, path: /pages, methods: [GET], target: "${target()}", security: *tls, cors: {origins: ["https://*.app.test"], allowCredentials: true}, middlewares: [closed]}
    - {name: limits, path: /limits, target: "${target()}", security: *tls, middlewares: [small, bots, noted], disableMetrics: true}
    - {name: fixed, path: /fixed, target: "${target()}", security: *tls, middlewares: [robots]}
    - {name: errors, path: /errors, target: "${target()}", security: *tls, middlewares: [errors]}
    - {name: down, path: /down, target: "http://127.0.0.1:1"}
    - {name: big, path: /big, target: "${target()}", security: *tls, middlewares: [small-bytes]}
middlewares:
  - {name: to, type: requestHeaders, rule: {removeHeaders: [X-Debug], setHeaders: {X-Workload: "{identity.spiffe}", X-Env: prod, X-Was: "{request.path}"}}}
  - {name: back, type: responseHeaders, rule: {setHeaders: {X-Frame-Options: DENY, Server: ""}, hsts: {includeSubDomains: true}}}
  - {name: https, type: redirectScheme, rule: {scheme: https, permanent: true}}
  - {name: moved, type: redirectRegex, rule: {pattern: "^/old/(.*)$", replacement: "https://new.test/$1"}}
  - {name: strip, type: stripPrefix, rule: {prefixes: [/files]}}
  - {name: rewrite, type: rewriteRegex, rule: {pattern: "^/v([0-9])/", replacement: "/version-$1/"}}
  - {name: prefix, type: addPrefix, rule: {prefix: /public}}
  - {name: closed, type: access, paths: [/secret]}
  - {name: small, type: bodyLimit, rule: {limit: 1KiB}}
  - {name: bots, type: userAgentBlock, rule: {userAgents: [badbot]}}
  - {name: noted, type: accessLog, rule: {headers: [User-Agent], query: [page]}}
  - {name: robots, type: response, rule: {body: "User-agent: *", headers: {Cache-Control: max-age=60}}}
  - {name: errors, type: errorInterceptor, rule: {errors: [{statusCode: 404, body: '{"error": "not here"}'}, {statusCode: 500}]}}
  - {name: small-bytes, type: compress}
`;

function target(): string {
  return `https://localhost:${nginx.port}`;
}

before(async () => {
  pki = stack.use(await openPki());
  workload = await pki.clients.issueFiles('billing', { kind: 'client', cn: 'billing', sans: [spiffe] });
  pki.dir.write('broken.html', '<h1>We are on it</h1>\n');
  nginx = stack.use(
    await startNginx({
      tls: { cert: pki.backend.cert, key: pki.backend.key },
      clientCa: pki.internal.file,
      echo: ['$http_x_workload', '$http_x_env', '$http_x_was', '$http_x_debug'],
      server: `
        location = /errors/404 { return 404 "secret of the backend"; }
        location = /errors/500 { return 500 "secret of the backend"; }
        location /big { default_type text/html; return 200 "${'all work and no play '.repeat(150)}"; }`,
    }),
  );
  gateway = stack.use(await startGateway({ yaml: config(), dir: pki.dir }));
});

/** Over TLS. */
const ask = (path: string, options: CurlOptions & { readonly as?: CertFiles } = {}): Promise<CurlResult> =>
  curl(`https://localhost:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    ...(options.as && { cert: options.as.cert, key: options.as.key }),
    ...options,
  });
const plain = (path: string, options: CurlOptions = {}): Promise<CurlResult> =>
  curl(`http://localhost:${gateway.ports.web}${path}`, options);

for (const [version, args] of [
  ['HTTP/1.1', ['--http1.1']],
  ['HTTP/2', ['--http2']],
] as const)
  describe(`over ${version}`, () => {
    it('fields tell the backend who the client is, and nobody else says so', async () => {
      const forged = {
        'X-Workload': 'spiffe://example.org/admin',
        x_workload: 'spiffe://example.org/admin',
        'X-Debug': '1',
        'X-Env': 'mine',
      };
      const known = readEcho((await ask('/headers/a', { as: workload, headers: forged, args })).body);
      assert.deepEqual(
        [known['http_x_workload'], known['http_x_env'], known['http_x_was'], known['http_x_debug']],
        [spiffe, 'prod', '/headers/a', ''],
      );
      const unknown = readEcho((await ask('/headers/a', { headers: forged, args })).body);
      assert.deepEqual([unknown['http_x_workload'], unknown['http_x_env']], ['', 'prod']);
      // A route without the middleware stands in front of the same backend.
      const other = readEcho((await ask('/bare', { headers: forged, args })).body);
      assert.deepEqual([other['http_x_workload'], other['http_x_env'], other['http_x_debug']], ['', 'mine', '1']);
    });

    it('answers say what browsers are to do', async () => {
      const { headers } = await ask('/headers/a', { args });
      assert.equal(headers['x-frame-options'], 'DENY');
      assert.equal(headers['server'], undefined);
      assert.equal(headers['strict-transport-security'], 'max-age=31536000; includeSubDomains');
    });

    it('clients are sent to the host that stands in the file, and to no other', async () => {
      const moved = await ask('/old/a?b=c', { args });
      assert.deepEqual([moved.status, moved.headers['location']], [302, 'https://new.test/a?b=c']);
      for (const path of ['/old//evil.test', '/old/@evil.test', '/old/..%2f..%2fevil.test']) {
        const { status, headers } = await ask(path, { args: [...args, '--path-as-is'] });
        assert.ok(status === 400 || (headers['location'] ?? '').startsWith('https://new.test/'), path);
      }
      const posted = await ask('/old/a', { method: 'POST', body: 'x', args });
      assert.equal(posted.status, 307);
    });

    it('paths change for the backend, and never leave their folder', async () => {
      const rewritten = readEcho((await ask('/files/v2/a?b=/files', { args })).body);
      assert.equal(rewritten['request_uri'], '/public/version-2/a?b=/files');
      for (const path of ['/files/../secret', '/files/%2e%2e/secret', '/files/..;/secret']) {
        const { status, body } = await ask(path, { args: [...args, '--path-as-is'] });
        assert.ok(
          status === 400 || status === 404 || (readEcho(body)['request_uri'] ?? '').startsWith('/public/'),
          path,
        );
      }
    });

    it('pages of other origins call what they may, and read why they may not', async () => {
      const asked = { Origin: 'https://a.app.test', 'Access-Control-Request-Method': 'GET' };
      const preflight = await ask('/pages', { method: 'OPTIONS', headers: asked, args });
      assert.deepEqual(
        [
          preflight.status,
          preflight.headers['access-control-allow-origin'],
          preflight.headers['access-control-allow-methods'],
        ],
        [204, 'https://a.app.test', 'GET'],
      );
      const refused = await ask('/pages/secret', { headers: { Origin: 'https://a.app.test' }, args });
      assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [403, 'https://a.app.test']);
      for (const origin of ['null', 'https://app.test', 'https://a.app.test.evil.test']) {
        const evil = await ask('/pages', { method: 'OPTIONS', headers: { ...asked, Origin: origin }, args });
        assert.deepEqual([evil.status, evil.headers['access-control-allow-origin']], [403, undefined], origin);
      }
      assert.equal((await ask('/pages', { method: 'OPTIONS', args })).status, 405);
    });

    it('large bodies and unwelcome clients are kept out, and the log says who they said they are', async () => {
      const from = gateway.log.length;
      assert.equal((await ask('/limits?page=7', { method: 'POST', body: 'x'.repeat(1024), args })).status, 200);
      // A line of a request before may come after its answer.
      const noted = (line: LogLine): string => JSON.stringify(line['noted'] ?? {});
      const line = await gateway.waitForLog((one) => noted(one).includes('query.page'), { from });
      assert.match(noted(line), /"user-agent":"curl\/[^"]+","query.page":"7"/);
      assert.equal((await ask('/limits', { method: 'POST', body: 'x'.repeat(1025), args })).status, 413);
      const chunked = { 'Transfer-Encoding': 'chunked' };
      if (version === 'HTTP/1.1')
        assert.equal(
          (await ask('/limits', { method: 'POST', body: 'x'.repeat(9_000), headers: chunked, args })).status,
          413,
        );
      assert.equal((await ask('/limits', { headers: { 'User-Agent': 'BadBot/1.0' }, args })).status, 403);
    });

    it('fixed answers and pages for errors need no backend, and tell nothing of one', async () => {
      const robots = await ask('/fixed', { args });
      assert.deepEqual(
        [robots.status, robots.body, robots.headers['cache-control']],
        [200, 'User-agent: *', 'max-age=60'],
      );
      const lost = await ask('/errors/404', { args });
      assert.deepEqual(
        [lost.status, lost.body, lost.headers['content-type']],
        [404, '{"error": "not here"}', 'application/json'],
      );
      assert.equal((await ask('/errors/500', { args })).body, '500 Internal Server Error\n');
      const down = await ask('/down', { args });
      assert.deepEqual([down.status, down.body], [502, '<h1>We are on it</h1>\n']);
    });

    it('answers are compressed for who takes it, and not beside secrets', async () => {
      const straight = await ask('/big', { args });
      assert.equal(straight.headers['content-encoding'], undefined);
      const compressed = await ask('/big', { args: [...args, '--compressed'] });
      assert.ok(['zstd', 'br', 'gzip'].includes(compressed.headers['content-encoding'] ?? ''));
      assert.equal(compressed.body, straight.body);
      assert.equal(compressed.headers['vary'], 'Accept-Encoding');
      const secret = await ask('/big', { headers: { Cookie: 'session=1' }, args: [...args, '--compressed'] });
      assert.equal(secret.headers['content-encoding'], undefined);
    });
  });

describe('over plain HTTP', () => {
  it('clients are sent to https, whatever they say they came over', async () => {
    const { status, headers } = await plain('/secure/a?b=c', { headers: { 'X-Forwarded-Proto': 'https' } });
    assert.equal(status, 301);
    assert.equal(headers['location'], `https://localhost:${gateway.ports.webSecure}/secure/a?b=c`);
    assert.equal((await ask('/secure/a')).status, 200);
    const challenge = await plain('/secure/.well-known/acme-challenge/x');
    assert.equal(challenge.status, 301);
  });

  it('nothing is said of HTTPS alone', async () => {
    const { headers } = await plain('/headers/a');
    assert.equal(headers['strict-transport-security'], undefined);
    assert.equal(headers['x-frame-options'], 'DENY');
  });
});

describe('the metrics', () => {
  it('count no request of a route that is not to be counted', async () => {
    const { body } = await gateway.admin('/metrics');
    assert.match(body, /requests_total\{[^}]*route="headers"/);
    assert.doesNotMatch(body, /request[^{]*\{[^}]*route="limits"/);
  });
});
