import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { encodeDer, encodeObjectId } from '../asn1/der-writer.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa, type MintOptions, type TestCa } from '../certs/test-ca.ts';
import { findStapleTarget, promisesResponse } from './staple-targets.ts';

type Extensions = NonNullable<MintOptions['extensions']>;

const mustStaple: Extensions = [
  { oid: '1.3.6.1.5.5.7.1.24', value: encodeDer(0x30, encodeDer(0x02, Buffer.from([5]))) },
];

function ocspAt(...urls: string[]): Extensions {
  const places = urls.map((url) =>
    encodeDer(0x30, encodeObjectId('1.3.6.1.5.5.7.48.1'), encodeDer(0x86, Buffer.from(url))),
  );
  return [{ oid: '1.3.6.1.5.5.7.1.1', value: encodeDer(0x30, ...places) }];
}

let root: TestCa;
let inter: TestCa;

before(async () => {
  root = await mintCa({ cn: 'Root' });
  inter = await root.issueCa({ cn: 'Issuing' });
});

/** Who would sign, and where to ask; or why not. `cas`: PEM. */
async function find(
  by: TestCa,
  extensions: Extensions,
  { issuerPem, cas = [] }: { readonly issuerPem?: string; readonly cas?: readonly TestCa[] } = {},
): Promise<string> {
  const { chainPem } = await by.issue({ kind: 'server', sans: ['a.test'], extensions });
  const found = findStapleTarget({ chainPem, issuerPem }, () => cas.map(({ der }) => readFacts(der)));
  return 'url' in found ? `${found.issuer.subject} ${found.url.href}` : found.why;
}

test('the issuer is found in the chain, in the file beside it, or among the CAs of the configuration', async () => {
  const at = ocspAt('http://ocsp.test/');
  assert.equal(await find(inter, at), 'CN=Issuing http://ocsp.test/');
  assert.equal(await find(root, at, { issuerPem: root.certPem }), 'CN=Root http://ocsp.test/');
  assert.equal(await find(root, at, { cas: [inter, root] }), 'CN=Root http://ocsp.test/');
  assert.equal(await find(root, at), 'comes without the certificate of its issuer');
});

test('a CA of the same name is not the issuer', async () => {
  const other = await mintCa({ cn: 'Root' });
  const at = ocspAt('http://ocsp.test/');
  assert.equal(await find(root, at, { cas: [other] }), 'comes without the certificate of its issuer');
});

test('the first http(s) URL is asked; without one there is nobody', async () => {
  assert.equal(await find(inter, ocspAt('ldap://x/', 'https://ocsp.test/a')), 'CN=Issuing https://ocsp.test/a');
  assert.equal(await find(inter, ocspAt('ldap://x/', 'file:///x')), 'names no OCSP responder');
  assert.equal(await find(inter, []), 'names no OCSP responder');
});

test('must-staple is seen, whoever could answer', async () => {
  const promises = await inter.issue({ kind: 'server', sans: ['a.test'], extensions: mustStaple });
  assert.equal(promisesResponse(readFacts(promises.der)), true);
  assert.equal(findStapleTarget({ chainPem: promises.chainPem, issuerPem: undefined }, () => []).mustStaple, true);
  const plain = await inter.issue({ kind: 'server', sans: ['a.test'] });
  assert.equal(promisesResponse(readFacts(plain.der)), false);
});

test('extensions that cannot be read promise nothing and end nothing', async () => {
  const broken = [{ oid: '1.3.6.1.5.5.7.1.1', value: Buffer.from([0x30, 5]) }];
  assert.equal(await find(inter, broken), 'has extensions that cannot be read');
});
