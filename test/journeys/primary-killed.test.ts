// The primary is killed: nobody is left who would bring the workers a new CA or a revocation. They finish what they have,
// take nothing new, and are gone within the drain time; another gateway can take the ports over at once.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { it } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { accepts, findFreePort } from '../support/free-port.ts';
import { startGateway } from '../support/gateway.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { openTempDir } from '../support/temp.ts';
import { eventually, Feed } from '../support/wait-for.ts';

const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it('a primary that is killed takes its workers along, after what they have in hand, and leaves the ports free', async () => {
  const asked = new Feed<ServerResponse>('held requests');
  await using backend = await startBackend({ handle: (_request, response) => asked.push(response) });
  using dir = openTempDir('primary-killed');
  const port = await findFreePort();
  const configFile = dir.write(
    'gateway.yml',
    `version: 2
gateway:
  workers: 2
  accessLog: {enabled: false}
  entryPoints: {web: {address: "127.0.0.1:${port}"}, webSecure: {enabled: false}, admin: {address: "127.0.0.1:0"}}
  routes: [{name: all, path: /, target: "http://127.0.0.1:${backend.port}"}]
`,
  );
  const entryPoints = ['web', 'admin'] as const;
  await using gateway = await startGateway({ configFile, entryPoints });
  using busy = await keepConnection({ port, plain: true });
  busy.send(request);
  const response = await asked.waitFor(() => true);
  const workers = gateway.log.items.filter(({ msg }) => msg === 'worker ready').map((line) => Number(line['pid']));
  assert.equal(workers.length, 2);

  gateway.signal('SIGKILL');
  await eventually(async () => !(await accepts(port)), { what: 'nobody to take connections any more' });
  // While the last of the old ones still answers.
  await using next = await startGateway({ configFile, entryPoints });
  using fresh = await keepConnection({ port, plain: true });
  const second = asked.length;
  fresh.send(request);
  (await asked.waitFor(() => true, { from: second })).end('from the next');
  await fresh.waitFor(/from the next$/);
  assert.ok(workers.some(isAlive), 'the request in hand keeps its worker');

  response.end('finished');
  await busy.waitFor(/connection: close\r\n[^]*finished$/i);
  assert.equal((await gateway.exited).signal, 'SIGKILL');
  await eventually(() => !workers.some(isAlive), { what: 'the workers to be gone' });
  assert.equal((await next.admin('/readyz')).body, '2 of 2 workers ready\n');
});
