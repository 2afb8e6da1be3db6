// The gateway tries its own listeners: nothing of that is counted among clients, and who answers there against the declaration is found,
// be it another process on the same port.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { connect } from 'node:tls';
import { describe, it } from 'node:test';
import type { LogLine } from '../support/gateway.ts';
import { expectFlawless, openSetup, type Setup } from '../support/mtls-setup.ts';
import { type OwnedProcess, startProcess } from '../support/owned-process.ts';
import { eventually } from '../support/wait-for.ts';

const often = '  accessLog: {enabled: true, path: stdout, format: json}\n  drift: {selfTest: {every: 1s}}';
const began = ({ msg, drift }: LogLine): boolean => drift === 'behaviour' && msg.startsWith('drift: ');
const ended = ({ msg, drift }: LogLine): boolean => drift === 'behaviour' && msg.startsWith('drift ended: ');
const patient = { what: 'the gateway to try itself' };

const tried = async (setup: Setup, result: string): Promise<number> =>
  setup.metric('countersign_self_test_handshakes_total', `result="${result}"`);
const drifts = async (setup: Setup): Promise<number> => setup.metric('countersign_config_drift', 'kind="behaviour"');

/** Rounds that began after now are over. */
async function severalRounds(setup: Setup, result: string): Promise<void> {
  const before = await tried(setup, result);
  await eventually(async () => (await tried(setup, result)) > before + 6, patient);
}

async function startThief(setup: Setup, cert: string, key: string): Promise<OwnedProcess> {
  const thief = await startProcess(
    process.execPath,
    [
      fileURLToPath(new URL('../support/port-thief.ts', import.meta.url)),
      String(setup.gateway.ports.webSecure),
      cert,
      key,
    ],
    { name: 'thief' },
  );
  await thief.lines.waitFor(({ text }) => text === 'listening', { ...patient, what: 'the thief to listen' });
  return thief;
}

describe('the gateway trying itself', () => {
  it('finds nothing where all is as declared, and is nowhere among clients', async () => {
    await using setup = await openSetup({ workers: 2, gateway: often });
    for (const result of ['no_client_cert', 'untrusted_issuer', 'protocol_mismatch'])
      await eventually(async () => (await tried(setup, result)) > 0, { ...patient, what: result });
    await severalRounds(setup, 'no_client_cert');
    assert.equal(await drifts(setup), 0);
    for (const name of [
      'tls_handshakes_total',
      'tls_no_certificate_total',
      'connections_total',
      'faults_total',
      'requests_total',
    ])
      assert.equal(
        await setup.metric(`countersign_${name}`, name === 'tls_handshakes_total' ? 'leg="client"' : ''),
        0,
        name,
      );
    assert.deepEqual(
      setup.gateway.log.items.filter((line) => line.msg.includes('refused') || 'target' in line),
      [],
      'neither the log nor the access log has heard of it',
    );
    const { identities } = JSON.parse((await setup.gateway.admin('/trust/identities')).body) as {
      identities: unknown[];
    };
    assert.deepEqual(identities, []);
  });

  it('takes nobody for the gateway who has not its key', async () => {
    await using setup = await openSetup({ gateway: often });
    const forged = `countersign-self-test.${Buffer.alloc(34, 7).toString('base64url')}`;
    const socket = connect({
      host: '127.0.0.1',
      port: setup.gateway.ports.webSecure,
      servername: 'localhost',
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1', forged],
    });
    socket.on('error', () => {});
    const line = await setup.gateway.waitForLog(({ code }) => code === 'no_client_cert', patient);
    assert.match(line.msg, /^handshake refused/);
    assert.equal(await setup.metric('countersign_tls_handshakes_total', 'result="no_client_cert"'), 1);
    socket.destroy();
  });

  for (const [name, options] of [
    ['explains refusals', { clientAuth: '{clientCA: clients-ca.crt, required: true, onFailure: explain}' }],
    ['requires no certificate', { clientAuth: '{clientCA: clients-ca.crt, required: false}' }],
    ['refuses names that nobody has', { tls: '    defaultPolicy: none' }],
    ['asks nobody, from TLS 1.3 on', { clientAuth: '', tls: '    minVersion: TLSv1.3' }],
  ] as const)
    it(`finds nothing where the policy ${name}`, async () => {
      await using setup = await openSetup({ gateway: often, ...options });
      await severalRounds(setup, name.startsWith('explains') || name.startsWith('refuses') ? 'no_client_cert' : 'ok');
      assert.equal(await drifts(setup), 0);
    });

  it('comes as a balancer where only those are let near, and says where it cannot', async () => {
    const entryPoints = (rule: string): string => `${often}\n  entryPoints: {webSecure: {proxyProtocol: {${rule}}}}`;
    await using setup = await openSetup({ gateway: entryPoints('from: 127.0.0.0/8') });
    await severalRounds(setup, 'no_client_cert');
    assert.equal(await drifts(setup), 0);
    assert.ok(!setup.gateway.log.items.some(({ msg }) => /PROXY header/.test(msg)));
    const from = setup.gateway.log.length;
    setup.gateway.rewrite(setup.yaml({ gateway: entryPoints('from: 192.0.2.1, others: refuse') }));
    const line = await setup.gateway.waitForLog(({ msg }) => msg.startsWith('the gateway cannot try these itself'), {
      from,
      ...patient,
    });
    assert.equal(line['entryPoints'], 'webSecure');
  });
});

describe('another process on the port of the gateway', () => {
  it('is found by the certificate that it serves, while requests go on', async () => {
    await using setup = await openSetup({ workers: 2, gateway: often });
    const { pki } = setup;
    const load = setup.load({ pauseMs: 100 });
    await load.waitForOk(20);
    const other = await pki.servers.issue({ kind: 'server', cn: 'somebody else', sans: ['DNS:localhost'] });
    const thief = await startThief(
      setup,
      pki.dir.write('thief.crt', other.chainPem),
      pki.dir.write('thief.key', other.keyPem),
    );
    const line = await setup.gateway.waitForLog(began, patient);
    assert.equal(line['code'], 'wrong_certificate');
    assert.match(
      line.msg,
      /webSecure .*policy gateway: a certificate is served that is not declared for it: CN=somebody else, serial [0-9a-f]+$/,
    );
    assert.equal(await drifts(setup), 1);
    await load.waitForOk(20);
    await thief.stop('SIGKILL');
    await setup.gateway.waitForLog(ended, patient);
    await eventually(async () => (await drifts(setup)) === 0, patient);
    await expectFlawless(load);
  });

  it('is found by whom it lets in, where it has the very certificate of the gateway', async () => {
    await using setup = await openSetup({ gateway: often });
    const thief = await startThief(setup, setup.pki.dir.file('edge.crt'), setup.pki.dir.file('edge.key'));
    const line = await setup.gateway.waitForLog(began, patient);
    assert.equal(line['code'], 'let_in');
    assert.match(line.msg, /is let in, against the configuration in force$/);
    await thief.stop('SIGKILL');
    await setup.gateway.waitForLog(ended, patient);
  });
});
