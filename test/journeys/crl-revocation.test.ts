// A revocation that becomes known ends what is open and refuses what comes, wherever it was begun (incidents 2, 13, 23).
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { serialOf, takenIn, writeCrl } from '../support/crls.ts';
import { type KeptConnection, keepConnection } from '../support/kept-connection.ts';
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

type Asked = { readonly host: string | undefined; readonly response: ServerResponse };

async function revokeAlice({ pki, gateway }: Setup): Promise<void> {
  const revoked = [{ serial: serialOf(pki.alice), reason: 1 }];
  await takenIn(gateway, '02', () => writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 2, revoked }));
}

describe('a client that is revoked', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let setup: Setup;
  let alices: KeptConnection[];
  let kept: KeptConnection;
  const versions = ['1.2', '1.3'] as const;
  const call = (tls: (typeof versions)[number]) => {
    const { cert, key } = setup.pki.alice;
    return { port: setup.gateway.ports.webSecure, ca: setup.pki.servers.file, cert, key, tls };
  };
  const session = (tls: string): string => setup.pki.dir.file(`session-${tls}.pem`);

  before(async () => {
    setup = stack.use(await openRevocable());
    const { pki, gateway } = setup;
    for (const tls of versions) {
      assert.equal((await sClient({ ...call(tls), sessionOut: session(tls) })).status, 200);
      assert.equal((await sClient({ ...call(tls), sessionIn: session(tls) })).reused, true);
    }
    const to = { port: gateway.ports.webSecure, ca: pki.servers.certPem };
    const bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
    alices = await Promise.all(
      Array.from({ length: 6 }, async (_, at) =>
        keepConnection({ ...to, as: pki.alice, ...(at % 2 === 0 ? { tls: { maxVersion: 'TLSv1.2' } } : {}) }),
      ),
    );
    kept = stack.use(await keepConnection({ ...to, as: bob }));
    for (const one of [...alices, kept]) assert.match(await one.get(), /^HTTP\/1\.1 200 /);
    await revokeAlice(setup);
  });

  it('loses its open connections on every worker, others keep theirs, and the gauge returns to 0', async () => {
    const { gateway } = setup;
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

  for (const tls of versions) {
    it(`does not resume a session of TLS ${tls}, on whatever worker`, async () => {
      const refusals = async () => setup.metric('countersign_tls_handshakes_total', 'result="revoked"');
      const before = await refusals();
      await eventually(async () => (await sClient(call(tls))).status === undefined, { what: 'the refusal' });
      for (let i = 0; i < 6; i++)
        assert.equal((await sClient({ ...call(tls), sessionIn: session(tls) })).status, undefined);
      const refused = (await refusals()) - before;
      assert.ok(refused >= 7, String(refused));
    });
  }
});

it('a session that one worker keeps is worth nothing once its client is revoked, and that of another client still is', async () => {
  await using setup = await openRevocable({ workers: 1 });
  const { pki, gateway } = setup;
  const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
  const bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
  const calls = (['1.2', '1.3'] as const).flatMap((tls) =>
    [pki.alice, bob].map(({ cert, key }, at) => ({
      ask: { ...to, cert, key, tls },
      isAlice: at === 0,
      session: pki.dir.file(`kept-${tls}-${at}.pem`),
    })),
  );
  for (const { ask, session } of calls) assert.equal((await sClient({ ...ask, sessionOut: session })).status, 200);
  await revokeAlice(setup);
  await eventually(
    async () => (await sClient({ ...to, cert: pki.alice.cert, key: pki.alice.key })).status === undefined,
    {
      what: 'the refusal',
    },
  );
  for (const { ask, isAlice, session } of calls) {
    const { status, reused } = await sClient({ ...ask, sessionIn: session });
    assert.deepEqual([status, reused], isAlice ? [undefined, true] : [200, true]);
  }
});

describe('a client that is revoked with a request in flight', () => {
  const asked = new Feed<Asked>('requests');
  const graces = { 'a.test': '0s', 'b.test': '10s' };
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let setup: Setup;
  const open = new Map<string, KeptConnection>();

  before(async () => {
    const backend = stack.use(
      await startBackend({ handle: (request, response) => asked.push({ host: request.headers.host, response }) }),
    );
    const policies = Object.entries(graces).map(
      ([host, grace]) => `{name: ${host}, hosts: [${host}], clientAuth: ${auth(`, distrustGrace: ${grace}`)}}`,
    );
    const target = `http://127.0.0.1:${backend.port}`;
    setup = stack.use(
      await openRevocable({ workers: 1, target, route: '', tls: `    policies: [${policies.join(', ')}]` }),
    );
    const { pki, gateway } = setup;
    for (const servername of ['localhost', ...Object.keys(graces)]) {
      const to = { port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice, servername };
      const connection = stack.use(await keepConnection(to));
      open.set(servername, connection);
      connection.send(`GET / HTTP/1.1\r\nHost: ${servername}\r\n\r\n`);
      const { response } = await asked.waitFor(({ host }) => host === servername);
      if (servername !== 'localhost') continue;
      const timer = setInterval(() => response.write('x'.repeat(1000)), 20);
      response.on('close', () => clearInterval(timer));
      await connection.waitFor(/xxx/);
    }
    await revokeAlice(setup);
  });

  it('is cut at once where distrustGrace is 0s', async () => {
    await open.get('a.test')?.ended;
    assert.equal(open.get('a.test')?.text(), '');
  });

  it('gets its answer within the grace, and nothing after it', async () => {
    const connection = open.get('b.test');
    const { response } = await asked.waitFor(({ host }) => host === 'b.test');
    const rejudged = async () => setup.metric('countersign_trust_rejudged_total', 'result="revoked"');
    await eventually(async () => (await rejudged()) === 3, { what: 'the judgement' });
    assert.ok((await setup.metric('countersign_sessions_with_revoked_certificate')) >= 1);
    response.end('late');
    assert.equal(await connection?.ended, 'end');
    assert.match(connection?.text() ?? '', /^HTTP\/1\.1 200 [^]*connection: close[^]*late$/i);
  });

  it('is cut when the usual grace is over where its answer is endless, and the gauge returns to 0', async () => {
    await open.get('localhost')?.ended;
    await eventually(async () => (await setup.metric('countersign_sessions_with_revoked_certificate')) === 0, {
      what: 'the gauge to return to 0',
    });
  });
});

describe('a client below a CA that is revoked', () => {
  it('is refused with everybody below that intermediate', async () => {
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
