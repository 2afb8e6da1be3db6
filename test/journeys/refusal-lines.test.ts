// What the log says of clients that fail the handshake again and again: one line at once, the sum later, also when the
// gateway stops before its minute is over.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { faultTable } from '../../src/base/fault.ts';
import { curl } from '../support/curl.ts';
import { openSetup } from '../support/mtls-setup.ts';

it('repeated refusals of one client are summed up, and told before the gateway ends', async () => {
  await using setup = await openSetup();
  const url = `https://localhost:${setup.gateway.ports.webSecure}/`;
  for (let i = 0; i < 4; i++) assert.equal((await curl(url, { ca: setup.pki.servers.file })).status, 0);
  const refusals = (): unknown[] =>
    setup.gateway.log.items.filter(({ code }) => code === 'no_client_cert').map(({ repeated }) => repeated);
  await setup.gateway.waitForLog(({ code }) => code === 'no_client_cert');
  assert.deepEqual(refusals(), [0]);
  await setup.gateway.stop();
  assert.deepEqual(refusals(), [0, 3]);
});

it('a refusal is told in one line: code, raw code, certificate, and what to do about it', async () => {
  await using setup = await openSetup();
  const url = `https://localhost:${setup.gateway.ports.webSecure}/`;
  const { cert, key } = setup.pki.stranger;
  assert.equal((await curl(url, { ca: setup.pki.servers.file, cert, key })).status, 0);
  const line = await setup.gateway.waitForLog(({ code }) => code === 'untrusted_issuer');
  assert.equal(line['help'], faultTable.untrusted_issuer.help);
  assert.match(String(line['raw']), /^UNABLE_TO/);
  assert.match(
    String(line['detail']),
    /"CN=alice": its issuer "CN=strangers CA.* is not among the anchors \("CN=clients CA.*"\): another CA, or an intermediate/,
  );
});

it('as text it is one line too, with the same words', async () => {
  await using setup = await openSetup({ gateway: '  accessLog: {enabled: false}\n  log: {format: text}' });
  const url = `https://localhost:${setup.gateway.ports.webSecure}/`;
  assert.equal((await curl(url, { ca: setup.pki.servers.file })).status, 0);
  const { msg } = await setup.gateway.waitForLog(({ msg }) => msg.includes('handshake refused'));
  assert.match(
    msg,
    /WARN {2}handshake refused: no_client_cert: the client sent no certificate \(from 127\.0\.0\.1\) code=no_client_cert .* help="The client must send/,
  );
});
