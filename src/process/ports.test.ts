import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { explainListenError, holdPort, reservePort } from './ports.ts';

const host = '127.0.0.1';

test('port 0 becomes a port that is free again, a given port stays', async () => {
  const port = await reservePort({ host, port: 0 });
  assert.ok(port > 0);
  assert.equal(await reservePort({ host, port }), port);
});

test('a port that somebody holds is refused, even if he would share it', async () => {
  const other = createServer().listen({ host, port: 0, reusePort: true });
  await once(other, 'listening');
  const address = other.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  await assert.rejects(reservePort({ host, port }), {
    message: `cannot listen on 127.0.0.1:${port}: another process does already`,
  });
  other.close();
});

test('an address of another machine is refused', async () => {
  await assert.rejects(reservePort({ host: '192.0.2.1', port: 0 }), /this machine has no such address/);
});

test('every reason is one sentence with the address', () => {
  const explain = (code: string, at = host) => explainListenError(Object.assign(new Error('odd'), { code }), at, 80);
  assert.match(explain('EACCES'), /^cannot listen on 127\.0\.0\.1:80: ports below 1024/);
  assert.equal(explain('EADDRINUSE', '::1'), 'cannot listen on [::1]:80: another process does already');
  assert.equal(explain('EWHATEVER'), 'cannot listen on 127.0.0.1:80: odd');
});

test('a port that the system chose is kept for the workers, who share it, and for nobody else', async () => {
  const port = await reservePort({ host, port: 0 });
  const letGo = await holdPort({ host, port: 0 }, port);
  await assert.rejects(reservePort({ host, port }), /another process does already/);
  const worker = createServer().listen({ host, port, reusePort: true });
  await once(worker, 'listening');
  letGo();
  worker.close();
  await once(worker, 'close');
  assert.equal(await reservePort({ host, port }), port);
});

test('a port that was asked for is not kept', async () => {
  const port = await reservePort({ host, port: 0 });
  (await holdPort({ host, port }, port))();
  (await holdPort({ host, port: 0 }, undefined))();
  assert.equal(await reservePort({ host, port }), port);
});
