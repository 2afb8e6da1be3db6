import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DerCursor, derTag } from './der.ts';
import { encodeName, type Rdn } from './der-writer.ts';
import { readName } from './distinguished-name.ts';
import { comparableName, parseNameText } from './name-text.ts';

const whole = { start: false, end: false };

/** As it stands in a certificate, in the form in which it is compared. */
function compared(...rdns: Rdn[]): string {
  const cursor = new DerCursor(encodeName(rdns));
  return comparableName(readName(cursor, cursor.expect(derTag.sequence, 'name'), 'name'));
}

const acme = compared([['O', 'Acme, Inc.']], [['CN', 'a=b']]);

describe('a name that a person wrote', () => {
  for (const [text, name] of [
    ['CN=a\\3Db,O=Acme\\, Inc.', acme],
    ['CN=a=b,O=Acme\\2C Inc.', acme],
    ['cn=a\\=b, o = Acme\\, Inc.', acme],
    ['2.5.4.3=a=b,2.5.4.10=Acme\\2c Inc.', acme],
    ['commonName=Zoë', compared([['CN', 'Zoë']])],
    ['CN=Zo\\C3\\AB', compared([['CN', 'Zoë']])],
    ['e=a@b.test', compared([['emailAddress', 'a@b.test']])],
    ['CN=\\ x\\ ,O=\\#1', compared([['O', '#1']], [['CN', ' x ']])],
    ['CN=a\\\\,O=\\"b\\"', compared([['O', '"b"']], [['CN', 'a\\']])],
    [
      'OU=c+CN=b',
      compared([
        ['CN', 'b'],
        ['OU', 'c'],
      ]),
    ],
    ['1.2.3.4=#0c0161,CN=x', compared([['CN', 'x']], [['1.2.3.4', 'a']])],
    ['CN=', compared([['CN', '']])],
  ] as const) {
    it(`${text} is ${name}`, () => assert.equal(parseNameText(text, whole), name));
  }

  for (const [text, why] of [
    ['billing', /no `=`/],
    ['CN=a,', /no `=`/],
    ['', /no `=`/],
    ['CN=a,evil', /no `=`/],
    ['X=a', /not known: X/],
    ['CN="Acme, Inc."', /quote/],
    ['CN=a\\', /backslash/],
    ['1.2.3.4=a', /as text/],
    ['CN=#0C0161', /begins with #/],
  ] as const) {
    it(`${text || 'nothing'} is a mistake`, () => {
      const read = parseNameText(text, whole);
      assert.match(typeof read === 'object' ? read.problem : '', why);
    });
  }
});

describe('a part of a name', () => {
  const suffix = { start: true, end: false };
  const prefix = { start: false, end: true };
  for (const [text, open, part] of [
    [',o=Acme', suffix, ',O=Acme'],
    [', OU=x, O=Acme', suffix, ',OU=x,O=Acme'],
    ['-prod,O=Acme', suffix, '-prod,O=Acme'],
    [' b,O=Acme', suffix, ' b,O=Acme'],
    ['cn=svc-', prefix, 'CN=svc-'],
    ['CN=svc ', prefix, 'CN=svc '],
    ['CN=svc,', prefix, 'CN=svc,'],
    ['CN=svc,O', prefix, 'CN=svc,O'],
    ['Ops\\, ', { start: true, end: true }, 'Ops\\2C '],
    ['ou=Ops', { start: true, end: true }, 'OU=Ops'],
  ] as const) {
    it(`${text} is ${part}`, () => assert.equal(parseNameText(text, open), part));
  }
});

it('Whatever stands in a name, its text is read back to the same, and no value looks like two', () => {
  const text = fc.string({
    unit: fc.constantFrom(',', '+', '=', '"', '\\', ' ', '#', ';', 'O', 'x', 'ë', '\0'),
    maxLength: 8,
  });
  const rdn: fc.Arbitrary<Rdn> = fc.array(fc.tuple(fc.constantFrom('CN', 'O', 'OU'), text), {
    minLength: 1,
    maxLength: 2,
  });
  fc.assert(
    fc.property(fc.array(rdn, { minLength: 1, maxLength: 3 }), (rdns) => {
      const name = compared(...rdns);
      assert.equal(parseNameText(name, whole), name);
      assert.equal(name.split(/[,+]/).length, rdns.flat().length, name);
      assert.equal(name.split('=').length, rdns.flat().length + 1, name);
    }),
  );
});
