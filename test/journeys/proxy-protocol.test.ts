// A gateway behind balancers that pass TCP connections on, nginx and HAProxy: the address of the client is the client's,
// wherever it is looked at, and nobody can choose it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { writeProxyHeader } from '../../src/proxy-protocol/writer.ts';
import { type Balancer, startHaproxyBalancer, startNginxBalancer } from '../support/balancers.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import type { LogLine } from '../support/gateway.ts';
import { openSetup, reloadBy, type Setup } from '../support/mtls-setup.ts';
import { readEcho } from '../support/nginx.ts';
import { eventually } from '../support/wait-for.ts';

/** Balancers connect from here, clients from other loopback addresses. */
const balancer = '127.0.0.1';
const client = '127.0.0.2';
/** Neither a balancer nor behind one. */
const elsewhere = '127.0.0.3';

const gatewayKeys = (others: 'direct' | 'refuse'): string => `  accessLog: {path: stdout}
  entryPoints:
    web: {proxyProtocol: {from: ${balancer}}}
    webSecure: {proxyProtocol: {from: [${balancer}/32], others: ${others}}}
  clientLimits: {connections: 6}
  requestId: {keepFrom: verified}`;

describe('a gateway behind balancers', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let setup: Setup;
  let nginx: Balancer;
  let nginxPlain: Balancer;
  let haproxy: Awaited<ReturnType<typeof startHaproxyBalancer>>;

  before(async () => {
    setup = stack.use(
      await openSetup({
        gateway: gatewayKeys('direct'),
        tls: '    policies: [{name: open, hosts: [open.test]}]',
        route: `      security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}
    - name: open
      path: /
      hosts: [open.test]
      target: https://localhost:1
      maintenance: {enabled: true, message: closed}`,
      }),
    );
    const { web, webSecure } = setup.gateway.ports;
    [nginx, nginxPlain, haproxy] = await Promise.all([
      startNginxBalancer(webSecure),
      startNginxBalancer(web),
      startHaproxyBalancer(webSecure),
    ]);
    for (const one of [nginx, nginxPlain, haproxy]) stack.use(one);
  });

  /** `path`: one of its own for each line of the access log that is waited for, since those come late. */
  const ask = (port: number, path: string, from: string, args: readonly string[] = []): Promise<CurlResult> => {
    const { pki } = setup;
    const options = { ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key };
    return curl(`https://localhost:${port}${path}`, { ...options, args: ['--interface', from, ...args] });
  };
  const accessOf = (asked: string): Promise<LogLine> => setup.gateway.waitForLog(({ path }) => path === asked);
  const lineOf = (fits: (line: LogLine) => boolean, from = 0): Promise<LogLine> =>
    setup.gateway.waitForLog(fits, { from });

  for (const [name, port] of [
    ['nginx (version 1)', () => nginx.port],
    ['HAProxy (version 2 with a checksum)', () => haproxy.port],
  ] as const) {
    it(`takes the client’s address from ${name}: for the backend, the access log and its identity`, async () => {
      const answer = await ask(port(), `/${port()}`, client);
      assert.equal(answer.status, 200, answer.stderr);
      const echo = readEcho(answer.body);
      assert.deepEqual([echo['http_x_forwarded_for'], echo['http_x_real_ip']], [client, client]);
      assert.match(echo['http_x_forwarded_client_cert'] ?? '', /^Hash=[0-9a-f]{64};/);
      const line = await accessOf(`/${port()}`);
      const { requestId } = line;
      assert.equal(line['remote'], client);
      assert.deepEqual([answer.headers['x-request-id'], echo['http_x_request_id']], [requestId, requestId]);
    });
  }

  it('serves a balancer’s health checks without a word', async () => {
    await eventually(() => haproxy.isChecked(), { what: 'a health check of HAProxy to pass' });
    // Whatever they would have said was said before this.
    assert.equal((await ask(haproxy.port, '/', client)).status, 200);
    const said = setup.gateway.log.items.filter(({ msg }) => /refused|internal error/.test(msg));
    assert.deepEqual(said, []);
  });

  it('believes curl’s own header from a balancer’s address', async () => {
    assert.equal((await ask(setup.gateway.ports.webSecure, '/curl', balancer, ['--haproxy-protocol'])).status, 200);
    assert.equal((await accessOf('/curl'))['remote'], balancer);
  });

  it('refuses a header from anywhere else, and a balancer without one, on both entry points', async () => {
    const { web, webSecure } = setup.gateway.ports;
    const cases: [port: number, from: string, args: string[], code: string][] = [
      [webSecure, elsewhere, ['--haproxy-protocol'], 'untrusted_proxy'],
      [webSecure, balancer, [], 'bad_proxy_header'],
    ];
    for (const [port, source, args, code] of cases) {
      const from = setup.gateway.log.length;
      const answer = await ask(port, '/', source, args);
      assert.deepEqual([answer.status, answer.body], [0, '']);
      const line = await lineOf((one) => one['code'] === code, from);
      assert.equal(line['remoteAddress'], source);
      assert.match(String(line['help']), /proxyProtocol\.from/);
    }
    const plain = async (source: string, args: string[]): Promise<CurlResult> =>
      curl(`http://open.test:${web}/`, { args: ['--interface', source, ...args] });
    const from = setup.gateway.log.length;
    const spoofed = await plain(elsewhere, ['--haproxy-protocol']);
    assert.equal(spoofed.status, 403);
    assert.match(spoofed.body, /untrusted_proxy/);
    assert.equal((await lineOf(({ status }) => status === 403, from))['code'], 'untrusted_proxy');
    assert.equal((await plain(balancer, [])).status, 0);
    assert.equal((await lineOf(({ code }) => code === 'bad_proxy_header', from))['entryPoint'], 'web');
    assert.equal((await plain(elsewhere, [])).status, 503, 'a client that connects itself');
    assert.ok((await setup.metric('countersign_faults_total', 'untrusted_proxy')) >= 1);
    assert.ok((await setup.metric('countersign_tls_handshakes_total', 'untrusted_proxy')) >= 1);
  });

  it('serves clients that connect themselves, under their own address', async () => {
    const answer = await ask(setup.gateway.ports.webSecure, '/self', elsewhere, ['-H', 'X-Request-Id: mine/1']);
    assert.equal(readEcho(answer.body)['http_x_forwarded_for'], elsewhere);
    assert.equal(answer.headers['x-request-id'], 'mine/1', 'a verified client’s id is kept here');
    assert.equal((await accessOf('/self'))['remote'], elsewhere);
  });

  it('takes the address on the plain entry point likewise', async () => {
    const answer = await curl(`http://open.test:${nginxPlain.port}/b`, { args: ['--interface', client] });
    assert.equal(answer.status, 503);
    const line = await accessOf('/b');
    assert.deepEqual([line['remote'], line['requestId']], [client, answer.headers['x-request-id']]);
  });

  it('limits the connections of one client behind a balancer, and of nobody else', async () => {
    const open = async (address: string): Promise<{ tls: TLSSocket; ended: Promise<string> }> => {
      const socket = connect({ port: setup.gateway.ports.webSecure, host: '127.0.0.1', localAddress: balancer });
      await once(socket, 'connect');
      const destination = { address: '2001:db8::ff', port: 443 };
      socket.write(writeProxyHeader(2, { source: { address, port: 1 }, destination }));
      const { servers, alice } = setup.pki;
      const { chainPem: cert, keyPem: key } = alice;
      const tls = connectTls({ socket, servername: 'localhost', ca: servers.certPem, cert, key });
      const ended = new Promise<string>((resolve) => {
        tls.on('secureConnect', () => resolve('served'));
        tls.on('error', () => resolve('refused'));
      });
      return { tls, ended };
    };
    const from = setup.gateway.log.length;
    const clients: Awaited<ReturnType<typeof open>>[] = [];
    for (let count = 1; count <= 6; count += 1) clients.push(await open(`2001:db8::${count}`));
    for (const { ended } of clients) assert.equal(await ended, 'served');
    clients.push(await open('2001:db8::7'), await open('2001:db8:0:1::1'));
    const line = await lineOf(({ code }) => code === 'client_limit', from);
    assert.deepEqual([line['remoteAddress'], line['balancer']], ['2001:db8::7', balancer]);
    const ends = await Promise.all(clients.map(async ({ ended }) => ended));
    assert.deepEqual(ends, [...Array.from({ length: 6 }, () => 'served'), 'refused', 'served']);
    assert.equal(await setup.metric('countersign_tls_handshakes_total', 'client_limit'), 1);
    for (const { tls } of clients) tls.destroy();
  });

  it('lets nobody get past the balancers from the reload on that says so', async () => {
    const { webSecure } = setup.gateway.ports;
    assert.equal((await ask(webSecure, '/', elsewhere)).status, 200);
    const from = setup.gateway.log.length;
    await reloadBy(setup.gateway, () => setup.gateway.rewrite(setup.yaml({ gateway: gatewayKeys('refuse') })));
    assert.equal((await ask(webSecure, '/', elsewhere)).status, 0);
    assert.match((await lineOf(({ code }) => code === 'untrusted_proxy', from)).msg, /only the balancers of/);
    assert.equal((await ask(nginx.port, '/', client)).status, 200);
  });
});
