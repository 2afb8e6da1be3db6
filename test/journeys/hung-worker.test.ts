// Workers that hang: stopped by a signal, they answer nobody, also not the primary. What the rules say holds all the same,
// for everybody and at once, and the other worker goes on serving.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Gateway } from '../support/gateway.ts';
import { openSetup, reloadBy } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import { eventually } from '../support/wait-for.ts';

const isReady = (line: { msg: string }): boolean => line.msg === 'worker ready';
const hangs = (line: { msg: string }): boolean => line.msg === 'worker hangs; ended';

function pidOf(gateway: Gateway, slot: number): number {
  return Number(gateway.log.items.findLast((line) => isReady(line) && line['worker'] === slot)?.['pid']);
}

describe('a worker that hangs', () => {
  it('does not keep a reload from the others: a CA that was taken out lets nobody in any more, anywhere', async () => {
    await using setup = await openSetup({ workers: 2 });
    const { gateway, pki } = setup;
    const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
    const alice = { ...to, cert: pki.alice.cert, key: pki.alice.key };
    const service = { ...to, cert: pki.gateway.cert, key: pki.gateway.key };
    assert.equal((await sClient(alice)).status, 200);

    const from = gateway.log.length;
    process.kill(pidOf(gateway, 0), 'SIGSTOP');
    const reload = await reloadBy(gateway, () => pki.dir.replace('clients-ca.crt', pki.internal.certPem));
    assert.equal(reload.ok, true, JSON.stringify(reload.lines));
    const line = await gateway.waitForLog(hangs, { from, what: 'the verdict on the hung worker' });
    assert.deepEqual([line['worker'], line['why']], [0, 'stood still for 5 s']);
    await gateway.waitForLog(isReady, { from, what: 'its successor' });

    // Both workers take connections by now: enough of them that each gets some.
    for (let n = 0; n < 8; n++) {
      assert.notEqual((await sClient(alice)).status, 200);
      assert.equal((await sClient(service)).status, 200);
    }
    assert.equal((await gateway.admin('/readyz')).body, '2 of 2 workers ready\n');
    assert.equal(await setup.metric('countersign_worker_hangs_total'), 1);
    assert.equal(await setup.metric('countersign_config_generation'), 2);
  });

  it('is not counted as ready, and its successor serves who waits for it', async () => {
    await using setup = await openSetup({ workers: 2 });
    const { gateway } = setup;
    const load = setup.load({ reconnect: true, connections: 4 });
    await load.waitForOk(10);
    const from = gateway.log.length;
    process.kill(pidOf(gateway, 1), 'SIGSTOP');
    await eventually(async () => (await gateway.admin('/readyz')).body === '1 of 2 workers ready\n', {
      what: 'the hung worker to be missed',
    });
    assert.equal((await gateway.admin('/readyz')).status, 200);
    await gateway.waitForLog(isReady, { from, what: 'its successor' });
    await load.waitForOk(20);
    assert.deepEqual(await gateway.admin('/readyz'), { status: 200, body: '2 of 2 workers ready\n' });
    // Whoever was with the hung worker when it was ended lost that connection; nobody waited for ever.
    const { failed, reasons } = await load.stop();
    assert.ok(failed <= 4, JSON.stringify([...reasons]));
    assert.ok(!reasons.has('timeout'), JSON.stringify([...reasons]));
  });

  it('that was the only one has a successor that never knew the old rules', async () => {
    await using setup = await openSetup({ workers: 1 });
    const { gateway, pki } = setup;
    const from = gateway.log.length;
    process.kill(pidOf(gateway, 0), 'SIGSTOP');
    const reload = await reloadBy(gateway, () => pki.dir.replace('clients-ca.crt', pki.internal.certPem));
    assert.equal(reload.ok, true, JSON.stringify(reload.lines));
    await gateway.waitForLog(isReady, { from, what: 'its successor' });
    const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
    assert.notEqual((await sClient({ ...to, cert: pki.alice.cert, key: pki.alice.key })).status, 200);
    assert.equal((await sClient({ ...to, cert: pki.gateway.cert, key: pki.gateway.key })).status, 200);
  });

  it('goes with the others when the gateway is told to stop', async () => {
    await using setup = await openSetup({ workers: 2 });
    const { gateway } = setup;
    process.kill(pidOf(gateway, 0), 'SIGSTOP');
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  });
});
