import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { Fault } from '../base/fault.ts';
import { attributeNames } from '../asn1/attribute-names.ts';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeName, encodeObjectId } from '../asn1/der-writer.ts';
import { encodeSan } from './san-writer.ts';
import type { San } from './facts.ts';
import { readFacts } from './facts-reader.ts';
import { mintCa } from './test-ca.ts';

const ca = await mintCa({ cn: 'Facts CA' });
const sanOid = '2.5.29.17';

function refuses(der: Buffer, why: RegExp): void {
  assert.throws(
    () => readFacts(der),
    (error) => error instanceof Fault && error.code === 'malformed_cert' && why.test(error.detail ?? ''),
  );
}

async function withSan(value: Buffer): Promise<Buffer> {
  return (await ca.issue({ kind: 'client', extensions: [{ oid: sanOid, value }] })).der;
}

/** The text OpenSSL prints for a name of the certificate. */
function opensslName(pem: string, which: '-subject' | '-issuer'): string {
  const text = execFileSync('openssl', ['x509', '-noout', which, '-nameopt', 'RFC2253'], {
    input: pem,
    encoding: 'utf8',
  });
  return text.replace(/^(?:subject|issuer)=/, '').replace(/\n$/, '');
}

test('facts agree with what Node reads, for every root that Node ships', () => {
  for (const pem of rootCertificates) {
    const node = new X509Certificate(pem);
    const facts = readFacts(node.raw);
    assert.equal(BigInt(`0x${facts.serial}`), BigInt(`0x${node.serialNumber}`));
    assert.equal(facts.sha256, node.fingerprint256.replaceAll(':', '').toLowerCase());
    assert.equal(facts.isCa, node.ca);
    assert.equal(facts.notBefore, node.validFromDate.getTime());
    assert.equal(facts.notAfter, node.validToDate.getTime());
  }
});

test('every kind of SAN keeps its type, addresses in canonical form', async () => {
  const sans: San[] = [
    { type: 'DNS', value: 'A.test' },
    { type: 'DNS', value: '*.b.test' },
    { type: 'URI', value: 'spiffe://example.org/ns/prod' },
    { type: 'EMAIL', value: 'Someone@a.test' },
    { type: 'IP', value: '10.0.0.1' },
    { type: 'IP', value: '2001:db8::1:0:0:1' },
    { type: 'OTHER_NAME', value: 'jürgen@corp', oid: '1.3.6.1.4.1.311.20.2.3' },
  ];
  const { der } = await ca.issue({ kind: 'client', sans });
  assert.deepEqual(readFacts(der).sans, sans);
});

test('commas, quotes and field names inside a SAN stay inside that one value', async () => {
  for (const value of [
    'a.test, DNS:b.test',
    'spiffe://x/a;By=spiffe://evil,Hash=00',
    '"',
    'a"b\\c',
    ' leading and trailing ',
  ]) {
    for (const type of ['DNS', 'URI', 'EMAIL'] as const) {
      const { der } = await ca.issue({ kind: 'client', sans: [{ type, value }] });
      assert.deepEqual(readFacts(der).sans, [{ type, value }]);
    }
  }
});

test('a SAN with control bytes, NUL, bytes outside ASCII, nothing in it or too much of it is refused', async () => {
  for (const type of ['DNS', 'URI', 'EMAIL'] as const) {
    for (const value of ['a\u0000.test', 'a\r\nb', 'a\tb', '\u007f', '\u001b[2J']) {
      refuses((await ca.issue({ kind: 'client', sans: [{ type, value }] })).der, /control byte/);
    }
    refuses((await ca.issue({ kind: 'client', sans: [{ type, value: 'bücher.test' }] })).der, /outside ASCII/);
    refuses((await ca.issue({ kind: 'client', sans: [{ type, value: '' }] })).der, /empty/);
    refuses((await ca.issue({ kind: 'client', sans: [{ type, value: 'a'.repeat(2049) }] })).der, /over 2048/);
    readFacts((await ca.issue({ kind: 'client', sans: [{ type, value: 'a'.repeat(2048) }] })).der);
  }
  for (const value of ['a\u0000b', 'a\nb', 'a\u0085b']) {
    refuses((await ca.issue({ kind: 'client', sans: [{ type: 'OTHER_NAME', value }] })).der, /control byte/);
  }
  const badUtf8 = encodeDer(
    0xa0,
    encodeObjectId('1.2.3'),
    encodeDer(0xa0, encodeDer(derTag.utf8String, Buffer.from([0xc3, 0x28]))),
  );
  refuses(await withSan(encodeDer(derTag.sequence, badUtf8)), /not UTF-8/);
  refuses(await withSan(encodeDer(derTag.sequence, encodeDer(0x87, Buffer.from([1, 2, 3])))), /4 or 16/);
  refuses(await withSan(encodeDer(derTag.sequence, encodeDer(0x99, Buffer.from('x')))), /no known kind/);
});

test('a thousand SANs are read, one more is refused', async () => {
  const san = encodeSan({ type: 'DNS', value: 'a.test' });
  const many = (count: number): Buffer => encodeDer(derTag.sequence, ...Array.from({ length: count }, () => san));
  assert.equal(readFacts(await withSan(many(1000))).sans.length, 1000);
  refuses(await withSan(many(1001)), /more than 1000/);
});

test('SANs of kinds that no rule can name are left out, other names keep their place', async () => {
  const directory = encodeDer(0xa4, encodeName([[['CN', 'x']]]));
  const kerberos = encodeDer(0xa0, encodeObjectId('1.3.6.1.5.2.2'), encodeDer(0xa0, encodeDer(derTag.sequence)));
  const registered = encodeDer(0x88, Buffer.from([0x2a, 0x03]));
  const dns = encodeSan({ type: 'DNS', value: 'a.test' });
  const { sans } = readFacts(await withSan(encodeDer(derTag.sequence, directory, kerberos, registered, dns)));
  assert.deepEqual(sans, [{ type: 'DNS', value: 'a.test' }]);
});

test('names are written as OpenSSL writes them in RFC 2253 form', async () => {
  const names = [
    '/C=CN/O=Test/CN=RootCA',
    '/O=Comma, Inc./OU=Plus+Semi;Quote"Less<Greater>Back\\\\slash/CN= leading and trailing ',
    '/O=#hash/CN=a=b',
    '/O=Zoë Ærø/CN=名',
    '/DC=org/DC=example/UID=u1/emailAddress=a@b.test/serialNumber=12',
    '/CN=line\nbreak\ttab\u007f',
    '/1.2.3.4.5=unknown/CN=x',
  ];
  for (const subject of names) {
    const { der, certPem } = await ca.issue({ kind: 'client', subject });
    assert.equal(readFacts(der).subject, opensslName(certPem, '-subject'), subject);
  }
});

test('every attribute type that has a short name here has the same in OpenSSL', async () => {
  const subject = encodeName([...attributeNames.keys()].map((oid) => [[oid, 'x']]));
  const { der, certPem } = await ca.issue({ kind: 'client', subject });
  assert.equal(readFacts(der).subject, opensslName(certPem, '-subject'));
  assert.match(readFacts(der).subject, /mail=x/);
});

test('a multi-valued RDN is one RDN, and a common name with a comma is not two', async () => {
  const subject = encodeName([
    [['O', 'a']],
    [
      ['CN', 'b,O=admin'],
      ['OU', 'c'],
    ],
  ]);
  const { der, certPem } = await ca.issue({ kind: 'client', subject });
  assert.equal(readFacts(der).subject, 'OU=c+CN=b\\,O=admin,O=a');
  assert.equal(readFacts(der).subject, opensslName(certPem, '-subject'));
  assert.equal(readFacts((await ca.issue({ kind: 'client', subject: '', sans: ['a.test'] })).der).subject, '');
});

test('a NUL in a common name is written as \\00', async () => {
  const { der } = await ca.issue({ kind: 'client', subject: encodeName([[['CN', 'admin\u0000.evil.test']]]) });
  assert.equal(readFacts(der).subject, 'CN=admin\\00.evil.test');
});

test('key kinds, purposes, CA flag and key identifiers are read', async () => {
  for (const [key, wanted] of [
    ['ec', 'EC P-256'],
    ['ec-p384', 'EC P-384'],
    ['rsa', 'RSA 2048'],
    ['ed25519', 'Ed25519'],
  ] as const) {
    const facts = readFacts((await ca.issue({ kind: 'both', key })).der);
    assert.equal(facts.key, wanted);
    assert.equal(facts.isCa, false);
    assert.deepEqual(facts.extendedKeyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    assert.equal(facts.authorityKeyId, readFacts(ca.der).subjectKeyId);
  }
  assert.equal(readFacts((await ca.issue({ kind: 'none' })).der).extendedKeyUsage, undefined);
  assert.equal(readFacts(ca.der).isCa, true);
});

test('dates before 1950 and from 2050 on are read from GeneralizedTime', async () => {
  const notBefore = Date.UTC(1949, 11, 31);
  const notAfter = Date.UTC(9999, 11, 31, 23, 59, 59);
  const facts = readFacts((await ca.issue({ kind: 'client', notBefore, notAfter })).der);
  assert.deepEqual([facts.notBefore, facts.notAfter], [notBefore, notAfter]);
});

test('an extension that appears twice is refused, so no two readers can differ about the identity', async () => {
  const other = encodeDer(derTag.sequence, encodeSan({ type: 'DNS', value: 'admin.test' }));
  const twice = [
    { oid: sanOid, value: other },
    { oid: sanOid, value: encodeDer(derTag.sequence, encodeSan({ type: 'DNS', value: 'a.test' })) },
  ];
  refuses((await ca.issue({ kind: 'client', extensions: twice })).der, /2\.5\.29\.17 appears twice/);
});

test('truncated and padded DER is refused at every length', async () => {
  const { der } = await ca.issue({ kind: 'client', sans: ['a.test'] });
  for (let length = 0; length < der.length; length += 1) refuses(der.subarray(0, length), /./);
  refuses(Buffer.concat([der, Buffer.from([0])]), /after its end/);
  refuses(Buffer.alloc(256 * 1024 + 1, 0x30), /over 262144/);
  refuses(Buffer.from([0x30, 0x80, 0, 0]), /not definite/);
  refuses(Buffer.from([0x30, 0x81, 0x01, 0x00]), /not minimal/);
});
