import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../base/fault.ts';
import { emitXfccJson, parseXfccJson } from './xfcc-json.ts';

const hash = 'e0f3'.padEnd(64, '0');

test('An element has the keys and the order that Envoy 1.40 gives it', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const element = {
    by: ['spiffe://gw/x'],
    hash,
    cert: pem,
    chain: [pem, pem],
    subject: 'CN=a,O=x\\\\\\"y',
    uris: ['spiffe://x/both'],
    dns: ['b.test', 'a;b"c\\'],
  };
  const written = JSON.stringify(pem);
  assert.equal(
    emitXfccJson(element),
    `{"by":["spiffe://gw/x"],"hash":"${hash}","cert":${written},"chain":[${written},${written}],"subject":"CN=a,O=x\\\\\\\\\\\\\\"y","uri":["spiffe://x/both"],"dns":["b.test","a;b\\"c\\\\"]}`,
  );
});

test('What there is none of has no key, but an empty subject has', () => {
  assert.equal(emitXfccJson({ by: [], hash, uris: [''], dns: [] }), `{"hash":"${hash}"}`);
  assert.equal(emitXfccJson({ by: [], hash, subject: '', uris: [], dns: [] }), `{"hash":"${hash}","subject":""}`);
});

test('Control characters are malformed_cert, too many names identity_too_large', () => {
  const code = (wanted: string) => (error: unknown) => error instanceof Fault && error.code === wanted;
  assert.throws(() => emitXfccJson({ by: [], hash, uris: ['a\nb'], dns: [] }), code('malformed_cert'));
  const dns = Array.from({ length: 2000 }, (_, i) => `host-${i}.example.com`);
  assert.throws(() => emitXfccJson({ by: [], hash, uris: [], dns }), code('identity_too_large'));
});

for (const [text, elements] of [
  ['[{"hash":"00"}]', ['{"hash":"00"}']],
  ['[ {"hash":"00", "x": 1}, {"uri":["a"]} ]', ['{"hash":"00","x":1}', '{"uri":["a"]}']],
  ['[{"hash":"00","hash":"11"}]', ['{"hash":"11"}']],
  ['[{"subject":"CN=\\u65e5"}]', ['{"subject":"CN=\\u65e5"}']],
] as const) {
  test(`${text} passes on, no key twice`, () => assert.deepEqual(parseXfccJson(text), elements));
}

for (const bad of [
  'Hash=00',
  '[]',
  '{"hash":"00"}',
  '[{"hash":"00"}',
  '[{"hash":"00"}],[{"hash":"11"}]',
  '[{"hash":1}]',
  '[{"uri":"a"}]',
  '[{"dns":[1]}]',
  '["Hash=00"]',
  '[null]',
  '[[{"hash":"00"}]]',
  ' [{"hash":"00"}]',
  `[${'{},'.repeat(32)}{}]`,
  `[{"hash":"${'0'.repeat(17_000)}"}]`,
]) {
  test(`${bad.slice(0, 40)} is not a well-formed header`, () => assert.equal(parseXfccJson(bad), undefined));
}
