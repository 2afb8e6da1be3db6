// What /metrics tells about requests and backends while real traffic flows, and what is gone from it after a reload.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startBackend, type Backend } from '../support/backend.ts';
import { curl } from '../support/curl.ts';
import { findFreePort } from '../support/free-port.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { openPki, type Pki } from '../support/pki.ts';

describe('/metrics', () => {
  let pki: Pki;
  let gateway: Gateway;
  let secure: Backend;
  let plain: Backend;
  let deadPort: number;
  const held = Promise.withResolvers<() => void>();

  const yaml = (deadRoute: boolean): string => `version: 2
gateway:
  accessLog: {enabled: false}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
  routes:
    - name: secure
      path: /secure
      target: https://localhost:${secure.port}
      security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}
    - {name: plain, path: /plain, methods: [GET], target: "http://localhost:${plain.port}"}
${deadRoute ? `    - {name: dead, path: /dead, target: "http://localhost:${deadPort}", retry: {attempts: 3, on: [connect]}}` : ''}
`;

  before(async () => {
    pki = await openPki();
    const { chainPem: cert, keyPem: key } = pki.backend;
    secure = await startBackend({ tls: { cert, key, clientCa: pki.internal.certPem } });
    plain = await startBackend({
      handle: (request, response) => {
        if (request.url === '/plain/held') held.resolve(() => response.end('late'));
        else response.end('ok');
      },
    });
    deadPort = await findFreePort();
    gateway = await startGateway({ dir: pki.dir, yaml: yaml(true), workers: 2 });
  });
  after(async () => {
    await gateway.stop();
    await Promise.all([secure.stop(), plain.stop()]);
    pki.remove();
  });

  const get = async (path: string, method = 'GET'): Promise<number> => {
    const url = `https://localhost:${gateway.ports.webSecure}${path}`;
    return (await curl(url, { method, ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key })).status;
  };
  const metrics = async (): Promise<string> => (await gateway.admin('/metrics')).body;
  const has = (text: string, line: string): void =>
    assert.ok(text.includes(`\n${line}\n`), `${line}\n\nnot in\n\n${text}`);

  it('times requests and the phases of their backend connections', async () => {
    for (let i = 0; i < 3; i++) assert.equal(await get('/secure'), 200);
    assert.equal(await get('/plain'), 200);
    const text = await metrics();
    has(text, 'countersign_request_seconds_count{route="secure"} 3');
    has(text, `countersign_upstream_first_byte_seconds_count{backend="localhost:${secure.port}"} 3`);
    assert.match(text, new RegExp(`upstream_connect_seconds_count\\{backend="localhost:${secure.port}"\\} [1-3]\n`));
    assert.match(text, new RegExp(`upstream_handshake_seconds_count\\{backend="localhost:${secure.port}"\\} [1-3]\n`));
    assert.match(text, new RegExp(`upstream_connections\\{backend="localhost:${secure.port}"\\} [1-3]\n`));
    assert.doesNotMatch(text, new RegExp(`upstream_handshake_seconds_count\\{backend="localhost:${plain.port}"`));
    has(text, `countersign_backend_healthy{route="secure",backend="localhost:${secure.port}"} 1`);
  });

  it('counts the requests in progress, and none when they are over', async () => {
    const running = get('/plain/held');
    const release = await held.promise;
    has(await metrics(), 'countersign_requests_active 1');
    release();
    assert.equal(await running, 200);
    has(await metrics(), 'countersign_requests_active 0');
  });

  it('counts faults of clients as well as of backends', async () => {
    assert.equal(await get('/nowhere'), 404);
    assert.equal(await get('/plain', 'DELETE'), 405);
    assert.equal(await get('/plain/../..//%2e%2e%2f'), 400);
    assert.equal(await get('/dead'), 502);
    const text = await metrics();
    has(text, 'countersign_faults_total{code="no_route",source="client"} 1');
    has(text, 'countersign_faults_total{code="method_not_allowed",source="client"} 1');
    has(text, 'countersign_faults_total{code="ambiguous_path",source="client"} 1');
    has(text, 'countersign_faults_total{code="refused",source="backend"} 1');
    has(text, `countersign_upstream_retries_total{backend="localhost:${deadPort}"} 2`);
    has(text, `countersign_upstream_connect_failures_total{backend="localhost:${deadPort}",code="refused"} 3`);
    assert.doesNotMatch(text, /tls_handshakes_total\{leg="backend"[^\n]*result="refused"/);
  });

  it('shows a backend as down where one worker takes it for down, and forgets it when a reload removes it', async () => {
    const line = `countersign_backend_healthy{route="dead",backend="localhost:${deadPort}"}`;
    for (let i = 0; i < 10; i++) await get('/dead');
    has(await metrics(), `${line} 0`);
    const from = gateway.log.length;
    gateway.rewrite(yaml(false));
    await gateway.waitForLog(({ msg }) => msg === 'configuration reloaded', { from });
    const text = await metrics();
    assert.ok(!text.includes(line));
    assert.ok(!text.includes(`countersign_upstream_connections{backend="localhost:${deadPort}"}`));
    has(text, `countersign_backend_healthy{route="plain",backend="localhost:${plain.port}"} 1`);
  });
});
