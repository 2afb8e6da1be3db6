import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from './parse-config.ts';

const repeat = (count: number, item: (i: number) => string): string =>
  `[${Array.from({ length: count }, (_, i) => item(i)).join(', ')}]`;

function codesOf(clientAuth: string, more = ''): string[] {
  const text = `gateway:
  tls: {clientAuth: {clientCA: ca.pem, required: true, ${clientAuth}}}
  ${more}
  routes: [{name: a, path: /, target: "https://a:1"}]
`;
  return parseConfig({ file: '/gw/goma.yml', text, extra: [], env: {}, strict: false }).problems.map(
    ({ code }) => code,
  );
}

const rule = (i: number): string => `{type: DNS, exact: h${i}.test}`;
const pattern = (i: number): string => `{type: URI, regex: 'x${i}'}`;
const pin = (i: number): string => i.toString(16).padStart(64, '0');
const cases: readonly (readonly [what: string, most: string, tooMany: string])[] = [
  ['rules', `allowedSANs: ${repeat(1000, rule)}`, `allowedSANs: ${repeat(1001, rule)}`],
  ['patterns', `allowedSANs: ${repeat(16, pattern)}`, `allowedSANs: ${repeat(17, pattern)}`],
  ['pins', `allowedFingerprints: ${repeat(10_000, pin)}`, `allowedFingerprints: ${repeat(10_001, pin)}`],
  [
    'trust domains',
    `spiffe: {trustDomains: ${repeat(256, (i) => `d${i}`)}}`,
    `spiffe: {trustDomains: ${repeat(257, (i) => `d${i}`)}}`,
  ],
  [
    'revocation lists',
    `crl: {sources: ${repeat(256, (i) => `${i}.crl`)}}`,
    `crl: {sources: ${repeat(257, (i) => `${i}.crl`)}}`,
  ],
  [
    'hosts of responders',
    `ocsp: {mode: hard, allowedHosts: ${repeat(64, (i) => `h${i}.test`)}}`,
    `ocsp: {mode: hard, allowedHosts: ${repeat(65, (i) => `h${i}.test`)}}`,
  ],
];

for (const [what, most, tooMany] of cases)
  test(`the number of ${what} is limited`, () => {
    assert.deepEqual(codesOf(most), []);
    assert.deepEqual(codesOf(tooMany), ['too_many']);
  });

test('the number of fields with facts of the certificate is limited', () => {
  const field = (i: number): string => `{name: X-F${i}, value: pem}`;
  assert.deepEqual(codesOf('maxDepth: 1', `forwardClientCert: {custom: ${repeat(16, field)}}`), []);
  assert.deepEqual(codesOf('maxDepth: 1', `forwardClientCert: {custom: ${repeat(17, field)}}`), ['too_many']);
});

test('values from the environment are checked like others and not shown', () => {
  const text = `gateway:
  tls: {clientAuth: {clientCA: ca.pem, required: true, allowedSPKI: ["\${PIN}"], crl: {sources: ["\${URL}"]},
    allowedSANs: [{type: DNS, exact: "\${HOST}"}, {trustDomain: "\${DOMAIN}"}, {type: URI, prefix: "\${PREFIX}"}]}}
  routes: [{name: a, path: /, target: "https://a:1"}]
`;
  const env = {
    PIN: 'topsecret',
    URL: 'ldap://topsecret',
    HOST: 'a.topsecret!.b',
    DOMAIN: 'TopSecret',
    PREFIX: 'topsecret://topsecret',
  };
  const { config, problems } = parseConfig({ file: '/gw/goma.yml', text, extra: [], env, strict: false });
  assert.equal(config, undefined);
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['bad_pin', 'bad_url', 'bad_rule', 'bad_spiffe', 'open_prefix'],
  );
  assert.doesNotMatch(JSON.stringify(problems), /topsecret/i);
});
