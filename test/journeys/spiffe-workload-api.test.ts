// A gateway without a single certificate file: what it shows to clients, what it shows to a real nginx behind it, and whom it lets in come
// from a SPIFFE agent, which rotates, dies, comes back and tells nonsense, all under load.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Issued } from '../../src/certs/test-ca.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, type LogLine, startGateway } from '../support/gateway.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { type Load, startLoad } from '../support/load.ts';
import { expectFlawless } from '../support/mtls-setup.ts';
import { startNginx } from '../support/nginx.ts';
import { sClient } from '../support/openssl.ts';
import { type Authority, type CertFiles, openAuthority } from '../support/pki.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { type AgentSvid, WorkloadApi } from '../support/workload-api.ts';

const gatewayId = 'spiffe://mesh.test/gateway';
const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let dir: TempDir;
let mesh: Authority;
let partner: Authority;
let agent: WorkloadApi;
let gateway: Gateway;
let client: CertFiles;
let partnersClient: CertFiles;
let yaml: string;

async function issueOwn(ca: Authority = mesh): Promise<Issued> {
  return ca.issue({ kind: 'both', cn: 'gateway', sans: [gatewayId, 'localhost'] });
}

function svidOf({ chainPem, keyPem }: Issued, bundle = mesh.certPem): AgentSvid {
  return { id: gatewayId, chain: chainPem, key: keyPem, bundle };
}

const bothDomains = (): Record<string, string> => ({ 'mesh.test': mesh.certPem, 'partner.test': partner.certPem });

before(async () => {
  dir = stack.use(openTempDir('mesh'));
  mesh = await openAuthority(dir, 'mesh');
  partner = await openAuthority(dir, 'partner');
  client = await mesh.issueFiles('client', { kind: 'client', cn: 'client', sans: ['spiffe://mesh.test/client'] });
  partnersClient = await partner.issueFiles('partner', {
    kind: 'client',
    cn: 'partner',
    sans: ['spiffe://partner.test/client'],
  });
  const backend = await mesh.issueFiles('backend', {
    kind: 'both',
    cn: 'backend',
    sans: ['spiffe://mesh.test/backend'],
  });
  const nginx = stack.use(await startNginx({ tls: backend, clientCa: mesh.file }));
  agent = stack.use(await new WorkloadApi().start());
  agent.tell({ svids: [svidOf(await issueOwn())], bundles: bothDomains() });
  yaml = `version: 2
gateway:
  accessLog: {enabled: false}
  certificates: [{id: me, spiffe: {socket: "${agent.socket}"}}]
  caBundles: [{id: mesh, spiffe: {socket: "${agent.socket}", trustDomain: mesh.test}}]
  services:
    - name: backend
      address: localhost:${nginx.port}
      tls: {mode: mtls, certificateId: me, caBundle: mesh, allowedSANs: [{spiffe: "spiffe://mesh.test/backend"}]}
  tls:
    certificateIds: [me]
    clientAuth:
      required: true
      spiffe: {trustDomains: [mesh.test, partner.test], workloadApi: {socket: "${agent.socket}"}}
  routes: [{name: all, path: /, hosts: [localhost], service: backend}]
`;
  gateway = stack.use(await startGateway({ yaml, dir, workers: 2 }));
});

const renewed = ({ msg }: LogLine): boolean => msg === 'certificates renewed';
const noNews = ({ msg }: LogLine): boolean => msg.startsWith('a source of certificates delivers nothing new');

async function shownSerial(): Promise<string> {
  const { cert, key } = client;
  const answer = await sClient({ port: gateway.ports.webSecure, ca: mesh.file, cert, key, args: ['-showcerts'] });
  assert.equal(answer.status, 200, answer.output);
  const [pem] = answer.output.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/) ?? [];
  return new X509Certificate(pem ?? '').serialNumber;
}

/** Has the agent tell a new SVID, and waits until every new connection sees it. */
async function rotate(): Promise<void> {
  const next = await issueOwn();
  const from = gateway.log.length;
  agent.tell({ svids: [svidOf(next)] });
  await gateway.waitForLog(renewed, { from });
  assert.equal(await shownSerial(), new X509Certificate(next.certPem).serialNumber);
}

function load(options: Partial<Parameters<typeof startLoad>[0]> = {}): Load {
  const trust = { ca: mesh.certPem, cert: client.chainPem, key: client.keyPem };
  return startLoad({ port: gateway.ports.webSecure, servername: 'localhost', connections: 3, ...trust, ...options });
}

const ask = (as: CertFiles): Promise<CurlResult> =>
  curl(`https://localhost:${gateway.ports.webSecure}/`, { ca: mesh.file, cert: as.cert, key: as.key });

describe('a gateway that has everything from a SPIFFE agent', () => {
  it('serves both trust domains, over mutual TLS on both sides', async () => {
    assert.equal((await ask(client)).status, 200);
    assert.equal((await ask(partnersClient)).status, 200);
    const stranger = await mesh.issueFiles('no-svid', { kind: 'client', cn: 'x', sans: ['x.test'] });
    assert.notEqual((await ask(stranger)).status, 200);
    // What one trust domain's CA says of another is nothing.
    const forged = await partner.issueFiles('forged', { kind: 'client', cn: 'x', sans: ['spiffe://mesh.test/client'] });
    assert.notEqual((await ask(forged)).status, 200);
  });

  it('takes one SVID after the other, and loses no request on old connections and new ones', async () => {
    const [kept, reconnecting] = [load(), load({ reconnect: true })];
    await Promise.all([kept.waitForOk(10), reconnecting.waitForOk(5)]);
    for (let round = 0; round < 5; round += 1) {
      await rotate();
      await Promise.all([kept.waitForOk(10), reconnecting.waitForOk(5)]);
    }
    await expectFlawless(kept, reconnecting);
  });

  it('goes on while the agent is dead, says so, and takes what it tells when it is back', async () => {
    const running = load({ reconnect: true });
    const before = await shownSerial();
    const from = gateway.log.length;
    agent.kill();
    await gateway.waitForLog(noNews, { from });
    await running.waitForOk(10);
    assert.equal(await shownSerial(), before);
    const { body } = await gateway.admin('/metrics');
    assert.match(body, /countersign_certificate_source_up\{source="me \(spiffe\)",kind="spiffe"\} 0/);
    const next = await issueOwn();
    agent.tell({ svids: [svidOf(next)] });
    const back = gateway.log.length;
    await agent.start();
    await gateway.waitForLog(renewed, { from: back });
    assert.equal(await shownSerial(), new X509Certificate(next.certPem).serialNumber);
    await expectFlawless(running);
  });

  it('takes nothing of garbage, nor an SVID whose CA its bundle does not hold', async () => {
    const running = load({ reconnect: true });
    const before = await shownSerial();
    const alien = svidOf(await issueOwn(partner), mesh.certPem);
    const bare = svidOf(await issueOwn(), partner.certPem);
    for (const tell of [
      () => agent.tellRaw(Buffer.from('garbage')),
      () => agent.tell({ svids: [bare] }),
      () => agent.tell({ svids: [alien] }),
    ]) {
      const from = gateway.log.length;
      tell();
      await gateway.waitForLog(noNews, { from });
      await running.waitForOk(5);
      assert.equal(await shownSerial(), before);
    }
    agent.tell({ bundles: bothDomains() });
    await rotate();
    await expectFlawless(running);
  });

  it('renews while its configuration on the disk is broken and was refused', async () => {
    const from = gateway.log.length;
    writeFileSync(gateway.configFile, 'gateway: {tls: [');
    await gateway.waitForLog(({ msg }) => msg.startsWith('reload rejected'), { from });
    await rotate();
    const good = gateway.log.length;
    gateway.rewrite(yaml);
    await gateway.waitForLog(({ msg }) => msg === 'configuration reloaded', { from: good });
    await rotate();
  });

  it('lets nobody of a trust domain in that the agent takes back, open connections among them', async () => {
    const { webSecure: port } = gateway.ports;
    using connection = await keepConnection({ port, ca: mesh.certPem, as: partnersClient });
    assert.match(await connection.get('/'), /^HTTP\/1.1 200/);
    const running = load();
    const from = gateway.log.length;
    agent.tell({ bundles: { 'mesh.test': mesh.certPem } });
    await gateway.waitForLog(renewed, { from });
    await connection.ended;
    assert.notEqual((await ask(partnersClient)).status, 200);
    await running.waitForOk(5);
    await expectFlawless(running);
    const back = gateway.log.length;
    agent.tell({ bundles: bothDomains() });
    await gateway.waitForLog(renewed, { from: back });
    assert.equal((await ask(partnersClient)).status, 200);
  });
});

describe('a start', () => {
  it('waits for an agent that comes up after it', async () => {
    using late = new WorkloadApi();
    late.tell({ svids: [svidOf(await issueOwn())], bundles: bothDomains() });
    const own = openTempDir('late');
    stack.use(own);
    const starting = startGateway({ yaml: yaml.replaceAll(agent.socket, late.socket), dir: own });
    await late.start();
    await using started = await starting;
    assert.ok(started.ports.webSecure > 0);
  });
});
