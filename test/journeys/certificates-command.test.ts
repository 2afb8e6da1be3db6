// What a person sees of certificates and their sources: of a configuration, with and without asking anybody, and of a gateway that runs.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { runCli } from '../support/cli.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { WorkloadApi } from '../support/workload-api.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let dir: TempDir;
let ca: TestCa;
let agent: WorkloadApi;
let file: string;
let yaml: string;

before(async () => {
  dir = stack.use(openTempDir('certificates'));
  ca = await mintCa({ cn: 'Mesh' });
  const edge = await ca.issue({ kind: 'server', cn: 'edge', sans: ['localhost'], serial: '0123456789abcdef' });
  dir.write('edge.crt', edge.chainPem);
  dir.write('edge.key', edge.keyPem);
  agent = stack.use(await new WorkloadApi().start());
  const svid = await ca.issue({ kind: 'both', cn: 'gateway', sans: ['spiffe://mesh.test/gateway'], serial: '5eed' });
  const id = 'spiffe://mesh.test/gateway';
  agent.tell({
    svids: [{ id, chain: svid.chainPem, key: svid.keyPem, bundle: ca.certPem }],
    bundles: { 'mesh.test': ca.certPem },
  });
  yaml = `version: 2
gateway:
  certificates:
    - {id: edge, cert: edge.crt, key: edge.key}
    - {id: mesh, spiffe: {socket: "${agent.socket}"}}
  caBundles: [{id: cas, spiffe: {socket: "${agent.socket}", trustDomain: mesh.test}}]
  tls: {certificateIds: [edge]}
  routes: [{name: r, path: /, hosts: [localhost], target: "http://127.0.0.1:9"}]
`;
  file = dir.write('gateway.yml', yaml);
});

describe('countersign certificates', () => {
  it('lists what a configuration has, and asks nobody', async () => {
    const { code, stdout } = await runCli(['certificates', '--config', file]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^edge +file +0*123456789abcdef +20\d\d-.* \(in \d+ days\) +-$/m);
    assert.match(stdout, /^mesh +spiffe +- +not asked +-$/m);
    assert.equal(agent.opened.length, 0);
  });

  it('asks the sources with --probe, and says what went wrong', async () => {
    const good = await runCli(['certificates', '--config', file, '--probe']);
    assert.equal(good.code, 0, good.stdout + good.stderr);
    assert.match(good.stdout, /^mesh +spiffe +5eed +20\d\d-.* +20\d\d-/m);
    const broken = dir.write('broken.yml', yaml.replaceAll(agent.socket, 'unix:///nonexistent/agent.sock'));
    const bad = await runCli(['certificates', '--config', broken, '--probe', '--timeout', '5']);
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /source_empty|nothing was delivered/);
  });

  it('is what a gateway says that runs, its last error included, and no key', async () => {
    const gateway: Gateway = stack.use(await startGateway({ yaml, dir }));
    const admin = `http://127.0.0.1:${gateway.ports.admin}`;
    const good = await runCli(['certificates', '--against', admin]);
    assert.equal(good.code, 0, good.stdout + good.stderr);
    assert.match(good.stdout, /^cas +spiffe +[0-9a-f]{8,} /m);
    const from = gateway.log.length;
    agent.kill();
    await gateway.waitForLog(({ msg }) => msg.startsWith('a source of certificates delivers nothing new'), { from });
    const bad = await runCli(['certificates', '--against', admin, '--json']);
    assert.equal(bad.code, 3, bad.stdout + bad.stderr);
    assert.match(bad.stdout, /"code": "spiffe_/);
    assert.ok(!bad.stdout.includes('PRIVATE KEY'));
  });
});

describe('check', () => {
  it('asks no source, and does with --probe', async () => {
    const broken = dir.write('gone.yml', yaml.replaceAll(agent.socket, 'unix:///nonexistent/agent.sock'));
    const quiet = await runCli(['check', '--config', broken]);
    assert.equal(quiet.code, 0, quiet.stdout);
    const probing = await runCli(['check', '--config', broken, '--probe', '--timeout', '5']);
    assert.equal(probing.code, 1);
    assert.match(probing.stdout, /mesh \(spiffe\): nothing was delivered/);
  });
});
