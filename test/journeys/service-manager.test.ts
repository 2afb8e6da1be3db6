// As systemd starts it with Type=notify: what its socket is told, by the real systemd-notify. systemd itself is not needed for that.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { startProcess } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { openTempDir } from '../support/temp.ts';

/** Prints what is said to the socket of its argument, a line each time. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    text = s.recv(4096).decode()
    if "BARRIER=1" not in text:
        print(text.replace("\\n", " "), flush=True)
`;

const yaml = `version: 2
gateway:
  routes: [{name: all, path: /, response: {statusCode: 204}}]
`;

describe('a gateway under systemd', () => {
  it('says when it is ready, reloads, is alive and stops', async () => {
    requireCommand('systemd-notify');
    using dir = openTempDir('notify');
    const socket = dir.file('notify');
    await using manager = await startProcess(requireCommand('python3'), ['-c', listener, socket], { name: 'manager' });
    const said = (what: RegExp) => manager.lines.waitFor(({ text }) => what.test(text), { what: String(what) });
    await said(/^bound$/);
    const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000' };
    await using gateway = await startGateway({ yaml, dir, env });
    await said(/READY=1.*STATUS=serving/);
    await said(/WATCHDOG=1/);

    process.kill(gateway.pid, 'SIGHUP');
    await said(/RELOADING=1.*MONOTONIC_USEC=\d+/);
    await manager.lines.waitFor(
      () => {
        const all = manager.lines.items.map(({ text }) => text);
        return (
          all.findIndex((text) => text.includes('RELOADING=1')) < all.findLastIndex((text) => text.includes('READY=1'))
        );
      },
      { what: 'ready again' },
    );

    await gateway.stop();
    await said(/STOPPING=1/);
  });

  it('says that a reload was refused, and goes on', async () => {
    using dir = openTempDir('notify');
    const socket = dir.file('notify');
    await using manager = await startProcess(requireCommand('python3'), ['-c', listener, socket], { name: 'manager' });
    await manager.lines.waitFor(({ text }) => text === 'bound', { what: 'the socket' });
    await using gateway = await startGateway({ yaml, dir, env: { NOTIFY_SOCKET: socket } });
    await manager.lines.waitFor(({ text }) => text.includes('READY=1'), { what: 'ready' });
    dir.write('gateway.yml', 'version: 2\ngateway: {routs: []}\n');
    process.kill(gateway.pid, 'SIGHUP');
    await manager.lines.waitFor(({ text }) => text.includes('the new one was refused'), { what: 'the refusal' });
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  });
});
