import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { CrlIndex, buildCrlIndex } from './serial-index.ts';
import { findCrlIssuer } from './issuer.ts';
import { readCrl } from './reader.ts';
import { CrlRejection } from './rejection.ts';
import type { CrlOptions } from '../certs/crl-writer.ts';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeName, encodePem } from '../asn1/der-writer.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa, type TestCa } from '../certs/test-ca.ts';
import { splitCrls } from './file.ts';

const ca = await mintCa({ cn: 'Root' });
const now = Date.now();

function refusalOfCrl(options: CrlOptions, from: TestCa = ca): CrlRejection {
  try {
    findCrlIssuer(readCrl(from.issueCrl(options)), [readFacts(ca.der)]);
  } catch (error) {
    assert.ok(error instanceof CrlRejection, String(error));
    return error;
  }
  return assert.fail('the CRL was accepted');
}

const isTrue = encodeDer(0x81, Buffer.from([0xff]));
const part = (tag: number): Buffer => encodeDer(tag, Buffer.from([0xff]));
const idp = (...parts: Buffer[]) => ({ oid: '2.5.29.28', critical: true, value: encodeDer(derTag.sequence, ...parts) });
const point = (...names: Buffer[]): Buffer => encodeDer(0xa0, encodeDer(0xa0, ...names));

describe('readCrl', () => {
  it('reads issuer, dates, number and every entry with its date and reason', () => {
    const thisUpdate = Date.UTC(2026, 10, 1, 12);
    const date = Date.UTC(2026, 9, 30, 1, 2, 3);
    const der = ca.issueCrl({
      number: 0x1f,
      thisUpdate,
      revoked: [{ serial: '0a', date, reason: 1 }, { serial: '80' }, { serial: '-80', date: Date.UTC(2060, 0, 1) }],
    });
    const crl = readCrl(der);
    assert.equal(crl.issuer, 'CN=Root');
    assert.equal(crl.number, '1f');
    assert.deepEqual([crl.thisUpdate, crl.nextUpdate], [thisUpdate, thisUpdate + 86_400_000]);
    assert.equal(crl.entries.count, 3);
    const index = new CrlIndex(buildCrlIndex(der, crl.entries));
    assert.deepEqual(index.find('0a'), { revokedAt: date, reason: 1 });
    assert.deepEqual(index.find('80'), { revokedAt: thisUpdate, reason: 0 });
    assert.deepEqual(index.find('-80'), { revokedAt: Date.UTC(2060, 0, 1), reason: 0 });
    assert.equal(index.find('0b'), undefined);
    assert.deepEqual(index.first(9).toSorted(), ['-80', '0a', '80']);
  });

  it('reads an empty CRL, one of version 1, and one without a number', () => {
    assert.equal(readCrl(ca.issueCrl()).entries.count, 0);
    assert.equal(readCrl(ca.issueCrl({ v1: true, revoked: [{ serial: '01' }] })).entries.count, 1);
    assert.equal(readCrl(ca.issueCrl({ number: undefined })).number, undefined);
  });

  it('knows which certificates a CRL speaks of', () => {
    const uri = encodeDer(0x86, Buffer.from('http://crl.test/1.crl'));
    assert.equal(readCrl(ca.issueCrl({ extensions: [idp(isTrue)] })).covers, 'leaf');
    assert.equal(readCrl(ca.issueCrl({ extensions: [idp(part(0x82))] })).covers, 'ca');
    const pointed = readCrl(ca.issueCrl({ extensions: [idp(point(uri), isTrue)] }));
    assert.deepEqual([pointed.covers, pointed.distributionPoints], ['leaf', ['http://crl.test/1.crl']]);
  });

  const directory = encodeDer(0xa4, encodeName([[['CN', 'partition 1']]]));
  const refused: readonly (readonly [string, CrlOptions, RegExp])[] = [
    ['has no nextUpdate', { nextUpdate: undefined }, /no nextUpdate/],
    ['is a delta', { extensions: [{ oid: '2.5.29.27', critical: true, value: Buffer.from([2, 1, 1]) }] }, /delta CRL/],
    ['is indirect', { extensions: [idp(part(0x84))] }, /indirect CRL/],
    ['covers some reasons only', { extensions: [idp(encodeDer(0x83, Buffer.from([1, 0x40])))] }, /onlySomeReasons/],
    ['covers attribute certificates', { extensions: [idp(part(0x85))] }, /attribute certificates/],
    ['covers neither kind', { extensions: [idp(isTrue, part(0x82))] }, /both kinds/],
    ['has a distribution point without a URI', { extensions: [idp(point(directory))] }, /not named by a URI/],
    [
      'has an unknown critical extension',
      { extensions: [{ oid: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) }] },
      /critical extension 1\.2\.3\.4/,
    ],
    [
      'names another certificate issuer in an entry',
      {
        revoked: [
          {
            serial: '01',
            extensions: [{ oid: '2.5.29.29', critical: true, value: encodeDer(derTag.sequence, directory) }],
          },
        ],
      },
      /indirect CRL/,
    ],
    [
      'has an unknown critical extension in an entry',
      { revoked: [{ serial: '01', extensions: [{ oid: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) }] }] },
      /entries has the critical extension 1\.2\.3\.4/,
    ],
    ['takes an entry back', { revoked: [{ serial: '01', reason: 8 }] }, /removeFromCRL/],
    ['gives a reason that does not exist', { revoked: [{ serial: '01', reason: 7 }] }, /no such reason/],
    ['is signed with SHA-1', { hash: 'sha1' }, /ECDSA with SHA-1, which is not accepted/],
    [
      'has two numbers',
      { extensions: [{ oid: '2.5.29.20', critical: false, value: Buffer.from([2, 1, 1]) }] },
      /twice/,
    ],
  ];
  for (const [what, options, message] of refused) {
    it(`refuses a CRL that ${what}`, () => assert.match(refusalOfCrl(options).message, message));
  }

  it('takes an extension that is unknown but not critical, in the CRL and in an entry', () => {
    const extension = { oid: '1.2.3.4', critical: false, value: Buffer.from([5, 0]) };
    const crl = readCrl(
      ca.issueCrl({ extensions: [extension], revoked: [{ serial: '01', reason: 6, extensions: [extension] }] }),
    );
    assert.equal(crl.entries.reasons[0], 6);
  });
});

describe('findCrlIssuer', () => {
  it('refuses a CRL of nobody known, and one whose signature is of another key of that name', async () => {
    const stranger = await mintCa({ cn: 'Stranger' });
    const [unknown, forged] = [
      refusalOfCrl({}, stranger),
      refusalOfCrl({}, await mintCa({ cn: 'Root', extensions: [] })),
    ];
    assert.equal(unknown.code, 'crl_issuer_unknown');
    assert.match(unknown.message, /CN=Stranger/);
    // Its key identifier is another one too.
    assert.equal(forged.code, 'crl_issuer_unknown');
    assert.match(forged.message, /with another key than the CA of that name/);
    const noKeyId = await mintCa({ cn: 'Root', extensions: [{ oid: '2.5.29.14', value: undefined }] });
    assert.equal(refusalOfCrl({}, noKeyId).code, 'crl_signature');
  });

  it('refuses a CA that may not sign CRLs', async () => {
    // keyCertSign alone
    const value = Buffer.from([derTag.bitString, 2, 2, 0x04]);
    const mute = await mintCa({ cn: 'Mute', extensions: [{ oid: '2.5.29.15', critical: true, value }] });
    assert.throws(() => findCrlIssuer(readCrl(mute.issueCrl()), [readFacts(mute.der)]), /may not sign CRLs/);
  });

  for (const key of ['ec', 'ec-p384', 'rsa', 'ed25519'] as const) {
    it(`verifies signatures of ${key}`, async () => {
      const own = await mintCa({ cn: key, key });
      const issuer = findCrlIssuer(readCrl(own.issueCrl()), [readFacts(ca.der), readFacts(own.der)]);
      assert.equal(issuer.subject, `CN=${key}`);
    });
  }
});

describe('CRLs that openssl made', () => {
  it('are read, verified, and found to list what was revoked, also with RSA-PSS', async () => {
    using dir = openTempDir('crl');
    const rsa = await mintCa({ cn: 'OpenSSL CA', key: 'rsa' });
    const revoked = await rsa.issue({ kind: 'client', cn: 'bad' });
    const good = await rsa.issue({ kind: 'client', cn: 'good' });
    dir.write('ca.crt', rsa.certPem);
    dir.write('ca.key', rsa.keyPem);
    dir.write('bad.crt', revoked.certPem);
    dir.write('index.txt', '');
    dir.write('crlnumber', '1A\n');
    mkdirSync(join(dir.path, 'new'));
    dir.write(
      'ca.cnf',
      `[ca]\ndefault_ca=c\n[c]\ndir=${dir.path}\ndatabase=$dir/index.txt\ncrlnumber=$dir/crlnumber\ncertificate=$dir/ca.crt
private_key=$dir/ca.key\ndefault_md=sha256\ndefault_crl_days=7\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n`,
    );
    const openssl = (...args: string[]): string =>
      execFileSync('openssl', ['ca', '-config', dir.file('ca.cnf'), ...args], { encoding: 'utf8', stdio: 'pipe' });
    openssl('-revoke', dir.file('bad.crt'), '-crl_reason', 'keyCompromise');
    for (const [name, args] of [
      ['plain.pem', []],
      ['pss.pem', ['-sigopt', 'rsa_padding_mode:pss']],
    ] as const) {
      openssl('-gencrl', '-out', dir.file(name), ...args);
      const [der] = splitCrls(readFileSync(dir.file(name)));
      assert.ok(der !== undefined);
      const crl = readCrl(der);
      assert.equal(findCrlIssuer(crl, [readFacts(rsa.der)]).subject, 'CN=OpenSSL CA');
      const index = new CrlIndex(buildCrlIndex(der, crl.entries));
      assert.equal(index.find(readFacts(revoked.der).serial)?.reason, 1);
      assert.equal(index.find(readFacts(good.der).serial), undefined);
    }
    // And the other way round: what we write, openssl reads.
    writeFileSync(
      dir.file('ours.crl'),
      encodePem('X509 CRL', rsa.issueCrl({ revoked: [{ serial: '0badcafe', reason: 4 }] })),
    );
    const text = execFileSync(
      'openssl',
      ['crl', '-in', dir.file('ours.crl'), '-CAfile', dir.file('ca.crt'), '-noout', '-text', '-verify'],
      { encoding: 'utf8', stdio: 'pipe' },
    );
    assert.match(text, /Serial Number: 0BADCAFE[\s\S]*Superseded/);
  });
});

describe('splitCrls', () => {
  const der = ca.issueCrl();
  it('takes DER, one PEM block, several, with text between them', () => {
    const pem = encodePem('X509 CRL', der);
    assert.deepEqual(splitCrls(der), [der]);
    assert.equal(splitCrls(Buffer.from(pem + pem)).length, 2);
    assert.equal(splitCrls(Buffer.from(`the CRL\n${pem}\nand another:\n${pem}`)).length, 2);
  });
  it('refuses what holds no CRL, is empty, or is damaged', () => {
    assert.throws(() => splitCrls(Buffer.from(ca.certPem)), /no CRL but CERTIFICATE/);
    assert.throws(() => splitCrls(Buffer.from(encodePem('X509 CRL', der) + ca.certPem)), /CERTIFICATE beside CRLs/);
    assert.throws(() => splitCrls(Buffer.alloc(0)), /empty/);
    assert.throws(() => splitCrls(Buffer.from('<html>')), /neither DER nor PEM/);
    assert.throws(() => splitCrls(Buffer.from(encodePem('X509 CRL', der).replace(/-----END.*/, ''))), /no END line/);
  });
});

describe('CrlIndex', () => {
  it('finds each of many serials of all lengths and signs, and none that is not there', () => {
    const serials = Array.from({ length: 3000 }, (_, i) => {
      const hex = ((BigInt(i) * 0x9e3779b97f4a7c15n) % (1n << BigInt(8 * (1 + (i % 20))))).toString(16);
      const even = (hex.length % 2 === 0 ? hex : `0${hex}`).replace(/^(?:00)+(?=..)/, '');
      return i % 97 === 0 && even !== '00' ? `-${even}` : even;
    });
    const listed = serials.filter((_, i) => i % 2 === 0);
    const known = new Set(listed);
    const der = ca.issueCrl({ revoked: listed.map((serial) => ({ serial })), thisUpdate: now });
    const index = new CrlIndex(buildCrlIndex(der, readCrl(der).entries));
    for (const serial of serials) assert.equal(index.find(serial) !== undefined, known.has(serial), serial);
    assert.equal(index.find(`01${'00'.repeat(30)}`), undefined);
  });

  it('refuses bytes that are no index', () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(12), new Uint8Array(100)])
      assert.throws(() => new CrlIndex(bytes), RangeError);
  });
});
