import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { allowedCores } from '../../bench/cores.ts';
import { listensItself } from '../../bench/listener.ts';
import { startOnFreePort } from '../../bench/pinned.ts';
import { findFreePort } from '../support/free-port.ts';

const core = String(allowedCores()[0] ?? 0);
const program = `require('node:net').createServer().listen(Number(process.argv[1]), '127.0.0.1')`;
const listenOn = (port: number): { command: string[] } => ({
  command: [process.execPath, '-e', program, String(port)],
});

test('A program whose port was taken after it was chosen is started on another one', async () => {
  const thief = createServer().listen(0, '127.0.0.1');
  await once(thief, 'listening');
  const taken = (thief.address() as { port: number }).port;
  const offered = [taken, await findFreePort()];
  const asked: number[] = [];
  const findPort = async (): Promise<number> => {
    const port = offered.shift() ?? (await findFreePort());
    asked.push(port);
    return port;
  };
  const running = await startOnFreePort('program', core, listenOn, findPort);
  try {
    assert.equal(asked[0], taken);
    assert.equal(running.port, asked.at(-1));
    assert.notEqual(running.port, taken);
    assert.ok(listensItself(running.process.pid, running.port));
    assert.ok(!listensItself(running.process.pid, taken));
  } finally {
    await running.process.stop();
    thief.close();
  }
});

test('A program that ends for another reason is not started again, and its words are told', async () => {
  let asked = 0;
  const findPort = (): Promise<number> => {
    asked += 1;
    return findFreePort();
  };
  const fail = (): { command: string[] } => ({ command: [process.execPath, '-e', 'throw new Error("no licence")'] });
  await assert.rejects(startOnFreePort('program', core, fail, findPort), /program did not start[\s\S]*no licence/);
  assert.equal(asked, 1);
});
