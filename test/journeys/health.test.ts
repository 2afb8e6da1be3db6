// A backend dies and comes back while requests arrive: what clients notice, what the log says, and when it is used again.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlResult } from '../support/curl.ts';
import { findFreePort } from '../support/free-port.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type LoadCount, startLoad, type Load } from '../support/load.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { readProblem } from '../support/problem-answer.ts';
import { eventually } from '../support/wait-for.ts';

describe('a backend that dies under load', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let gateway: Gateway;
  let lasting: Nginx;
  let mortal: Nginx;
  let lone: Nginx;

  const start = async (name: string, port?: number): Promise<Nginx> =>
    stack.use(
      await startNginx({
        tls: pki.backend,
        clientCa: pki.internal.file,
        name,
        ...(port === undefined ? {} : { port }),
      }),
    );

  before(async () => {
    pki = stack.use(await openPki());
    [lasting, mortal, lone] = await Promise.all([start('lasting'), start('mortal'), start('lone')]);
    const security = 'security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}';
    const check = 'healthCheck: {path: /healthz, interval: 200ms, timeout: 5s, healthyStatuses: [200]}';
    const deadPort = await findFreePort();
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
    - name: pair
      path: /pair
      backends: [{endpoint: "https://localhost:${lasting.port}"}, {endpoint: "https://localhost:${mortal.port}"}]
      ${check}
      ${security}
    - name: lone
      path: /lone
      target: https://localhost:${lone.port}
      ${check}
      ${security}
    - name: exclusive
      path: /exclusive
      backends:
        - endpoint: https://localhost:${lasting.port}
        - endpoint: https://localhost:${deadPort}
          exclusive: true
          match: [{source: header, name: X-Canary, operator: equals, value: "yes"}]
      retry: {attempts: 3, on: [connect]}
      ${security}
    - name: passive
      path: /passive
      backends: [{endpoint: "https://localhost:${lasting.port}"}, {endpoint: "https://localhost:${deadPort}"}]
      ${security}
`,
      }),
    );
  });

  const load = (path: string, verify: (body: string, status: number) => string | undefined): Load =>
    startLoad({
      port: gateway.ports.webSecure,
      servername: 'localhost',
      ca: pki.servers.certPem,
      cert: pki.alice.chainPem,
      key: pki.alice.keyPem,
      path,
      connections: 4,
      verify: ({ body, status }) => verify(body, status),
    });

  const ask = (path: string, headers: Record<string, string> = {}): Promise<CurlResult> =>
    curl(`https://localhost:${gateway.ports.webSecure}${path}`, {
      ca: pki.servers.file,
      cert: pki.alice.cert,
      key: pki.alice.key,
      headers,
    });
  const marked = (msg: string, port: number, from: number) =>
    gateway.waitForLog((line) => line.msg.startsWith(msg) && line['backend'] === `localhost:${port}`, { from });

  it('costs no request where another backend is there, by default, and returns when it revives', async () => {
    let seen = new Set<string>();
    await using traffic = load('/pair', (body, status) => {
      seen.add(readEcho(body)['backend'] ?? '');
      return status === 200 ? undefined : `${status}`;
    });
    await traffic.waitForOk(50);
    await eventually(() => seen.has('mortal') && seen.has('lasting'), { what: 'both backends' });

    const from = gateway.log.length;
    await mortal.stop('SIGKILL');
    // By its health check, if not by failed connects before: whichever is first, there is no more of the other.
    const down = await marked('backend marked down', mortal.port, from);
    assert.match(down.msg, /^backend marked down: refused: localhost:\d+: .*ECONNREFUSED/);
    assert.equal(down['code'], 'refused');
    assert.match(String(down['detail']), /ECONNREFUSED/);
    seen = new Set();
    await traffic.waitForOk(50);
    assert.deepEqual([...seen], ['lasting']);

    mortal = await start('mortal', mortal.port);
    await marked('backend is healthy again', mortal.port, from);
    seen = new Set();
    await eventually(() => seen.has('mortal'), { what: 'requests to the revived backend' });
    expectAllGood(await traffic.stop());
  });

  it('that was the only one is answered for with 503 and Retry-After at once, and serves again when it revives', async () => {
    const statuses = new Set<number>();
    await using traffic = load('/lone', (_body, status) => {
      statuses.add(status);
      return status === 200 ? undefined : `${status}`;
    });
    await traffic.waitForOk(20);
    const from = gateway.log.length;
    await lone.stop('SIGKILL');
    await marked('backend marked down', lone.port, from);
    await eventually(() => statuses.has(503), { what: 'answers of 503' });

    const answer = await ask('/lone');
    const { code, requestId } = readProblem(answer, [String(lone.port)]);
    assert.deepEqual([answer.status, code], [503, 'no_healthy_backend']);
    assert.match(answer.headers['retry-after'] ?? '', /^\d+$/);
    assert.ok(requestId);
    const said = await gateway.waitForLog((line) => line['code'] === 'no_healthy_backend');
    // It may have been killed in the middle of a handshake.
    assert.match(
      String(said['detail']),
      new RegExp(`localhost:${lone.port}: (refused|unreachable .* in the TLS handshake)`),
    );

    lone = await start('lone', lone.port);
    await marked('backend is healthy again', lone.port, from);
    await traffic.waitForOk(20);
    const { reasons } = await traffic.stop();
    assert.deepEqual(
      [...reasons.keys()].filter((reason) => reason !== '503' && reason !== '502'),
      [],
    );
  });

  it('leaves its requests to the rest, also where it was to have them for itself', async () => {
    // Fewer than would have the dead one ejected, and so passed over from the start.
    for (let round = 0; round < 3; round += 1) {
      const canary = await ask('/exclusive', { 'X-Canary': 'yes' });
      assert.equal(readEcho(canary.body)['backend'], 'lasting', `${round}: ${canary.body}`);
    }
  });

  it('is taken out without a health check too, after five failed connects, with the reason in the log', async () => {
    const from = gateway.log.length;
    let failed = 0;
    await using traffic = load('/passive', (_body, status) => {
      if (status !== 200) failed += 1;
      return status === 200 || status === 502 ? undefined : `${status}`;
    });
    const down = await gateway.waitForLog((line) => line.msg.startsWith('backend marked down: '), { from });
    assert.deepEqual([down['source'], down['code']], ['passive', 'refused']);
    const before = failed;
    await traffic.waitForOk(50);
    assert.ok(failed - before <= 4, 'at most the requests that were under way to it failed after that');
    assert.equal((await traffic.stop()).failed, 0);
  });
});

function expectAllGood(count: LoadCount): void {
  assert.equal(count.failed, 0, JSON.stringify([...count.reasons]));
}
