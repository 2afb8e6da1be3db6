import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Issued, mintCa } from '../certs/test-ca.ts';
import { opensslCas } from './openssl-cas.ts';
import { TrustBundle } from './trust-bundle.ts';

const now = Math.floor(Date.now() / 1000) * 1000;
const hour = 3_600_000;
const [root, ending, expired] = await Promise.all([
  mintCa({ cn: 'root', notAfter: now + 10 * hour }),
  mintCa({ cn: 'ending', notAfter: now + hour }),
  mintCa({ cn: 'expired', notBefore: now - 2 * hour, notAfter: now - hour }),
]);

/** What is kept, by place in the bundle. */
function kept(cas: readonly Issued[], at: number, partialChain = false): { places: number[]; until: number } {
  const { bundle } = TrustBundle.parse(cas.map(({ certPem }) => certPem).join(''));
  assert.ok(bundle !== undefined);
  const { pem, until } = opensslCas({ bundle, partialChain }, 'clients', at);
  const bodies = pem.map((one) => Buffer.from(one.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'));
  const places = bodies.map((body) => cas.findIndex(({ der }) => body.subarray(0, der.length).equals(der)));
  return { places, until };
}

it('CAs that have expired are left away, and looked for again when the next one expires', () => {
  const cas = [root, ending, expired];
  assert.deepEqual(kept(cas, now - 90 * 60_000), { places: [0, 1, 2], until: now - hour });
  assert.deepEqual(kept(cas, now), { places: [0, 1], until: now + hour });
  assert.deepEqual(kept(cas, now + 2 * hour), { places: [0], until: Infinity });
});

it('it is never nothing: where all have expired, all are there', () => {
  assert.deepEqual(kept([root, ending], now + 20 * hour), { places: [0, 1], until: Infinity });
  assert.deepEqual(kept([expired], now), { places: [0], until: Infinity });
});

it('an intermediate with a weak signature is left away, an anchor is not', async () => {
  const weak = await root.issueCa({ cn: 'weak', hash: 'sha1' });
  const weakRoot = await mintCa({ cn: 'weak root', hash: 'sha1' });
  assert.deepEqual(kept([root, weak, weakRoot], now).places, [0, 2]);
  assert.deepEqual(kept([root, weak], now, true).places, [0, 1]);
});
