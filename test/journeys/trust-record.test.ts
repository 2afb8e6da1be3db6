// The gateway remembers whom it saw: over two workers, over a restart, within its limits, and shows it on the admin listener.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseTrustRecord } from '../../src/inventory/record-format.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { openSetup, sumOf } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import type { Pki } from '../support/pki.ts';

const kept = '  accessLog: {enabled: false}\n  trustRecord: {path: record.json}';

const ask = async (gateway: Gateway, pki: Pki, as?: { cert: string; key: string }) =>
  sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, ...(as && { cert: as.cert, key: as.key }) });

const read = async (gateway: Gateway) => parseTrustRecord((await gateway.admin('/trust/identities')).body);

describe('the record of seen clients', () => {
  it('adds up over two workers, and lives on in its file after a restart', async () => {
    await using setup = await openSetup({ workers: 2, gateway: kept });
    const { pki, gateway } = setup;
    for (let n = 0; n < 12; n++) assert.equal((await ask(gateway, pki, pki.alice)).status, 200);
    for (let n = 0; n < 3; n++) await ask(gateway, pki, pki.stranger);
    await ask(gateway, pki);
    const before = await read(gateway);
    const alice = before.identities.find(({ code }) => code === 'ok');
    assert.deepEqual([alice?.subject, alice?.accepted, alice?.refused], ['CN=alice', 12, 0]);
    assert.deepEqual(alice?.serverNames, ['localhost']);
    assert.deepEqual(alice.sans, [{ type: 'URI', value: 'spiffe://example.org/alice' }]);
    const stranger = before.identities.find(({ code }) => code !== 'ok');
    assert.deepEqual([stranger?.accepted, stranger?.refused, stranger?.lastAccepted], [0, 3, null]);
    assert.deepEqual(
      before.anonymous.map(({ serverName, accepted, refused }) => [serverName, accepted, refused]),
      [['localhost', 0, 1]],
    );
    const [anchor] = before.anchors;
    assert.deepEqual([anchor?.handshakes, anchor?.policy], [12, 'gateway']);
    const metrics = (await gateway.admin('/metrics')).body;
    assert.equal(sumOf(metrics, 'countersign_trust_record_identities', 'accepted'), 1);

    // One more, told by its worker as it drains.
    await ask(gateway, pki, pki.alice);
    await gateway.stop();
    const file = pki.dir.file('record.json');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(
      parseTrustRecord(readFileSync(file, 'utf8')).identities.find(({ code }) => code === 'ok')?.accepted,
      13,
    );

    await using again = await startGateway({ yaml: setup.yaml(), dir: pki.dir, workers: 2 });
    await ask(again, pki, pki.alice);
    const after = await read(again);
    assert.equal(after.since, before.since);
    assert.equal(after.identities.find(({ code }) => code === 'ok')?.accepted, 14);
    assert.equal(after.identities.length, 2);
  });

  it('that is broken is put aside, and the gateway serves', async () => {
    await using setup = await openSetup({
      gateway: kept,
      prepare: ({ dir }) => writeFileSync(dir.file('record.json'), 'half a rec'),
    });
    const { pki, gateway } = setup;
    await gateway.waitForLog(({ msg }) => msg.startsWith('the trust record was put aside'));
    assert.equal((await ask(gateway, pki, pki.alice)).status, 200);
    assert.equal((await read(gateway)).identities.length, 1);
  });

  it('that cannot be written is told in the log and the metrics, and the gateway serves', async () => {
    const gone = '  accessLog: {enabled: false}\n  trustRecord: {path: gone/record.json}';
    await using setup = await openSetup({ gateway: gone });
    const { pki, gateway } = setup;
    assert.equal((await ask(gateway, pki, pki.alice)).status, 200);
    await read(gateway);
    await gateway.waitForLog(({ msg }) => msg === 'the trust record cannot be written');
    assert.equal(await setup.metric('countersign_trust_record_write_failures_total'), 1);
    assert.equal((await ask(gateway, pki, pki.alice)).status, 200);
  });

  it('is not kept where the configuration says so', async () => {
    await using setup = await openSetup({
      gateway: '  accessLog: {enabled: false}\n  trustRecord: {enabled: false}',
    });
    assert.equal((await ask(setup.gateway, setup.pki, setup.pki.alice)).status, 200);
    assert.equal((await setup.gateway.admin('/trust/identities')).status, 404);
  });
});
