// A revocation that becomes known ends what is open and refuses what comes, wherever it was begun (incidents 2, 13, 23).
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { serialOf, takenIn, writeCrl } from '../support/crls.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { openSetup, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import { eventually, Feed } from '../support/wait-for.ts';

const auth = (more = ''): string => `{clientCA: clients-ca.crt, required: true, crl: {sources: [clients.crl]}${more}}`;

const openRevocable = async (options: SetupOptions = {}): Promise<Setup> =>
  openSetup({
    workers: 2,
    clientAuth: auth(),
    prepare: ({ dir, clients }) => void writeCrl(dir, 'clients.crl', clients, { number: 1 }),
    ...options,
  });

async function revokeAlice({ pki, gateway }: Setup): Promise<void> {
  const revoked = [{ serial: serialOf(pki.alice), reason: 1 }];
  await takenIn(gateway, '02', () => writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 2, revoked }));
}

describe('a client that is revoked', () => {
  it('loses its open connections on every worker, others keep theirs, and the gauge returns to 0', async () => {
    await using setup = await openRevocable();
    const { pki, gateway } = setup;
    const to = { port: gateway.ports.webSecure, ca: pki.servers.certPem };
    const bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
    const alices = await Promise.all(
      Array.from({ length: 6 }, async (_, at) =>
        keepConnection({ ...to, as: pki.alice, ...(at % 2 === 0 ? { tls: { maxVersion: 'TLSv1.2' } } : {}) }),
      ),
    );
    using kept = await keepConnection({ ...to, as: bob });
    for (const one of [...alices, kept]) assert.match(await one.get(), /^HTTP\/1\.1 200 /);
    await revokeAlice(setup);
    for (const one of alices) assert.equal(await one.ended, 'end');
    const told = await gateway.waitForLog(({ msg }) => msg.startsWith('client connections closed: revoked: '), {
      what: 'whose',
    });
    assert.deepEqual([told['policy'], told['clients']], ['gateway', ['CN=alice']]);
    assert.match(String(told['detail']), /^serial [0-9a-f]+ was revoked on .* number 02 /);
    assert.match(await kept.get(), /^HTTP\/1\.1 200 /);
    const count = async () => setup.metric('countersign_sessions_with_revoked_certificate');
    await eventually(async () => (await count()) === 0, { what: 'the gauge to return to 0' });
    assert.equal(await setup.metric('countersign_trust_rejudged_total', 'result="revoked"'), 6);
  });

  for (const tls of ['1.2', '1.3'] as const) {
    it(`does not resume a session of TLS ${tls}, on whatever worker`, async () => {
      await using setup = await openRevocable();
      const { pki, gateway } = setup;
      const session = pki.dir.file('session.pem');
      const { cert, key } = pki.alice;
      const call = { port: gateway.ports.webSecure, ca: pki.servers.file, cert, key, tls };
      assert.equal((await sClient({ ...call, sessionOut: session })).status, 200);
      assert.equal((await sClient({ ...call, sessionIn: session })).reused, true);
      await revokeAlice(setup);
      await eventually(async () => (await sClient(call)).status === undefined, { what: 'the refusal' });
      for (let i = 0; i < 6; i++) assert.equal((await sClient({ ...call, sessionIn: session })).status, undefined);
      const refused = await setup.metric('countersign_tls_handshakes_total', 'result="revoked"');
      assert.ok(refused >= 7, String(refused));
    });
  }

  it('with a request in flight is cut at once where distrustGrace is 0s', async () => {
    const asked = new Feed<ServerResponse>('requests');
    await using backend = await startBackend({ handle: (_request, response) => asked.push(response) });
    const target = `http://127.0.0.1:${backend.port}`;
    await using setup = await openRevocable({ workers: 1, target, route: '', clientAuth: auth(', distrustGrace: 0s') });
    const { pki, gateway } = setup;
    using open = await keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice });
    open.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await asked.waitFor(() => true);
    await revokeAlice(setup);
    await open.ended;
    assert.equal(open.text(), '');
  });

  it('with a request in flight gets its answer within the grace, and nothing after it', async () => {
    const asked = new Feed<ServerResponse>('requests');
    await using backend = await startBackend({ handle: (_request, response) => asked.push(response) });
    const target = `http://127.0.0.1:${backend.port}`;
    await using setup = await openRevocable({
      workers: 1,
      target,
      route: '',
      clientAuth: auth(', distrustGrace: 10s'),
    });
    const { pki, gateway } = setup;
    using open = await keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice });
    open.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const response = await asked.waitFor(() => true);
    await revokeAlice(setup);
    const rejudged = async () => setup.metric('countersign_trust_rejudged_total', 'result="revoked"');
    await eventually(async () => (await rejudged()) === 1, { what: 'the judgement' });
    assert.equal(await setup.metric('countersign_sessions_with_revoked_certificate'), 1);
    response.end('late');
    assert.equal(await open.ended, 'end');
    assert.match(open.text(), /^HTTP\/1\.1 200 [^]*connection: close[^]*late$/i);
    await eventually(async () => (await setup.metric('countersign_sessions_with_revoked_certificate')) === 0, {
      what: 'the gauge to return to 0',
    });
  });

  it('with an endless answer is cut when the usual grace is over', async () => {
    await using backend = await startBackend({
      handle: (_request, response) => {
        const timer = setInterval(() => response.write('x'.repeat(1000)), 20);
        response.on('close', () => clearInterval(timer));
      },
    });
    await using setup = await openRevocable({ workers: 1, target: `http://127.0.0.1:${backend.port}`, route: '' });
    const { pki, gateway } = setup;
    using open = await keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice });
    open.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await open.waitFor(/xxx/);
    await revokeAlice(setup);
    await open.ended;
  });

  it('is refused with everybody below it where an intermediate is revoked', async () => {
    await using setup = await openRevocable({
      workers: 1,
      clientAuth: '{clientCA: [clients-ca.crt, middle.crt], required: true, crl: {sources: [clients.crl, middle.crl]}}',
      prepare: async ({ dir, clients }) => {
        const middle = await clients.issueCa({ cn: 'Middle' });
        const carol = await middle.issue({ kind: 'client', cn: 'carol' });
        dir.write('middle.crt', middle.certPem);
        dir.write('carol.crt', carol.chainPem);
        dir.write('carol.key', carol.keyPem);
        writeCrl(dir, 'middle.crl', middle);
        writeCrl(dir, 'clients.crl', clients, { number: 1 });
        dir.write('serial', serialOf(middle));
      },
    });
    const { pki, gateway } = setup;
    const { dir } = pki;
    const call = { port: gateway.ports.webSecure, ca: pki.servers.file };
    const carol = { cert: dir.file('carol.crt'), key: dir.file('carol.key') };
    assert.equal((await sClient({ ...call, ...carol })).status, 200);
    const { readFileSync } = await import('node:fs');
    const serial = readFileSync(dir.file('serial'), 'utf8');
    await takenIn(gateway, '02', () => writeCrl(dir, 'clients.crl', pki.clients, { number: 2, revoked: [{ serial }] }));
    await eventually(async () => (await sClient({ ...call, ...carol })).status === undefined, { what: 'the refusal' });
    const line = await gateway.waitForLog(({ ['code']: code }) => code === 'revoked');
    assert.match(JSON.stringify(line), /a CA above it: serial/);
    assert.equal((await sClient({ ...call, cert: pki.alice.cert, key: pki.alice.key })).status, 200);
  });
});

describe('a backend that is revoked', () => {
  it('is not called any more, on open connections neither', async () => {
    const tls =
      'rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key, crl: {sources: [internal.crl]}';
    await using setup = await openSetup({
      workers: 1,
      route: `      security: {tls: {${tls}}}`,
      prepare: ({ dir, internal }) => void writeCrl(dir, 'internal.crl', internal, { number: 1 }),
    });
    const { pki, gateway } = setup;
    using open = await keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice });
    assert.match(await open.get(), /^HTTP\/1\.1 200 /);
    await takenIn(gateway, '02', () =>
      writeCrl(pki.dir, 'internal.crl', pki.internal, { number: 2, revoked: [{ serial: serialOf(pki.backend) }] }),
    );
    await eventually(async () => (await open.get()).startsWith('HTTP/1.1 502 '), { what: 'the backend to be refused' });
    assert.ok((await setup.metric('countersign_tls_handshakes_total', 'result="revoked"')) > 0);
  });
});
