// How requests are shared among the backends of a route, counted over mutual TLS on both sides: by weight, in turns, by load, by
// Goma's canary rules; who is kept to one backend, by identity or by cookie; who stands in for one that is gone, and who is told of the client.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { findFreePort } from '../support/free-port.ts';
import { startLoad } from '../support/load.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';

const REQUESTS = 1000;
/** Its answers take a second and more. */
const slow = `location /least { limit_rate 200; return 200 "backend: canary\\n${'x'.repeat(400)}\\n"; }`;

describe('the backends of a route', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let stable: Nginx;
  let canary: Nginx;
  let mortal: Nginx;
  let gateway: Gateway;

  before(async () => {
    pki = stack.use(await openPki());
    const tls = { tls: pki.backend, clientCa: pki.internal.file };
    const toldPort = await findFreePort();
    const told = `server {
      listen 127.0.0.1:${toldPort} ssl proxy_protocol;
      ssl_certificate ${pki.backend.cert}; ssl_certificate_key ${pki.backend.key};
      ssl_verify_client on; ssl_client_certificate ${pki.internal.file};
      location / { return 200 "client: $proxy_protocol_addr\\nport: $proxy_protocol_port\\n"; }
    }`;
    stable = stack.use(await startNginx({ ...tls, name: 'stable', http: told }));
    canary = stack.use(await startNginx({ ...tls, name: 'canary', server: slow }));
    mortal = await startNginx({ ...tls, name: 'mortal' });
    stack.defer(async () => mortal.stop());
    const backend = (nginx: Nginx, more = ''): string => `{endpoint: "https://localhost:${nginx.port}"${more}}`;
    const rule = (match: string): string => `, exclusive: true, match: [${match}]`;
    const routes = {
      weighted: [backend(stable, ', weight: 80'), backend(canary, ', weight: 20')],
      turns: [backend(stable), backend(canary)],
      header: [
        backend(stable),
        backend(canary, rule('{source: header, name: X-Canary, operator: equals, value: "yes"}')),
      ],
      cookie: [
        backend(stable),
        backend(canary, rule('{source: cookie, name: group, operator: in, value: "beta, staff"}')),
      ],
      query: [backend(stable), backend(canary, rule('{source: query, name: v, operator: starts_with, value: "2."}'))],
      ip: [backend(stable), backend(canary, rule('{source: ip, operator: in, value: "192.0.2.0/24, 127.0.0.0/8"}'))],
      least: [backend(stable), backend(canary)],
      identity: [backend(stable), backend(canary)],
      sticky: [backend(stable), backend(canary)],
      told: [`{endpoint: "https://localhost:${toldPort}"}`],
      backup: [backend(mortal), backend(stable, ', backup: true')],
      both: [
        backend(stable),
        backend(
          canary,
          rule(
            '{source: header, name: X-Canary, operator: regex, value: "^v[0-9]+$"}, {source: query, name: on, operator: not_equals, value: ""}',
          ),
        ),
      ],
    };
    const more: Readonly<Record<string, string>> = {
      least: 'loadBalancing: leastRequest',
      identity: 'loadBalancing: hash',
      told: 'sendProxyProtocol: v2',
      sticky: 'sticky: {cookie: __Host-seat, maxAge: 1h}',
    };
    const written = Object.entries(routes).map(
      ([name, backends]) => `    - name: ${name}
      path: /${name}
      backends: [${backends.join(', ')}]
      ${more[name] ?? ''}
      security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}`,
    );
    gateway = stack.use(
      await startGateway({
        dir: pki.dir,
        yaml: `version: 2
gateway:
  accessLog: {enabled: false}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
  routes:
${written.join('\n')}
`,
      }),
    );
  });

  /** Who answered, in order, until there are at least `count` answers. */
  async function answerers(path: string, count: number, connections: number): Promise<string[]> {
    const names: string[] = [];
    await using load = startLoad({
      port: gateway.ports.webSecure,
      servername: 'localhost',
      ca: pki.servers.certPem,
      cert: pki.alice.chainPem,
      key: pki.alice.keyPem,
      path,
      connections,
      verify: ({ status, body }) => {
        names.push(readEcho(body)['backend'] ?? `status ${status}`);
        return status === 200 ? undefined : `status ${status}`;
      },
    });
    await load.waitForOk(count);
    assert.equal((await load.stop()).failed, 0);
    return names;
  }

  it('with the weights 80 and 20 get four fifths and one fifth, within five standard deviations', async () => {
    const names = await answerers('/weighted', REQUESTS, 4);
    const share = names.filter((name) => name === 'canary').length;
    const expected = names.length * 0.2;
    const sigma = Math.sqrt(names.length * 0.2 * 0.8);
    assert.ok(Math.abs(share - expected) < 5 * sigma, `${share} of ${names.length}`);
    assert.ok(names.every((name) => name === 'canary' || name === 'stable'));
  });

  it('without weights take turns', async () => {
    const names = await answerers('/turns', 50, 1);
    for (const [at, name] of names.entries())
      assert.notEqual(name, names[at + 1], `answer ${at} of ${names.join(' ')}`);
  });

  const call = async (path: string, headers: Record<string, string> = {}, as: CertFiles = pki.alice) =>
    curl(`https://localhost:${gateway.ports.webSecure}${path}`, {
      ca: pki.servers.file,
      cert: as.cert,
      key: as.key,
      headers,
    });

  const ask = async (path: string, headers: Record<string, string> = {}, as?: CertFiles): Promise<string | undefined> =>
    readEcho((await call(path, headers, as)).body)['backend'];

  it('by load leave one that is slow to the requests that it has', async () => {
    const names = await answerers('/least', 200, 8);
    const few = names.filter((name) => name === 'canary').length;
    // It trickles its answers: each of its seats is taken for long, and the other one has most of the turns.
    assert.ok(few < names.length / 4, `${few} of ${names.length}`);
  });

  it('by identity are the same for all connections of a client, whatever he says of himself', async () => {
    const clients = await Promise.all(
      Array.from({ length: 6 }, async (_, at) =>
        pki.clients.issueFiles(`client-${at}`, {
          kind: 'client',
          subject: `/CN=client-${at}`,
          sans: [`URI:spiffe://example.org/client/${at}`],
        }),
      ),
    );
    for (const client of clients) {
      const seat = await ask('/identity', {}, client);
      assert.ok(seat === 'canary' || seat === 'stable');
      for (let round = 0; round < 3; round += 1)
        assert.equal(await ask('/identity', { 'X-Forwarded-For': `192.0.2.${round}` }, client), seat);
    }
  });

  it('by cookie are the same for a session, through a reload too, and nobody picks one by making a cookie up', async () => {
    const first = await call('/sticky');
    const seat = readEcho(first.body)['backend'];
    const set = first.headers['set-cookie'] ?? '';
    assert.match(set, /^__Host-seat=[\w-]{22}; Path=\/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax$/);
    const cookie = set.split(';')[0] ?? '';
    const again = async (): Promise<void> => {
      const answer = await call('/sticky', { Cookie: `a=1; ${cookie}` });
      assert.deepEqual([readEcho(answer.body)['backend'], answer.headers['set-cookie']], [seat, undefined]);
    };
    for (let round = 0; round < 3; round += 1) await again();
    const from = gateway.log.length;
    gateway.reload();
    await gateway.waitForLog((line) => line.msg === 'configuration reloaded', { from });
    for (let round = 0; round < 3; round += 1) await again();

    const forged = { Cookie: `__Host-seat=${Buffer.from(`https://localhost:${canary.port}`).toString('base64url')}` };
    const seats = new Set([await ask('/sticky', forged), await ask('/sticky', forged)]);
    assert.equal(seats.size, 2);
  });

  it('are told who connects, in a header before TLS, by a real nginx that wants one', async () => {
    const seen = new Set<string | undefined>();
    for (let round = 0; round < 3; round += 1) {
      const { status, body } = await call('/told');
      assert.deepEqual([status, readEcho(body)['client']], [200, '127.0.0.1']);
      seen.add(readEcho(body)['port']);
    }
    assert.equal(seen.size, 3, 'each curl has a connection, and a port, of its own');
  });

  it('stand in as backups when the others are gone, at once and with the body', async () => {
    assert.equal(await ask('/backup'), 'mortal');
    await mortal.stop('SIGKILL');
    const { status, body } = await curl(`https://localhost:${gateway.ports.webSecure}/backup`, {
      ca: pki.servers.file,
      cert: pki.alice.cert,
      key: pki.alice.key,
      method: 'POST',
      body: 'x'.repeat(100_000),
    });
    assert.deepEqual([status, readEcho(body)['backend'], readEcho(body)['request_method']], [200, 'stable', 'POST']);
  });

  const rules: [string, string, Record<string, string>, string, Record<string, string>][] = [
    ['a header', '/header', { 'x-canary': 'yes' }, '/header', { 'x-canary': 'yes, please' }],
    ['a cookie', '/cookie', { Cookie: 'a=1; group=staff' }, '/cookie', { Cookie: 'agroup=staff; group=staffed' }],
    ['a query parameter', '/query?x=1&v=2.7', {}, '/query?x=2.7&v=12.7', {}],
    ['two rules that must both hold', '/both?on=1', { 'X-Canary': 'v12' }, '/both', { 'X-Canary': 'v12' }],
  ];
  for (const [what, path, headers, otherPath, otherHeaders] of rules) {
    it(`exclusive canaries matched by ${what} get all of these requests and no others`, async () => {
      for (let round = 0; round < 3; round += 1) {
        assert.equal(await ask(path, headers), 'canary');
        assert.equal(await ask(otherPath, otherHeaders), 'stable');
      }
    });
  }

  it('exclusive canaries matched by address go by the real address, not by a forwarded one', async () => {
    assert.equal(await ask('/ip', { 'X-Forwarded-For': '203.0.113.9', 'X-Real-IP': '203.0.113.9' }), 'canary');
  });
});
