// A CRL from a URL: fetched before it is needed, again when it is due, and never believed because of where it comes from.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeDer } from '../../src/asn1/der-writer.ts';
import { whileValid } from '../support/brief-life.ts';
import { type CrlServer, failing, serving, startCrlServer } from '../support/crl-server.ts';
import { serialOf } from '../support/crls.ts';
import { openSetup, reloadBy, type Setup } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import { eventually } from '../support/wait-for.ts';

const auth = (url: string, more = ''): string =>
  `{clientCA: clients-ca.crt, required: true, crl: {sources: ["${url}"]${more}}}`;

async function status(setup: Setup): Promise<number | undefined> {
  const { pki, gateway } = setup;
  const { cert, key } = pki.alice;
  return (await sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, cert, key })).status;
}

async function reach(setup: Setup, wanted: number | undefined): Promise<void> {
  await eventually(async () => (await status(setup)) === wanted, { what: `status ${wanted}` });
}

/** A setup whose CRL server first does as `first` says, given the setup's certificates. */
async function openUrlSetup(first: (pki: Setup['pki']) => CrlServer['answer'], more = '') {
  const server = await startCrlServer();
  const setup = await openSetup({
    workers: 2,
    clientAuth: auth(server.url, more),
    prepare: (pki) => {
      server.answer = first(pki);
    },
  });
  return {
    setup,
    server,
    async [Symbol.asyncDispose]() {
      await setup[Symbol.asyncDispose]();
      server[Symbol.dispose]();
    },
  };
}

const inMs = (ms: number) => ({ thisUpdate: Date.now() - 1_000, nextUpdate: Date.now() + ms });

// Side by side: each has a gateway and a server of its own, and one waits ten seconds for nothing.
describe('a CRL from a URL', { concurrency: 2 }, () => {
  it('is in force before the first client, and is fetched again before its time is over', async () => {
    await using stack = new AsyncDisposableStack();
    const { setup, server } = await whileValid(12, async (nextUpdate) => {
      const times = { thisUpdate: Date.now() - 1_000, nextUpdate };
      const opened = stack.use(
        await openUrlSetup(({ clients }) => serving(clients.issueCrl({ number: 1, ...times }), '"1"')),
      );
      assert.equal(await status(opened.setup), 200);
      return opened;
    });
    const { clients, alice } = setup.pki;
    server.answer = serving(clients.issueCrl({ number: 2, revoked: [{ serial: serialOf(alice) }] }), '"2"');
    await server.asked.waitFor((etag) => etag === '"1"', { what: 'the next fetch' });
    // On a busy machine the first one may be stale for a moment before the second is in force.
    const page = await eventually(
      async () => {
        const { body } = await setup.gateway.admin('/metrics');
        return (
          /countersign_crl_entries\{source="http:[^"]*clients\.crl",issuer="[^"]*clients CA[^"]*",number="02"\} 1\n/.test(
            body,
          ) && body
        );
      },
      { what: 'the second CRL' },
    );
    await reach(setup, undefined);
    assert.match(
      page,
      /countersign_certificate_expiry_timestamp_seconds\{role="crl",subject="[^"]*clients CA[^"]*"\} \d+\n/,
    );
    assert.match(page, /countersign_crl_last_refresh_timestamp_seconds\{source="http:[^"]*"\} \d/);
  });

  it('that nobody has at the start is a warning, and clients are judged by onMissing until it comes', async () => {
    await using opened = await openUrlSetup(() => failing);
    const { setup, server } = opened;
    assert.match(
      JSON.stringify(setup.gateway.log.items),
      /"msg":"http:[^"]*cannot be fetched: it answers with status 404","level":"warn"/,
    );
    assert.equal(await status(setup), undefined);
    await setup.gateway.waitForLog((line) => line['code'] === 'revocation_unknown');
    server.answer = serving(setup.pki.clients.issueCrl(), '"1"');
    await reach(setup, 200);
  });

  it('keeps the last good one through everything that a server can do, and takes the next good one', async () => {
    await using opened = await openUrlSetup(({ clients, alice }) =>
      serving(clients.issueCrl({ number: 7, ...inMs(3_600_000), revoked: [{ serial: serialOf(alice) }] }), '"7"'),
    );
    const { setup, server } = opened;
    const { gateway, pki } = setup;
    const attacks: readonly (readonly [RegExp, CrlServer['answer']])[] = [
      [/status 404/, failing],
      [/redirect \(302\)/, (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
      [/neither DER nor PEM/, (response) => response.writeHead(200).end('<html>')],
      [
        /cut off/,
        (response) => response.writeHead(200, { 'content-length': 1000 }).write('abc', () => response.destroy()),
      ],
      [/over the limit/, (response) => response.writeHead(200, { 'content-length': 2 ** 34 }).flushHeaders()],
      [/ECONNRESET/, (response) => response.destroy()],
      [/issued by/, serving(pki.servers.issueCrl({ number: 9 }), '"9"')],
      [/older CRL than the one in force/, serving(pki.clients.issueCrl({ number: 6 }), '"6"')],
    ];
    // Told by SIGHUP, which fetches at once.
    for (const [message, answer] of attacks) {
      server.answer = answer;
      const from = gateway.log.length;
      await reloadBy(gateway, () => gateway.reload());
      const line = await gateway.waitForLog((line) => message.test(JSON.stringify(line)), {
        from,
        what: String(message),
      });
      assert.equal(line['level'], 'error');
      assert.equal(await status(setup), undefined, String(message));
    }
    server.answer = serving(pki.clients.issueCrl({ number: 8 }), '"8"');
    gateway.reload();
    await reach(setup, 200);
  });

  it('that comes too slowly does not hold up the start for longer than its limit', async () => {
    await using opened = await openUrlSetup(() => (response) => void response.writeHead(200).write('0'));
    assert.match(JSON.stringify(opened.setup.gateway.log.items), /it took longer than 10 s/);
    assert.equal(await status(opened.setup), undefined);
  });

  it('is not asked for by a reload of the configuration, so that a slow server holds none up', async () => {
    await using opened = await openUrlSetup(({ clients }) => serving(clients.issueCrl(inMs(3_600_000)), '"1"'));
    const { setup, server } = opened;
    const before = server.asked.length;
    const { ok } = await reloadBy(setup.gateway, () =>
      setup.gateway.rewrite(setup.yaml({ clientAuth: auth(server.url, ', scope: leaf') })),
    );
    assert.equal(ok, true);
    assert.equal(server.asked.length, before);
    assert.equal(await status(setup), 200);
  });

  it('is never one that a certificate names, as its distribution point or as the way to its issuer (incident 17)', async () => {
    using trap = await startCrlServer();
    await using setup = await openSetup({
      workers: 1,
      clientAuth: '{clientCA: clients-ca.crt, required: true, crl: {sources: [nobodys.crl]}}',
      prepare: async ({ dir, servers, clients }) => {
        dir.write('clients-ca.crt', clients.certPem + servers.certPem);
        dir.write('nobodys.crl', servers.issueCrl());
      },
    });
    const { pki, gateway } = setup;
    const url = encodeDer(0x86, Buffer.from(trap.url));
    const points = encodeDer(0x30, encodeDer(0x30, encodeDer(0xa0, encodeDer(0xa0, url))));
    const caIssuers = Buffer.from('06082b06010505073002', 'hex');
    const who = await pki.clients.issueFiles('pointing', {
      kind: 'client',
      cn: 'pointing',
      extensions: [
        { oid: '2.5.29.31', value: points },
        { oid: '1.3.6.1.5.5.7.1.1', value: encodeDer(0x30, encodeDer(0x30, caIssuers, url)) },
      ],
    });
    const { cert, key } = who;
    const from = gateway.log.length;
    assert.equal((await sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, cert, key })).response, '');
    await gateway.waitForLog((line) => line['code'] === 'revocation_unknown', { from, what: 'the refusal' });
    assert.equal(trap.asked.length, 0);
  });
});
