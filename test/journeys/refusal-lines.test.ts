// What the log says of clients that fail the handshake again and again: one line at once, the sum later, also when the
// gateway stops before its minute is over.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { curl } from '../support/curl.ts';
import { openWorld } from '../support/mtls-world.ts';

it('repeated refusals of one client are summed up, and told before the gateway ends', async () => {
  await using world = await openWorld();
  const url = `https://localhost:${world.gateway.ports.webSecure}/`;
  for (let i = 0; i < 4; i++) assert.equal((await curl(url, { ca: world.pki.servers.file })).status, 0);
  const refusals = (): unknown[] =>
    world.gateway.log.items.filter(({ code }) => code === 'no_client_cert').map(({ repeated }) => repeated);
  await world.gateway.waitForLog(({ code }) => code === 'no_client_cert');
  assert.deepEqual(refusals(), [0]);
  await world.gateway.stop();
  assert.deepEqual(refusals(), [0, 3]);
});
