// Incident 21: a certificate that is expensive to look at is refused before it costs much, and meanwhile others are served.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { maxSans } from '../../src/certs/san-reader.ts';
import { expectFlawless, openSetup, type Setup } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import type { CertFiles } from '../support/pki.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `spiffe://example.org/w/${i}`);

async function ask(setup: Setup, as: CertFiles, tls: '1.2' | '1.3') {
  const { pki, gateway } = setup;
  return sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, cert: as.cert, key: as.key, tls });
}

const rules =
  '{clientCA: clients-ca.crt, required: true, allowedSANs: [' +
  '{type: URI, regex: "spiffe://example[.]org/[a-z]+/[0-9]*x"}, {type: URI, prefix: "spiffe://example.org/"}]}';

describe('a client certificate', () => {
  for (const tls of ['1.2', '1.3'] as const) {
    it(`with as many names as may be passes, with more it is refused, and nobody else notices (TLS ${tls})`, async () => {
      await using setup = await openSetup({ clientAuth: rules, target: 'http://127.0.0.1:1', route: maintenance });
      const { clients } = setup.pki;
      const load = setup.load({ path: '/' });
      const [most, more, heap] = await Promise.all(
        [maxSans, maxSans + 1, 10_000].map(async (count) =>
          clients.issueFiles(`names-${count}`, { kind: 'client', sans: names(count) }),
        ),
      );
      if (most === undefined || more === undefined || heap === undefined) assert.fail('not issued');
      assert.equal((await ask(setup, most, tls)).status, 200);
      const from = setup.gateway.log.length;
      assert.equal((await ask(setup, more, tls)).response, '');
      await setup.gateway.waitForLog((line) => line['code'] === 'malformed_cert', { from });
      // Over OpenSSL's own limit on the message, it does not even get to be read.
      assert.equal((await ask(setup, heap, tls)).response, '');
      await expectFlawless(load);
    });
  }
});

/** The gateway answers by itself: what is tested is the edge. */
const maintenance = '      maintenance: {enabled: true, statusCode: 200, message: fine}';
