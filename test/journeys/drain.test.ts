// The gateway is told to stop: what runs finishes, who waits is sent away politely, nobody new comes in, and it ends.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { type Backend, startBackend } from '../support/backend.ts';
import { accepts } from '../support/free-port.ts';
import type { LogLine } from '../support/gateway.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { openSetup, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import { startProcess } from '../support/owned-process.ts';
import { eventually, Feed } from '../support/wait-for.ts';
import { program } from '../support/program.ts';

const isDraining = (line: LogLine): boolean => line.msg.startsWith('draining');
const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** A gateway in front of a backend that answers when the test says so. */
class Held implements AsyncDisposable {
  readonly asked = new Feed<ServerResponse>('held requests');
  #backend: Backend | undefined;
  #setup: Setup | undefined;

  async open(options: SetupOptions = {}): Promise<Setup> {
    this.#backend = await startBackend({ handle: (_request, response) => this.asked.push(response) });
    const target = `http://127.0.0.1:${this.#backend.port}`;
    this.#setup = await openSetup({ workers: 2, target, route: '', ...options });
    return this.#setup;
  }

  /** A connection of alice, to this gateway or to another with the same configuration. */
  async keep(port?: number) {
    const { pki, gateway } = this.#setup as Setup;
    return keepConnection({ port: port ?? gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#setup?.[Symbol.asyncDispose]();
    await this.#backend?.stop();
  }
}

describe('a gateway that is told to stop', () => {
  it('finishes what runs, closes who waits, lets nobody in, is not ready, and ends with 0', async () => {
    await using held = new Held();
    const { gateway } = await held.open();
    using idle = await held.keep();
    idle.send(request);
    (await held.asked.waitFor(() => true)).end('first');
    await idle.waitFor(/first$/);
    using busy = await held.keep();
    busy.send(request);
    const response = await held.asked.waitFor(() => true, { from: 1 });
    using fresh = await held.keep();

    gateway.signal('SIGTERM');
    await gateway.waitForLog(isDraining);
    assert.equal(await idle.ended, 'end', 'a kept-alive connection is closed in order');
    const ready = await gateway.admin('/readyz');
    assert.deepEqual([ready.status, ready.body], [503, 'draining\n']);
    assert.equal((await gateway.admin('/healthz')).status, 200);
    for (const port of [gateway.ports.webSecure, gateway.ports.web]) {
      await eventually(async () => !(await accepts(port)), { what: 'new connections to be refused' });
    }

    // Who had connected already, and asks now, is still answered.
    fresh.send(request);
    (await held.asked.waitFor(() => true, { from: 2 })).end('just in time');
    await fresh.waitFor(/connection: close\r\n[^]*just in time$/i);
    response.end('finished');
    await busy.waitFor(/connection: close\r\n[^]*finished$/i);
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    assert.ok(!gateway.log.items.some((line) => line.msg.startsWith('worker ended')));
  });

  it('does not wait longer than the drain time for an answer that never comes', async () => {
    await using held = new Held();
    const { gateway } = await held.open({ drain: '300ms' });
    using busy = await held.keep();
    busy.send(request);
    await held.asked.waitFor(() => true);
    gateway.signal('SIGTERM');
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    await busy.ended;
    assert.equal(busy.text(), '');
  });

  it('stops at once when it is told a second time', async () => {
    await using held = new Held();
    const { gateway } = await held.open({ drain: '1h' });
    using busy = await held.keep();
    busy.send(request);
    await held.asked.waitFor(() => true);
    gateway.signal('SIGTERM');
    await gateway.waitForLog(isDraining);
    gateway.signal('SIGTERM');
    const { signal } = await gateway.exited;
    assert.equal(signal, null);
    await busy.ended;
  });

  it('takes the Ctrl-C that a terminal sends to the whole process group as one', async () => {
    await using held = new Held();
    const { gateway } = await held.open();
    // Another one from the same configuration, in a process group of its own.
    await using group = await startProcess('setsid', [process.execPath, program, 'run', '-c', gateway.configFile], {
      name: 'gateway in a group',
    });
    const listening = await group.lines.waitFor(({ text }) => text.includes('"entryPoint":"webSecure"'), {});
    const port = Number(/:(\d+)"/.exec(listening.text)?.[1]);
    await group.lines.waitFor(({ text }) => text.includes('"entryPoint":"admin"'));
    using busy = await held.keep(port);
    busy.send(request);
    const response = await held.asked.waitFor(() => true);
    process.kill(-group.pid, 'SIGINT');
    await group.lines.waitFor(({ text }) => text.includes('draining'));
    response.end('finished');
    await busy.waitFor(/finished$/);
    assert.deepEqual(await group.exited, { code: 0, signal: null });
    assert.ok(!group.lines.items.some(({ text }) => text.includes('worker ended')));
  });
});
