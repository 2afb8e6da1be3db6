// A gateway with mutual TLS gets its certificate from an ACME server, by either challenge, with several workers, and keeps it.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isOfPebble, openAcmeStage, shownCertificate, waitForCertificate } from '../../support/acme-stage.ts';
import { curl } from '../../support/curl.ts';

describe('a gateway whose certificate comes from an ACME server', () => {
  for (const challenge of ['tls-alpn-01', 'http-01'])
    it(`gets it by ${challenge}, serves with it, and starts with it again though the server is gone`, async () => {
      await using stage = await openAcmeStage({
        names: ['a.test', 'b.test'],
        acme: `challenge: ${challenge}, keyType: ec-p384`,
        workers: 2,
      });
      const { gateway, pki, pebble } = stage;
      const port = gateway.ports.webSecure;
      const shown = await waitForCertificate(port, 'a.test', isOfPebble, 'the certificate of pebble');
      assert.equal(shown.subjectaltname, 'DNS:a.test, DNS:b.test');
      assert.equal(shown.bits, 384);
      const root = pki.dir.write('root.pem', await pebble().root());
      const { alice } = pki;
      const answer = await curl(`https://b.test:${port}/`, { ca: root, cert: alice.cert, key: alice.key });
      assert.equal(answer.status, 200, answer.stderr);
      assert.notEqual(
        (await curl(`https://b.test:${port}/`, { ca: root })).status,
        200,
        'and nobody without a certificate',
      );
      const line = await gateway.waitForLog(({ msg }) => msg === 'a source of certificates delivered');
      assert.equal(line['source'], 'edge (acme)');
      const metrics = await gateway.admin('/metrics');
      assert.match(metrics.body, /certificate_source_up\{source="edge \(acme\)",kind="acme"\} 1/);
      assert.match(metrics.body, new RegExp(`acme_challenges_answered_total\\{type="${challenge}"\\} [1-9]`));
      const folder = join(pki.dir.path, 'acme');
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
      assert.ok(!readdirSync(folder).some((name) => name.startsWith('order')), 'an order that is over is gone');

      await pebble().stop();
      const other = await stage.another();
      const again = await shownCertificate(other.ports.webSecure, 'a.test');
      assert.equal(again.serialNumber, shown.serialNumber);
    });

  it('answers no challenge that is not of an open order, and redirects and refuses as ever', async () => {
    await using stage = await openAcmeStage({ acme: 'challenge: http-01' });
    const { gateway } = stage;
    await waitForCertificate(gateway.ports.webSecure, 'a.test', isOfPebble, 'the certificate of pebble');
    const path = '/.well-known/acme-challenge/';
    for (const token of ['', 'x', 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA', '../../x']) {
      const { status, body } = await curl(`http://a.test:${gateway.ports.web}${path}${token}`, {
        args: ['--path-as-is'],
      });
      assert.ok(status >= 300 && status < 500, `${token}: ${status} ${body}`);
    }
    const secrets = gateway.log.items.map((line) => JSON.stringify(line)).join('\n');
    assert.ok(!secrets.includes('PRIVATE KEY'));
  });
});
