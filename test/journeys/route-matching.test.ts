// Routes that are chosen by more than a prefix, before a real nginx: which one a request meets, what of its path the backend
// gets, what no spelling gets past, and what the gateway answers itself, on entry points of every kind.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlOptions, type CurlResult } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { runToEnd } from '../support/owned-process.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';
import { readProblem } from '../support/problem-answer.ts';
import { program } from '../support/program.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let gateway: Gateway;
const ports = new Map<string, number>();

const tls = '{rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}';
const named = (name: string, more: string): string =>
  `    - {name: ${name}, ${more}, target: "https://localhost:${nginx.port}/${name}", security: {tls: ${tls}}}\n`;
const guarded = (name: string, more: string): string =>
  named(name, more).replace('security: {', 'security: {clientCert: {required: true}, ');

before(async () => {
  pki = stack.use(await openPki());
  await pki.servers.issueFiles('names', { kind: 'server', sans: ['open.test', 'partners.test'] });
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  const yaml = `version: 2
gateway:
  accessLog: {enabled: true, format: json}
  entryPoints:
    more:
      inner: {address: "127.0.0.1:0"}
      probes: {address: "127.0.0.1:0", protocol: http}
  monitoring:
    health: {entryPoints: [probes, webSecure], sourceRanges: [127.0.0.0/8]}
  tls:
    certificates: [{cert: names.crt, key: names.key}]
    clientAuth: {clientCA: clients-ca.crt, required: false}
    policies:
      - {name: partners, hosts: [partners.test], clientAuth: {clientCA: clients-ca.crt, required: true}}
  routes:
${named('rest', 'path: /, allowEncodedSlash: true')}${guarded('admin', 'path: /admin/users, pathMatch: exact')}${guarded('versions', 'path: "/v([0-9]+)/admin/.*", pathMatch: regex, rewrite: /api-$1')}${named('users', 'path: "/users/{id}/files", rewrite: "/of-{id}/f"')}${named('beta', 'path: /shop, match: {headers: [{name: x-channel, value: beta}]}')}${named('export', 'path: /shop, match: {methods: [POST], query: [{name: format, regex: csv|json}]}')}${named('shop', 'path: /shop')}${named('plain', 'path: /strict')}${named('partners', 'path: /data, policies: [partners]')}${named('inside', 'path: /inside, entryPoints: [inner]')}    - {name: tea, path: /tea, response: {statusCode: 418, body: short and stout, headers: {X-Pot: full}}}
    - {name: held, path: /held, security: {clientCert: {required: true}}, response: {body: secret}}
`;
  gateway = stack.use(await startGateway({ yaml, dir: pki.dir }));
  for (const name of ['inner', 'probes']) {
    const line = await gateway.waitForLog((one) => one.msg === 'listening' && one['entryPoint'] === name);
    ports.set(name, Number(/:(\d+)$/.exec(String(line['address']))?.[1]));
  }
});

const portOf = (name: string): number => ports.get(name) ?? gateway.ports.webSecure;
type Options = CurlOptions & { readonly host?: string; readonly at?: string; readonly scheme?: string };

function ask(
  target: string,
  { host = 'open.test', at = 'webSecure', scheme = 'https', ...options }: Options = {},
): Promise<CurlResult> {
  const port = at === 'web' ? gateway.ports.web : portOf(at);
  const args = ['--path-as-is', ...(options.args ?? [])];
  return curl(`${scheme}://${host}:${port}${target}`, { ca: pki.servers.file, ...options, args });
}

/** What the backend was asked for, with the route's name in front; or the code of the refusal. */
async function met(target: string, options: Options = {}): Promise<string> {
  const answer = await ask(target, options);
  if (answer.status === 200) return readEcho(answer.body)['request_uri'] ?? '';
  return `${answer.status} ${readProblem(answer).code}`;
}

const asAlice = (): CurlOptions => ({ cert: pki.alice.cert, key: pki.alice.key });

describe('a route', () => {
  it('for one exact path takes that path, and no spelling of it gets to another', async () => {
    assert.equal(await met('/admin/users', asAlice()), '/admin/admin/users');
    assert.equal(await met('/admin/users'), '403 no_client_cert');
    for (const path of ['//admin/users', '/x/../admin//users'])
      assert.equal(await met(path), '403 no_client_cert', path);
    for (const path of [
      '/admin/users/',
      '/Admin/users',
      '/admin/users;x',
      '/admin%2fusers',
      '/admin/users%20',
      '/admin/users/.;/',
    ])
      assert.equal(await met(path), '400 ambiguous_path', path);
    assert.equal(await met('/admin/users2'), '/rest/admin/users2');
    assert.equal(await met('/admin/users/x'), '/rest/admin/users/x');
  });

  it('with an expression takes what it matches, and gives its groups to the rewrite', async () => {
    assert.equal(await met('/v12/admin/x/y?z=1', asAlice()), '/versions/api-12/x/y?z=1');
    assert.equal(await met('/v12/admin'), '403 no_client_cert');
    for (const path of ['/V12/admin', '/v12/admin;x', '/v12./admin/x', '/v%2531/admin', '/v1%2fadmin'])
      assert.equal(await met(path), '400 ambiguous_path', path);
    assert.equal(await met('/v/admin'), '/rest/v/admin');
  });

  it('puts parameters into its rewrite, within their segments', async () => {
    assert.equal(await met('/users/7/files/a/?b'), '/users/of-7/f/a/?b');
    assert.equal(await met('/users/a%20b%2Bc/files'), '/users/of-a%20b%2Bc/f');
    assert.equal(await met('/users/../files'), '/rest/files');
    assert.equal(await met('/users/a%3Fb/files'), '400 ambiguous_path');
    assert.equal(await met('/users/%2e%2e/files'), '400 ambiguous_path');
    assert.equal(await met('/users/a%2fb/files'), '400 ambiguous_path');
  });

  it('is met by header, query and method, and leaves other requests to the next', async () => {
    assert.equal(await met('/shop'), '/shop/shop');
    assert.equal(await met('/shop', { headers: { 'X-Channel': 'beta' } }), '/beta/shop');
    assert.equal(await met('/shop?format=csv'), '/shop/shop?format=csv');
    assert.equal(await met('/shop?format=csv', { method: 'POST' }), '/export/shop?format=csv');
    assert.equal(await met('/shop?format=pdf', { method: 'POST' }), '/shop/shop?format=pdf');
  });

  it('is not chosen by a header or parameter that the backend could read otherwise', async () => {
    assert.equal(await met('/shop', { headers: { X_Channel: 'beta' } }), '400 ambiguous_condition');
    assert.equal(
      await met('/shop', { args: ['-H', 'X-Channel: stable', '-H', 'X-Channel: beta'] }),
      '400 ambiguous_condition',
    );
    for (const query of ['format=pdf&format=csv', 'Format=csv', 'format[]=csv', 'x=1;format=csv', '%2566ormat=csv'])
      assert.equal(
        await met(`/shop?${query}`, { method: 'POST', args: ['--globoff'] }),
        '400 ambiguous_condition',
        query,
      );
    const line = await gateway.waitForLog((one) => one['code'] === 'ambiguous_condition');
    assert.match(String(line['rule']), /^header X-Channel is spelt/i);
  });

  it('that is bound to a policy exists for its clients and for nobody else', async () => {
    assert.equal(await met('/data/x', { host: 'partners.test', ...asAlice() }), '/partners/data/x');
    assert.equal(await met('/data/x', asAlice()), '/rest/data/x');
    assert.equal(await met('/data/x', { scheme: 'http', at: 'web' }), '/rest/data/x');
    assert.equal((await ask('/data/x', { scheme: 'http', at: 'web', host: 'partners.test' })).status, 308);
  });

  it('that names its entry points exists on these', async () => {
    assert.equal(await met('/inside', { at: 'inner' }), '/inside/inside');
    assert.equal(await met('/inside'), '/rest/inside');
    assert.equal(await met('/shop', { at: 'inner' }), '/shop/shop');
    assert.equal(await met('/shop', { at: 'probes', scheme: 'http' }), '/shop/shop');
    assert.equal((await ask('/held', { at: 'probes', scheme: 'http' })).status, 308);
  });

  it('that lets %2F pass gives it to the backend as it is, the log of the others says how', async () => {
    assert.equal(await met('/repo/group%2fproject/x'), '/rest/repo/group%2Fproject/x');
    assert.equal(await met('/shop/a%2fb'), '400 ambiguous_path');
    const line = await gateway.waitForLog((one) => /allowEncodedSlash/.test(String(one['rule'])));
    assert.match(String(line['rule']), /route shop lets it pass with allowEncodedSlash: true$/);
    for (const path of ['/admin%2Fusers', '/repo%2f..%2fadmin/users', '/x/%2e%2e%2fadmin/users'])
      assert.equal(await met(path), '400 ambiguous_path', path);
  });
});

describe('a fixed answer', () => {
  it('is given over HTTP/1.1 and HTTP/2, to HEAD without its body, to gRPC with its status', async () => {
    for (const version of ['--http1.1', '--http2']) {
      const answer = await ask('/tea', { args: [version] });
      assert.deepEqual(
        [answer.status, answer.body, answer.headers['x-pot']],
        [418, 'short and stout', 'full'],
        version,
      );
      assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
      const head = await ask('/tea', { method: 'HEAD', args: [version] });
      assert.deepEqual([head.status, head.exitCode], [418, 0], version);
      // curl -I writes the head where the body would be.
      assert.doesNotMatch(head.body, /stout/);
      assert.equal(head.headers['content-length'], '15');
    }
    const headers = { 'Content-Type': 'application/grpc', TE: 'trailers' };
    const call = await ask('/tea', { method: 'POST', headers, body: '\0\0\0\0\0', args: ['--http2'] });
    assert.deepEqual([call.status, call.body], [418, 'short and stout']);
  });

  it('is given to nobody whom the rule of its route turns away', async () => {
    assert.equal(await met('/held'), '403 no_client_cert');
    const answer = await ask('/held', asAlice());
    assert.deepEqual([answer.status, answer.body], [200, 'secret']);
  });
});

describe('health where traffic comes in', () => {
  const running = '{"name":"Service Gateway","status":"running","error":""}';

  it('is told whatever the host, on the entry points that are named, without a certificate', async () => {
    for (const options of [
      { at: 'probes', scheme: 'http', host: '127.0.0.1' },
      { at: 'probes', scheme: 'http', host: 'nobody.test' },
      {},
    ])
      for (const path of ['/healthz', '/readyz']) {
        const answer = await ask(path, options);
        assert.deepEqual([answer.status, answer.body], [200, running], path);
      }
    assert.equal(await met('/healthz', { at: 'inner' }), '/rest/healthz');
    assert.equal(await met('/healthz', { at: 'web', scheme: 'http' }), '/rest/healthz');
  });

  it('opens no other path, and no way past a policy that requires a certificate', async () => {
    for (const path of ['/healthz/', '//healthz', '/healthz?x', '/healthz/../admin/users', '/Healthz'])
      assert.notEqual((await ask(path, { at: 'probes', scheme: 'http', host: 'open.test' })).body, running, path);
    assert.equal((await ask('/admin/users', { at: 'probes', scheme: 'http', host: 'open.test' })).status, 308);
    const refused = await ask('/healthz', { host: 'partners.test' });
    assert.equal(refused.status, 0, 'TLS itself');
    assert.equal((await ask('/healthz', { host: 'partners.test', ...asAlice() })).body, running);
  });
});

describe('explain route', () => {
  it('says which condition did not hold, and takes headers and the entry point into account', async () => {
    const run = async (...args: string[]): Promise<string> => {
      const all = [program, 'explain', 'route', '-c', gateway.configFile, ...args];
      return (await runToEnd(process.execPath, all)).stdout;
    };
    const plain = await run('GET', 'https://open.test/shop');
    assert.match(plain, /^route {4}shop /m);
    assert.match(plain, /^not {6}beta: it asks for something else \(header x-channel\)$/m);
    const beta = await run('GET', 'https://open.test/shop', '-H', 'X-Channel: beta');
    assert.match(beta, /^route {4}beta /m);
    assert.match(beta, /^match {4}header x-channel is "beta"$/m);
    const inside = await run('GET', 'https://open.test/inside', '--entry-point', 'inner');
    assert.match(inside, /^route {4}inside /m);
    assert.equal(await run('GET', 'https://open.test/inside', '--entry-point', 'probes'), '', 'which speaks http');
    assert.match(await run('GET', 'https://open.test/tea'), /418 response/);
    assert.match(await run('GET', 'https://open.test/healthz'), /200 health/);
    assert.match(await run('GET', 'https://open.test/shop/a%2Fb'), /allowEncodedSlash: true/);
  });
});

// Last: it ends the gateway that all of these share.
describe('readiness while the gateway is stopped', () => {
  it('is told to whoever is connected still: it runs, and is not ready', async () => {
    const port = portOf('probes');
    const open = async (): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    };
    const [ready, alive] = [await open(), await open()];
    // Accepted by the worker once one that came later was served.
    assert.equal((await ask('/readyz', { at: 'probes', scheme: 'http' })).status, 200);
    gateway.signal('SIGTERM');
    const isRefused = async (): Promise<boolean> => {
      try {
        (await open()).destroy();
        return false;
      } catch {
        return true;
      }
    };
    await eventually(isRefused, { what: 'the listener to be closed' });
    const tell = async (socket: Socket, path: string): Promise<string> => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      return text(socket);
    };
    const answers = await Promise.all([tell(ready, '/readyz'), tell(alive, '/healthz')]);
    assert.match(answers[0], /^HTTP\/1\.1 503 [^]*"status":"draining"/);
    assert.match(answers[1], /^HTTP\/1\.1 200 [^]*"status":"running"/);
    assert.equal((await gateway.exited).code, 0);
  });
});
