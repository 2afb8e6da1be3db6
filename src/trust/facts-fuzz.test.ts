import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../base/fault.ts';
import type { San } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { canonicalIp } from '../base/ip-name.ts';
import { verifyStrength } from './certificate-checks.ts';
import { escapeForLog } from '../base/log-text.ts';
import { splitPem } from '../asn1/pem.ts';
import { mintCa } from '../certs/test-ca.ts';

const ca = await mintCa({ cn: 'Fuzz CA' });
const keyPem = (await ca.issue({ kind: 'client' })).keyPem;
const seed = await ca.issue({
  kind: 'both',
  subject: '/C=CN/O=Test/CN=x',
  sans: ['a.test', '*.b.test', 'spiffe://x/y', 'a@b.test', '10.0.0.1', '::1', { type: 'OTHER_NAME', value: 'u@x' }],
});

function readOrFault(der: Buffer): void {
  try {
    verifyStrength(readFacts(der));
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'malformed_cert', String(error));
  }
}

test('a certificate with any bytes changed, cut or doubled is read or refused, never anything else', () => {
  const size = seed.der.length;
  const edit = fc.tuple(fc.nat(size - 1), fc.constantFrom('set', 'cut', 'insert'), fc.nat(255));
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let der = Buffer.from(seed.der);
      for (const [at, kind, byte] of edits) {
        if (kind === 'set') der[at % der.length] = byte;
        else if (kind === 'cut') der = Buffer.concat([der.subarray(0, at), der.subarray(at + 1 + (byte % 8))]);
        else der = Buffer.concat([der.subarray(0, at), Buffer.from([byte]), der.subarray(at)]);
      }
      readOrFault(der);
    }),
    { numRuns: 3000 },
  );
});

test('any bytes at all are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => readOrFault(Buffer.from(bytes))),
    { numRuns: 1000 },
  );
});

test('a SAN with any text is represented exactly or the certificate is refused', async () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.stringMatching(/^[ -~\0\r\n,;="\\:]{0,30}$/),
  );
  const san: fc.Arbitrary<San> = fc.record({
    type: fc.constantFrom('DNS', 'URI', 'EMAIL', 'OTHER_NAME'),
    value: hostile,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(san, { minLength: 1, maxLength: 4 }), async (sans) => {
      const { der } = await ca.issue({ kind: 'client', keyPem, sans });
      const clean = sans.every(({ type, value }) =>
        type === 'OTHER_NAME' ? /^[^\x00-\x1f\x7f-\x9f]+$/.test(value) : /^[ -~]+$/.test(value),
      );
      if (!clean) return assert.throws(() => readFacts(der), Fault);
      const wanted = sans.map((one) =>
        one.type === 'OTHER_NAME' ? { ...one, oid: '1.3.6.1.4.1.311.20.2.3' } : { ...one },
      );
      assert.deepEqual(readFacts(der).sans, wanted);
    }),
    { numRuns: 200 },
  );
});

test('what is read of a generated certificate is what Node reads', async () => {
  const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  await fc.assert(
    fc.asyncProperty(
      label,
      fc.array(label, { maxLength: 3 }),
      address,
      fc.stringMatching(/^[1-7][0-9a-f]{1,31}$/),
      async (cn, names, ip, hex) => {
        const serial = hex.length % 2 === 0 ? hex : `0${hex}`;
        const dns = names.map((name) => `${name}.test`);
        const { der } = await ca.issue({ kind: 'server', keyPem, cn, sans: [...dns, ip], serial });
        const node = new X509Certificate(der);
        const facts = readFacts(der);
        assert.equal(facts.subject, node.subject);
        assert.equal(facts.issuer, node.issuer);
        assert.equal(facts.sha256, node.fingerprint256.replaceAll(':', '').toLowerCase());
        assert.equal(facts.notAfter, node.validToDate.getTime());
        assert.equal(BigInt(`0x${facts.serial}`), BigInt(`0x${node.serialNumber}`));
        assert.deepEqual(facts.extendedKeyUsage, node.keyUsage);
        const seen = facts.sans.map((san) => san.value);
        assert.deepEqual(seen, [...dns, canonicalIp(ip)]);
        // Node prints IPv6 in full; both spellings must name one address.
        const printed = (node.subjectAltName ?? '').split(', ').map((part) => part.replace(/^(?:DNS|IP Address):/, ''));
        assert.deepEqual(
          printed.map((part) => canonicalIp(part) ?? part),
          seen,
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('no text can put a control, a line break or a direction mark into a log line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 50 }), fc.integer({ min: 1, max: 40 }), (text, max) => {
      const shown = escapeForLog(text, max);
      assert.match(shown, /^[^\p{C}\p{Zl}\p{Zp}]*$/u);
      assert.ok(shown.length <= max * 10 + 1);
    }),
  );
});

test('PEM with any line damaged never yields fewer blocks without a problem', () => {
  const lines = (seed.certPem + ca.certPem).trimEnd().split('\n');
  fc.assert(
    fc.property(fc.nat(lines.length - 1), fc.constantFrom('drop', 'cut', 'junk'), (at, kind) => {
      const line = lines[at] as string;
      const changed = { drop: [], cut: [line.slice(0, -1)], junk: [`${line}!`] }[kind];
      const { blocks, problems } = splitPem(
        [...lines.slice(0, at), ...changed, ...lines.slice(at + 1)].join('\n'),
        'x',
      );
      assert.ok(blocks.length === 2 || problems.length > 0);
    }),
  );
});
