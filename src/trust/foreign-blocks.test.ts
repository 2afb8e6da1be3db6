// Every kind of block in every kind of file: used, or an error that says what to do with it.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { checkServerPair } from './certificate-pair.ts';
import { encodePem } from '../asn1/der-writer.ts';
import type { MaterialProblem } from '../base/material-problem.ts';
import { mintCa } from '../certs/test-ca.ts';
import { TrustBundle } from './trust-bundle.ts';

const ca = await mintCa({ cn: 'CA' });
const server = await ca.issue({ kind: 'server', sans: ['a.test'] });
/** An hour on, so that certificates minted while other files of the same process run are valid by then. */
const now = Date.now() + 3_600_000;
const der = Buffer.from('3003020101', 'hex');
const sec1 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'sec1' });
const curve = encodePem('EC PARAMETERS', Buffer.from('06082a8648ce3d030107', 'hex'));

const blocks: Readonly<Record<string, string>> = {
  'X509 CRL': encodePem('X509 CRL', ca.issueCrl()),
  'PRIVATE KEY': ca.keyPem,
  'EC PRIVATE KEY': sec1,
  'TRUSTED CERTIFICATE': encodePem('TRUSTED CERTIFICATE', ca.der),
  'EC PARAMETERS': curve,
  'DH PARAMETERS': encodePem('DH PARAMETERS', der),
  'CERTIFICATE REQUEST': encodePem('CERTIFICATE REQUEST', der),
  PKCS7: encodePem('PKCS7', der),
  'PUBLIC KEY': encodePem('PUBLIC KEY', der),
  'SOMETHING NEW': encodePem('SOMETHING NEW', der),
};

const errorsOf = (problems: readonly MaterialProblem[]): MaterialProblem[] =>
  problems.filter(({ severity }) => severity === 'error');

function assertRefused(problems: readonly MaterialProblem[], label: string): void {
  const [error] = errorsOf(problems);
  assert.match(error?.message ?? 'nothing is said', /^file\.pem\b/);
  assert.ok(error?.hint !== '', label);
}

const pair = (cert: string, key: string, names: { certName?: string; keyName?: string }) =>
  checkServerPair(cert, key, { now, ...names }).problems;

for (const [label, block] of Object.entries(blocks))
  describe(`a block of ${label}`, () => {
    it('in a CA bundle is an error, before and after the CA', () => {
      for (const pem of [ca.certPem + block, block + ca.certPem]) {
        const { bundle, problems } = TrustBundle.parse(pem, { name: 'file.pem' });
        assert.equal(bundle, undefined);
        assertRefused(problems, label);
      }
    });

    it('in a certificate file of its own is an error', () => {
      assertRefused(pair(server.chainPem + block, server.keyPem, { certName: 'file.pem' }), label);
    });

    it('in a key file is an error, but for the parameters of the key', () => {
      const problems = pair(server.chainPem, block + server.keyPem, { keyName: 'file.pem' });
      if (label === 'EC PARAMETERS') assert.deepEqual(errorsOf(problems), []);
      else assertRefused(problems, label);
    });
  });

describe('what is used', () => {
  it('is a certificate with its key in one file that is named as both', () => {
    const both = server.chainPem + server.keyPem;
    assert.deepEqual(errorsOf(pair(both, both, {})), []);
    assertRefused(pair(both, server.keyPem, { certName: 'file.pem' }), 'the key');
    assertRefused(pair(server.chainPem, both, { keyName: 'file.pem' }), 'the certificate');
    const more = both + (blocks['DH PARAMETERS'] ?? '');
    assertRefused(pair(more, more, { certName: 'file.pem' }), 'parameters');
  });

  it('is every certificate, and text between them is nobody’s business', () => {
    const text = `# our CA, BEGIN of life 2026\n${ca.certPem}\nsubject=CN = CA\n\n${ca.certPem}the end\n`;
    assert.deepEqual(TrustBundle.parse(text, { name: 'file.pem' }).problems, []);
  });

  it('is nothing that was meant to be a block, and that OpenSSL takes for text', async () => {
    const other = await mintCa({ cn: 'Other' });
    const damages: readonly ((pem: string) => string)[] = [
      (pem) => pem.replaceAll('-----', '----'),
      (pem) => pem.replaceAll('-----', '–––––'),
      (pem) => pem.replaceAll('-----', '—— '),
      (pem) => pem.toLowerCase(),
      (pem) => pem.replaceAll('-----BEGIN', '===== BEGIN'),
    ];
    for (const damage of damages) {
      const { bundle, problems } = TrustBundle.parse(ca.certPem + damage(other.certPem), { name: 'file.pem' });
      assert.equal(bundle, undefined, damage(other.certPem));
      assertRefused(problems, damage(other.certPem));
    }
  });
});
