// CRLs in files and folders are active when they change, whatever else is wrong, and stay active when they break.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { serialOf, takenIn, writeCrl } from '../support/crls.ts';
import { StartFailure } from '../support/gateway.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { openSetup, reloadBy, settle, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import type { CertFiles, Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

const hourMs = 3_600_000;
const auth = (crl: string): string => `{clientCA: clients-ca.crt, required: true, crl: ${crl}}`;

const withCrl = (options: Pick<SetupOptions, 'clientAuth' | 'prepare'> = {}) => ({
  clientAuth: auth('{sources: [clients.crl]}'),
  prepare: ({ dir, clients }: Pki) => void writeCrl(dir, 'clients.crl', clients, { number: 1 }),
  ...options,
});

async function ask({ pki, gateway }: Setup, as: CertFiles = pki.alice) {
  return sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, cert: as.cert, key: as.key });
}

const isRefusal =
  (code: string) =>
  (line: Readonly<Record<string, unknown>>): boolean =>
    line['code'] === code;

// One gateway for what is not about starting; each test begins with a reload. Who waits for a refusal in the log that another
// test has caused already has a gateway of its own: the log does not repeat itself within a minute.
let setup: Setup;
before(async () => {
  setup = await openSetup({ workers: 2 });
});
after(async () => setup[Symbol.asyncDispose]());

describe('a CRL in a file', () => {
  it('takes effect while the gateway runs, and while its configuration is broken', async () => {
    await settle(setup, withCrl());
    const { pki, gateway } = setup;
    assert.equal((await ask(setup)).status, 200);
    const { ok } = await reloadBy(gateway, () => gateway.rewrite('version: 2\ngateway: {routes: [oops'));
    assert.equal(ok, false);
    const bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
    await takenIn(gateway, '02', () =>
      writeCrl(pki.dir, 'clients.crl', pki.clients, {
        number: 2,
        revoked: [{ serial: serialOf(pki.alice), reason: 1 }],
      }),
    );
    const from = gateway.log.length;
    await eventually(async () => (await ask(setup)).status === undefined, { what: 'alice to be refused' });
    const line = await gateway.waitForLog(isRefusal('revoked'), { from, what: 'the refusal' });
    assert.match(JSON.stringify(line), /key compromised.*number 02.*clients\.crl/);
    assert.equal((await ask(setup, bob)).status, 200);
  });

  it('that is broken, gone, forged or older keeps the last good one in force, with an error in the log', async () => {
    await settle(
      setup,
      withCrl({
        clientAuth: auth('{sources: [attacked.crl]}'),
        prepare: ({ dir, clients, alice }) =>
          void writeCrl(dir, 'attacked.crl', clients, { number: 5, revoked: [{ serial: serialOf(alice) }] }),
      }),
    );
    const { pki, gateway } = setup;
    const refusals: readonly (readonly [string, () => void])[] = [
      ['crl_broken', () => pki.dir.replace('attacked.crl', 'garbage')],
      ['crl_unreadable', () => rmSync(pki.dir.file('attacked.crl'))],
      ['crl_issuer_unknown', () => writeCrl(pki.dir, 'attacked.crl', pki.servers, { number: 9 })],
      ['crl_rollback', () => writeCrl(pki.dir, 'attacked.crl', pki.clients, { number: 4 })],
    ];
    for (const [code, act] of refusals) {
      const from = gateway.log.length;
      act();
      const line = await gateway.waitForLog(isRefusal(code), { from, what: code });
      assert.equal(line['level'], 'error');
      assert.equal((await ask(setup)).status, undefined, code);
    }
    assert.equal(await setup.metric('countersign_crl_refresh_failures_total', 'attacked.crl'), refusals.length);
    // A reload does not bring the older one in either; a newer one ends it all.
    assert.equal((await reloadBy(gateway, () => gateway.reload())).ok, true);
    assert.equal((await ask(setup)).status, undefined);
    await takenIn(gateway, '06', () => writeCrl(pki.dir, 'attacked.crl', pki.clients, { number: 6 }));
    await eventually(async () => (await ask(setup)).status === 200, { what: 'alice to be let in again' });
  });

  it('keeps the gateway from starting, and a reload from happening, where it is broken', async () => {
    const broken = withCrl({ prepare: ({ dir }) => void dir.write('clients.crl', 'garbage') });
    await assert.rejects(openSetup(broken), (error: unknown) => {
      assert.ok(error instanceof StartFailure);
      assert.match(JSON.stringify(error.log), /clients\.crl: it holds neither DER nor PEM/);
      return true;
    });
    await settle(setup, withCrl());
    setup.pki.dir.write('other.crl', 'garbage');
    const { ok, lines } = await reloadBy(setup.gateway, () =>
      setup.gateway.rewrite(setup.yaml({ clientAuth: auth('{sources: [clients.crl, other.crl]}') })),
    );
    assert.equal(ok, false);
    assert.match(JSON.stringify(lines), /crl_broken/);
    assert.equal((await ask(setup)).status, 200);
  });

  for (const [onStale, status] of [
    ['deny', undefined],
    ['allow', 200],
  ] as const) {
    it(`whose time is over leaves clients to onStale: ${onStale}, but what it lists is revoked`, async () => {
      const past = { thisUpdate: Date.now() - 2 * hourMs, nextUpdate: Date.now() - hourMs };
      await using own = await openSetup({
        workers: 2,
        ...withCrl({
          clientAuth: auth(`{sources: [clients.crl], onStale: ${onStale}}`),
          prepare: async ({ dir, clients }) => {
            const listed = await clients.issueFiles('listed', { kind: 'client', cn: 'listed' });
            writeCrl(dir, 'clients.crl', clients, { ...past, revoked: [{ serial: serialOf(listed) }] });
          },
        }),
      });
      assert.equal((await ask(own)).status, status);
      if (status === undefined) await own.gateway.waitForLog(isRefusal('crl_stale'));
      const { dir } = own.pki;
      const listed = { ...own.pki.alice, cert: dir.file('listed.crt'), key: dir.file('listed.key') };
      assert.equal((await ask(own, listed)).status, undefined);
      await own.gateway.waitForLog(isRefusal('revoked'));
    });
  }

  it('that goes out of date ends the open connections that it spoke of', async () => {
    await settle(setup, withCrl());
    const { pki, gateway } = setup;
    const from = gateway.log.length;
    const to = { port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice };
    using connection = await keepConnection(to);
    assert.match(await connection.get(), /^HTTP\/1\.1 200 /);
    await takenIn(gateway, '02', () =>
      writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 2, nextUpdate: Date.now() + 3_000 }),
    );
    assert.equal(await connection.ended, 'end');
    assert.equal((await ask(setup)).status, undefined);
    await gateway.waitForLog(isRefusal('crl_stale'), { from });
  });

  for (const [onMissing, status] of [
    ['deny', undefined],
    ['allow', 200],
  ] as const) {
    it(`of another CA leaves clients to onMissing: ${onMissing}`, async () => {
      await settle(
        setup,
        withCrl({
          clientAuth: `{clientCA: [clients-ca.crt, internal-ca.crt], required: true, crl: {sources: [x.crl], onMissing: ${onMissing}}}`,
          prepare: ({ dir, internal }) => void writeCrl(dir, 'x.crl', internal),
        }),
      );
      const from = setup.gateway.log.length;
      assert.equal((await ask(setup)).status, status);
      if (status === undefined) await setup.gateway.waitForLog(isRefusal('revocation_unknown'), { from });
    });
  }
});

describe('a folder of CRLs', () => {
  it('is read file by file: one that breaks does not keep another one out', async () => {
    const { extra } = { extra: 'crls/extra.crl' };
    await using own = await openSetup({
      workers: 2,
      ...withCrl({
        clientAuth: '{clientCA: [clients-ca.crt, internal-ca.crt], required: true, crl: {sources: [crls]}}',
        prepare: ({ dir, clients, internal }) => {
          writeCrl(dir, 'crls/clients.crl', clients, { number: 1 });
          writeCrl(dir, extra, internal, { number: 1 });
          dir.write('crls/README', 'not a CRL, and not looked at');
        },
      }),
    });
    const { pki, gateway } = own;
    const { gateway: fromInternal } = pki;
    assert.equal((await ask(own)).status, 200);
    assert.equal((await ask(own, fromInternal)).status, 200);
    const from = gateway.log.length;
    pki.dir.replace('crls/clients.crl', 'garbage');
    await gateway.waitForLog(isRefusal('crl_broken'), { from });
    await takenIn(gateway, '02', () =>
      writeCrl(pki.dir, extra, pki.internal, { number: 2, revoked: [{ serial: serialOf(fromInternal) }] }),
    );
    await eventually(async () => (await ask(own, fromInternal)).status === undefined, { what: 'the refusal' });
    assert.equal((await ask(own)).status, 200);
    // Taken away on purpose: nothing is known of that CA any more.
    rmSync(pki.dir.file(extra));
    const unknown = await gateway.waitForLog(({ msg }) => msg.endsWith('was taken away'), { from });
    assert.equal(unknown['level'], 'warn');
    await eventually(
      async () => (await ask(own, fromInternal), gateway.log.items.slice(from).some(isRefusal('revocation_unknown'))),
      {
        what: 'revocation_unknown',
      },
    );
  });
});

describe('a worker that starts later', () => {
  it('knows the CRLs in force before it listens', async () => {
    await using own = await openSetup({ workers: 1, ...withCrl() });
    const { pki, gateway } = own;
    await takenIn(gateway, '02', () =>
      writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 2, revoked: [{ serial: serialOf(pki.alice) }] }),
    );
    const ready = await gateway.waitForLog(({ msg }) => msg === 'worker ready');
    const from = gateway.log.length;
    process.kill(Number(ready['pid']), 'SIGKILL');
    await gateway.waitForLog(({ msg }) => msg === 'worker ready', { from });
    assert.equal((await ask(own)).status, undefined);
    await gateway.waitForLog(isRefusal('revoked'), { from });
    const bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
    using connection = await keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem, as: bob });
    assert.match(await connection.get(), /^HTTP\/1\.1 200 /);
  });
});
