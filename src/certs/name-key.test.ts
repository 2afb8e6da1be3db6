// Our comparison of names beside OpenSSL's own, which verifies the handshake (X509_check_issued, by way of Node's checkIssued).
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { writeCertificate } from './certificate-writer.ts';
import { DerCursor, derTag } from '../asn1/der.ts';
import { encodeDer, encodeObjectId } from '../asn1/der-writer.ts';
import { looksIssuedBy } from './issuer.ts';
import { readFacts } from './facts-reader.ts';
import { readNameKey } from './name-key.ts';

type Attribute = { readonly oid: string; readonly tag: number; readonly text: string };

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicKey = createPublicKey(privateKey);

function encodeText(tag: number, text: string): Buffer {
  if (tag === derTag.bmpString) return Buffer.from(text, 'utf16le').swap16();
  if (tag === derTag.universalString) {
    const points = Array.from(text, (character) => character.codePointAt(0) as number);
    return Buffer.concat(points.map((point) => Buffer.from([0, point >> 16, (point >> 8) & 255, point & 255])));
  }
  return Buffer.from(text, tag === derTag.utf8String ? 'utf8' : 'latin1');
}

function nameOf(...rdns: readonly (readonly Attribute[])[]): Buffer {
  const sets = rdns.map((rdn) =>
    encodeDer(
      derTag.set,
      ...rdn.map(({ oid, tag, text }) =>
        encodeDer(derTag.sequence, encodeObjectId(oid), encodeDer(tag, encodeText(tag, text))),
      ),
    ),
  );
  return encodeDer(derTag.sequence, ...sets);
}

function certify(issuer: Buffer, subject: Buffer): Buffer {
  const serial = Buffer.from([1]);
  const draft = { serial, issuer, subject, notBefore: 0, notAfter: 4e12, publicKey, extensions: [] };
  return writeCertificate(draft, privateKey, 'sha256');
}

const keyOf = (name: Buffer): string => {
  const cursor = new DerCursor(name);
  return readNameKey(cursor, cursor.expect(derTag.sequence, 'name'), 'name');
};

/** Whether each side takes a certificate of issuer `b` for one of the CA `a`. */
function compare(a: Buffer, b: Buffer): { ours: boolean; openssl: boolean } {
  const [ca, leaf] = [certify(a, a), certify(b, nameOf([cn('leaf')]))];
  const openssl = new X509Certificate(leaf).checkIssued(new X509Certificate(ca));
  return { ours: looksIssuedBy(readFacts(leaf), readFacts(ca)), openssl };
}

const { utf8String, printableString, teletexString, ia5String, universalString, bmpString } = derTag;
const strings = [utf8String, printableString, teletexString, ia5String, universalString, bmpString];
const cn = (text: string, tag: number = utf8String): Attribute => ({ oid: '2.5.4.3', tag, text });
const o = (text: string, tag: number = utf8String): Attribute => ({ oid: '2.5.4.10', tag, text });
const dc = (text: string): Attribute => ({ oid: '0.9.2342.19200300.100.1.25', tag: ia5String, text });
const mail = (text: string): Attribute => ({ oid: '1.2.840.113549.1.9.1', tag: ia5String, text });
const own = (text: string, tag: number = utf8String): Attribute => ({ oid: '1.3.6.1.4.1.99999.1', tag, text });

const rows: readonly (readonly [name: string, a: Buffer, b: Buffer, same: boolean])[] = [
  ['the same twice', nameOf([o('Lab Inc')]), nameOf([o('Lab Inc')]), true],
  ['other case', nameOf([o('Lab Inc')]), nameOf([o('LAB INC')]), true],
  ['more spaces inside', nameOf([o('Lab Inc')]), nameOf([o('Lab   Inc')]), true],
  ['a tab for a space', nameOf([o('Lab Inc')]), nameOf([o('Lab\tInc')]), true],
  ['spaces around', nameOf([o('Lab Inc')]), nameOf([o('  Lab Inc ')]), true],
  ['a space that is missing', nameOf([o('Lab Inc')]), nameOf([o('LabInc')]), false],
  ['only spaces, and nothing', nameOf([o('  ')]), nameOf([o('')]), true],
  ['a no-break space', nameOf([o('Lab Inc')]), nameOf([o('Lab\u00a0Inc')]), false],
  ...strings.map((tag) => [`type 0x0c and ${tag}`, nameOf([o('Lab')]), nameOf([o('LAB', tag)]), true] as const),
  ['Latin-1 in T61 and UTF-8', nameOf([o('Zürich')]), nameOf([o('ZüRICH', teletexString)]), true],
  ['letters beyond ASCII of other case', nameOf([o('Zürich')]), nameOf([o('ZÜRICH')]), false],
  ['composed and decomposed letters', nameOf([o('Zürich')]), nameOf([o('Zu\u0308rich')]), false],
  ['NumericString beside PrintableString', nameOf([o('12', printableString)]), nameOf([o('12', 0x12)]), false],
  ['domain components of other case', nameOf([dc('Test')], [dc('lab')]), nameOf([dc('TEST')], [dc('Lab')]), true],
  ['domain components in other order', nameOf([dc('test')], [dc('lab')]), nameOf([dc('lab')], [dc('test')]), false],
  ['a mail address of other case', nameOf([mail('Ca@Lab.test')]), nameOf([mail('ca@lab.TEST')]), true],
  ['a type without a name, of other case', nameOf([own('Lab')]), nameOf([own('LAB', printableString)]), true],
  ['another type', nameOf([o('Lab')]), nameOf([cn('Lab')]), false],
  ['a set in other order', nameOf([o('Lab'), cn('CA')]), nameOf([cn('ca'), o('LAB')]), true],
  ['a set and a sequence', nameOf([o('Lab'), cn('CA')]), nameOf([o('Lab')], [cn('CA')]), false],
  ['a sequence in other order', nameOf([o('Lab')], [cn('CA')]), nameOf([cn('CA')], [o('Lab')]), false],
  ['an attribute more', nameOf([o('Lab')]), nameOf([o('Lab')], [cn('CA')]), false],
  ['one value that looks like two', nameOf([o('Lab')], [cn('CA')]), nameOf([o('Lab/550403=2:CA')]), false],
];

describe('two names', () => {
  for (const [name, a, b, same] of rows)
    it(`${name}: ${same ? 'the same' : 'different'}, for OpenSSL too`, () => {
      assert.deepEqual(compare(a, b), { ours: same, openssl: same });
      assert.deepEqual(compare(b, a), { ours: same, openssl: same });
    });

  it('that are both empty are the same, yet nobody is issued by an empty name', () => {
    assert.equal(keyOf(nameOf()), '');
    assert.deepEqual(compare(nameOf(), nameOf()), { ours: false, openssl: true });
  });

  it('are the same for us exactly where they are for OpenSSL, whatever they are made of', () => {
    const words = ['lab', 'LAB', 'Lab', ' ', '  ', '\t', 'é', 'É', 'ß', 'ſ', 'K', '\u00a0', '+', '/', '='];
    const text = fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((parts) => parts.join(''));
    const attribute = fc.record({
      oid: fc.constantFrom('2.5.4.3', '2.5.4.10', '1.3.6.1.4.1.99999.1'),
      tag: fc.constantFrom(utf8String, printableString, teletexString, bmpString, universalString, 0x12, ia5String),
      text,
    });
    const rdns = fc.array(fc.array(attribute, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 });
    /** The same name in another dress, or nearly so: independent names are hardly ever equal. */
    const pair = fc.tuple(rdns, fc.func(attribute), fc.boolean(), fc.boolean()).map(([a, other, upper, change]) => {
      const b = a.map((rdn) =>
        rdn
          .map((one) => (change ? { ...one, tag: other(one).tag } : one))
          .map((one) => (upper ? { ...one, text: one.text.toUpperCase().replaceAll(' ', '  ') } : one))
          .toReversed(),
      );
      return [nameOf(...a), nameOf(...b)] as const;
    });
    const seen = { same: 0, different: 0 };
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const { ours, openssl } = compare(a, b);
        seen[openssl ? 'same' : 'different'] += 1;
        assert.equal(ours, openssl);
      }),
      { numRuns: 1500 },
    );
    assert.ok(seen.same > 100 && seen.different > 100, JSON.stringify(seen));
  });
});
