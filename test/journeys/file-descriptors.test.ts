// A worker has no file descriptor left: the log and the metrics say so, and when there are some again it serves on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { openSetup } from '../support/mtls-setup.ts';
import { startProcess } from '../support/owned-process.ts';
import { openTempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';
import { program } from '../support/program.ts';

/** Connections that say nothing, and how many of them the other side has closed. */
function openSilent(port: number, count: number): { readonly sockets: Socket[]; readonly closed: () => number } {
  let closed = 0;
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', () => closed++);
    socket.resume();
    return socket;
  });
  return { sockets, closed: () => closed };
}

describe('a worker without file descriptors', () => {
  it('says so once, counts it, and takes connections again when it has some', async () => {
    await using setup = await openSetup();
    const { gateway } = setup;
    const pid = Number(gateway.log.items.find(({ msg }) => msg === 'worker ready')?.['pid']);
    const left = readdirSync(`/proc/${pid}/fd`).length + 10;
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${left}:${left}`]);
    const { sockets } = openSilent(gateway.ports.web, 40);
    const line = await gateway.waitForLog(({ msg }) => msg.startsWith('no file descriptor is left'));
    assert.deepEqual([line['level'], line['raw']], ['error', 'EMFILE']);
    // It goes on being counted, and is not said again.
    const name = 'countersign_file_descriptors_exhausted_total';
    const first = await setup.metric(name);
    assert.ok(first > 0);
    await eventually(async () => (await setup.metric(name)) > first, { what: 'the count to rise' });
    assert.equal(gateway.log.items.filter(({ msg }) => msg.startsWith('no file descriptor')).length, 1);

    for (const socket of sockets) socket.destroy();
    const url = `https://localhost:${gateway.ports.webSecure}/`;
    const alice = { ca: setup.pki.servers.file, cert: setup.pki.alice.cert, key: setup.pki.alice.key };
    await eventually(async () => (await curl(url, alice)).status === 200, { what: 'it to serve again' });
  });
});

describe('a worker with few file descriptors', () => {
  it('turns clients away before it has none left for backends, and says so', async () => {
    using dir = openTempDir('descriptors');
    const file = dir.write(
      'gateway.yml',
      `version: 2
gateway:
  workers: 1
  entryPoints: {web: {address: "127.0.0.1:0"}, webSecure: {enabled: false}, admin: {address: "127.0.0.1:0"}}
  routes: [{name: all, path: /, target: "http://127.0.0.1:1"}]
`,
    );
    // (200 - 64) / 2 connections.
    const limited = ['-c', 'ulimit -n 200 && exec "$0" "$@"', process.execPath, program, 'run', '-c', file];
    await using gateway = await startProcess('sh', limited, { name: 'gateway' });
    const listening = await gateway.lines.waitFor(({ text }) => text.includes('"entryPoint":"web"'), {});
    const { sockets, closed } = openSilent(Number(/:(\d+)"/.exec(listening.text)?.[1]), 100);
    await eventually(() => closed() === 32, { what: 'those beyond 68 to be turned away' });
    await gateway.lines.waitFor(({ text }) => text.includes('connection turned away: too many at once'));
    for (const socket of sockets) socket.destroy();
  });
});
