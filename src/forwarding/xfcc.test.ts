import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../base/fault.ts';
import { asciiName } from '../certs/fact-text.ts';
import { emitXfcc, parseXfcc, quotableName, type XfccElement } from './xfcc.ts';

const hash = 'e0f3'.padEnd(64, '0');

test('An element has the order and form that Envoy gives it', () => {
  const element = {
    by: ['spiffe://lyft.com/backend-team'],
    hash,
    subject: 'emailAddress=frontend-team@lyft.com,CN=Test Frontend Team',
    uris: ['spiffe://lyft.com/frontend-team'],
    dns: ['lyft.com', 'www.lyft.com'],
  };
  const text = `By=spiffe://lyft.com/backend-team;Hash=${hash};Subject="emailAddress=frontend-team@lyft.com,CN=Test Frontend Team";URI=spiffe://lyft.com/frontend-team;DNS=lyft.com;DNS=www.lyft.com`;
  assert.equal(emitXfcc(element), text);
  assert.deepEqual(parseXfcc(text), [element]);
});

test('No URI SAN is an empty URI, an empty subject is an empty quotation, none of ours is no By', () => {
  assert.equal(emitXfcc({ by: [], hash, subject: '', uris: [''], dns: [] }), `Hash=${hash};Subject="";URI=`);
});

test('A name in a certificate cannot add a field or an element', () => {
  const uris = ['spiffe://a/b;By=spiffe://evil', 'x,Hash=0000', 'y";Subject="CN=root', 'z\\', 'a=b', 'two words'];
  const encoded = uris.map((uri) => uri.replaceAll('"', '%22').replaceAll('\\', '%5C'));
  const text = emitXfcc({
    by: [],
    hash,
    subject: 'CN=a\\,b\\;URI=spiffe://admin\\"\\,Hash=1',
    uris,
    dns: ['c\\', 'd"'],
  });
  const subject = 'CN=a\\,b\\;URI\\3Dspiffe://admin\\22\\,Hash\\3D1';
  assert.deepEqual(parseXfcc(text), [{ by: [], hash, subject, uris: encoded, dns: ['c%5C', 'd%22'] }]);
});

for (const [name, written] of [
  ['CN=a,O=Acme\\, Inc.', 'CN=a,O=Acme\\, Inc.'],
  ['CN=a+OU=\\<b\\>\\;\\+', 'CN=a+OU=\\<b\\>\\;\\+'],
  ['CN=Zo\\C3\\AB', 'CN=Zo\\C3\\AB'],
  ['CN=a\\"b', 'CN=a\\22b'],
  ['CN=a\\\\', 'CN=a\\5C'],
  ['CN=\\\\2C,O=b', 'CN=\\5C2C,O=b'],
  ['CN=\\ a\\ ,O=\\#b', 'CN=\\20a\\ ,O=\\23b'],
  ['CN=x\\,O=admin', 'CN=x\\,O\\3Dadmin'],
  ['CN=100%', 'CN=100\\25'],
  ['1.2.3.4=#0C0161,CN=a', '1.2.3.4=#0C0161,CN=a'],
  ['', ''],
] as const) {
  test(`The subject ${name} stands in quotes as ${written}`, () => assert.equal(quotableName(name), written));
}

for (const bad of ['a\r\nX: y', 'a\u0000b', 'a\tb', 'caf\u00e9', '\u007f', '\u202e']) {
  test(`${JSON.stringify(bad)} in a name is malformed_cert, never a wrong header`, () => {
    for (const element of [{ uris: [bad] }, { dns: [bad] }, { by: [bad] }, { subject: bad }]) {
      assert.throws(
        () => emitXfcc({ by: [], hash, uris: [], dns: [], ...element }),
        (error) => error instanceof Fault && error.code === 'malformed_cert' && error.source === 'client',
      );
    }
  });
}

test('An identity that no backend would take in a header is refused', () => {
  const dns = Array.from({ length: 2000 }, (_, i) => `host-${i}.example.com`);
  assert.throws(() => emitXfcc({ by: [], hash, uris: [], dns }), Fault);
});

test('What is emitted is parsed back to the same values', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme-ascii', maxLength: 30 }),
    fc
      .array(fc.constantFrom('"', '\\', ',', ';', '=', ' ', 'By=', 'Hash=', 'a'), { maxLength: 12 })
      .map((parts) => parts.join('')),
  );
  const element: fc.Arbitrary<XfccElement> = fc.record(
    {
      by: fc.array(text, { maxLength: 2 }),
      hash: fc.constant(hash),
      subject: fc.string({ unit: 'binary', maxLength: 30 }).map(asciiName),
      uris: fc.array(text, { maxLength: 3 }),
      dns: fc.array(text, { maxLength: 3 }),
    },
    { noNullPrototype: true },
  );
  const encoded = (name: string) => name.replaceAll('"', '%22').replaceAll('\\', '%5C');
  fc.assert(
    fc.property(fc.array(element, { minLength: 1, maxLength: 3 }), (elements) => {
      const header = elements.map(emitXfcc).join(',');
      assert.match(header, /^[\x20-\x7e]*$/);
      const expected = elements.map(({ subject = '', ...names }) => ({
        ...names,
        subject: quotableName(subject),
        by: names.by.map(encoded),
        uris: names.uris.map(encoded),
        dns: names.dns.map(encoded),
      }));
      assert.deepEqual(parseXfcc(header), expected);
    }),
    { numRuns: 1000 },
  );
});

for (const bad of [
  '',
  'Hash',
  '=x',
  'Hash="a',
  'Hash="a"b',
  'Hash=a"b',
  'Hash=a;',
  'Hash=a,',
  ',Hash=a',
  'Hash=a;;By=b',
  'Hash=a;Hash=b',
  'Hash=a\u0000',
  'Subject="a\\',
]) {
  test(`${JSON.stringify(bad)} is not a well-formed header`, () => assert.equal(parseXfcc(bad), undefined));
}

test('Keys are read in any case, unknown ones are passed over', () => {
  assert.deepEqual(parseXfcc('hash=1;DNS=a;Foo="b;c",BY=d'), [
    { by: [], hash: '1', uris: [], dns: ['a'] },
    { by: ['d'], hash: '', uris: [], dns: [] },
  ]);
});

test('Hostile lengths end quickly', () => {
  assert.equal(parseXfcc('Hash=1,'.repeat(40)), undefined);
  assert.equal(parseXfcc(`Hash="${'\\'.repeat(100_000)}`), undefined);
});

test('Subjects outside ASCII become the hex pairs of RFC 4514', () => {
  assert.equal(asciiName('CN=Jos\u00e9 \u65e5\ud83d\ude00'), 'CN=Jos\\C3\\A9 \\E6\\97\\A5\\F0\\9F\\98\\80');
});
