// Workers die: the others serve on, a new one takes the place, and nothing that was counted is forgotten. Sessions that one
// worker made are good at the others.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Gateway } from '../support/gateway.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import { eventually } from '../support/wait-for.ts';

const requests = 'countersign_requests_total';
const ends = (line: { msg: string }): boolean => line.msg.startsWith('worker ended');
const isReady = (line: { msg: string }): boolean => line.msg === 'worker ready';

/** Process ids of the workers that are alive, by slot. */
function workerPids(gateway: Gateway): number[] {
  const pids: number[] = [];
  for (const line of gateway.log.items.filter(isReady)) pids[Number(line['worker'])] = Number(line['pid']);
  return pids;
}

/** Signals a worker, waits for its end and its successor; returns the line about its end. */
async function endWorker(gateway: Gateway, slot: number, signal: NodeJS.Signals) {
  const from = gateway.log.length;
  process.kill(workerPids(gateway)[slot] ?? 0, signal);
  const line = await gateway.waitForLog(ends, { from, what: 'the end of a worker' });
  await gateway.waitForLog(isReady, { from, what: 'its successor' });
  return line;
}

describe('one of two workers', () => {
  let setup: Setup;
  before(async () => {
    setup = await openSetup({ workers: 2 });
  });
  after(async () => setup[Symbol.asyncDispose]());

  it('that is killed under load leaves the others serving, is replaced, and its counts stay', async () => {
    const { gateway } = setup;
    const keptAlive = setup.load({ connections: 8 });
    const reconnecting = setup.load({ reconnect: true, connections: 2 });
    await Promise.all([keptAlive.waitForOk(40), reconnecting.waitForOk(10)]);
    const counted = [await setup.metric(requests)];
    assert.ok((counted[0] ?? 0) > 0);

    const from = gateway.log.length;
    const [victim, other] = workerPids(gateway);
    process.kill(victim ?? 0, 'SIGKILL');
    const line = await gateway.waitForLog(ends, { from, what: 'the end of the worker' });
    assert.deepEqual([line['signal'], line['restartInMs']], ['SIGKILL', 0]);
    for (const load of [keptAlive, reconnecting]) {
      await load.waitForOk(10);
      counted.push(await setup.metric(requests));
    }
    await gateway.waitForLog(isReady, { from, what: 'its successor' });
    for (const load of [keptAlive, reconnecting]) {
      await load.waitForOk(10);
      counted.push(await setup.metric(requests));
    }
    assert.deepEqual(
      counted,
      counted.toSorted((a, b) => a - b),
      'counters never go back',
    );
    assert.equal(await setup.metric('countersign_worker_restarts_total'), 1);
    assert.equal(await setup.metric('countersign_workers'), 2);
    assert.deepEqual([workerPids(gateway)[1], workerPids(gateway)[0] === victim], [other, false]);

    // What was under way in the dead process is lost, and nothing else: no error was answered.
    for (const load of [keptAlive, reconnecting]) {
      const { failed, reasons } = await load.stop();
      assert.ok(failed <= 10, JSON.stringify([...reasons]));
      for (const reason of reasons.keys()) assert.match(reason, /^(E[A-Z]+|truncated: .*)$/);
    }
  });

  it('that gets SIGTERM under load ends without losing a request or a count', async () => {
    const { gateway } = setup;
    const passed = await setup.metric(requests, 'status="2xx"');
    const keptAlive = setup.load();
    const reconnecting = setup.load({ reconnect: true, connections: 2 });
    await Promise.all([keptAlive.waitForOk(20), reconnecting.waitForOk(10)]);
    const line = await endWorker(gateway, 1, 'SIGTERM');
    assert.deepEqual([line['code'], line['signal']], [0, null]);
    await Promise.all([keptAlive.waitForOk(20), reconnecting.waitForOk(10)]);
    let sent = 0;
    // A kept-alive connection may be closed just as its next request is sent: that one is sent again.
    // A new one may wait in the queue of the listener as it closes; without net.ipv4.tcp_migrate_req the kernel resets it.
    for (const [load, queued] of [[keptAlive, 0] as const, [reconnecting, 2] as const]) {
      const { ok, failed, reasons } = await load.stop();
      assert.ok(failed <= queued && failed === (reasons.get('ECONNRESET') ?? 0), JSON.stringify([...reasons]));
      sent += ok;
    }
    assert.equal((await setup.metric(requests, 'status="2xx"')) - passed, sent);
  });

  it('resumes the sessions of another, of TLS 1.2 and of 1.3, as the same client', async () => {
    const { pki, gateway } = setup;
    const port = gateway.ports.webSecure;
    const to = { port, ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key };
    const versions = ['1.2', '1.3'] as const;
    for (const tls of versions) {
      const first = await sClient({ ...to, tls, sessionOut: pki.dir.file(`session-${tls}`) });
      assert.deepEqual([first.reused, first.protocol, first.status], [false, `TLSv${tls}`, 200], first.output);
    }
    // Both workers are replaced, so whoever takes a session now is not who made it.
    await endWorker(gateway, 0, 'SIGTERM');
    await endWorker(gateway, 1, 'SIGTERM');
    const reused = async () => setup.metric('countersign_tls_session_reused_total', 'leg="client"');
    for (const tls of versions) {
      const before = await reused();
      const again = await sClient({ ...to, tls, sessionIn: pki.dir.file(`session-${tls}`) });
      assert.deepEqual([again.reused, again.protocol, again.status], [true, `TLSv${tls}`, 200], again.output);
      assert.match(again.response, /Subject="CN=alice"/);
      assert.equal((await reused()) - before, 1);
    }
  });
});

describe('a worker that dies again and again', () => {
  it('is restarted ever later', async () => {
    await using setup = await openSetup({ workers: 1 });
    const waits: unknown[] = [];
    for (let n = 0; n < 3; n++) waits.push((await endWorker(setup.gateway, 0, 'SIGKILL'))['restartInMs']);
    assert.deepEqual(waits, [0, 200, 400]);
    // A busy machine may make the new one late with its answer to the primary, which counts it as ready again when it comes.
    await eventually(async () => (await setup.gateway.admin('/readyz')).status === 200, { what: 'readiness' });
  });
});
